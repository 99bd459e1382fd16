"""The processes that train one model together, as the trainer sees them; here the usual one, which has no other.

Every process of a group runs the same trainer on the same rows. What differs between them goes through this: which
micro-batches are whose, what is summed over all, and where the whole of a tensor is. `training/sharding` has the
group of several processes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch

from core.types import TrainingRow
from core.vision import Pictures
from training import batches
from training import model as models


class Group:
    """One process on one device; the base of groups of several. `pictures` is how a model that sees does."""

    rank = 0
    pictures: Pictures | None = None

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def place(self, model: Any, *, half: bool) -> None:  # noqa: ARG002 - what travels rounded where there are several
        """Bring the model's weights to where they are computed with; `half` where that is done in bfloat16."""
        model.to(self.device)

    def portion(self, rows: Sequence[TrainingRow], budget: int, *, share: bool) -> Iterator[tuple[batches.Batch, bool]]:
        """This process's micro-batches on its device, and whether each counts: as many for every process."""
        for batch in batches.micro_batches(rows, budget, share=share):
            yield batch.shown(self.pictures).to(self.device), True

    def statistics(self, model: Any, batch: batches.Batch, *, entropy_gradient: bool = False) -> models.TokenStatistics:
        """`model.token_statistics` of a model that was placed here."""
        return models.token_statistics(model, batch, entropy_gradient=entropy_gradient)

    def joined(self, values: list[list[float]]) -> list[list[float]]:
        """What the processes found for a part of the places each, 0 elsewhere."""
        return values

    def totals(self, sums: Mapping[str, float]) -> dict[str, float]:
        """Sums over all processes, the largest of what ends in `_max`; each must have the same keys."""
        return dict(sums)

    def clip(self, parameters: Iterable[torch.nn.Parameter], limit: float) -> float:
        """Scale the gradient down to the norm `limit`; the norm that it had, over all processes."""
        return torch.nn.utils.clip_grad_norm_(parameters, limit).item()

    def weights(self, module: Any, *, only: str = "") -> dict[str, Any] | None:  # noqa: ARG002 - as `place`
        """The whole of the weights whose names hold `only`, in the first process; None where `module` holds it."""
        return None

    def taken(self, weights: dict[str, torch.Tensor], *, but: Iterable[str] = ()) -> dict[str, Any]:  # noqa: ARG002 - too
        """Of whole weights what this process holds; those named in `but` are whole in every one."""
        return weights

    def optimizer_state(self, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
        """The whole state, in the first process."""
        return optimizer.state_dict()

    def load_optimizer(self, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
        """Take up a whole state."""
        optimizer.load_state_dict(state)
