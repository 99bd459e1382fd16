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
    """Fields with a submit button (without one, enter sends them); `opener` names the button that reveals the form.

    `required` is a label that must not be left empty. A `modal` form covers the rest of the page.
    """

    title: str
    widgets: list[Widget]
    submit: str
    saved: str
    intro: str = ""
    opener: str = ""
    required: str = ""
    modal: bool = False


@dataclass
class Record:
    """One entity: its name, category and field values."""

    name: str
    category: str
    fields: dict[str, str]


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
