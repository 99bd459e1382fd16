"""Pictures of the page, taken by raw CDP."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable

from PIL import Image
from playwright.async_api import CDPSession

from core.types import ImageRef

Store = Callable[[bytes, int, int], ImageRef]
"""Keeps a WebP image of the given width and height, and names it."""

_QUALITY = 60


async def capture(cdp: CDPSession) -> tuple[bytes, int, int]:
    """The viewport as (WebP bytes, width, height in pixels)."""
    answer = await cdp.send("Page.captureScreenshot", {"format": "webp", "quality": _QUALITY, "optimizeForSpeed": True})
    data = base64.b64decode(answer["data"])
    with Image.open(io.BytesIO(data)) as image:
        return data, image.width, image.height
