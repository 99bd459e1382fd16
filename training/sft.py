"""Imitation of demonstrations: the warm start, through the trainer's own step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from core.types import TrainingRow

if TYPE_CHECKING:
    from training.trainer import Objective

_MEANINGFUL = ("updated", "repeated", "steps", "skipped_steps", "tokens", "loss", "nll", "entropy", "grad_norm")


@runtime_checkable
class Optimises(Protocol):
    """What imitation asks of a trainer, of one process or of several."""

    def optimise(
        self,
        rows: Sequence[TrainingRow],
        objective: Objective,
        *,
        batch_id: str,
        epochs: int | None = None,
        minibatches: int | None = None,
        learning_rate: float | None = None,
    ) -> dict[str, float]: ...


def imitate(
    trainer: Optimises,
    rows: Sequence[TrainingRow],
    *,
    batch_id: str,
    epochs: int = 1,
    batch_size: int = 32,
    learning_rate: float | None = None,
) -> dict[str, float]:
    """Minimise the negative log-likelihood per trained token over `epochs` passes of `batch_size` rows a step.

    A token's advantage is its weight. Counts as one update of the trainer. Nothing was sampled, so the
    metrics about rollouts are left out.
    """
    metrics = trainer.optimise(
        rows,
        "imitation",
        batch_id=batch_id,
        epochs=epochs,
        minibatches=max(1, math.ceil(len(rows) / batch_size)),
        learning_rate=learning_rate,
    )
    return {key: metrics[key] for key in _MEANINGFUL if key in metrics}
