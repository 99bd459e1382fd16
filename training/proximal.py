"""The weights before an update as a policy of their own: what an update is measured from when its rows are stale.

An asynchronous run trains on what older weights sampled. Decoupled PPO (AReaL, arXiv 2505.24298, section 5.2) keeps
two things apart: the ratio that is clipped is against the *proximal* policy, the weights that the update begins
with, so that no token starts out clipped for its age; and a factor π_proximal/π_rollout, truncated, corrects for the
age, and for a server that computes a little differently. The factor is constant during the update, so it goes
into the advantages, and the losses need not know of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from core.types import TrainingRow
from training import batches, losses
from training.group import Group


def logprobs(
    model: Any, rows: Sequence[TrainingRow], budget: int, *, share: bool, group: Group | None = None
) -> list[list[float]]:
    """The model's log-probabilities of each row's trained tokens, 0 elsewhere, in the length of its `input_ids`."""
    values = [[0.0] * len(row.input_ids) for row in rows]
    places = [(place for place, trained in enumerate(row.loss_mask) if trained) for row in rows]
    blank = [with_logprobs(row, zeros) for row, zeros in zip(rows, values, strict=True)]
    group = group or Group(torch.device("cpu"))
    with torch.no_grad():
        for batch, counts in group.portion(blank, budget, share=share):
            found = group.statistics(model, batch).logprobs.tolist()
            for row, value in zip(batch.rows.tolist(), found, strict=True) if counts else ():
                values[row][next(places[row])] = value
    return group.joined(values)


def with_logprobs(row: TrainingRow, values: Sequence[float]) -> TrainingRow:
    """The row as if it had been sampled with these log-probabilities."""
    return row.model_copy(update={"rollout_logprobs": tuple(values)})


def decouple(
    rows: Sequence[TrainingRow], proximal: Sequence[Sequence[float]], cap: float, *, sequences: bool
) -> tuple[list[TrainingRow], dict[str, float]]:
    """The rows anchored at `proximal`, their advantages times min(π_proximal/π_rollout, cap), and the metrics of it.

    With `sequences` the factor is, as the ratio is, a turn's; otherwise a token's. A row that nobody sampled
    has a factor of 1.
    """
    made: list[TrainingRow] = []
    weights: list[Tensor] = []
    capped: list[Tensor] = []
    drift: list[Tensor] = []
    for row, present in zip(rows, proximal, strict=True):
        trained = [place for place, on in enumerate(row.loss_mask) if on]
        new = torch.tensor([present[place] for place in trained], dtype=torch.float64)
        old = new if not row.rollout_logprobs else new.new_tensor([row.rollout_logprobs[place] for place in trained])
        turns = torch.tensor([batches.turn_of(row, place) for place in trained]) if sequences else None
        factor, held = losses.importance_weights(new, old, cap, turns)
        weights.append(factor)
        capped.append(held)
        drift.append(losses.mismatch_kl(new, old))
        advantages = list(row.advantages)
        for place, weight in zip(trained, factor.tolist(), strict=True):
            advantages[place] *= weight
        made.append(with_logprobs(row, present).model_copy(update={"advantages": tuple(advantages)}))
    every = torch.cat(weights)
    return made, {
        "importance_mean": every.mean().item(),
        "importance_max": every.max().item(),
        "truncated_share": torch.cat(capped).double().mean().item(),
        "mismatch_kl": torch.cat(drift).mean().item(),
    }
