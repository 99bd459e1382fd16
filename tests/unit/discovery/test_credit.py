"""Which attempts of a group become rows, and what each of their tokens is credited with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import pytest

from core.config import TrainingConfig
from core.types import Action, Completion, Element, Observation, Step, Task, Trajectory, Verdict
from discovery.learning import batch
from discovery.practice import Group
from memory.trajectories import TrajectoryStore

TASK = Task(id="t", instruction="do it", start_url="/", family="form")
GIGPO = TrainingConfig(algorithm="gigpo", discount=0.5, step_weight=2.0, normalise_std=False, branching=False)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TrajectoryStore]:
    with TrajectoryStore(tmp_path) as opened:
        yield opened


def step(place: str, token: int, *, initiator: Literal["policy", "skill"] = "policy", life: str = "1") -> Step:
    seen = Observation(url=f"http://a.test/{place}?b=1&a=2#{life}", elements=(Element(id=life, role="link", name="x"),))
    completion = Completion(prompt_ids=(1, token), output_ids=(token,), rollout_logprobs=(-1.0,))
    return Step(observation=seen, completion=completion, action=Action(name="wait"), initiator=initiator)


def group(store: TrajectoryStore, *attempts: tuple[float | None, Sequence[Step]]) -> Group:
    for at, (value, steps) in enumerate(attempts):
        name = f"0001-0-{at}"
        trajectory = Trajectory(id=name, task=TASK, group_id="0001-0", steps=tuple(steps), iteration=1)
        store.add(trajectory, None, Verdict(value=value))
    return Group("0001-0", TASK, tuple(store.summaries(iteration=1)))


def credits_of(store: TrajectoryStore, group: Group, config: TrainingConfig) -> dict[str, list[float]]:
    """For each rollout with rows: the advantage of each step that became one."""
    rows, ids = batch([group], store, config)
    found: dict[str, list[float]] = {}
    for row in rows:
        found.setdefault(row.rollout_id, []).append(row.advantages[-1])
    assert list(found) == ids
    return found


def test_gigpo_adds_what_a_step_did_better_than_others_in_the_same_state(store: TrajectoryStore) -> None:
    made = group(
        store,
        (1.0, [step("home", 3), step("list", 4, life="7")]),
        (0.0, [step("home", 5, life="9"), step("maze", 6)]),
        (None, [step("home", 7)]),
    )
    assert credits_of(store, made, GIGPO) == {
        "0001-0-0": pytest.approx([0.5 + 2 * 0.25, 0.5]),  # returns at home: 1/2 and 0
        "0001-0-1": pytest.approx([-0.5 - 2 * 0.25, -0.5]),
    }
    plain = credits_of(store, made, TrainingConfig(normalise_std=False, branching=False))
    assert plain == {"0001-0-0": [0.5, 0.5], "0001-0-1": [-0.5, -0.5]}


def test_a_group_in_which_all_did_equally_well_still_tells_steps_apart(store: TrajectoryStore) -> None:
    made = group(store, (1.0, [step("home", 3)]), (1.0, [step("home", 4), step("list", 5)]))
    assert credits_of(store, made, GIGPO) == {"0001-0-0": pytest.approx([0.5]), "0001-0-1": pytest.approx([-0.5, 0.0])}
    assert credits_of(store, made, TrainingConfig()) == {}


def test_failures_alone_teach_gigpo_nothing(store: TrajectoryStore) -> None:
    made = group(store, (0.0, [step("home", 3)]), (0.0, [step("home", 4), step("list", 5)]))
    assert credits_of(store, made, GIGPO) == {}


def test_what_a_skill_did_is_no_anchor(store: TrajectoryStore) -> None:
    made = group(store, (1.0, [step("home", 3)]), (0.0, [step("home", 4, initiator="skill"), step("list", 5)]))
    assert credits_of(store, made, GIGPO) == {"0001-0-0": [0.5], "0001-0-1": [-0.5]}


def test_cloning_keeps_the_short_ones_of_several_successes(store: TrajectoryStore) -> None:
    """The 20th percentile of 1, 2 and 3 steps is 1.4."""
    walk = [step("a", 3), step("b", 4), step("c", 5)]
    made = group(store, (1.0, walk), (1.0, walk[:1]), (1.0, walk[:2]), (0.0, walk[:1]), (None, walk[:1]))
    assert credits_of(store, made, TrainingConfig(algorithm="filtered_bc")) == {"0001-0-1": [1.0]}
