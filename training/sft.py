"""Imitation of (prompt tokens, output tokens) pairs: the warm start, through the trainer's own step."""

from __future__ import annotations

import math
from collections.abc import Sequence

from core.types import TrainingRow
from training.trainer import Trainer

Pair = tuple[Sequence[int], Sequence[int]]

_MEANINGFUL = ("updated", "repeated", "steps", "skipped_steps", "tokens", "loss", "nll", "entropy", "grad_norm")


def rows(pairs: Sequence[Pair]) -> list[TrainingRow]:
    """A row for each pair; its output tokens weigh 1. Pairs without an output are left out."""
    return [
        TrainingRow(
            input_ids=(*prompt, *output),
            loss_mask=(False,) * len(prompt) + (True,) * len(output),
            rollout_logprobs=(0.0,) * (len(prompt) + len(output)),
            advantages=(0.0,) * len(prompt) + (1.0,) * len(output),
            rollout_id=f"pair-{index}",
        )
        for index, (prompt, output) in enumerate(pairs)
        if output
    ]


def imitate(
    trainer: Trainer,
    pairs: Sequence[Pair],
    *,
    batch_id: str,
    epochs: int = 1,
    batch_size: int = 32,
    learning_rate: float | None = None,
) -> dict[str, float]:
    """Minimise the negative log-likelihood per output token over `epochs` passes of `batch_size` pairs a step.

    Counts as one update of the trainer. Nothing was sampled, so the metrics about rollouts are left out.
    """
    training_rows = rows(pairs)
    metrics = trainer.optimise(
        training_rows,
        "imitation",
        batch_id=batch_id,
        epochs=epochs,
        minibatches=max(1, math.ceil(len(training_rows) / batch_size)),
        learning_rate=learning_rate,
    )
    return {key: metrics[key] for key in _MEANINGFUL if key in metrics}
