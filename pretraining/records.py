"""What a made-up website holds: records, forms with their widgets, and where the browser is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Widget:
    """One form field; `role` is its ARIA role, `options` those of a select or a radio group."""

    role: str
    label: str
    value: str = ""
    options: tuple[str, ...] = ()


@dataclass
class Form:
    """Fields with a submit button; `opens` names the button that shows it when it is a dialog."""

    title: str
    widgets: list[Widget]
    submit: str
    saved: str
    intro: str = ""


@dataclass
class Record:
    """One entity: its name, category and field values."""

    name: str
    category: str
    fields: dict[str, str]


@dataclass
class Place:
    """Where the browser is: a kind of page and what it shows."""

    kind: str
    index: int = 0
    query: str = ""
    category: str = ""
    sort: str = ""
    offset: int = 0
