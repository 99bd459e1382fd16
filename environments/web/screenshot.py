"""Pictures of the page: taken by raw CDP, marked with element numbers on the image, never in the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence

from PIL import Image, ImageDraw, ImageFont
from playwright.async_api import CDPSession

from core.types import Element, ImageRef

Store = Callable[[bytes, int, int], ImageRef]
"""Keeps a WebP image of the given width and height, and names it."""

_QUALITY = 60
_MARK = (200, 30, 60)


async def capture(cdp: CDPSession, *, marks: Sequence[Element] | None = None) -> tuple[bytes, int, int]:
    """The viewport as (WebP bytes, width, height in pixels), with the interactive ones of `marks` numbered."""
    if marks is None:
        answer = await cdp.send(
            "Page.captureScreenshot", {"format": "webp", "quality": _QUALITY, "optimizeForSpeed": True}
        )
        data = base64.b64decode(answer["data"])
        with Image.open(io.BytesIO(data)) as image:
            return data, image.width, image.height
    answer = await cdp.send("Page.captureScreenshot", {"format": "jpeg", "quality": 90, "optimizeForSpeed": True})
    with Image.open(io.BytesIO(base64.b64decode(answer["data"]))) as image:
        marked = mark(image.convert("RGB"), marks)
    written = io.BytesIO()
    marked.save(written, "WEBP", quality=_QUALITY, method=2)
    return written.getvalue(), marked.width, marked.height


def mark(image: Image.Image, elements: Sequence[Element]) -> Image.Image:
    """Boxes around the interactive elements in view, each with its id at a corner where it covers least."""
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(12)
    taken: list[tuple[float, float, float, float]] = []
    for element in elements:
        if not element.interactive or element.bounds is None or {"offscreen", "covered"} & set(element.states):
            continue
        x, y, width, height = element.bounds
        draw.rectangle((x, y, x + width, y + height), outline=_MARK, width=1)
        _, _, wide, high = draw.textbbox((0, 0), element.id, font=font)
        corners = [(x, y - high - 3), (x + width - wide - 4, y - high - 3), (x, y + height), (x + width, y)]
        boxes = [_inside((cx, cy, cx + wide + 4, cy + high + 3), image.width, image.height) for cx, cy in corners]
        box = next((b for b in boxes if not any(_overlap(b, other) for other in taken)), boxes[0])
        taken.append(box)
        draw.rectangle(box, fill=_MARK)
        draw.text((box[0] + 2, box[1]), element.id, fill=(255, 255, 255), font=font)
    return image


def _inside(box: tuple[float, float, float, float], width: int, height: int) -> tuple[float, float, float, float]:
    dx = min(max(-box[0], 0.0), 1e9) - max(box[2] - width, 0.0)
    dy = min(max(-box[1], 0.0), 1e9) - max(box[3] - height, 0.0)
    return box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
