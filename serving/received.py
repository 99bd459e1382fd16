"""Pictures in requests: data URLs alone, small enough and whole; nothing is ever fetched on a client's word."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
from typing import Any

from core.types import ImageRef
from serving.refusals import Refusal, invalid, unsupported

MAX_PIXELS = 8_000_000
_FORMATS = {"image/webp": "WEBP", "image/png": "PNG", "image/jpeg": "JPEG"}


def picture(name: str, part: dict[str, Any]) -> tuple[ImageRef, bytes]:
    """The picture of an `image_url` part, `{"type": "image_url", "image_url": {"url": "data:…"}}`; raises `Refusal`."""
    given = part.get("image_url")
    if not isinstance(given, dict) or not isinstance(given.get("url"), str):
        raise invalid(name, 'a picture, {"type": "image_url", "image_url": {"url": "data:image/png;base64,…"}}')
    if given.get("detail", "auto") not in ("auto", None):
        raise unsupported(f"{name}.image_url.detail", "the model says how large pictures are, so it stays at 'auto'")
    url = given["url"]
    head, comma, content = url.partition(",")
    kind, _, encoding = head.removeprefix("data:").partition(";")
    if not url.startswith("data:"):
        raise unsupported(name, "pictures are not fetched from anywhere; send this one in a data: URL")
    if not comma or encoding.lower() != "base64" or kind.lower() not in _FORMATS:
        raise invalid(name, f"a data: URL in base64 of {', '.join(_FORMATS)}")
    try:
        data = base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid(name, f"base64 ({error})") from error
    width, height = _size(name, data, _FORMATS[kind.lower()])
    digest = hashlib.sha256(data).hexdigest()
    return ImageRef(sha256=digest, width=width, height=height, media_type=kind.lower()), data


def _size(name: str, data: bytes, kind: str) -> tuple[int, int]:
    """Width and height in pixels of a picture that can be read to its end."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=(kind,)) as image:
            width, height = image.size
            if width * height <= MAX_PIXELS:
                image.load()
    except Exception as error:  # decoders meet broken files with exceptions of every kind
        raise invalid(name, f"a whole {kind} picture ({error})") from error
    if width * height > MAX_PIXELS:
        raise Refusal(
            400,
            f"'{name}' is a picture of {width} by {height} pixels; {MAX_PIXELS} at most are taken",
            code="picture_too_large",
            param=name,
        )
    return width, height
