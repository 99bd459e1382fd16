"""What to write into a field nobody described: plausible values by its name, type and limits, varied by a seed."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

from core.types import Element

_WORDS: dict[str, list[str]] = tomllib.loads((Path(__file__).parent / "words.toml").read_text(encoding="utf-8"))

_KINDS: tuple[tuple[str, str], ...] = (
    (r"e-?mail", "email"),
    (r"phone|mobile|telephone|\btel\b|fax", "phone"),
    (r"card.?number|credit card|debit card", "card"),
    (r"expir", "expiry"),
    (r"\bcv[cv]\b|security code", "cvc"),
    (r"post.?code|\bzip\b|postal", "postcode"),
    (r"street|address", "street"),
    (r"city|town", "town"),
    (r"country", "country"),
    (r"first name|given name", "first"),
    (r"last name|surname|family name", "last"),
    (r"user.?name|nickname|handle|login", "user"),
    (r"company|organi[sz]ation", "company"),
    (r"\burl\b|website|link|homepage", "url"),
    (r"quantity|amount|number of|\bcount\b|\bqty\b|\bage\b", "number"),
    (r"price|cost|budget|total", "number"),
    (r"\bdate\b|\bday\b|deadline|birthday|\bdue\b", "date"),
    (r"\btime\b|\bhour\b", "time"),
    (r"full name|your name|\bname on\b|customer|contact|recipient|author|^name$", "person"),
    (r"comment|message|reply|note|body|description|content|text|review|reason|answer|details|feedback", "sentence"),
    (r"tag|label|keyword", "word"),
)
_TYPES = {
    "email": "email",
    "tel": "phone",
    "url": "url",
    "number": "number",
    "date": "date",
    "time": "time",
    "month": "month",
    "datetime-local": "datetime",
}


def is_fillable(field: Element) -> bool:
    """Whether a text can be typed into this field by somebody without a secret."""
    return (
        field.role in ("textbox", "searchbox", "spinbutton", "combobox")
        and field.input_type not in ("password", "file", "hidden", "range", "color")
        and not {"disabled", "readonly"} & set(field.states)
    )


def invent(field: Element, rng: random.Random) -> str:
    """A value for a text field that its name and type make plausible."""
    kind = _TYPES.get(field.input_type) or ("number" if field.role == "spinbutton" else "")
    if not kind:
        kind = next((kind for pattern, kind in _KINDS if re.search(pattern, field.name, re.I)), "title")
    return _MAKERS[kind](rng)


def phrase(rng: random.Random) -> str:
    """Two or three words with a capital, as in a title."""
    words = [rng.choice(_WORDS["adjectives"]), rng.choice(_WORDS["nouns"])]
    if rng.random() < 0.4:
        words.append(rng.choice(_WORDS["nouns"]))
    return " ".join(words).capitalize()


def _sentence(rng: random.Random) -> str:
    return f"The {rng.choice(_WORDS['adjectives'])} {rng.choice(_WORDS['nouns'])} {rng.choice(_WORDS['verbs'])}"


def _date(rng: random.Random) -> str:
    return f"{rng.randint(2027, 2029)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"


_MAKERS: dict[str, Callable[[random.Random], str]] = {
    "email": lambda rng: f"{rng.choice(_WORDS['first_names'])}.{rng.choice(_WORDS['last_names'])}@example.org".lower(),
    "phone": lambda rng: f"555 0{rng.randint(100, 199)}",
    "card": lambda rng: "4242 4242 4242 4242",  # noqa: ARG005 - the usual test number, which no bank issues
    "expiry": lambda rng: f"{rng.randint(1, 12):02}/{rng.randint(30, 35)}",
    "cvc": lambda rng: str(rng.randint(100, 999)),
    "postcode": lambda rng: str(rng.randint(10000, 99999)),
    "street": lambda rng: f"{rng.randint(1, 98)} {rng.choice(_WORDS['nouns']).capitalize()} Street",
    "town": lambda rng: rng.choice(_WORDS["towns"]),
    "country": lambda rng: rng.choice(_WORDS["countries"]),
    "first": lambda rng: rng.choice(_WORDS["first_names"]),
    "last": lambda rng: rng.choice(_WORDS["last_names"]),
    "user": lambda rng: f"{rng.choice(_WORDS['adjectives'])}{rng.choice(_WORDS['nouns'])}",
    "company": lambda rng: f"{rng.choice(_WORDS['last_names'])} {rng.choice(_WORDS['nouns']).capitalize()}",
    "url": lambda rng: f"https://{rng.choice(_WORDS['nouns'])}.example.org",
    "number": lambda rng: str(rng.randint(2, 9)),
    "date": _date,
    "month": lambda rng: _date(rng)[:7],
    "time": lambda rng: f"{rng.randint(8, 17):02}:{rng.choice((0, 15, 30, 45)):02}",
    "datetime": lambda rng: f"{_date(rng)}T{rng.randint(8, 17):02}:30",
    "person": lambda rng: f"{rng.choice(_WORDS['first_names'])} {rng.choice(_WORDS['last_names'])}",
    "sentence": _sentence,
    "word": lambda rng: rng.choice(_WORDS["nouns"]),
    "title": phrase,
}
