"""Wordings: how a task is put to somebody, in many ways, chosen by a seeded generator.

A task is a sequence of clauses (`Clause`: what is done, with its names and values), the last of which
may be a question. Names and values are always given as they appear on the site. About half of the time
it is said as people would say it (`natural`), else with the site's labels, as in `wordings.toml`.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

from agents.explorer import natural
from agents.explorer.clauses import CHOSEN, TICKED, Clause

LONGEST = 32

_WORDINGS: dict[str, dict[str, list[str]]] = tomllib.loads(
    (Path(__file__).parent / "wordings.toml").read_text(encoding="utf-8")
)
STEPS, QUESTIONS, LEADS = _WORDINGS["steps"], _WORDINGS["questions"], _WORDINGS["leads"]
_NATURAL = 0.5
_QUOTINGS, _SHARES = ("bare", "double", "single"), (60, 32, 8)
_THEN = (" and ", " and ", ", then ", " and then ", "; after that, ", ". Then ", ", and afterwards ")
_POLITE = ("please {}", "I want you to {}", "could you {}?", "your task is to {}", "I would like you to {}", "now {}")
_HERE = (" on this page", " in this list", " here", " listed here", "")
_PLAIN = re.compile(r"[\w£$€#+@(](?:[^\"“”\n?!;{}]*[^\"“”\n?!;{}.,:\s])?")
_UNNAMED = frozenset({"term", "column", "scope", "noun"})
_LONGEST_BARE = 7  # words
_NAMED = ("open", "find", "search")


def is_question(clause: Clause) -> bool:
    return clause.kind in QUESTIONS


def instruction(clauses: Sequence[Clause], rng: random.Random, *, tries: int = 6) -> str:
    """A wording of at most `LONGEST` words, or an empty text when these clauses cannot be said that briefly."""
    for _ in range(tries):
        said = _say(clauses, rng)
        if len(said.split()) <= LONGEST:
            return said
    return ""


def _say(clauses: Sequence[Clause], rng: random.Random) -> str:
    quoting = rng.choices(_QUOTINGS, _SHARES)[0]
    said = [
        _clause(clause, clauses[:at], quoting, rng, joined=len(clauses) > 1, last=at == len(clauses) - 1)
        for at, clause in enumerate(clauses)
    ]
    if is_question(clauses[-1]):
        *first, question = said
        if not first:
            return _maybe(_sentence(question), rng)
        lead = _join(first, rng)
        if question.startswith(("tell", "report", "name", "find", "look")) and rng.random() < 0.6:
            return _sentence(f"{lead} and {question}")
        return f"{_sentence(lead)} {_sentence(question)}"
    whole = _join(said, rng)
    if rng.random() < 0.22 and ". " not in whole and natural.is_command(whole):
        whole = rng.choice(_POLITE).format(whole)
    return _sentence(whole)


def _clause(
    clause: Clause, before: Sequence[Clause], quoting: str, rng: random.Random, *, joined: bool, last: bool
) -> str:
    """One clause, naturally or by its labels."""
    if not last and clause.kind in LEADS and rng.random() < _NATURAL:
        return rng.choice(LEADS[clause.kind]).format(name=_named(clause.slots["name"], quoting))
    if rng.random() < _NATURAL:
        named = bool(before) and before[-1].kind.startswith(_NAMED) and "name" in before[-1].slots
        manner = natural.Manner(lambda name: _named(name, quoting), _quoted, rng, joined and not is_question(clause),
                                "it" if named else "")  # fmt: skip
        if said := natural.said(clause, manner):
            return said
    return _fill(clause, quoting, rng)


def _join(parts: Sequence[str], rng: random.Random) -> str:
    said = parts[0]
    for part in parts[1:]:
        joint = rng.choice(_THEN)
        said += joint + part
    return said


def _maybe(question: str, rng: random.Random) -> str:
    if rng.random() < 0.12 and question.endswith("?"):
        return rng.choice(("Quick question: ", "Can you tell me: ", "I wonder: ")) + _lower(question)
    return question


def _fill(clause: Clause, quoting: str, rng: random.Random) -> str:
    template = rng.choice(QUESTIONS.get(clause.kind) or STEPS[clause.kind])
    slots = {key: _named(value, quoting) for key, value in clause.slots.items() if key not in _UNNAMED}
    for key in ("term", "column"):
        if key in clause.slots:
            slots[key] = _term(clause.slots[key])
    if is_question(clause):
        slots["scope"] = rng.choice(_HERE)
        noun = clause.slots.get("noun")
        slots["this"] = rng.choice(("this", "this one", *((f"this {noun}",) * 2 if noun else ())))
    for key in {"term", "column"} & set(clause.slots):
        slots["label"] = _quoted(clause.slots[key])
    if clause.pairs:
        slots["names"] = " and ".join(_named(name, quoting) for name, _ in clause.pairs)
        slots |= {joint: _pairs(clause.pairs, pattern, quoting) for joint, pattern in _PAIRS.items()}
    said = template.format(**slots)
    if clause.kind in ("filter", "tick") and "submit" in slots and rng.random() < 0.5:
        said += f" and press {slots['submit']}"
    return said


_PAIRS = {"with": "{field} with {value}", "as": "{value} as {field}", "to": "{field} to {value}"}


def _pairs(pairs: Sequence[tuple[str, str]], pattern: str, quoting: str) -> str:
    """Fields and their values in one phrase, as in `"Title" with "Blue door" and "Colour" with "Red"`."""
    said = [
        f"{_named(name, quoting)} {value}"
        if value in (TICKED, CHOSEN)
        else pattern.format(
            field=_named(name, quoting), value=_named(value, quoting if len(value.split()) <= 3 else "double")
        )
        for name, value in pairs
    ]
    return said[0] if len(said) == 1 else ", ".join(said[:-1]) + " and " + said[-1]


def _named(name: str, quoting: str) -> str:
    """A name or value as in speech: without quotes unless its marks could be taken for the sentence's."""
    if quoting == "bare" and _PLAIN.fullmatch(name) and len(name.split()) <= _LONGEST_BARE:
        return name
    if quoting == "single" and "'" not in name:
        return f"'{name}'"
    return _quoted(name)


