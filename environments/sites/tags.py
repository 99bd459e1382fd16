"""Tags and path names, as all bundled sites write and edit them."""

from __future__ import annotations

from starlette.datastructures import FormData

from environments.sites.site import field
from environments.sites.state import SiteState

MOST_TAGS = 8


def slug(text: str) -> str:
    """`text` as it appears in a path: lower case, letters and digits joined by hyphens."""
    return "-".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())


def edited(tags: tuple[str, ...], form: FormData, state: SiteState, noun: str) -> tuple[str, ...]:
    """The tags of a `noun` after the form added the tag `add` or removed the tag `remove`; tells the session which."""
    added, removed = slug(field(form, "add")[:30]), field(form, "remove")
    if removed in tags:
        state.tell(f"Tag {removed} removed")
        return tuple(tag for tag in tags if tag != removed)
    if added in tags:
        state.tell(f"The {noun} has that tag already.", "alert")
    elif added and len(tags) < MOST_TAGS:
        state.tell(f"Tag {added} added")
        return (*tags, added)
    else:
        state.tell("A tag needs letters or digits.", "alert")
    return tags
