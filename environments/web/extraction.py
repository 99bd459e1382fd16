"""Reads a page into title, visible text and elements: one `evaluate`, plus one per cross-origin frame."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from playwright.async_api import Error, Frame, Page

from core.checks import fold
from core.errors import EnvironmentFault
from core.types import Element

MOST_ELEMENTS = 400
_SCRIPTS = ("hook.js", "naming.js", "locate.js", "tables.js", "extract.js")
_TEXTS = ("role", "name", "value", "href", "input_type", "group", "form", "table", "row", "column", "frame")
_HOLE = "\u0000"
_HOLE_OF = "el => window.__autotelic.parts.holeOf(el)"
_FOREIGN = re.compile(r"f(\d+)")  # f2e7: e7 in the page's second frame of another origin


@dataclass(frozen=True)
class Reading:
    """What one look at a page found. `status` is the HTTP status of the document, 0 where unknown."""

    url: str
    title: str
    text: str
    elements: tuple[Element, ...]
    status: int


@cache
def script() -> str:
    """The code that every document gets before its own: the hook and the reader, installed once."""
    folder = Path(__file__).parent
    parts = [(folder / name).read_text(encoding="utf-8") for name in _SCRIPTS]
    return "(() => { if (window.__autotelic) return;\n" + "\n".join(parts) + "\n})();"


_SETTLE_AND_READ = """async ([settle, most]) => {
  if (!window.__autotelic) return null;
  if (settle) await window.__autotelic.settle(settle);
  return window.__autotelic.parts.observe(most);
}"""


async def evaluate(frame: Frame, expression: str, argument: Any) -> Any:
    """Evaluate in a frame that has our code; documents made without it (a popup's first) are given it."""
    answer = await frame.evaluate(expression, argument)
    if answer is None:
        await frame.evaluate(script())
        answer = await frame.evaluate(expression, argument)
    return answer


async def read(page: Page, settle: dict[str, Any] | None = None) -> Reading:
    """Wait until the page is at rest, then read it.

    Raises Playwright's `Error` when the document goes away, `EnvironmentFault` when it makes no sense.
    """
    try:
        data = await _read_frame(page.main_frame, settle)
        items = data["elements"]
        if any("hole" in item for item in items):
            data["text"], items = await _fill(page.main_frame, data["text"], items, (0.0, 0.0), "", depth=0)
        return Reading(
            url=str(data["url"]),
            title=str(data["title"]),
            text=str(data["text"]),
            elements=elements(items),
            status=int(data["status"] or 0),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # Pages share their world with the code that reads them, and one that breaks it breaks its own picture only.
        raise EnvironmentFault(f"the page spoils how it is read: {error!r:.200}") from error


async def _read_frame(frame: Frame, settle: dict[str, Any] | None) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(await evaluate(frame, _SETTLE_AND_READ, [settle, MOST_ELEMENTS]))
    return data


async def _fill(
    frame: Frame, text: str, items: list[dict[str, Any]], shift: tuple[float, float], prefix: str, *, depth: int
) -> tuple[str, list[dict[str, Any]]]:
    """Put what cross-origin frames hold in the place where they stand."""
    readings: dict[int, tuple[Frame, dict[str, Any]]] = {}
    for child in frame.child_frames if depth < 4 else ():
        try:
            owner = await child.frame_element()
            index = await owner.evaluate(_HOLE_OF)
            if index >= 0:
                readings[index] = (child, await _read_frame(child, None))
        except Error:
            continue  # the frame went away while it was being read: nothing of it is visible any more
    filled: list[dict[str, Any]] = []
    for item in items:
        if "hole" not in item:
            filled.append(item)
            continue
        index = item["hole"]
        if index not in readings:
            continue
        child, data = readings[index]
        moved = (shift[0] + item["at"][0], shift[1] + item["at"][1])
        inner_prefix = f"{prefix}f{index + 1}"
        inner_text, inner = await _fill(child, data["text"], data["elements"], moved, inner_prefix, depth=depth + 1)
        text = text.replace(f"{_HOLE}{index}{_HOLE}", inner_text)
        filled += [_placed(one, inner_prefix, moved, item["frame"]) for one in inner]
    for index in range(sum("hole" in item for item in items)):
        text = text.replace(f"{_HOLE}{index}{_HOLE}", "")
    return text, filled


async def frame_of(page: Page, element_id: str) -> tuple[Frame | None, str]:
    """The frame that an element is reached through, None if it has gone, and the element's id inside it."""
    frame: Frame = page.main_frame
    while found := _FOREIGN.match(element_id):
        element_id = element_id[found.end() :]
        for child in frame.child_frames:
            owner = await child.frame_element()
            if await owner.evaluate(_HOLE_OF) == int(found[1]) - 1:
                frame = child
                break
        else:
            return None, element_id
    return frame, element_id


async def corner(frame: Frame) -> tuple[float, float]:
    """Where a frame's content begins, in the outermost viewport."""
    owner = await frame.frame_element()
    box = await owner.bounding_box()
    inset = await owner.evaluate("el => [el.clientLeft, el.clientTop]")
    return (box["x"] + inset[0], box["y"] + inset[1]) if box else (0.0, 0.0)


def _placed(item: dict[str, Any], prefix: str, shift: tuple[float, float], frame: str) -> dict[str, Any]:
    """An element of a cross-origin frame, with its id made unique and its bounds those of the outer page."""
    if "frame_path" in item:
        return item
    bounds = item.get("bounds")
    if bounds:
        bounds = [round(bounds[0] + shift[0]), round(bounds[1] + shift[1]), *bounds[2:]]
    return {**item, "id": f"{prefix}{item['id']}", "bounds": bounds, "frame": frame, "frame_path": True}


def elements(items: list[dict[str, Any]]) -> tuple[Element, ...]:
    """Typed elements with `nth` counted; pages are untrusted, so every field is made what it should be."""
    counts: dict[tuple[str, str], int] = {}
    found: list[Element] = []
    for item in items[:MOST_ELEMENTS]:
        if "hole" in item:
            continue
        texts = {key: str(item[key]) for key in _TEXTS if item.get(key)}
        kind = (texts.get("role", ""), fold(texts.get("name", "")))
        counts[kind] = counts.get(kind, 0) + 1
        bounds = item.get("bounds")
        found.append(
            Element(
                id=str(item["id"]),
                **texts,
                states=tuple(item.get("states") or ()),
                options=tuple(item.get("options") or ()),
                row_index=item.get("row_index"),
                nth=counts[kind],
                level=item.get("level"),
                bounds=tuple(bounds) if bounds else None,
                interactive=bool(item.get("interactive")),
            )
        )
    return tuple(found)
