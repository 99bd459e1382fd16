"""What a message is in OpenAI's words: its text, or pictures as data URLs and then the text."""

from __future__ import annotations

import base64
from typing import Any

from core.errors import ModelFault
from core.types import Message
from core.vision import LoadImage


def content(message: Message, load_image: LoadImage | None, *, name: str) -> str | list[dict[str, Any]]:
    """Text alone as it is; with pictures, the parts: first the pictures, then the text.

    `name` is what messages call the model; raises `ModelFault` when a picture is not there.
    """
    # Half a surrogate pair, which pages may contain, cannot be sent.
    text = message.content.encode("utf-8", "replace").decode("utf-8")
    if not message.images:
        return text
    parts: list[dict[str, Any]] = []
    for image in message.images:
        data = load_image(image) if load_image else None
        if data is None:
            raise ModelFault(f"the picture {image.sha256} that {name} was to be shown is not there")
        url = f"data:{image.media_type};base64,{base64.b64encode(data).decode()}"
        parts.append({"type": "image_url", "image_url": {"url": url}})
    return [*parts, {"type": "text", "text": text}]
