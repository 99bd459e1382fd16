"""Pictures as a vision-language model takes them: a run of tokens in the prompt, and patches for its vision tower.

Who acts and who trains both go through here, so that the same bytes always become the same numbers. Pictures are
scaled and cut up with Pillow by transformers' own processor, whatever other backend is installed.
"""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from core.errors import ModelFault, UserError
from core.types import ImageRef

if TYPE_CHECKING:
    from torch import Tensor

FAMILIES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl")

LoadImage = Callable[[ImageRef], bytes | None]
"""A picture's bytes; None when it is gone."""


class Pixels(NamedTuple):
    """Some pictures, in order, as the vision tower takes them."""

    patches: Tensor  # (patches of all of them, numbers of a patch) float32
    grid: Tensor  # (pictures, 3) int64: frames (1), rows and columns of patches


def is_vision(folder: Path) -> bool:
    """Whether the model in a folder is a vision-language model of a known family; others read text at best."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False  # whoever loads it says what is wrong
    return isinstance(config, dict) and config.get("model_type") in FAMILIES


def unwritable(config: Any) -> tuple[int, ...]:
    """Tokens that only ever stand for pictures and films, of a model's configuration."""
    films = getattr(config, "video_token_id", None)
    return (int(config.image_token_id),) if films is None else (int(config.image_token_id), int(films))


class Pictures:
    """How one model sees. `load` finds the bytes that an `ImageRef` names.

    `image_token` stands for a piece of a picture in prompts; `unwritable` are the tokens that only ever stand for
    pictures and films: they are no part of the distribution that a policy writes from. Raises `UserError` when the
    folder lacks what says how pictures are prepared.
    """

    def __init__(self, folder: Path, load: LoadImage) -> None:
        from transformers import AutoImageProcessor

        try:
            reader: Any = AutoImageProcessor
            self._processor: Any = reader.from_pretrained(folder, backend="pil")
        except (OSError, ValueError, ImportError) as error:
            raise UserError(
                f"'{folder}' does not say how its model sees (preprocessor_config.json): {error}"
            ) from error
        config = SimpleNamespace(**json.loads((folder / "config.json").read_text(encoding="utf-8")))
        self.image_token = int(config.image_token_id)
        self.unwritable = unwritable(config)
        self.load = load

    def image_tokens(self, image: ImageRef) -> int:
        """The tokens that a picture takes in a prompt, by its size alone; raises `ModelFault` for an odd shape."""
        try:
            patches = self._processor.get_number_of_image_patches(image.height, image.width, {})
        except (ValueError, ZeroDivisionError) as error:
            raise ModelFault(
                f"the model cannot be shown a picture of {image.width} by {image.height}: {error}"
            ) from error
        return int(patches) // int(self._processor.merge_size) ** 2

    def expand(self, ids: Sequence[int], images: Sequence[ImageRef]) -> list[int]:
        """A prompt with one token for each picture, as templates write it, with as many as each of them takes."""
        if ids.count(self.image_token) != len(images):
            raise ModelFault(
                f"the chat template has places for {ids.count(self.image_token)} of {len(images)} pictures"
            )
        counts = iter([self.image_tokens(image) for image in images])
        expanded: list[int] = []
        for token in ids:
            expanded += [token] * (next(counts) if token == self.image_token else 1)
        return expanded

    def check(self, ids: Sequence[int], images: Sequence[ImageRef]) -> None:
        """Raise `ModelFault` unless the prompt has a run of image tokens for each picture, of the right length."""
        runs = [len(list(run)) for token, run in itertools.groupby(ids) if token == self.image_token]
        wanted = [self.image_tokens(image) for image in images]
        if runs != wanted:
            raise ModelFault(f"a prompt has runs of {runs} image tokens, but its pictures take {wanted}")

    def pixels(self, images: Sequence[ImageRef], load: LoadImage | None = None) -> Pixels | None:
        """What the vision tower gets for these pictures, None for none; raises `ModelFault` for one that is gone.

        With `load`, they are found there.
        """
        if not images:
            return None
        opened = [_opened(image, (load or self.load)(image)) for image in images]
        found = self._processor(images=opened, return_tensors="pt")
        return Pixels(found["pixel_values"], found["image_grid_thw"])


def _opened(image: ImageRef, data: bytes | None) -> Any:
    """The picture for the processor; raises `ModelFault` unless it is what the reference says."""
    from PIL import Image

    if data is None:
        raise ModelFault(f"the picture {image.sha256} that the model was to be shown is not there")
    try:
        with Image.open(io.BytesIO(data)) as picture:
            decoded = picture.convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise ModelFault(f"the picture {image.sha256} cannot be read: {error}") from error
    if decoded.size != (image.width, image.height):
        raise ModelFault(f"the picture {image.sha256} is not of {image.width} by {image.height} but {decoded.size}")
    return decoded


def joined(pixels: Sequence[Pixels | None]) -> Pixels | None:
    """The pictures of several prompts as those of a batch."""
    import torch

    some = [one for one in pixels if one is not None]
    if not some:
        return None
    return Pixels(torch.cat([one.patches for one in some]), torch.cat([one.grid for one in some]))


def positions(model: Any, ids: Tensor, mask: Tensor, grid: Tensor | None) -> tuple[Tensor, Tensor]:
    """Where each token of (rows, length) stands in time, height and width: (3, rows, length).

    `mask` is 1 where a token counts, 0 for padding on either side; `grid` is that of the pictures of all rows. The
    second tensor, (rows, 1), is added to the number of tokens before it to get the place of a token that follows.
    """
    kinds = (ids == model.config.image_token_id).int()
    found: tuple[Tensor, Tensor] = model.model.get_rope_index(
        input_ids=ids, mm_token_type_ids=kinds, image_grid_thw=grid, attention_mask=mask
    )
    return found
