"""TRL's settings that its documentation names for speed, and the search for the fastest of them on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from textwrap import shorten
from typing import Any

from core.errors import InfrastructureError

Setting = dict[str, Any]

START: Setting = {
    "per_device_train_batch_size": 8,
    "generation_batch_size": None,  # as many rows as an optimizer step takes
    "model.attn_implementation": "sdpa",
    "model.use_kernels": False,
    "bf16": False,
    "torch_compile": False,
    "gradient_checkpointing": False,
    "use_liger_kernel": False,
}
GROUPS: tuple[tuple[Setting, ...], ...] = (
    tuple({"model.attn_implementation": name} for name in ("eager", "flash_attention_2")),
    tuple({"per_device_train_batch_size": rows} for rows in (4, 16)),
    ({"use_liger_kernel": True}, {"model.use_kernels": True}),
    # The fewest rows that TRL lets a generation batch have, to whose longest prompt the others are padded.
    tuple({"generation_batch_size": 8, "per_device_train_batch_size": rows} for rows in (4, 8)),
    ({"bf16": True},),
    ({"torch_compile": True},),
)


@dataclass
class Outcome:
    """A setting of TRL's and the seconds that an update took with it, or why there are none."""

    setting: Setting
    seconds: list[float] = field(default_factory=list)
    warm_up: list[float] = field(default_factory=list)
    reason: str = ""

    @property
    def measured(self) -> bool:
        return not self.reason

    def told(self) -> str:
        if self.measured:
            return f"{median(self.seconds):.2f} s ({min(self.seconds):.2f} to {max(self.seconds):.2f})"
        return shorten(self.reason, 120, placeholder=" …")


Attempt = Callable[[Setting, float], Outcome]


def search(attempt: Attempt, start: Setting, groups: Sequence[Sequence[Setting]]) -> tuple[Outcome, list[Outcome]]:
    """The fastest setting, each group's alternatives being changes to the fastest so far; and all that were tried.

    `attempt` gets a setting and the seconds of the best so far; raises `InfrastructureError` when `start` fails.
    """
    best = attempt(start, float("inf"))
    tried = [best]
    if not best.measured:
        raise InfrastructureError(f"TRL cannot train with {words(start)}: {best.reason}")
    for group in groups:
        outcomes = [attempt(best.setting | change, median(best.seconds)) for change in group]
        tried += outcomes
        best = min((one for one in (best, *outcomes) if one.measured), key=lambda one: median(one.seconds))
    return best, tried


def words(setting: Setting) -> str:
    """A setting in few words."""
    parts = [
        "bf16" if setting["bf16"] else "fp32",
        setting["model.attn_implementation"],
        f"batches of {setting['per_device_train_batch_size']}",
    ]
    if setting["generation_batch_size"]:
        parts.append(f"generation batches of {setting['generation_batch_size']}")
    names = {
        "gradient_checkpointing": "gradient checkpointing",
        "torch_compile": "compiled",
        "use_liger_kernel": "Liger",
        "model.use_kernels": "Hub kernels",
    }
    return ", ".join(parts + [name for key, name in names.items() if setting[key]])
