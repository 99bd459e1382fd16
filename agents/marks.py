"""Numbered marks on a screenshot: a box around each element in view that can be used, and its id on a label.

A mark is what `[e12]` in an action means (set-of-mark prompting, arXiv 2310.11441). Marks are drawn after the
picture is scaled, so that labels stay legible. The same picture and elements always give the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from core.errors import EnvironmentFault
from core.types import Element

_QUALITY = 90
_SIZE = 13  # pixels of a label's type
_FAR = 72  # pixels that a label may stand away from its box at most
_CONTRAST = 24  # of 255: what differs by less from its neighbour is background
_INK = 3  # what a hidden pixel of content costs a label, in pixels of another element that it stands on
_AWAY = 4  # what a pixel of distance costs it
_SMALLEST = 3  # pixels: what is smaller cannot be told from a speck
_MARGIN = 2  # pixels between an element and its box, so that the box covers no letters
_UNMARKED = frozenset({"offscreen", "covered", "hidden", "disabled"})
_COLOURS = ((176, 0, 32), (0, 77, 153), (0, 102, 51), (122, 0, 122), (140, 64, 0), (40, 40, 40))

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels; right and bottom are outside


class Marked(NamedTuple):
    """A picture with marks: WebP bytes, its size in pixels, and the ids of the elements that have one, in order."""

    data: bytes
    width: int
    height: int
    ids: tuple[str, ...]


class Mark(NamedTuple):
    """Where the box and the label of one element stand."""

    element: str
    box: Box
    label: Box


def mark(picture: bytes, elements: Sequence[Element], *, width: int) -> Marked:
    """The picture of a viewport, `width` pixels wide at most, with marks on what of `elements` can be used in it.

    One pixel of the picture is one CSS pixel of `Element.bounds`. Raises `EnvironmentFault` for what is no picture.
    """
    try:
        with Image.open(io.BytesIO(picture)) as opened:
            image = opened.convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise EnvironmentFault(f"the picture of the page cannot be read: {error}") from error
    scale = min(1.0, width / image.width)
    if scale < 1.0:
        image = image.resize((width, max(1, round(image.height * scale))), Image.Resampling.LANCZOS)
    marks = place(elements, Ink(image), scale=scale)
    _draw(image, marks)
    written = io.BytesIO()
    image.save(written, "WEBP", quality=_QUALITY, method=2)
    return Marked(written.getvalue(), image.width, image.height, tuple(one.element for one in marks))


class Ink:
    """Where a picture says something: how many of a box's pixels differ from their neighbours."""

    def __init__(self, image: Image.Image) -> None:
        self.width, self.height = image.size
        grey = np.asarray(image.convert("L"), dtype=np.int16)
        said = np.zeros(grey.shape, dtype=np.int32)
        said[:, 1:] |= np.abs(np.diff(grey, axis=1)) > _CONTRAST
        said[1:, :] |= np.abs(np.diff(grey, axis=0)) > _CONTRAST
        self._sums = np.pad(said.cumsum(0).cumsum(1), ((1, 0), (1, 0)))

    def __call__(self, box: Box) -> int:
        left, top, right, bottom = box
        sums = self._sums
        return int(sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left])


def place(elements: Sequence[Element], ink: Ink, *, scale: float = 1.0) -> list[Mark]:
    """The marks of a picture in the order of the elements. All lie inside it, and no two labels overlap.

    Who finds no free place for its label within 72 pixels of its box has no mark at all.
    """
    boxes = [(element.id, box) for element in elements if (box := _box(element, ink, scale)) is not None]
    taken: list[Box] = []
    marks: list[Mark] = []
    for name, box in boxes:
        wide, high = _extent(name)
        near = box[0] - wide - _FAR, box[1] - high - _FAR, box[2] + wide + _FAR, box[3] + high + _FAR
        labels = [other for other in taken if _shared(near, other)]
        others = [other for _, other in boxes if other != box and _shared(near, other)]
        best: tuple[int, Box] | None = None
        for gap, label in _places(box, wide, high, ink.width, ink.height):
            if best is not None and best[0] <= _AWAY * gap:
                break
            if any(_shared(label, other) for other in labels):
                continue
            # A label hides as little as it can of what the page says, and seems to belong to no other element.
            cost = _INK * ink(label) + sum(_shared(label, other) for other in others) + _AWAY * _distance(label, box)
            if best is None or cost < best[0]:
                best = cost, label
        if best is not None:
            taken.append(best[1])
            marks.append(Mark(name, box, best[1]))
    return marks


