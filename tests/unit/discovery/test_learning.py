"""What counts for an update: successes that parted from failures count when they did nothing idle."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from core.config import TrainingConfig
from core.types import Task
from discovery.learning import rewards
from discovery.practice import Group
from memory.trajectories import Summary

CONFIG = TrainingConfig(group_size=4, probes=2, branching=True)


def group(*attempts: tuple[float | None, int], known: int = 3) -> Group:
    """Attempts as (value, steps) at a task that three actions are enough for."""
    members = tuple(
        Summary(f"0001-0-{at}", 1, "train", "form", "t", "0001-0", 0, "answered", "", steps, 0.0, 0.0, value)
        for at, (value, steps) in enumerate(attempts)
    )
    return Group("0001-0", Task(id="t", instruction="do it", start_url="/", steps=known), members)


@pytest.mark.parametrize(
    ("given", "counted"),
    [
        (group((0.0, 3), (0.0, 5), (1.0, 4), (1.0, 3)), [0.0, 0.0, None, 1.0]),
        (group((0.0, 3), (1.0, 5), (1.0, 4), (1.0, 3)), [0.0, 1.0, 1.0, 1.0]),
        (group((0.0, 3), (0.0, 5), (0.0, 4), (None, 3)), [0.0, 0.0, 0.0, None]),
        (group((0.0, 3), (0.0, 5), (1.0, 4), known=0), [0.0, 0.0, 1.0]),
    ],
)
def test_a_success_with_idle_steps_counts_only_where_nothing_forced_them(
    given: Group, counted: Sequence[float | None]
) -> None:
    assert rewards(given, CONFIG) == counted
    assert rewards(given, CONFIG.model_copy(update={"branching": False})) == given.rewards
