"""What the local policy needs for a vision-language model: its chat template, and a decoder with pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from core.errors import UserError
from core.types import ImageRef, Message
from core.vision import LoadImage, Pictures, Pixels, joined, positions
from serving.decoder import left_padded
from serving.disarming import Disarm

_TRIAL = ImageRef(sha256="", width=224, height=224)


class VisionChat:
    """Messages with pictures as token ids, by the model's own chat template.

    Raises `UserError` when the template has no place for pictures.
    """

    def __init__(self, folder: Path, tokenizer: Any, load_image: LoadImage) -> None:
        self.pictures = Pictures(folder, load_image)
        self._tokenizer = tokenizer
        self._template = _template(folder)
        self._disarm = Disarm.of(folder)
        trial = self._written((Message(role="user", content="", images=(_TRIAL,)),))
        if trial.count(self.pictures.image_token) != 1:
            raise UserError(f"the chat template in '{folder}' has no place for pictures; use that of its processor")

    def encode(self, messages: Sequence[Message]) -> list[int]:
        """The prompt's token ids, with as many image tokens as the pictures take; raises `ModelFault`."""
        return self.pictures.expand(self._written(messages), images_of(messages))

    def _written(self, messages: Sequence[Message]) -> list[int]:
        turns = []
        for message in messages:
            text = self._disarm(message.content)
            parts = [*({"type": "image"} for _ in message.images), {"type": "text", "text": text}]
            turns.append({"role": message.role, "content": parts if message.images else text})
        encoded = self._tokenizer.apply_chat_template(
            turns, chat_template=self._template, add_generation_prompt=True, return_dict=True
        )
        return cast(list[int], encoded["input_ids"])


def images_of(messages: Sequence[Message]) -> tuple[ImageRef, ...]:
    """The pictures of a prompt, in the order in which they are shown."""
    return tuple(image for message in messages for image in message.images)


def _template(folder: Path) -> str | None:
    """The processor's own template where it has a file of its own; None: the tokenizer's."""
    path = folder / "chat_template.json"
    if (folder / "chat_template.jinja").is_file() or not path.is_file():
        return None
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["chat_template"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"'{path}' holds no chat template: {error}") from error


class VisionDecoder:
    """A vision-language model of Hugging Face with its own cache; `pixels` are those of each row.

    Rows are padded in front. Tokens stand in three dimensions, and each row's next token stands after the farthest.
    """

    def __init__(self, model: Any, pixels: Sequence[Pixels | None], unwritable: Sequence[int]) -> None:
        self.model = model
        self.cache: Any = None
        self._pixels = pixels
        self._unwritable = list(unwritable)

    def prefill(self, prompts: Sequence[Sequence[int]], room: int) -> Tensor:  # noqa: ARG002 (the cache grows by itself)
        ids, padding = left_padded(prompts)
        self.cache = None
        self.mask = (torch.arange(ids.shape[1])[None] >= padding[:, None]).long()
        pixels = joined(self._pixels)
        where, self._ahead = positions(self.model, ids, self.mask, None if pixels is None else pixels.grid)
        shown = {} if pixels is None else {"pixel_values": pixels.patches, "image_grid_thw": pixels.grid}
        return self._forward(ids, where, **shown)

    def step(self, runs: Sequence[Sequence[int]]) -> Tensor:
        ids, padding = left_padded(runs)
        length = ids.shape[1]
        self.mask = torch.cat([self.mask, (torch.arange(length)[None] >= padding[:, None]).long()], 1)
        where = (self.mask.cumsum(1) - 1).clamp(min=0)[:, -length:] + self._ahead
        return self._forward(ids, where[None].expand(3, -1, -1))

    def keep(self, rows: Tensor) -> None:
        self.mask, self._ahead = self.mask[rows], self._ahead[rows]
        self.cache.batch_select_indices(rows)

    def _forward(self, ids: Tensor, where: Tensor, **shown: Tensor) -> Tensor:
        out = self.model(
            input_ids=ids, attention_mask=self.mask, position_ids=where,
            past_key_values=self.cache, use_cache=True, logits_to_keep=1, **shown,
        )  # fmt: skip
        self.cache = out.past_key_values
        logits: Tensor = out.logits[:, -1].clone()
        logits[:, self._unwritable] = float("-inf")
        return logits
