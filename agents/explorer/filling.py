"""Filling in forms: which fields, with what, and the lines that do it."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence

from agents.explorer import lines
from agents.explorer.pages import Form
from agents.explorer.sitemap import Filled
from agents.explorer.values import invent, is_fillable
from core.types import Element

_NOTHING = re.compile(
    r"^\W*$|^\W*(select|choose|pick|please|none|any|all|default|unassigned|no selection|nothing)\b", re.I
)
_SECRET = re.compile(r"password|passphrase|\bpin\b|captcha|\botp\b|one.time code", re.I)


def needs_secret(form: Form) -> bool:
    """Whether a form asks for what an explorer cannot know."""
    return any(field.input_type == "password" or _SECRET.search(field.name) for field in form.fields)


def real_options(field: Element) -> list[str]:
    """The options of a field that mean something and are not the present one."""
    return [
        option
        for option in field.options
        if not _NOTHING.search(option) and option.casefold() != field.value.casefold()
    ]


def is_closed(field: Element) -> bool:
    """Whether a field is a combobox that keeps its options to itself until it is opened."""
    return field.role == "combobox" and not field.options and is_fillable(field)


def is_edit(form: Form) -> bool:
    """Whether a form holds somebody's text already, to be changed."""
    return any(
        is_fillable(field) and not field.options and len(field.value) > 1 and not field.value.isdigit()
        for field in form.fields
    )


def fill(fields: Sequence[Element], rng: random.Random) -> list[Filled]:
    """A value for each of these fields that can take one; of radio buttons, one a group."""
    filled: list[Filled] = []
    radios: dict[str, list[Element]] = {}
    for field in fields:
        if {"disabled", "readonly"} & set(field.states):
            continue
        if field.role == "radio":
            radios.setdefault(field.group, []).append(field)
        elif field.role in ("checkbox", "switch"):
            if "checked" not in field.states:
                filled.append(Filled(field=field, value="checked"))
        elif field.options:
            options = real_options(field)
            if options:
                filled.append(Filled(field=field, value=rng.choice(options[:8])))
        elif is_fillable(field):
            filled.append(Filled(field=field, value=invent(field, rng)))
    for group in radios.values():
        free = [field for field in group if "checked" not in field.states]
        if free:
            filled.append(Filled(field=rng.choice(free), value="checked"))
    return filled


def line(filled: Filled) -> str:
    """The action that fills one field."""
    target = lines.target_of(filled.field)
    if filled.field.role in ("checkbox", "switch", "radio"):
        return lines.click(target)
    if filled.field.options:
        return lines.select(target, filled.value)
    return lines.type_text(target, filled.value)


def required(fields: Sequence[Element]) -> list[Element]:
    """The fields that are marked as required and still empty."""
    return [field for field in fields if "required" in field.states and _is_empty(field)]


def needed(form: Form) -> list[Element]:
    """The fields to fill: those marked as required and still empty, or every empty one where none is marked."""
    return required(form.fields) or empty(form.fields)


def empty(fields: Iterable[Element]) -> list[Element]:
    """The fields that are empty; ticks are none, and radio buttons are none when one of their group is chosen."""
    fields = list(fields)
    chosen = {one.group for one in fields if one.role == "radio" and "checked" in one.states}
    return [
        one
        for one in fields
        if _is_empty(one)
        and one.role not in ("checkbox", "switch")
        and not (one.role == "radio" and one.group in chosen)
    ]


def _is_empty(field: Element) -> bool:
    if field.role in ("checkbox", "radio", "switch"):
        return "checked" not in field.states
    return not field.value or bool(field.options and _NOTHING.search(field.value))
