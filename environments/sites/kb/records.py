"""The nouns of the knowledge base: articles, revisions, comments, people, glossary terms."""

from __future__ import annotations

from dataclasses import dataclass

STATUSES = ("Current", "Under review", "Outdated")
REVIEWS = ("3 months", "6 months", "12 months", "24 months")
AUDIENCES = ("Everyone", "Managers", "Engineers", "New starters", "Contractors")


@dataclass(frozen=True)
class Table:
    """A table of an article: the first column names the row."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Revision:
    """One saved version of an article's text; `number` counts from 1, `date` is ISO."""

    number: int
    date: str
    author: str
    note: str
    summary: str
    body: str


@dataclass(frozen=True)
class Comment:
    """A reader's remark."""

    author: str
    date: str
    text: str


@dataclass(frozen=True)
class Article:
    """One page of the handbook. `body` is light markup: lines `# heading`, `- item`, or a paragraph."""

    slug: str
    title: str
    section: str
    owner: str
    updated: str
    review: str
    status: str
    audience: str
    minutes: int
    summary: str
    body: str
    table: Table
    tags: tuple[str, ...]
    revisions: tuple[Revision, ...]
    comments: tuple[Comment, ...] = ()
    votes: int = 0
    helpful: bool = False
    watched: bool = False


@dataclass(frozen=True)
class Person:
    """Somebody who owns articles."""

    slug: str
    name: str
    team: str
    extension: str
    city: str
    hours: str
    started: str


@dataclass(frozen=True)
class Term:
    """A glossary entry."""

    key: str
    name: str
    meaning: str
