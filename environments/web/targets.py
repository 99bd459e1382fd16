"""Which element an action means: by id, or by role and name as they were shown.

A name that no element has is still understood when it is close to one name and to no other, and so is a
role of the same kind: a small policy that misspells what it copied means what it nearly wrote.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from core.actions import Target
from core.checks import fold
from core.errors import ActionError
from core.types import Element

_CLOSE = 0.75  # difflib's ratio from which a name may be meant …
_CLEAR = 0.1  # … and by how much it must be closer than the next
_KINDS = (
    {"textbox", "searchbox", "combobox", "spinbutton"},
    {"link", "button", "tab", "menuitem"},
    {"checkbox", "switch"},
)
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
    meant = None if found else _meant(target, elements)
    if meant is not None:
        return meant
    raise ActionError(_nearest(target, elements, len(found)))


def closest(wanted: str, names: Sequence[str]) -> int | None:
    """The index of the one name that `wanted` clearly comes close to, if there is one."""
    matcher = difflib.SequenceMatcher(b=fold(wanted), autojunk=False)
    ratios: dict[str, tuple[float, int]] = {}
    for index, name in enumerate(names):
        matcher.set_seq1(fold(name))
        if matcher.real_quick_ratio() >= _CLOSE - _CLEAR and matcher.quick_ratio() >= _CLOSE - _CLEAR:
            ratios.setdefault(fold(name), (matcher.ratio(), index))
    ranked = sorted(ratios.values(), reverse=True)
    if not ranked or ranked[0][0] < _CLOSE or (len(ranked) > 1 and ranked[0][0] - ranked[1][0] < _CLEAR):
        return None
    return ranked[0][1]


def _meant(target: Target, elements: Sequence[Element]) -> Element | None:
    """The interactive element of this kind whose name is clearly the closest."""
    kind = next((kind for kind in _KINDS if target.role in kind), {target.role})
    able = [e for e in elements if e.interactive and e.name and e.role in kind]
    able.sort(key=lambda e: e.role != target.role)
    index = closest(target.name, [e.name[:_SHOWN] for e in able])
    return None if index is None else able[index]


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