def _quoted(text: str) -> str:
    return f'"{text}"' if '"' not in text else f"“{text}”"


def _term(term: str) -> str:
    """A column's or fact's name within a sentence: as on the page and in quotes unless it is a plain word or two."""
    words = term.split()
    if len(words) > 2 or not all(word.isalpha() for word in words):
        return _quoted(term)
    return " ".join(word if word.isupper() and len(word) > 1 else word.lower() for word in words)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:] if not text.startswith("I ") else text


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text[-1:] in ".?!" else text + "."


_FILLER = frozenset(
    [
        "a",
        "an",
        "the",
        "to",
        "of",
        "in",
        "on",
        "for",
        "it",
        "its",
        "with",
        "and",
        "or",
        "then",
        "from",
        "by",
        "please",
        "could",
        "would",
        "you",
        "i",
        "want",
        "like",
        "your",
        "task",
        "is",
        "now",
        "go",
        "open",
        "show",
        "visit",
        "navigate",
        "bring",
        "up",
        "find",
        "search",
        "look",
        "use",
        "using",
        "click",
        "press",
        "hit",
        "button",
        "page",
        "list",
        "here",
        "this",
        "what",
        "which",
        "tell",
        "me",
        "report",
        "need",
        "answer",
        "does",
        "have",
        "one",
        "given",
        "shown",
        "get",
        "follow",
        "link",
        "after",
        "that",
        "afterwards",
        "box",
        "through",
    ]
)


def content(text: str) -> frozenset[str]:
    """The words of an instruction that carry its meaning, for comparing instructions."""
    return frozenset(word for word in re.findall(r"\w+", text.casefold()) if word not in _FILLER)


def similarity(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard similarity of two sets of words."""
    union = len(one | other)
    return len(one & other) / union if union else 1.0
