"""Every task equally likely, none twice before all were drawn: the control of every curriculum."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import UserError
from core.types import Task


class UniformSampler:
    """A `TaskSampler` without memory."""

    def sample(self, tasks: Sequence[Task], count: int, *, seed: int) -> list[Task]:
        """`count` tasks; raises `UserError` when there are none to draw from."""
        if not tasks:
            raise UserError("there are no tasks to practise; explore the site first or give it more pages")
        generator = random.Random(seed)
        drawn: list[Task] = []
        while len(drawn) < count:
            drawn += generator.sample(list(tasks), min(len(tasks), count - len(drawn)))
        return drawn

    def update(self, task: Task, rewards: Sequence[float], advantages: Sequence[float]) -> None:
        """Nothing is learnt."""

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Nothing to restore."""
