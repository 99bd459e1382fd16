"""Wordings: how a task is put to somebody, in many ways, chosen by a seeded generator.

A task is a sequence of clauses (`Clause`: what is done, with its names and values), the last of which
may be a question. Names and values are always given as they appear on the site.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

LONGEST = 32
TICKED, CHOSEN = "ticked", "chosen"  # the values of boxes and of radio buttons

_TEMPLATES: dict[str, tuple[str, ...]] = {
    "open": (
        "open {name}",
        "go to {name}",
        "go to the page {name}",
        "visit {name}",
        "navigate to {name}",
        "bring up {name}",
        "show the page {name}",
        "follow the link {name}",
        "get to {name}",
    ),
    "follow": (
        "click {name}",
        "click the link {name}",
        "follow the link {name}",
        "use the link {name}",
        "press the link {name}",
    ),
    "open2": (
        "open {name} under {via}",
        "go to {via} and open {name}",
        "open {via}, then {name}",
        "in {via}, open {name}",
        "find {name} under {via} and open it",
        "go by way of {via} to {name}",
    ),
    "open3": (
        "open {via}, then {via2}, then {name}",
        "go to {via}, from there to {via2}, and open {name}",
        "by way of {via} and {via2}, go to {name}",
        "in {via}, choose {via2} and open {name}",
    ),
    "open_first": (
        "open the first one in the list",
        "open the first result",
        "go to the one listed first",
        "open the topmost entry",
    ),
    "search": (
        "search for {query}",
        "look for {query} with the search box",
        "run a search for {query}",
        "type {query} into the search box and submit it",
        "use the search to look up {query}",
        "enter {query} in {box} and search",
    ),
    "find": (
        "search for {query} and open {name}",
        "find {name} by searching for {query}, and open it",
        "look up {query} with the search box, then open {name}",
        "use the search ({query}) to get to {name}",
        "open {name} from the search results for {query}",
    ),
    "find_same": (
        "search for {name} and open it",
        "find {name} through the search box and open its page",
        "use the search to get to {name}",
        "look {name} up with the search and open it",
        "open the page of {name} by searching for it",
    ),
    "sort": (
        "sort by {option}",
        "sort the list by {option}",
        "set {control} to {option}",
        "order the list by {option}",
        "change {control} to {option}",
        "arrange the list by {option} using {control}",
    ),
    "filter": (
        "set {control} to {option}",
        "choose {option} for {control}",
        "filter the list by {control} {option}",
        "pick {option} under {control}",
        "narrow the list to {control} {option}",
        "change {control} to {option}",
    ),
    "tick": ("tick {option}", "check the box {option}", "turn on {option}", "select the box {option}"),
    "press": (
        "press {button}",
        "click {button}",
        "use the button {button}",
        "hit {button}",
        "click the button {button}",
        "press the {button} button",
    ),
    "press_for": (
        "press {button} for {record}",
        "click {button} on {record}",
        "use the button {button} of {record}",
        "for {record}, press {button}",
        "hit {button} next to {record}",
        "choose {button} for {record}",
    ),
    "disclose": (
        "open {button}",
        "click {button} to see what it shows",
        "look into {button}",
        "bring up {button}",
        "press {button}",
        "show {button}",
    ),
    "fill": (
        "fill in {with} and press {submit}",
        "fill in {with}, then click {submit}",
        "enter {as}, then click {submit}",
        "put in {as} and use {submit}",
        "complete the form with {as} and press {submit}",
        "give {as}; send it with {submit}",
        "use {submit} after entering {as}",
    ),
    "pick": (
        "choose {names} and press {submit}",
        "select {names}, then click {submit}",
        "pick {names} and confirm with {submit}",
        "with {names} selected, press {submit}",
    ),
    "change": (
        "change {to} and press {submit}",
        "set {to}, then press {submit}",
        "update {to} and confirm with {submit}",
        "enter {as} instead and use {submit}",
        "put {as} and click {submit}",
        "set {to} by way of {submit}",
    ),
    "change_now": (
        "change {control} to {option}",
        "set {control} to {option}",
        "switch {control} over to {option}",
        "make {control} {option}",
        "pick {option} as {control}",
    ),
}
QUESTIONS: dict[str, tuple[str, ...]] = {
    "fact": (
        "what is the {term} of {record}?",
        "what {term} does {record} have?",
        "tell me the {term} of {record}.",
        "find the {term} of {record}.",
        "which {term} is given for {record}?",
        "report the {term} shown for {record}.",
        "I need the {term} of {record}.",
        "answer with the {term} of {record}.",
        "look up the {term} of {record}.",
        "{record}: what is its {term}?",
        "what does it say under {label} for {record}?",
    ),
    "label": (
        "what does it say under {label} for {record}?",
        "what is given as {label} for {record}?",
        "{record}: what is shown for {label}?",
        "tell me what {record} has under {label}.",
        "read what stands under {label} for {record}.",
    ),
    "its_label": (
        "what does it say under {label}?",
        "what is shown for {label}?",
        "tell me what is given as {label}.",
    ),
    "facts": (
        "what are the {term} of {record}?",
        "tell me the {term} of {record}.",
        "find the {term} of {record}.",
        "report the {term} shown for {record}.",
        "look up the {term} of {record}.",
        "{record}: what does it say under {label}?",
        "what is given for {label} of {record}?",
    ),
    "number": (
        "how many {term} does {record} have?",
        "how many {term} are given for {record}?",
        "tell me the number of {term} of {record}.",
        "find out how many {term} {record} has.",
        "{record}: how many {term} does it have?",
    ),
    "its_fact": (
        "what is its {term}?",
        "tell me its {term}.",
        "which {term} does it have?",
        "what does it say under {label}?",
        "report its {term}.",
    ),
    "its_facts": ("what are its {term}?", "tell me its {term}.", "what does it say under {label}?"),
    "its_number": ("how many {term} does it have?", "tell me its number of {term}.", "what does it say under {label}?"),
    "most": ("which one has the most {column}{scope}?", "name the one with the most {column}{scope}."),
    "fewest": ("which one has the fewest {column}{scope}?", "name the one with the fewest {column}{scope}."),
    "low_price": (
        "which one is the cheapest{scope}?",
        "what is the cheapest one{scope}?",
        "name the one with the lowest {column}{scope}.",
        "which costs the least{scope}?",
    ),
    "high_price": (
        "which one is the most expensive{scope}?",
        "what is the dearest one{scope}?",
        "name the one with the highest {column}{scope}.",
        "which costs the most{scope}?",
    ),
    "low": (
        "which one has the lowest {column}{scope}?",
        "name the one with the smallest {column}{scope}.",
    ),
    "high": (
        "which one has the highest {column}{scope}?",
        "name the one with the largest {column}{scope}.",
    ),
    "early": (
        "which one has the earliest {column}{scope}?",
        "what is the oldest one{scope}, by {column}?",
        "name the one with the earliest {column}{scope}.",
    ),
    "late": (
        "which one has the latest {column}{scope}?",
        "what is the newest one{scope}, by {column}?",
        "name the one with the most recent {column}{scope}.",
    ),
    "early_label": (
        "which one is the earliest{scope}, by {label}?",
        "which one has the earliest date under {label}{scope}?",
        "name the one that comes first by {label}{scope}.",
    ),
    "late_label": (
        "which one is the latest{scope}, by {label}?",
        "which one has the latest date under {label}{scope}?",
        "name the one that comes last by {label}{scope}.",
    ),
    "low_label": (
        "which one has the lowest value under {label}{scope}?",
        "name the one with the least {label}{scope}.",
    ),
    "high_label": (
        "which one has the highest value under {label}{scope}?",
        "name the one with the most {label}{scope}.",
    ),
    "count": (
        "how many have {value} under {column}{scope}?",
        "how many with {column} {value} are listed{scope}?",
        "count those with {column} {value}{scope}.",
        "how many rows show {value} as {column}{scope}?",
        "what is the number of entries with {column} {value}{scope}?",
    ),
}
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
    template = rng.choice(QUESTIONS.get(clause.kind) or _TEMPLATES[clause.kind])
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
