"""What is rehearsed: past successes, one of a group, rare ones most and with the largest advantage."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from core.config import TrainingConfig
from core.types import Action, Completion, Observation, Step, Task, Trajectory, Verdict
from discovery import rehearsal
from memory.trajectories import TrajectoryStore

GROUPS = {"rare": "100", "half": "1100", "sure": "111", "never": "000"}


def trajectory(name: str, *, iteration: int, group: str, role: str = "train") -> Trajectory:
    completion = Completion(prompt_ids=(1, 2), output_ids=(3,), rollout_logprobs=(-1.0,))
    step = Step(observation=Observation(url=""), completion=completion, action=Action(name="wait"))
    task = Task(id=group, instruction=group, start_url="/", family=group)
    return Trajectory.model_validate(
        {"id": name, "task": task, "steps": (step,), "iteration": iteration, "group_id": group, "role": role}
    )


@pytest.fixture
def store(tmp_path: Path) -> TrajectoryStore:
    store = TrajectoryStore(tmp_path)
    for group, values in GROUPS.items():
        for at, value in enumerate(values):
            store.add(trajectory(f"{group}-{at}", iteration=1, group=group), None, Verdict(value=float(value)))
    store.add(trajectory("unscored", iteration=1, group="rare"), None, Verdict(value=None))
    store.add(trajectory("later", iteration=2, group="later"), None, Verdict(value=1.0))
    store.add(trajectory("later-0", iteration=2, group="later"), None, Verdict(value=0.0))
    store.add(trajectory("measured", iteration=1, group="m", role="heldout"), None, Verdict(value=1.0))
    store.add(trajectory("measured-0", iteration=1, group="m", role="heldout"), None, Verdict(value=0.0))
    return store


def drawn(store: TrajectoryStore, count: int, *, iteration: int = 2, seed: int = 0) -> dict[str, float]:
    """Advantage by trajectory."""
    config = TrainingConfig(rehearsal=0.5, rehearsed=count)
    rows, ids = rehearsal.rehearse(store, iteration, config, seed=seed)
    assert [row.rollout_id for row in rows] == [name.removesuffix("+rehearsal") for name in ids]
    assert all(row.rollout_logprobs == () for row in rows)
    return {row.rollout_id: row.advantages[-1] for row in rows}


def test_one_success_of_each_group(store: TrajectoryStore) -> None:
    found = drawn(store, 9)
    assert sorted(name.split("-")[0] for name in found) == ["half", "rare", "sure"]
    assert {name.split("-")[0]: value for name, value in found.items()} == pytest.approx(
        {"rare": 0.5 * 2 / 3, "half": 0.25, "sure": 0.1}
    )
    assert found.keys() <= {"half-0", "half-1", "rare-0", "sure-0", "sure-1", "sure-2"}


def test_nothing_of_this_iteration_or_of_a_measurement(store: TrajectoryStore) -> None:
    assert drawn(store, 9, iteration=1) == {}
    assert "later" in drawn(store, 9, iteration=3)


def test_rare_successes_come_first_and_the_draw_repeats(store: TrajectoryStore) -> None:
    first = Counter(name.split("-")[0] for seed in range(300) for name in drawn(store, 1, seed=seed))
    assert first["rare"] / 300 == pytest.approx((2 / 3) / (2 / 3 + 1 / 2 + 1 / 5), abs=0.08)
    assert drawn(store, 1, seed=7) == drawn(store, 1, seed=7)
