"""What a model folder says of its model: kind, size and shape, from config.json and the headers of its weights."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from core.errors import ConfigError
from core.types import Record
from core.vision import is_vision

_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
_BLOCK = re.compile(r"(?:^|\.)layers\.(\d+)\.(.*)\.weight$")
_TOWER = re.compile(r"(?:^|\.)(visual|vision\w*)\.")


class Linear(Record):
    """A linear layer of the language model's blocks, such as `q_proj`: its last name and its two widths."""

    name: str
    inputs: int
    outputs: int


class Tower(Record):
    """The part that sees: its blocks, and how many pixels make a patch and patches a token."""

    blocks: int
    hidden: int
    intermediate: int
    patch: int
    merge: int

    def tokens(self, width: int, height: int) -> int:
        """Tokens of a picture in a prompt, its sides rounded to whole tokens; limits of the processor left out."""
        side = self.patch * self.merge
        return max(1, round(width / side)) * max(1, round(height / side))


class ModelFacts(Record):
    """Sizes are numbers of elements. `parameters` counts shared weights once; `stored` are bytes on the disk.

    `linear` are the layers that adapters may extend, one for each block; `largest_block` is the parameters of one.
    """

    folder: str
    kind: str
    parameters: int
    stored: int
    blocks: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    context: int
    largest_block: int
    normed_heads: bool
    sees: bool
    linear: tuple[Linear, ...]
    tower: Tower | None = None

    @property
    def queries(self) -> int:
        """Width of a block's queries."""
        return self.heads * self.head_size

    @property
    def keys(self) -> int:
        """Width of a block's keys, and of its values."""
        return self.kv_heads * self.head_size

    def adapter(self, rank: int, targets: Sequence[str] = ()) -> int:
        """Parameters of a low-rank adapter; raises `ConfigError` for a target that is none of the linear layers."""
        names = {layer.name for layer in self.linear}
        if missing := set(targets) - names:
            raise ConfigError(
                f"training.lora_targets: the model has no linear layer '{min(missing)}'; there are"
                f" {', '.join(sorted(names)) or 'none'}"
            )
        return sum(rank * (one.inputs + one.outputs) for one in self.linear if not targets or one.name in targets)


def read(folder: Path) -> ModelFacts:
    """Read a folder, of its weights the headers alone; raises `ConfigError` where it does not hold a whole model."""
    told = _json(folder / "config.json")
    text = told.get("text_config")
    text = text if isinstance(text, dict) else told
    shapes = dict(_shapes(folder))
    if told.get("tie_word_embeddings", text.get("tie_word_embeddings", False)):
        shapes = {name: shape for name, shape in shapes.items() if not name.endswith("lm_head.weight")}
    blocks: dict[int, int] = {}
    linear: list[Linear] = []
    for name, (shape, _) in shapes.items():
        if _TOWER.search(name) or (found := _BLOCK.search(name)) is None:
            continue
        blocks[int(found[1])] = blocks.get(int(found[1]), 0) + _count(shape)
        if len(shape) == 2 and ".experts." not in name:
            linear.append(Linear(name=found[2].rpartition(".")[2], inputs=shape[1], outputs=shape[0]))
    try:
        heads = int(text["num_attention_heads"])
        return ModelFacts(
            folder=str(folder),
            kind=str(told.get("model_type", "unknown")),
            parameters=sum(_count(shape) for shape, _ in shapes.values()),
            stored=sum(_count(shape) * size for shape, size in shapes.values()),
            blocks=int(text["num_hidden_layers"]),
            hidden=int(text["hidden_size"]),
            intermediate=int(text.get("intermediate_size") or 4 * int(text["hidden_size"])),
            heads=heads,
            kv_heads=int(text.get("num_key_value_heads") or heads),
            head_size=int(text.get("head_dim") or int(text["hidden_size"]) // heads),
            vocabulary=int(text["vocab_size"]),
            context=int(text.get("max_position_embeddings") or 0),
            largest_block=max(blocks.values(), default=0),
            normed_heads=any(name.endswith("q_norm.weight") for name in shapes),
            sees=is_vision(folder),
            linear=tuple(linear),
            tower=_tower(told),
        )
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise ConfigError(f"'{folder / 'config.json'}' does not describe a causal language model: {error!r}") from error


def _tower(told: dict[str, Any]) -> Tower | None:
    vision = told.get("vision_config")
    if not isinstance(vision, dict):
        return None
    # Qwen2-VL calls the tower's own width embed_dim, and hidden_size what it hands on.
    hidden = int(vision.get("embed_dim") or vision["hidden_size"])
    return Tower(
        blocks=int(vision["depth"]),
        hidden=hidden,
        intermediate=int(vision.get("intermediate_size") or hidden * float(vision.get("mlp_ratio") or 4)),
        patch=int(vision["patch_size"]),
        merge=int(vision["spatial_merge_size"]),
    )


def _shapes(folder: Path) -> Iterator[tuple[str, tuple[tuple[int, ...], int]]]:
    """Name, shape and bytes per element of every tensor."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        named = _json(index).get("weight_map")
        files = sorted({str(name) for name in named.values()}) if isinstance(named, dict) else []
    else:
        files = sorted(path.name for path in folder.glob("*.safetensors"))
    if not files:
        raise ConfigError(f"'{folder}' holds no weights (*.safetensors); download the model whole")
    for name in files:
        path = folder / Path(name).name
        try:
            with safe_open(path, "np") as weights:
                for key in weights.keys():  # noqa: SIM118 - not a dictionary
                    part = weights.get_slice(key)
                    yield key, (tuple(part.get_shape()), _BYTES.get(str(part.get_dtype()), 1))
        except (OSError, SafetensorError) as error:
            raise ConfigError(f"the weights '{path}' cannot be read: {error}; download the model again") from error


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"'{path}' cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"'{path}' cannot be read: it is not a JSON object")
    return found


def _count(shape: Sequence[int]) -> int:
    total = 1
    for size in shape:
        total *= size
    return total
