"""Which element an action means: by id, or by role and name as they were shown."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from core.actions import Target
from core.checks import fold
from core.errors import ActionError
from core.types import Element

_SHOWN = 80  # views show this much of a name, so this much of it is enough to mean it


def resolve(target: Target, elements: Sequence[Element]) -> Element:
    """The element meant; raises `ActionError` with a sentence that names the nearest ones."""
    if target.id:
        for element in elements:
            if element.id == target.id:
                return element
        raise ActionError(f"there is no element [{target.id}] on this page")
    found = [e for e in elements if e.role == target.role and _same(target.name, e.name)]
    for element in found:
        if element.nth == target.nth:
            return element
    if len(found) >= target.nth:
        return found[target.nth - 1]
    raise ActionError(_nearest(target, elements, len(found)))


def _same(wanted: str, name: str) -> bool:
    wanted, whole = fold(wanted), fold(name)
    return wanted == whole or (len(name) > _SHOWN and wanted == fold(name[:_SHOWN]))


def _nearest(target: Target, elements: Sequence[Element], found: int) -> str:
    if found:
        return f'there {"is" if found == 1 else "are"} only {found} {target.role} "{target.name}" on this page'
    sentence = f"there is no {target} on this page"
    other = sorted({e.role for e in elements if _same(target.name, e.name) and e.role != target.role})
    if other:
        return f'{sentence}; "{target.name}" is a {" and a ".join(other[:3])}'
    names = {fold(e.name): e.name for e in reversed(elements) if e.role == target.role and e.name}
    near = difflib.get_close_matches(fold(target.name), names, n=3, cutoff=0.4) or list(names)[:-4:-1]
    if near:
        listed = ", ".join(f'"{names[name][:_SHOWN]}"' for name in near)
        return f"{sentence}; the nearest of its kind: {listed}"
    return f"{sentence}, nor any other {target.role}"