def _box(element: Element, ink: Ink, scale: float) -> Box | None:
    """The part of an element that is in the picture, with a margin; None where it cannot be used or is not seen."""
    if not element.interactive or element.bounds is None or _UNMARKED & set(element.states):
        return None
    x, y, wide, high = (side * scale for side in element.bounds)
    left, top, right, bottom = round(x), round(y), round(x + wide), round(y + high)
    if min(right, ink.width) - max(left, 0) < _SMALLEST or min(bottom, ink.height) - max(top, 0) < _SMALLEST:
        return None
    return (
        max(0, left - _MARGIN),
        max(0, top - _MARGIN),
        min(ink.width, right + _MARGIN),
        min(ink.height, bottom + _MARGIN),
    )


def _places(box: Box, wide: int, high: int, width: int, height: int) -> Iterator[tuple[int, Box]]:
    """Where a label may stand, the best places first: at the box's corners and sides, then farther and farther off.

    Each with its gap in pixels, which is how far off it is unless the picture's edge keeps it nearer.
    """
    if wide > width or high > height:
        return
    left, top, right, bottom = box
    seen: set[tuple[int, int]] = set()
    for gap in range(0, _FAR + 1, 6):
        rows = (top - high - gap, bottom + gap, top, bottom - high, (top + bottom - high) // 2)
        columns = (left, right - wide, left - wide - gap, right + gap, (left + right - wide) // 2)
        for y in rows:
            for x in columns:
                at = min(max(x, 0), width - wide), min(max(y, 0), height - high)
                if at not in seen:
                    seen.add(at)
                    yield gap, (at[0], at[1], at[0] + wide, at[1] + high)


def _shared(a: Box, b: Box) -> int:
    """Pixels that two boxes have in common."""
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    return wide * high if wide > 0 and high > 0 else 0


def _distance(a: Box, b: Box) -> int:
    """Pixels between two boxes, across and down together; 0 where they touch."""
    return max(0, a[0] - b[2], b[0] - a[2]) + max(0, a[1] - b[3], b[1] - a[3])


@cache
def _font() -> Any:
    return ImageFont.load_default(_SIZE)


@cache
def _extent(name: str) -> tuple[int, int]:
    """Width and height of a label; all are of the same height."""
    return round(_font().getlength(name)) + 5, _SIZE + 2


def _draw(image: Image.Image, marks: Sequence[Mark]) -> None:
    """Boxes first, so that none crosses out a label."""
    draw = ImageDraw.Draw(image)
    coloured = [(one, _COLOURS[index % len(_COLOURS)]) for index, one in enumerate(marks)]
    for one, colour in coloured:
        left, top, right, bottom = one.box
        draw.rectangle((left, top, right - 1, bottom - 1), outline=colour, width=2)
        if _distance(one.label, one.box) > 0:
            draw.line((*_nearest(one.label, one.box), *_nearest(one.box, one.label)), fill=colour, width=1)
    for one, colour in coloured:
        left, top, right, bottom = one.label
        draw.rectangle((left, top, right - 1, bottom - 1), fill=colour)
        middle = (left + right) / 2, (top + bottom) / 2
        draw.text(middle, one.element, fill=(255, 255, 255), font=_font(), anchor="mm")


def _nearest(box: Box, other: Box) -> tuple[int, int]:
    """The point of `box` that is nearest to the middle of `other`."""
    x, y = (other[0] + other[2]) // 2, (other[1] + other[3]) // 2
    return min(max(x, box[0]), box[2] - 1), min(max(y, box[1]), box[3] - 1)
