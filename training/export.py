"""A model that other programs can load: the weights after an iteration in Hugging Face format, adapters merged in."""

from __future__ import annotations

import shutil
from pathlib import Path

from core.errors import StorageFault, UserError
from core.loading import weights_kind
from training import checkpoint, lora
from training import model as models


def export(weights: Path, base: Path, target: Path) -> None:
    """Write the model of a checkpoint to `target`, a new folder, whole or not at all; `base` is what it began as.

    The trainer's own state is left out. Raises `UserError` if `target` exists, `StorageFault` if it cannot be written.
    """
    if target.exists():
        raise UserError(f"'{target}' exists already; name a folder that does not")
    if weights_kind(weights) == "adapter":
        model, source = lora.merged(models.load(base), weights), base
    else:
        model, source = models.load(weights), weights
    partial = target.with_name(f".{target.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        checkpoint.write_model(model, source, partial)
        partial.rename(target)
    except OSError as error:
        raise StorageFault(f"'{target}' could not be written: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
