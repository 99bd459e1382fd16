"""How people speak of fields, buttons and options without repeating their labels; the data is in `speech.toml`.

Every function takes labels as a site writes them and returns templates, an empty tuple when nothing
fits. Templates have only the slots that the function's docstring names, and a template that does not
carry the label carries its meaning. Callers choose among templates and fill in names and values.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

_DATA: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_PAST: dict[str, str] = _DATA["past"]
_VERBS_OF_TIME: dict[str, str] = _DATA["verbs_of_time"]
_MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_TIME_UNIT = r"(seconds?|secs?|min|minutes?|mins?|h|hrs?|hours?|days?|weeks?|months?|years?)"
_CLOCK = r"\d{1,2}[:.]\d\d( ?[ap]\.?m\.?)?|\d{1,2} ?[ap]\.?m\.?"
_SHAPES = {
    "date": re.compile(
        rf"((mon|tue|wed|thu|fri|sat|sun)[a-z]*,? )?(\d{{4}}-\d\d-\d\d|\d{{1,2}}[./]\d{{1,2}}[./]\d{{2,4}}|"
        rf"\d{{1,2}}\.? {_MONTH}(,? \d{{4}})?|{_MONTH} \d{{1,2}}(,? \d{{4}})?)(,?[ T]({_CLOCK})(:\d\d)?)?",
        re.I,
    ),
    "time": re.compile(_CLOCK, re.I),
    "money": re.compile(r"[$€£¥] ?\d[\d,.]*|\d[\d,.]* ?([€£$¥]|usd|eur|gbp)", re.I),
    "percent": re.compile(r"\d[\d,.]* ?(%|percent)", re.I),
    "number": re.compile(r"\d[\d,]*(\.\d+)?"),
    "duration": re.compile(rf"(\d[\d,.]* ?{_TIME_UNIT},? ?)+", re.I),
    "measure": re.compile(r"\d[\d,.]* ?[A-Za-z²³°]{1,12}", re.I),
    "truth": re.compile(r"yes|no", re.I),
    "name": re.compile(r"(Dr\.? |Prof\.? )?[A-Z][\w'-]+( [A-Z]\.)?( [A-Z][\w'-]+){1,2}"),
}
_AGENT = re.compile(r"^(?!.*\b(number|order|folder|cover|layer|letter|filter|colou?r|floor|power|server|paper)$).*"
                    r"(er|or|ist|ian|ee|ant)$")  # fmt: skip
_PLURAL = re.compile(r"[a-z](?<![suiao])s$")
_DETERMINER = re.compile(r"^(a|an|the|my|your|this|all) ")
_ON = ("in", "out of"), ("on", "off")
_OFFS = re.compile(r"\b(?:off|over|up|down|out) (?=\{record\})")
ON, OFF = ("ticked", "checked", "on"), ("unticked", "unchecked", "off")


@dataclass(frozen=True)
class Meaning:
    """What a labelled fact is about, by the words that name it."""

    words: tuple[str, ...]
    shapes: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    low: tuple[str, ...] = ()
    high: tuple[str, ...] = ()
    low_says: tuple[str, ...] = ()
    high_says: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Request:
    """What verbs on buttons ask for: by themselves, with an object, or with a place that something goes to."""

    verbs: tuple[str, ...]
    says: tuple[str, ...] = ()
    object: tuple[str, ...] = ()
    place: tuple[str, ...] = field(default=())


def _read(kind: type[Any], table: str) -> tuple[Any, ...]:
    return tuple(kind(**{key: tuple(value) for key, value in one.items()}) for one in _DATA[table])


MEANINGS: tuple[Meaning, ...] = _read(Meaning, "meaning")
REQUESTS: tuple[Request, ...] = _read(Request, "request")


def shape(value: str) -> str:
    """date, time, money, percent, number, duration, measure, truth, name, or text."""
    return next((name for name, pattern in _SHAPES.items() if pattern.fullmatch(value.strip())), "text")


def plural(noun: str) -> str:
    """The plural of an English noun: `entry` gives `entries`."""
    if re.search(r"[^aeiou]y$", noun):
        return noun[:-1] + "ies"
    return noun + ("es" if re.search(r"(s|x|z|ch|sh)$", noun) else "s")


def is_plural(noun: str) -> bool:
    """Whether a noun looks like a plural."""
    return bool(_PLURAL.search(noun))


def alike(one: str, other: str) -> bool:
    """Whether two labels mean the same, so that a question by meaning would not tell which is asked for."""
    return (known := meaning(one)) is not None and known is meaning(other)


def singular(noun: str) -> str:
    """The singular of a plural, or an empty text for what is no plural."""
    if not is_plural(noun) or noun in _DATA["no_plurals"] or noun.endswith("ics"):
        return ""
    if noun.endswith("ies") and len(noun) > 4:
        return noun[:-3] + "y"
    return noun[: -2 if re.search(r"(ss|x|z|ch|sh)es$", noun) else -1]


@lru_cache(maxsize=4096)
def meaning(term: str, value: str | None = None) -> Meaning | None:
    """What a label means; without a value, whatever shape its values have.

    Only the whole label counts: "Shipping cost" is not a price, or a wording for it would lose the shipping.
    """
    words = words_of(term)
    for at in (words, re.sub(r"^(current|your|my|the) | (date|on|at|name)$", "", words)):
        for one in MEANINGS:
            if at in one.words and (value is None or not one.shapes or shape(value) in one.shapes):
                return one
    return None


def questions(term: str, value: str) -> tuple[str, ...]:
    """Questions for the fact `term` with the answer `value`, of a thing called `{record}`."""
    known = meaning(term, value)
    said = inline(term)
    if known is not None and known.asks:
        short = re.sub(r" (date|on|at|in)$", "", said)
        return tuple(ask.replace("{term}", short) for ask in known.asks if short or "{term}" not in ask)
    return _by_grammar(words_of(term), shape(value)) or _by_shape(said, value)


def here_questions(term: str, value: str, noun: str = "") -> tuple[str, ...]:
    """The same for the thing whose page is open; no slots."""
    names = ("this", "this one", f"this {noun}") if noun else ("this", "this one")
    return tuple(
        with_slots(ask, record=name) for ask in questions(term, value) for name in names if not _stranded(ask, name)
    )


def indirect(question: str) -> str:
    """A question within a sentence: "how heavy is {record}?" gives "how heavy {record} is", or an empty text."""
    asked = question.removesuffix("?")
    if not re.match(r"(who|whose|what|which|when|where|how|in which|on which|at what)\b", asked):
        return ""
    if found := re.fullmatch(r"(.+?) (is|was) \{record\}(.*)", asked):
        return f"{found[1]} {{record}} {found[2]}{found[3]}"
    if found := re.fullmatch(r"(.+?) does \{record\} (\w+)(.*)", asked):
        return f"{found[1]} {{record}} {_THIRD.get(found[2], found[2] + 's')}{found[3]}"
    return asked if re.match(r"who (?!is |was |can |do |does )", asked) else ""


_THIRD = {"have": "has", "go": "goes", "do": "does"}


def extremes(term: str, kind: str) -> tuple[str, ...]:
    """Which `{noun}` is first or last by a column; `kind` is low, high, early, late, fewest or most."""
    low = kind.startswith(("low", "early", "few"))
    known = meaning(term, "1 Jan 2000") if kind in ("early", "late") else meaning(term, _SAMPLES.get(kind))
    known = known or meaning(term)
    found: list[str] = []
    if known is not None:
        for word in known.low if low else known.high:
            found += (f"which {{noun}} is the {word}?", f"what is the {word} {{noun}}?", f"name the {word} {{noun}}.")
        found += known.low_says if low else known.high_says
    words = words_of(term)
    if kind in ("early", "late"):
        done = participle(re.sub(r" (on|at)$", "", words)).removeprefix("last ")
        if done:
            found += (f"which {{noun}} was {done} {'first' if low else 'last'}?",)
            found += () if low else (f"which {{noun}} was {done} most recently?",)
        elif words in _VERBS_OF_TIME:
            found += (f"which {{noun}} {words} {'first' if low else 'last'}?",)
    return tuple(one.replace("{term}", words) for one in found)


_SAMPLES = {"low_price": "$1", "high_price": "$1", "fewest": "1", "most": "1"}


def counts(column: str, value: str) -> tuple[str, ...]:
    """How many `{nouns}` have a `{value}` in a column."""
    known = meaning(column, value) or meaning(column)
    return tuple(known.counts) if known else ()


def requests(label: str) -> tuple[str, ...]:
    """Commands for a button or link that does something with `{record}`."""
    words = words_of(label)
    for special in (_marking(words), _giving(words)):
        if special:
            return special
    verb, rest = _verb(words)
    known = next((one for one in REQUESTS if verb in one.verbs and (one.says or one.object)), None)
    place = re.fullmatch(r"(?:(?:it|this|item|to) )?(to|from|on|in|into|onto|off) (.+)", rest)
    if place:
        return _placed(verb, place[1], _DETERMINER.sub("", place[2]))
    rest = _DETERMINER.sub("", rest)
    if known is None or re.match(r"(more|less|all)\b", rest) or rest in _DATA["places"]:
        return ()
    if not rest or rest in ("this", "it", "for later"):
        return known.says
    if rest in _DATA["kinds_of_record"]:
        said = known.object if known.object and "{object} {record}" in known.object[0] else known.says
        named = f"the {rest} {{record}}"
        return tuple(with_slots(one, object=rest, record="{record}" if "{object}" in one else named) for one in said)
    return tuple(with_slots(one, object=rest, record="{record}") for one in known.object)


def here_requests(label: str, noun: str = "") -> tuple[str, ...]:
    """The same for the thing whose page is open; no slots."""
    names = ["this", "it", "this one", *([f"this {noun}"] if noun else [])]
    found = []
    for one in requests(label):
        # "the order {record}" is "this order" when the order is on the screen.
        said, pointed = re.subn(rf"\bthe ({'|'.join(_DATA['kinds_of_record'])}) \{{record\}}", r"this \1", one)
        if pointed:
            found.append(said)
            continue
        found += [with_slots(one, record=name) for name in names if not _stranded(one, name)]
    return tuple(dict.fromkeys(found))


def orders(option: str) -> tuple[str, ...]:
    """How to speak of an order of a list after "sort them" or "show them"; no slots."""
    said = re.sub(r"[:(),\u2013\u2014-]+", " ", option.casefold())
    words = " ".join(said.replace("→", " to ").split())
    direction = next((kind for kind, pattern in _DIRECTIONS.items() if re.search(pattern, words)), "")
    term = " ".join(re.sub("|".join(_DIRECTIONS.values()), " ", words).split())
    term = re.sub(r"^(by|sort by|order by) | first$", "", term)
    if not term or term == "first":
        return _PLAIN_ORDERS.get(direction, ())
    known = meaning(term)
    low, high = (known.low, known.high) if known else ((), ())
    if found := re.fullmatch(r"(.*?) ?(\w{2,}est|best|worst) first", words) if not direction else None:
        by = f"by {found[1]}, " if found[1] else ""
        return (f"{by}{found[2]} first", f"{by}with the {found[2]} on top", f"{by}starting with the {found[2]}")
    if best := re.fullmatch(r"(?:most|best|least|top|recently) [a-z ]+", words):
        return (f"{best[0]} first", f"with the {best[0]} ones on top", f"starting with the {best[0]} ones")
    if not direction:
        return (f"by {term}", f"according to {term}", f"in order of {term}") if is_noun(term) else ()
    first = {"low": low, "high": high, "old": low, "new": high}.get(direction, ())
    return (
        *(f"by {term}, {word} first" for word in first),
        *(f"by {term}, with the {word} on top" for word in first),
        *(f"by {term}, {how}" for how in _BY.get(direction, ())),
    )


_DIRECTIONS = {
    "low": r"\b(low(est)? to high(est)?|ascending|asc|lowest( first)?|cheapest( first)?|smallest first|increasing)\b",
    "high": r"\b(high(est)? to low(est)?|descending|desc|highest( first)?|largest first|decreasing)\b",
    "new": r"\b(newest( first)?|latest( first)?|most recent( first)?|new(est)? to old(est)?)\b",
    "old": r"\b(oldest( first)?|earliest( first)?|old(est)? to new(est)?)\b",
    "letters": r"\b(a ?(to)? ?z|alphabetical(ly)?)\b",
    "backwards": r"\bz ?(to)? ?a\b",
}
_PLAIN_ORDERS = {
    "new": ("newest on top", "with the newest on top", "newest before oldest", "starting with the newest"),
    "old": ("oldest on top", "with the oldest on top", "oldest before newest", "starting with the oldest"),
    "letters": ("alphabetically", "from A to Z", "in alphabetical order"),
    "backwards": ("from Z to A", "in reverse alphabetical order", "backwards through the alphabet"),
}
_BY = {
    "low": ("lowest first", "from low to high", "going up"),
    "high": ("highest first", "from high to low", "going down"),
    "new": ("newest first", "newest on top"),
    "old": ("oldest first", "oldest on top"),
    "letters": ("from A to Z", "alphabetically"),
    "backwards": ("from Z to A",),
}


def only(label: str, option: str) -> tuple[str, ...]:
    """What a filter leaves, after "show" or "I only want": "the ones made of {option}". A box has no option."""
    if not option:
        what = re.sub(r"^(show |only |just )+| (only|items|ones)$", "", words_of(label))
        if re.match(r"(in|on|with|without|under|for|from|by|to) ", what):
            return (f"the ones {what}", f"what is {what}" if what.startswith(("in ", "on ")) else f"those {what}")
        if participle(what) or what.endswith(("able", "ible")):
            return (f"the ones that are {what}", f"what is {what}")
        return ()
    if re.fullmatch(r"(all|any|none|yes|no|other|every)\b.*|[\d\W]+.*", option, re.I):
        return ()
    known = meaning(label, option) or meaning(label)
    name = inline(label)
    return (
        *(known.only if known else ()),
        *((f"the ones with the {name} {{option}}", f"those with {{option}} as the {name}") if is_noun(name) else ()),
    )


def words_of(text: str) -> str:
    """Lower case, without brackets, marks and doubled spaces."""
    return " ".join(re.sub(r"\(.*?\)|[^\w\s'/&-]|(?<!\w)[-/&]|[-/&](?!\w)", " ", text).casefold().split())


def inline(text: str) -> str:
    """A label as a word of a sentence: lower case unless it is an abbreviation; braces made harmless."""
    words = re.sub(r"\(.*?\)|[:*?{}]", " ", text).split()
    return " ".join(word if re.search(r"[A-Z0-9].*[A-Z0-9]", word) else word.lower() for word in words)


def is_noun(name: str) -> bool:
    """Whether a label can stand after "the": no sentence, no preposition at its end, no participle."""
    words = name.split()
    return bool(
        1 <= len(words) <= 4
        and re.fullmatch(r"[A-Za-z][A-Za-z '-]*", name)
        and words[0].casefold() not in _DATA["no_nouns"]
        and words[-1] not in _DATA["prepositions"]
        and not participle(words[-1])
    )


def with_slots(template: str, **slots: str) -> str:
    """A template with some of its slots filled."""
    for slot, said in slots.items():
        template = template.replace(f"{{{slot}}}", said)
    return template


def _stranded(template: str, name: str) -> bool:
    """Whether a short name would stand where English puts none: "call off it", "how many of this are there?"."""
    return name == "it" and bool(_OFFS.search(template))


def participle(words: str) -> str:
    """The words when they are a participle, as "checked" or "last seen" are, else an empty text."""
    word = words.removeprefix("last ")
    regular = re.fullmatch(r"\w{2,}ed", word) and word not in _DATA["not_participles"]
    return words if regular or word in _PAST else ""


def _by_grammar(words: str, kind: str) -> tuple[str, ...]:
    """Questions for labels that are verbs: "Delivered by", "Checked on", "Closes", "Dishwasher safe"."""
    first, _, last = words.rpartition(" ")
    if last == "by" and (done := participle(first)):
        *last_time, word = done.split()
        did = " ".join([*last_time, _PAST.get(word, word)])
        return (f"who {did} {{record}}?", f"who was {{record}} {done} by?", f"by whom was {{record}} {done}?")
    when = participle(first if last in ("on", "at", "in") else words)
    if when and kind in ("date", "time"):
        return (f"when was {{record}} {when}?", f"on which day was {{record}} {when}?")[: 1 + (kind == "date")]
    if when and kind == "number":
        return (f"in which year was {{record}} {when}?",)
    if last in ("in", "at", "from", "to") and (done := participle(first)) and kind in ("text", "name"):
        preposition = f" {last}" if last in ("from", "to") else ""
        return (f"where is {{record}} {done}{preposition}?",)
    if words in _VERBS_OF_TIME and kind in ("date", "time"):
        verb = _VERBS_OF_TIME[words]
        return (f"when does {{record}} {verb}?", f"{'at what time' if kind == 'time' else 'on which day'} "
                f"does {{record}} {verb}?")  # fmt: skip
    if kind == "truth":
        adjective = words.endswith(tuple(_DATA["plain_adjectives"]))
        return (f"is {{record}} {words}?",) if adjective else (f"does {{record}} have {words}?",)
    return ()


def _by_shape(term: str, value: str) -> tuple[str, ...]:
    """Questions that keep the label and fit the shape of its value."""
    kind = shape(value)
    if not re.fullmatch(r"[A-Za-z][A-Za-z '-]*", term) or len(term.split()) > 3:
        return ()
    if term.split()[-1] in _DATA["prepositions"] or (kind == "number" and term.split()[-1] in _DATA["no_amounts"]):
        return ()
    if kind == "name" and _AGENT.search(term):
        return (f"who is the {term} of {{record}}?", f"who does {{record}} have as its {term}?")
    if kind == "number" and is_plural(term):
        return (f"how many {term} does {{record}} have?", f"how many {term} are there for {{record}}?")
    return tuple(ask.replace("{term}", term) for ask in _SHAPED.get(kind, ()))


_SHAPED = {
    "date": ("when is the {term} of {record}?", "on which day is the {term} of {record}?"),
    "time": ("at what time is the {term} of {record}?", "when is the {term} of {record}?"),
    "money": ("how much is the {term} of {record}?", "how much money is the {term} of {record}?"),
    "percent": ("how high is the {term} of {record}?", "how many percent is the {term} of {record}?"),
    "duration": ("how long is the {term} of {record}?",),
    "measure": ("how much is the {term} of {record}?",),
    "number": ("how much is the {term} of {record}?", "how high is the {term} of {record}?"),
}


def _verb(words: str) -> tuple[str, str]:
    """A known verb at the beginning, the longest first, and what follows it."""
    known = sorted((verb for one in REQUESTS for verb in one.verbs), key=len, reverse=True)
    verb = next((verb for verb in known if f"{words} ".startswith(f"{verb} ")), words.split(" ")[0])
    return verb, words[len(verb) :].strip()


def _placed(verb: str, preposition: str, place: str) -> tuple[str, ...]:
    known = next((one for one in REQUESTS if verb in one.verbs and one.place), None)
    if (
        known is None
        or place in ("me", "us", *_DATA["no_places"])
        or (preposition == "from") != ("remove" in known.verbs)
    ):
        return ()
    within, without = _ON[place.split()[-1] not in _DATA["containers"]]
    return tuple(with_slots(one, on=within, off=without, place=place) for one in known.place)


def _marking(words: str) -> tuple[str, ...]:
    """ "Mark as done", "Set as default"."""
    found = re.fullmatch(r"(?:mark|set|flag|use)(?: it| this)? as (?:the )?(.+)", words)
    if not found:
        return ()
    if found[1].startswith(("default", "main", "primary")):
        return (f"make {{record}} the {found[1]}", f"let {{record}} be the {found[1]}")
    return (
        f"mark {{record}} as {found[1]}",
        f"say that {{record}} is {found[1]}",
        f"put {{record}} down as {found[1]}",
    )


def _giving(words: str) -> tuple[str, ...]:
    """ "Assign to me", "Take it"."""
    if not re.fullmatch(r"(assign|give)( it| this)? to (me|myself)|take( it| this)?|assign (me|myself)", words):
        return ()
    return ("assign {record} to me", "I will take care of {record}", "give {record} to me", "take {record} over for me")


def nouns(names: Iterable[str]) -> Sequence[str]:
    """Singular nouns that headings of listings name: "All tickets" gives ticket; unknown headings give nothing."""
    found = []
    for name in names:
        one = re.fullmatch(r"(?:(?:all|our|my|your|open|recent|the) )*([a-z]{3,14})", words_of(name))
        if one and (noun := singular(one[1])):
            found.append(noun)
    return tuple(dict.fromkeys(found))
