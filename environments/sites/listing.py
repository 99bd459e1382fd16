"""A list of records as a site shows it: filtered by words, sorted by a column, eight rows a page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from starlette.requests import Request

from core.checks import fold

T = TypeVar("T")
PER_PAGE = 8


@dataclass(frozen=True)
class Listing(Generic[T]):
    """One page of a list. `pages` is at least 1; `query` is what the request asked, without empty values."""

    rows: list[T]
    total: int
    page: int
    pages: int
    sort: str
    descending: bool
    path: str
    query: dict[str, str]

    def link(self, **changes: object) -> str:
        """This list's address with some parameters changed; an empty value drops one."""
        merged = {name: str(value) for name, value in {**self.query, **changes}.items() if str(value)}
        return f"{self.path}?{urlencode(merged)}" if merged else self.path

    def page_link(self, page: int) -> str:
        """Another page of the same list."""
        return self.link(page=page if page > 1 else "")

    def sort_link(self, column: str) -> str:
        """Sort by `column`, or the other way round when it is the one sorted by; back to the first page."""
        turned = column == self.sort and not self.descending
        return self.link(sort=f"-{column}" if turned else column, page="")

    def order(self, column: str) -> str:
        """The column's `aria-sort`."""
        return ("descending" if self.descending else "ascending") if column == self.sort else "none"


def list_records(
    request: Request, records: Iterable[T], keys: Mapping[str, Callable[[T], Any]], *, default: str
) -> Listing[T]:
    """Sort `records` by the request's `sort` (a key of `keys`, `-` before it for descending) and cut its `page`."""
    query = {name: value for name, value in request.query_params.items() if value.strip()}
    asked = query.get("sort", default)
    if asked.lstrip("-") not in keys:
        asked = default
    column, descending = asked.lstrip("-"), asked.startswith("-")
    rows = sorted(records, key=keys[column], reverse=descending)
    pages = max(1, -(-len(rows) // PER_PAGE))
    given = query.get("page", "1")
    page = min(int(given[:6]), pages) if given.isascii() and given.isdigit() and int(given[:6]) > 0 else 1
    return Listing(
        rows=rows[(page - 1) * PER_PAGE : page * PER_PAGE],
        total=len(rows),
        page=page,
        pages=pages,
        sort=column,
        descending=descending,
        path=request.url.path,
        query=query,
    )


def has_words(text: str, wanted: str) -> bool:
    """Whether every word of `wanted` begins a word of `text`, or is a part of it with three letters or more."""
    folded = fold(text)
    starts = folded.split()
    return all(
        any(start.startswith(word) for start in starts) or (len(word) >= 3 and word in folded)
        for word in fold(wanted).split()
    )


def pairs(values: Iterable[str]) -> list[tuple[str, str]]:
    """Values that are their own labels, as `select_field` and `radios` of `macros.html` want them."""
    return [(value, value) for value in values]
