"""A clause: one thing to do or to ask, with its names and values, before it is put into words."""

from __future__ import annotations

from dataclasses import dataclass, field

TICKED, CHOSEN = "ticked", "chosen"  # the values of boxes and of radio buttons


@dataclass(frozen=True)
class Clause:
    """`kind` names the wordings; `slots` are names and values as on the site; `pairs` are field and value.

    Some slots only help natural wordings: `value` of a fact, `noun` for such records, `here` where the
    page is the record's (`owner` its name), `of` for a record that the button names, `plain` where only
    labels tell what is meant.
    """

    kind: str
    slots: dict[str, str] = field(default_factory=dict)
    pairs: tuple[tuple[str, str], ...] = ()
