"""Step advantages of anchor states, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config import TrainingConfig
from training.advantages import gigpo_steps, grpo, of_group, of_steps

HALF = TrainingConfig(algorithm="gigpo", discount=0.5, step_weight=2.0)

#            t=0    t=1    t=2
STATES = [
    ["home", "list", "item"],  # succeeded: returns 1/4, 1/2, 1
    ["home", "item"],  # succeeded: returns 1/2, 1
    ["home", "list"],  # failed: 0, 0
    ["home", "list"],  # unscored
    ["home", "maze", "home"],
]  # failed: 0, 0, 0
REWARDS = [1.0, 1.0, 0.0, None, 0.0]


def test_an_example_by_hand() -> None:
    steps = gigpo_steps(REWARDS, STATES, discount=0.5, normalise_std=False)
    home = (1 / 4 + 1 / 2 + 0 + 0 + 0) / 5  # the last attempt came by twice, the unscored one does not count
    assert steps[0] == pytest.approx([1 / 4 - home, 1 / 2 - 1 / 4, 0.0])  # both at "item" had a return of 1
    assert steps[1] == pytest.approx([1 / 2 - home, 0.0])
    assert steps[2] == pytest.approx([-home, -1 / 4])
    assert steps[3] == [0.0, 0.0]
    assert steps[4] == pytest.approx([-home, 0.0, -home])  # "maze" was seen once


def test_the_deviation_is_that_of_the_anchors_visits() -> None:
    steps = gigpo_steps(REWARDS, STATES, discount=0.5)
    deviation = float(np.std([1 / 4, 1 / 2, 0, 0, 0]))
    assert steps[0][0] == pytest.approx((1 / 4 - 0.15) / deviation)
    assert steps[2] == pytest.approx([-0.15 / deviation, -1.0])


def test_it_is_weighed_and_comes_beside_the_episodes_advantage() -> None:
    plain = gigpo_steps(REWARDS, STATES, discount=0.5)
    assert of_steps(REWARDS, STATES, HALF) == [[2.0 * value for value in path] for path in plain]
    assert of_group(REWARDS, HALF) == grpo(REWARDS)
    centred = HALF.model_copy(update={"normalise_std": False})
    assert of_group(REWARDS, centred) == grpo(REWARDS, normalise_std=False)
    assert of_steps(REWARDS, STATES, centred)[2][1] == pytest.approx(-0.5)


def test_steps_that_are_not_the_policys_anchor_nothing() -> None:
    steps = gigpo_steps([1.0, 0.0], [[None, "a"], ["a", None]], discount=0.5)
    assert steps == [[0.0, 1.0], [-1.0, 0.0]]
    assert gigpo_steps([1.0, 0.0], [[None], [None]]) == [[0.0], [0.0]]


def test_a_group_that_succeeded_as_a_whole_prefers_the_short_way() -> None:
    rewards, states = [1.0, 1.0], [["a", "b", "c"], ["a", "c"]]
    assert of_group(rewards, HALF) == [0.0, 0.0]
    assert gigpo_steps(rewards, states, discount=0.5) == [[-1.0, 0.0, 0.0], [1.0, 0.0]]
    assert gigpo_steps(rewards, states, discount=1.0) == [[0.0] * 3, [0.0] * 2]


@given(
    st.lists(
        st.tuples(st.one_of(st.none(), st.floats(0, 1)), st.lists(st.sampled_from("abcd"), max_size=6)), max_size=8
    )
)
def test_the_advantages_of_a_state_are_centred(group: list[tuple[float | None, list[str]]]) -> None:
    rewards, states = [reward for reward, _ in group], [path for _, path in group]
    steps = gigpo_steps(rewards, states)
    assert [len(path) for path in steps] == [len(path) for path in states]
    for key in "abcd":
        visits = [
            value
            for reward, path, values in zip(rewards, states, steps, strict=True)
            for state, value in zip(path, values, strict=True)
            if state == key and reward is not None
        ]
        assert math.fsum(visits) == pytest.approx(0, abs=1e-6)
    for reward, values in zip(rewards, steps, strict=True):
        assert reward is not None or not any(values)
