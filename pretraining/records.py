"""What a made-up website holds: records, forms with their widgets, and where the browser is."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Widget:
    """One form field; `role` is its ARIA role, `options` those of a select or radio group, `kind` its text's kind."""

    role: str
    label: str
    value: str = ""
    options: tuple[str, ...] = ()
    kind: str = ""


@dataclass
class Form:
    """Fields with a submit button (without one, enter or a choice sends them); `opener` is the button that reveals it.

    `required` is a label that must not be left empty. A `modal` form covers the rest of the page. `wordings`
    ask for it, with `{x}` for the record and `{v}` for the value.
    """

    title: str
    widgets: list[Widget]
    submit: str
    saved: str
    intro: str = ""
    opener: str = ""
    required: str = ""
    modal: bool = False
    wordings: tuple[str, ...] = ()


@dataclass
class Record:
    """One entity: its name, category and field values."""

    name: str
    category: str
    fields: dict[str, str]
    tags: list[str] = field(default_factory=list)


@dataclass
class Grid:
    """A table with two keys: `cells[row][column]`; `title` says what the cells are."""

    title: str
    columns: tuple[str, ...]
    cells: dict[str, tuple[str, ...]]


@dataclass
class Place:
    """Where the browser is: a kind of page and what it shows; `picked` are a listing's further filters."""

    kind: str
    index: int = 0
    query: str = ""
    category: str = ""
    sort: str = ""
    offset: int = 0
    picked: dict[str, str] = field(default_factory=dict)
    sub: str = ""
