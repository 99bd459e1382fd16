"""Advantages by hand, and the properties that every group baseline has."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config import TrainingConfig
from training.advantages import ALGORITHMS, filtered_bc, grpo, of_group, rloo, zero_variance

Algorithm = Callable[[list[float | None]], list[float | None]]

groups = st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=12)


def test_grpo_by_hand() -> None:
    assert grpo([1, 0, 0, 0]) == pytest.approx([math.sqrt(3), *[-1 / math.sqrt(3)] * 3])
    assert grpo([1, 0, 0, 0], normalise_std=False) == pytest.approx([0.75, -0.25, -0.25, -0.25])


def test_rloo_by_hand() -> None:
    assert rloo([1, 0, 0, 1]) == pytest.approx([2 / 3, -2 / 3, -2 / 3, 2 / 3])


@pytest.mark.parametrize("algorithm", [grpo, rloo])
def test_the_unscored_leave_their_group(algorithm: Algorithm) -> None:
    with_gap = algorithm([1, None, 0, 0, None])
    assert [with_gap[1], with_gap[4]] == [None, None]
    assert [with_gap[0], *with_gap[2:4]] == algorithm([1, 0, 0])


@pytest.mark.parametrize("algorithm", [grpo, rloo])
@pytest.mark.parametrize("rewards", [[1, 1, 1], [0, None, 0], [0.3], [None, 1], [0.1] * 7])
def test_groups_without_variance_give_zeros(algorithm: Algorithm, rewards: list[float | None]) -> None:
    assert zero_variance(rewards)
    assert algorithm(rewards) == [None if reward is None else 0.0 for reward in rewards]


def test_nothing_scored_is_zero_variance() -> None:
    assert zero_variance([])
    assert zero_variance([None, None])
    assert not zero_variance([None, 0, 1])


@given(groups)
def test_group_baselines_are_centred(rewards: list[float | None]) -> None:
    for algorithm in (grpo, rloo):
        result = algorithm(rewards)
        scored = [value for value in result if value is not None]
        assert [value is None for value in result] == [reward is None for reward in rewards]
        assert math.fsum(scored) == pytest.approx(0, abs=1e-6)


@given(st.integers(1, 20), st.integers(1, 20))
def test_the_mean_size_of_grpo_advantages_is_that_of_sec(successes: int, failures: int) -> None:
    p = successes / (successes + failures)
    result = grpo([1] * successes + [0] * failures)
    assert np.mean([abs(value or 0.0) for value in result]) == pytest.approx(2 * math.sqrt(p * (1 - p)))


def test_filtered_bc_keeps_successes_of_groups_that_all_succeeded() -> None:
    assert filtered_bc([1, 1, 1]) == [1, 1, 1]
    assert filtered_bc([1, 0, None, 0.9]) == [1, 0, None, 0]


def test_filtered_bc_keeps_the_short_successes() -> None:
    rewards = [1, 1, 0, 1, None, 1, 1, 1]
    lengths = [3, 9, 1, 4, 1, 5, 8, 7]
    limit = np.quantile([3, 9, 4, 5, 8, 7], 0.2)
    assert filtered_bc(rewards, lengths=lengths) == [1, 0, 0, float(limit >= 4), None, 0, 0, 0]
    assert filtered_bc([0, 1], lengths=[1, 50]) == [0, 1]


@given(st.lists(st.integers(1, 30), min_size=2, max_size=12))
def test_the_length_rule_is_numpys_quantile(lengths: list[int]) -> None:
    limit = np.quantile(lengths, 0.2)
    kept = filtered_bc([1] * len(lengths), lengths=lengths)
    assert kept == [float(length <= limit + 1e-9) for length in lengths]


def test_every_configurable_algorithm_is_found_by_name() -> None:
    names = get_args(TrainingConfig.model_fields["algorithm"].annotation)
    assert set(names) == set(ALGORITHMS)
    rewards = [1, None, 0, 0]
    assert of_group(rewards, TrainingConfig(algorithm="grpo")) == grpo(rewards)
    plain = TrainingConfig(algorithm="grpo", normalise_std=False)
    assert of_group(rewards, plain) == grpo(rewards, normalise_std=False)
    assert of_group(rewards, TrainingConfig(algorithm="rloo")) == rloo(rewards)
    cloning = TrainingConfig(algorithm="filtered_bc")
    assert of_group([1, 1], cloning, lengths=[2, 9]) == [1, 0]
