"""Wordings: how a task is put to somebody, in many ways, chosen by a seeded generator.

A task is a sequence of clauses (`Clause`: what is done, with its names and values), the last of which
may be a question. Names and values are always given as they appear on the site. The wordings
themselves are in `wordings.toml`.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

LONGEST = 32
TICKED, CHOSEN = "ticked", "chosen"  # the values of boxes and of radio buttons

_WORDINGS: dict[str, dict[str, list[str]]] = tomllib.loads(
    (Path(__file__).parent / "wordings.toml").read_text(encoding="utf-8")
)
STEPS, QUESTIONS = _WORDINGS["steps"], _WORDINGS["questions"]
_THEN = (", then ", " and then ", "; after that, ", ". Then ", ", and afterwards ")
_POLITE = ("please {}", "I want you to {}", "could you {}?", "your task is to {}", "I would like you to {}", "now {}")
_HERE = (" on this page", " in this list", " here", " listed here", "")
_PLAIN = re.compile(r"[A-Z][\w'&-]*(?: [\w'&-]+){0,4}")


@dataclass(frozen=True)
class Clause:
    """`kind` names the wordings; `slots` are names and values as on the site; `pairs` are field and value."""

    kind: str
    slots: dict[str, str] = field(default_factory=dict)
    pairs: tuple[tuple[str, str], ...] = ()


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
    quoting = rng.choice(("double", "double", "double", "bare", "bare", "single"))
    *first, last = clauses
    if is_question(last):
        question = _fill(last, quoting, rng)
        if not first:
            return _maybe(_sentence(question), rng)
        lead = _join([_fill(clause, quoting, rng) for clause in first], rng)
        if question.startswith(("tell", "report", "name", "find")) and rng.random() < 0.6:
            return _sentence(f"{lead} and {question}")
        return f"{_sentence(lead)} {_sentence(question)}"
    said = _join([_fill(clause, quoting, rng) for clause in clauses], rng)
    if rng.random() < 0.22 and ". " not in said:
        said = rng.choice(_POLITE).format(said)
    return _sentence(said)


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
    slots = {
        key: _named(value, quoting) for key, value in clause.slots.items() if key not in ("term", "column", "scope")
    }
    for key in ("term", "column"):
        if key in clause.slots:
            slots[key] = _term(clause.slots[key])
    if is_question(clause):
        slots["scope"] = rng.choice(_HERE)
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
        else pattern.format(field=_named(name, quoting), value=_quoted(value))
        for name, value in pairs
    ]
    return said[0] if len(said) == 1 else ", ".join(said[:-1]) + " and " + said[-1]


def _named(name: str, quoting: str) -> str:
    if quoting == "bare" and _PLAIN.fullmatch(name):
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
