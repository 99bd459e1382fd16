"""Low-rank adapters (LoRA, arXiv 2106.09685) through peft: what is trained when the base weights stay as they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from core.config import TrainingConfig
from core.errors import ConfigError, RunDirectoryError
from core.loading import quietly
from training.group import Group

_BLOCKS = re.compile(r"^model\.(language_model\.)?layers\.\d+\.")  # of the language model, not of a vision tower


def add(model: Any, base: Path, config: TrainingConfig, *, seed: int) -> Any:
    """The `PeftModel` around `model`, whose linear layers are extended in place; only the new weights are trained.

    An untrained adapter changes nothing. Its weights are float32 whatever the model's are. `base` is the folder that
    the adapter names as its base. Raises `ConfigError` when `config.lora_targets` are no layers of the model.
    """
    from peft import LoraConfig, TaskType, get_peft_model

    with torch.random.fork_rng(devices=[]), quietly():
        torch.manual_seed(seed)
        settings = LoraConfig(
            task_type=TaskType.CAUSAL_LM,
            r=config.lora_rank,
            lora_alpha=config.lora_alpha or 2 * config.lora_rank,
            target_modules=_targets(model, config.lora_targets),
            base_model_name_or_path=str(base.resolve()),
        )
        adapted: Any = get_peft_model(model, settings)
    for parameters in adapted.peft_config.values():
        parameters.base_model_name_or_path = str(base.resolve())  # peft puts there what transformers remembers
    adapted.eval()
    return adapted


def write(adapted: Any, folder: Path, weights: dict[str, Any] | None = None) -> None:
    """`adapter_config.json` and `adapter_model.safetensors`, as peft and vLLM read them.

    `weights` are the adapter's where `adapted` holds but a share of them.
    """
    adapted.save_pretrained(str(folder), state_dict=weights)
    (folder / "README.md").unlink(missing_ok=True)  # a model card full of blanks


def read(adapted: Any, folder: Path, group: Group) -> None:
    """Take an adapter's weights from a folder that `write` filled; raises `RunDirectoryError`."""
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    path = folder / "adapter_model.safetensors"
    try:
        found: Any = set_peft_model_state_dict(adapted, group.taken(load_file(path)))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise RunDirectoryError(f"the adapter '{path}' cannot be read: {error}") from error
    if found.unexpected_keys:
        raise RunDirectoryError(f"the adapter '{path}' does not fit the model: it has '{found.unexpected_keys[0]}'")


def merged(model: Any, folder: Path) -> Any:
    """The model with an adapter's weights added into its own; raises `ConfigError` when they do not fit."""
    from peft import PeftModel

    try:
        with quietly():
            return PeftModel.from_pretrained(model, str(folder)).merge_and_unload()
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ConfigError(f"the adapter '{folder}' cannot be added to the model: {error}") from error


def _targets(model: Any, wanted: tuple[str, ...]) -> str:
    """A pattern of the language model's linear layers, or of those of them whose names end in one of `wanted`."""
    linear = {
        name.rpartition(".")[2]
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and _BLOCKS.match(name)
    }
    missing = set(wanted) - linear
    if missing or not linear:
        raise ConfigError(
            f"training.lora_targets: the model has no linear layer '{min(missing, default='')}'; there are"
            f" {', '.join(sorted(linear)) or 'none'}"
        )
    names = "|".join(re.escape(name) for name in sorted(set(wanted) or linear))
    return rf"model\.(language_model\.)?layers\.\d+\..*\.({names})"
