"""A checkpoint folder: weights and the trainer's own state.

The weights are a whole model in Hugging Face format with its tokenizer's files, or an adapter as peft writes it.

Written beside its place, synced, then renamed: a folder that is there is whole.
"""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from core.errors import RunDirectoryError, StorageFault

STATE_FILE = "trainer.pt"
FORMAT = 1
_WEIGHTS = ("*.safetensors", "*.safetensors.index.json", "*.bin", "*.bin.index.json", "*.pt", "*.pth")
_WRITTEN_BY_MODEL = ("config.json", "generation_config.json")


def save(directory: Path, write_weights: Callable[[Path], None], state: Mapping[str, Any]) -> None:
    """Write weights and `state` as `directory`, replacing it; raises `StorageFault`.

    `write_weights` fills a folder. A half-written folder of an earlier, killed attempt is removed.
    """
    partial = directory.with_name(f".{directory.name}.partial")
    replaced = directory.with_name(f".{directory.name}.replaced")
    try:
        for leftover in (partial, replaced):
            shutil.rmtree(leftover, ignore_errors=True)
        partial.mkdir(parents=True)
        write_weights(partial)
        buffer = io.BytesIO()  # torch reports a full disk as a RuntimeError; a plain write says what it is
        torch.save({"format": FORMAT, **state}, buffer)
        (partial / STATE_FILE).write_bytes(buffer.getvalue())
        for path in [*partial.iterdir(), partial]:
            _sync(path)
        if directory.exists():
            directory.rename(replaced)
        partial.rename(directory)
        _sync(directory.parent)
        shutil.rmtree(replaced, ignore_errors=True)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise StorageFault(f"the checkpoint '{directory}' could not be written: {error}") from error


def write_model(model: Any, source: Path, folder: Path, weights: dict[str, Any] | None = None) -> None:
    """A whole model, and every small file that lies beside the weights in `source`: tokenizer, template, licence.

    `weights` are the model's where `model` holds but a share of them.
    """
    model.save_pretrained(folder, state_dict=weights)
    for path in sorted(source.iterdir()):
        heavy = any(path.match(pattern) for pattern in _WEIGHTS)
        if path.is_file() and not heavy and path.name not in _WRITTEN_BY_MODEL:
            shutil.copyfile(path, folder / path.name)


def load_state(directory: Path) -> dict[str, Any]:
    """The trainer's state in a checkpoint; raises `RunDirectoryError`."""
    path = directory / STATE_FILE
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise RunDirectoryError(f"'{directory}' is not a checkpoint: it has no {STATE_FILE}") from None
    except Exception as error:  # a damaged file surfaces as any of a dozen kinds
        raise RunDirectoryError(f"'{path}' cannot be read: {error}") from error
    if state.get("format") != FORMAT:
        raise RunDirectoryError(f"'{path}' has format {state.get('format')}, this version reads {FORMAT}")
    return state


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
