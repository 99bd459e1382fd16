"""Sampling for learnability (arXiv 2408.15099): tasks in proportion to p(1 − p), p how often they go right.

The paper measures p by trial runs. Here an attempt is dear, so p is estimated from the attempts that were made
anyway, those at the task itself, at its topic (the same control or fact on other records) and at its family,
each level leaning on the one above it by as many attempts as `_LEAN`; a family without attempts has p = ½.
Older attempts fade, because the policy learns. A `uniform_share` of the draws takes any task, so that none dies.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

from core.config import SamplerConfig
from core.errors import UserError
from core.types import Task

_LEAN = 4.0  # attempts
_FADING = 0.8  # a batch


class LearnabilitySampler:
    """A `TaskSampler`. A batch is what was reported between two calls of `sample`."""

    def __init__(self, config: SamplerConfig) -> None:
        self._config = config
        self._counts: dict[str, tuple[float, float]] = {}  # level and name → successes, attempts
        self._reported = False

    def sample(self, tasks: Sequence[Task], count: int, *, seed: int) -> list[Task]:
        """`count` tasks, none twice before all were drawn; raises `UserError` when there are none."""
        if not tasks:
            raise UserError("there are no tasks to practise; explore the site first or give it more pages")
        if self._reported:
            self._counts = {key: (s * _FADING, n * _FADING) for key, (s, n) in self._counts.items()}
            self._reported = False
        generator = random.Random(seed)
        drawn: list[Task] = []
        while len(drawn) < count:
            # Efraimidis and Spirakis: the largest u^(1/w) are a draw without replacement by the weights w.
            keys = [(math.log(1 - generator.random()) / weight, at) for at, weight in enumerate(self.weights(tasks))]
            drawn += [tasks[at] for _, at in sorted(keys, reverse=True)[: count - len(drawn)]]
        return drawn

    def weights(self, tasks: Sequence[Task]) -> list[float]:
        """The share of each task in a draw of one."""
        learnable = [rate * (1 - rate) for rate in map(self.rate, tasks)]
        total, share = math.fsum(learnable), self._config.uniform_share
        return [(1 - share) * one / total + share / len(tasks) for one in learnable]

    def rate(self, task: Task) -> float:
        """The estimated success rate of a task, never 0 or 1."""
        rate = 0.5
        for key in _levels(task):
            successes, attempts = self._counts.get(key, (0.0, 0.0))
            rate = (successes + _LEAN * rate) / (attempts + _LEAN)
        return rate

    def update(self, task: Task, rewards: Sequence[float], advantages: Sequence[float]) -> None:
        """Note one group's scored attempts; an empty group (all unscored) is no evidence either way."""
        if len(rewards) != len(advantages):
            raise ValueError(f"{len(rewards)} rewards but {len(advantages)} advantages")
        for key in _levels(task) if rewards else ():
            successes, attempts = self._counts.get(key, (0.0, 0.0))
            self._counts[key] = (successes + math.fsum(rewards), attempts + len(rewards))
            self._reported = True

    def state(self) -> dict[str, Any]:
        return {
            "counts": {key: list(pair) for key, pair in sorted(self._counts.items())},
            "reported": self._reported,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self._counts = {str(key): (float(s), float(n)) for key, (s, n) in state["counts"].items()}
        self._reported = bool(state["reported"])


def _levels(task: Task) -> tuple[str, ...]:
    topic = (f"topic {task.family} {task.topic}",) if task.topic else ()
    return (f"family {task.family}", *topic, f"task {task.id}")
