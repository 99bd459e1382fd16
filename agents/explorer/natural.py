"""Clauses as people would say them, without the site's labels, where `agents.speech` knows how.

Nothing that tells which record, value or option is meant is left out: a record is named, or it is the
one whose page is open ("this"), or the one that the clause before named ("it").
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agents import speech, wishes
from agents.explorer.clauses import CHOSEN, TICKED, Clause

_STATEMENT = re.compile(
    r"(I|we|my|the|this|it|from now|nobody|no|yes|there|by|for|with|in)\b|[A-Z\d\"'“{(]|"
    r".*\b(has to go|should (go|be)|need not|is (off|done))\b"
)
_SHOWING = ("show only {}", "show me only {}", "leave only {}", "narrow it down to {}", "limit it to {}",
            "hide everything but {}", "let me see just {}")  # fmt: skip
_ORDERING = ("sort the list {}", "show the list {}", "list them {}", "arrange the list {}", "sort them {}")
_FACTS = ("fact", "facts", "number", "label")


@dataclass(frozen=True)
class Manner:
    """How to speak: `name` writes a name or value into a sentence, `quoted` always in quotes.

    `joined` asks for a command that other clauses can stand beside; `pointing` is "it" after a clause
    that named the record, else empty.
    """

    name: Callable[[str], str]
    quoted: Callable[[str], str]
    rng: random.Random
    joined: bool = False
    pointing: str = ""

    def among(self, value: str) -> str:
        """A value that others follow: in quotes unless one sees where it ends."""
        return self.name(value) if is_short(value) else self.quoted(value)


def is_short(value: str) -> bool:
    """Whether a value can stand among others without quotes and one still sees where it ends."""
    return len(value.split()) <= 3 and not re.search(r"[,;]|\b(and|with|as|to)\b", value)


def said(clause: Clause, manner: Manner) -> str:
    """A natural wording of a clause, or an empty text when there is none."""
    if "plain" in clause.slots:
        return ""
    kind = clause.kind.removeprefix("its_").removeprefix("here_")
    if kind in _FACTS:
        return _fact(clause, manner)
    if kind in _MAKERS:
        return _MAKERS[kind](clause, manner)
    return _extreme(clause, manner) if "column" in clause.slots else ""


def is_command(text: str) -> bool:
    """Whether a wording is a command, so that "please" can go before it."""
    return not _STATEMENT.match(text)


def _fact(clause: Clause, manner: Manner) -> str:
    slots = clause.slots
    asks = speech.questions(slots["term"], slots.get("value", "")) if "value" in slots else ()
    if clause.kind.startswith("here_"):
        asks = speech.here_questions(slots["term"], slots["value"], slots.get("noun", ""))
        record = ""
    else:
        record = "it" if clause.kind.startswith("its_") else manner.name(slots["record"])
    if not asks:
        return ""
    ask = manner.rng.choice(asks)
    if manner.rng.random() < 0.3 and "{record}" in ask and (told := speech.indirect(ask)):
        ask = f"{manner.rng.choice(('tell me', 'find out', 'I would like to know', 'look up'))} {told}."
    return ask.replace("{record}", record)


def _extreme(clause: Clause, manner: Manner) -> str:
    kind = clause.kind.removesuffix("_label")
    asks = speech.extremes(clause.slots["column"], kind)
    noun = clause.slots.get("noun", "")
    return (
        manner.rng.choice(asks).replace("{noun}", noun if noun and manner.rng.random() < 0.8 else "one") if asks else ""
    )


def _count(clause: Clause, manner: Manner) -> str:
    noun, value = clause.slots.get("noun", ""), clause.slots["value"]
    asks = [ask for ask in speech.counts(clause.slots["column"], value)
            if noun or not re.search(r"the \{nouns\}|\} \{nouns\}", ask)]  # fmt: skip
    if not asks:
        return ""
    ask = manner.rng.choice(asks)
    nouns = speech.plural(noun) if noun else manner.rng.choice(("of these", "of them", ""))
    # A state or a colour is an adjective here, and people write those small.
    small = (
        re.search(r"(are|many) \{value\}", ask) and re.fullmatch(r"[A-Z][a-z ]+", value) and manner.rng.random() < 0.6
    )
    said = ask.replace("{nouns}", nouns).replace("{value}", value.lower() if small else manner.name(value))
    return " ".join(said.split()).replace(" ?", "?")


def _press(clause: Clause, manner: Manner) -> str:
    slots = clause.slots
    label = slots["button"]
    record = slots.get("record", "") or slots.get("of", "")
    if "of" in slots:
        label = " ".join(re.sub(re.escape(slots["of"]), " ", label, flags=re.I).split())
        label = re.sub(r" (of|for|:|-)$", "", label)
    if record:
        asks: Sequence[str] = speech.requests(label)
    elif "here" not in slots:
        return ""
    elif manner.pointing:
        asks = tuple(ask for ask in speech.here_requests(label) if re.search(r"\bit\b", ask))
    else:
        asks = tuple(ask for ask in speech.here_requests(label, slots.get("noun", "")) if not ask.startswith("it "))
    asks = [ask for ask in asks if not (manner.joined and _STATEMENT.match(ask))]
    return manner.rng.choice(asks).replace("{record}", manner.name(record)) if asks else ""


def _sort(clause: Clause, manner: Manner) -> str:
    orders = speech.orders(clause.slots["option"])
    return manner.rng.choice(_ORDERING).format(manner.rng.choice(orders)) if orders else ""


def _filter(clause: Clause, manner: Manner) -> str:
    option = clause.slots["option"]
    ticked = clause.kind == "tick"
    left = speech.only(option, "") if ticked else speech.only(clause.slots["control"], option)
    if not left:
        return ""
    showing = (*_SHOWING, "I only want to see {}", "I only care about {}") if not manner.joined else _SHOWING
    return manner.rng.choice(showing).format(manner.rng.choice(left).replace("{option}", manner.name(option)))


def _change(clause: Clause, manner: Manner) -> str:
    slots = clause.slots
    pairs = clause.pairs or ((slots["control"], slots["option"]),)
    told: list[str] = []
    for field, value in pairs:
        if value == CHOSEN:
            return ""
        fitting = [
            wish
            for wish in wishes.changes(field, value)
            if not ((manner.joined or len(pairs) > 1) and _STATEMENT.match(wish))
            # "My number" is somebody's own; "it" needs a record on whose page one is.
            and not ("here" in slots and re.search(r"\b(my|me|I live)\b", wish))
            and not ("here" not in slots and re.search(r"\bit\b", wish))
        ]
        if not fitting:
            return ""
        it = manner.pointing or (
            "this" if not slots.get("noun") else manner.rng.choice(("this", f"this {slots['noun']}"))
        )
        wish = re.sub(r"\bit\b", it if not told else "it", manner.rng.choice(fitting))
        write = manner.name if len(pairs) == 1 else manner.among
        told.append(wish.replace("{value}", write(value)))
    return " and ".join(told)


def _fill(clause: Clause, manner: Manner) -> str:
    """ "Create a ticket with the priority High, saying ..."; only for buttons that tell what comes of it."""
    if done := _with_choices(clause, manner):
        return done
    heads = _heads(clause)
    parts: list[tuple[str, str]] = []
    for field, value in clause.pairs:
        ways = wishes.details(field, value) if value != CHOSEN else ()
        if not ways:
            return ""
        parts.append((ways[0] if not ways[0].startswith("with") else f"with {_article(field)}", value))
    if len(parts) == 1:
        return _fill_one(clause, heads, manner)
    texts = [way for way, _ in parts if not way.startswith("with")]
    if not heads or len(set(texts)) < len(texts):
        return ""
    parts.sort(key=lambda part: not part[0].startswith("with"))
    said = ""
    for at, (way, value) in enumerate(parts):
        written = manner.among(value) if at < len(parts) - 1 else manner.name(value)
        way = way if value != TICKED else f"{way.replace(' {value}', '')} turned on"
        if way.startswith("with the") and said:
            joint = " and " if at == len(parts) - 1 or not parts[at + 1][0].startswith("with") else ", "
            said += joint + way.removeprefix("with ").replace("{value}", written)
        else:
            said += (", " if said else " ") + way.replace("{value}", written)
    return manner.rng.choice(heads) + said


def _heads(clause: Clause) -> tuple[str, ...]:
    """What sending the form does, by its button or by the one that it is hidden behind ("close this ticket")."""
    slots = clause.slots
    opener = slots.get("opener", "")
    made = wishes.submission(slots["submit"]) or wishes.submission(opener)
    if made or not opener or "here" not in slots:
        return made
    return tuple(ask for ask in speech.here_requests(opener, slots.get("noun", "")) if not _STATEMENT.match(ask))


def _with_choices(clause: Clause, manner: Manner) -> str:
    """ "Put this in the basket, in navy and size M": a button that does something with the record, and its options."""
    slots = clause.slots
    record = slots.get("owner", "")
    if "here" not in slots:
        return ""
    label = slots["submit"]
    named = [ask.replace("{record}", manner.name(record)) for ask in speech.requests(label)] if record else []
    asks = named if named and manner.rng.random() < 0.6 else speech.here_requests(label, slots.get("noun", ""))
    asks = [ask for ask in asks if not _STATEMENT.match(ask)]
    if not asks:
        return ""
    parts = []
    for field, value in clause.pairs:
        name = speech.inline(field)
        if value == CHOSEN:
            parts.append(manner.rng.choice(("in {}", "the {} one", "{}")).format(manner.among(field)))
        elif value == TICKED:
            parts.append(f"with {name}")
        else:
            ways = (f"{name} {{}}", f"with the {name} {{}}", f"{{}} as the {name}", f"{name}: {{}}")
            parts.append(manner.rng.choice(ways).format(manner.among(value)))
    listed = ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1]
    return f"{manner.rng.choice(asks)}, {listed}"


def _fill_one(clause: Clause, heads: Sequence[str], manner: Manner) -> str:
    """A form of one field: what it makes with a detail, or a text for the record whose page is open."""
    field, value = clause.pairs[0]
    ways = wishes.details(field, value)
    is_text = not ways[0].startswith("with")
    if is_text:
        ways = tuple(way for way in ways if field.casefold() not in way.casefold())
    made = [f"{head}{'' if way.startswith(_ATTACHED) else ','} {way}" for head in heads for way in ways]
    if is_text and "here" in clause.slots:
        it = manner.pointing or (f"this {clause.slots['noun']}" if clause.slots.get("noun") else "this")
        asked = [wish for wish in wishes.changes(field, value) if not _STATEMENT.match(wish)]
        made += [re.sub(r"\bit\b", it, wish) for wish in asked if not wish.startswith(("make", "change", "set"))]
    return manner.rng.choice(made).replace("{value}", manner.name(value)) if made else ""


_ATTACHED = ("with", "saying", "that", "about", "on ")


def _article(field: str) -> str:
    return f"the {speech.inline(field)} {{value}}"


_MAKERS = {
    "press": _press,
    "press_for": _press,
    "sort": _sort,
    "filter": _filter,
    "tick": _filter,
    "change": _change,
    "change_now": _change,
    "pick": _change,
    "fill": _fill,
    "count": _count,
}
