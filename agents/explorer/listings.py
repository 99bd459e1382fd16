"""Questions that a listing answers: which record is first or last by a column, and how many have a value."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from agents.explorer.pages import Entry

_FEWEST, _MOST = 3, 30
_NUMBER = re.compile(r"[^\d\-+]{0,4}(-?\d[\d,]*(?:\.\d+)?)\s*(%|[A-Za-z]{0,12})")
_MONEY = re.compile(r"[$€£¥]|\b(USD|EUR|GBP)\b")
_PRICE = re.compile(r"price|cost|amount", re.I)
_DATES = ("%Y-%m-%d", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d.%m.%Y", "%Y/%m/%d")


def extremes(entries: Sequence[Entry]) -> Iterator[tuple[str, str, str]]:
    """(kind of question, column, header of the record) where one record is strictly first or last."""
    for listing in _listings(entries):
        for column in _columns(listing):
            values = [(dict(entry.cells).get(column, ""), entry.header) for entry in listing]
            kinds = _number_kinds(column, [value for value, _ in values])
            ranked = _ranked(values, _number)
            if not ranked:
                ranked, kinds = _ranked(values, _day), ("early", "late")
            if not ranked:
                continue
            if ranked[0][0] != ranked[1][0]:
                yield kinds[0], column, ranked[0][1]
            if ranked[-1][0] != ranked[-2][0]:
                yield kinds[1], column, ranked[-1][1]


def _ranked(values: Sequence[tuple[str, str]], parse: Callable[[str], float | None]) -> list[tuple[float, str]]:
    """(key, header) in the order of the key; empty when a value has none."""
    keyed = [(key, header) for value, header in values if (key := parse(value)) is not None]
    return sorted(keyed) if len(keyed) == len(values) else []


def counts(entries: Sequence[Entry]) -> Iterator[tuple[str, str, int]]:
    """(column, value, how many records have it) for columns with a few recurring values."""
    for listing in _listings(entries):
        for column in _columns(listing):
            values = Counter(dict(entry.cells).get(column, "") for entry in listing)
            if not 2 <= len(values) <= max(2, len(listing) // 2):
                continue
            for value, number in sorted(values.items()):
                if value and len(value) <= 30 and re.search(r"[A-Za-z]", value):
                    yield column, value, number


def _listings(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Entries by table; records need names of their own."""
    tables: dict[str, list[Entry]] = {}
    for entry in entries:
        tables.setdefault(entry.table, []).append(entry)
    return [
        listing
        for listing in tables.values()
        if _FEWEST <= len(listing) <= _MOST and len({entry.header for entry in listing}) == len(listing)
    ]


def _columns(listing: Sequence[Entry]) -> list[str]:
    """Columns that every record of a listing has."""
    return [column for column, _ in listing[0].cells if all(column in dict(entry.cells) for entry in listing)]


def _number_kinds(column: str, values: Sequence[str]) -> tuple[str, str]:
    money = _PRICE.search(column) and all(_MONEY.search(value) for value in values)
    if money:
        return "low_price", "high_price"
    return ("fewest", "most") if is_plural(column) else ("low", "high")


def is_plural(name: str) -> bool:
    """Whether an English column or term names several things."""
    return bool(re.search(r"[a-z](?<![suiao])s$", name))


def _number(text: str) -> float | None:
    found = _NUMBER.fullmatch(text.strip())
    return float(found[1].replace(",", "")) if found else None


def _day(text: str) -> float | None:
    for form in _DATES:
        try:
            return float(datetime.strptime(text.strip(), form).toordinal())
        except ValueError:
            continue
    return None
