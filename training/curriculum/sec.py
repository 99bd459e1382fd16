"""SEC, the self-evolving curriculum (arXiv 2505.14970): a bandit over task families, paid in advantage.

After a batch, r(c) is the mean |A| over the attempts at family c, Q(c) ← (1−α)·Q(c) + α·r(c) from Q = 0,
and a family that was not drawn is pulled towards 0 (r = 0). A family of n tasks is drawn with probability
∝ n·exp(Q/τ), then a task uniformly in it. Our additions: the n, because families differ in size here and
two tasks are soon known by heart; and a `uniform_share` of the draws that takes any task, so that none
dies. With 0/1 rewards and normalised advantages, mean |A| = 2√(p(1−p)), largest at p = ½.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

from core.config import SamplerConfig
from core.errors import UserError
from core.types import Task


class SelfEvolvingSampler:
    """A `TaskSampler`. A batch is what was reported between two calls of `sample`."""

    def __init__(self, config: SamplerConfig) -> None:
        self._config = config
        self._values: dict[str, float] = {}
        self._drawn: set[str] = set()
        self._open: dict[str, tuple[float, int]] = {}  # family → sum of |A|, attempts

    def sample(self, tasks: Sequence[Task], count: int, *, seed: int) -> list[Task]:
        """`count` tasks, none twice before all were drawn; raises `UserError` when there are none."""
        if not tasks:
            raise UserError("there are no tasks to practise; explore the site first or give it more pages")
        self._close_batch()
        generator = random.Random(seed)
        left: dict[str, list[Task]] = {}
        drawn: list[Task] = []
        while len(drawn) < count:
            if not left:
                for task in tasks:
                    left.setdefault(task.family, []).append(task)
            family = self._family({name: len(left[name]) for name in sorted(left)}, generator)
            members = left[family]
            drawn.append(members.pop(generator.randrange(len(members))))
            if not members:
                del left[family]
        self._drawn |= {task.family for task in drawn}
        return drawn

    def update(self, task: Task, rewards: Sequence[float], advantages: Sequence[float]) -> None:
        """Note one group's scored attempts; an empty group (all unscored) is no evidence either way."""
        if len(rewards) != len(advantages):
            raise ValueError(f"{len(rewards)} rewards but {len(advantages)} advantages")
        if advantages:
            total, attempts = self._open.get(task.family, (0.0, 0))
            self._open[task.family] = (total + math.fsum(map(abs, advantages)), attempts + len(advantages))

    def probabilities(self, sizes: Mapping[str, int]) -> dict[str, float]:
        """How likely each family is to be drawn next, after the last closed batch; `sizes` are their tasks."""
        scaled = {family: self._values.get(family, 0.0) / self._config.temperature for family in sizes}
        top = max(scaled.values())
        weights = {family: size * math.exp(scaled[family] - top) for family, size in sizes.items()}
        share, whole, total = self._config.uniform_share, math.fsum(weights.values()), sum(sizes.values())
        return {family: (1 - share) * weights[family] / whole + share * sizes[family] / total for family in sizes}

    def state(self) -> dict[str, Any]:
        return {
            "values": dict(sorted(self._values.items())),
            "drawn": sorted(self._drawn),
            "open": {family: list(pair) for family, pair in sorted(self._open.items())},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self._values = {str(family): float(value) for family, value in state["values"].items()}
        self._drawn = set(state["drawn"])
        self._open = {str(family): (float(total), int(n)) for family, (total, n) in state["open"].items()}

    def _close_batch(self) -> None:
        """Fold what was reported into Q; families drawn of which nothing could be scored stay as they are."""
        if not self._open:
            return
        step = self._config.step_size
        for family in self._values.keys() | self._open.keys():
            if family in self._drawn and family not in self._open:
                continue
            total, attempts = self._open.get(family, (0.0, 1))
            self._values[family] = (1 - step) * self._values.get(family, 0.0) + step * total / attempts
        self._open = {}
        self._drawn = set()

    def _family(self, sizes: Mapping[str, int], generator: random.Random) -> str:
        chances = self.probabilities(sizes)
        return generator.choices(list(chances), list(chances.values()))[0]
