"""Sequence ratios, CISPO and truncated weights against the papers' formulas in float64, and what they share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
import torch

from training import losses

Array = npt.NDArray[np.float64]
TOKENS = 41.0
LENGTHS = [1, 7, 30, 2, 55, 12, 12, 3, 40, 1]
NARROW = {"eps_low": 0.03, "eps_high": 0.04}
WIDE = {"eps_low": 0.4, "eps_high": 0.3}


class Sample(NamedTuple):
    logprobs: Array
    anchor: Array
    advantages: Array  # of each token
    by_turn: Array  # the same number for all tokens of a turn
    turns: npt.NDArray[np.int64]


@pytest.fixture
def sample() -> Sample:
    generator = np.random.default_rng(5)
    turns = generator.permutation(np.repeat(np.arange(len(LENGTHS)), LENGTHS))  # a turn need not be contiguous
    anchor = -generator.uniform(0.05, 6, len(turns))
    logprobs = anchor + generator.normal(0, 0.35, len(turns)) + generator.normal(0, 0.05, len(LENGTHS))[turns]
    advantages = generator.choice([-1.7, -0.3, 0.0, 0.6, 2.1], len(turns))
    return Sample(logprobs, anchor, advantages, generator.choice([-1.3, 0.7, 1.9], len(LENGTHS))[turns], turns)


def finite_differences(function: Callable[[Array], float], at: Array, width: float = 1e-6) -> Array:
    steps = np.eye(len(at)) * width
    return np.array([(function(at + step) - function(at - step)) / (2 * width) for step in steps])


def value_and_gradient(
    loss: Callable[..., torch.Tensor], dtype: torch.dtype, logprobs: Array, anchor: Array, advantages: Array
) -> tuple[float, Array]:
    leaf = torch.tensor(logprobs, dtype=dtype, requires_grad=True)
    value = loss(leaf, torch.tensor(anchor, dtype=dtype), torch.tensor(advantages, dtype=dtype), tokens=TOKENS)
    value.backward()  # type: ignore[no-untyped-call]
    assert leaf.grad is not None
    gradient: Array = leaf.grad.double().numpy()
    return value.item(), gradient


def sequence_loss(sample: Sample) -> Callable[..., torch.Tensor]:
    turns = torch.tensor(sample.turns)
    return lambda new, old, credit, tokens: losses.clipped_surrogate(new, old, credit, turns, **NARROW, tokens=tokens)


def gspo_by_hand(logprobs: Array, anchor: Array, by_turn: Array, turns: npt.NDArray[np.int64]) -> float:
    """Eq. 5 and 7 of arXiv 2507.18071, each response weighing its length."""
    total = 0.0
    for turn in range(len(LENGTHS)):
        inside = turns == turn
        likelihoods = [math.exp(logs[inside].sum()) for logs in (logprobs, anchor)]
        s = (likelihoods[0] / likelihoods[1]) ** (1 / inside.sum())
        advantage = by_turn[inside][0]
        clipped = min(max(s, 1 - NARROW["eps_low"]), 1 + NARROW["eps_high"])
        total += inside.sum() * min(s * advantage, clipped * advantage)
    return -total / TOKENS


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sequence_ratios_are_gspos(sample: Sample, dtype: torch.dtype) -> None:
    logprobs, anchor, _, by_turn, turns = sample
    value, gradient = value_and_gradient(sequence_loss(sample), dtype, logprobs, anchor, by_turn)
    expected = finite_differences(lambda at: gspo_by_hand(at, anchor, by_turn, turns), logprobs)
    assert value == pytest.approx(gspo_by_hand(logprobs, anchor, by_turn, turns), rel=1e-5)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-8)
    still = {int(turn) for turn in turns[gradient == 0]}
    assert 0 < len(still) < len(LENGTHS), "some turns are to be clipped, and not all"
    assert all((gradient[turns == turn] == 0).all() for turn in still), "a turn is clipped as a whole"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_advantages_may_differ_within_a_turn(sample: Sample, dtype: torch.dtype) -> None:
    """Eq. 13 and 14: the value takes s of the turn for each token, the gradient goes by the token's own log π."""
    logprobs, anchor, advantages, _, turns = sample
    total, expected = 0.0, np.zeros_like(logprobs)
    for place, advantage in enumerate(advantages):
        inside = turns == turns[place]
        s = math.exp((logprobs - anchor)[inside].mean())
        clipped = min(max(s, 1 - NARROW["eps_low"]), 1 + NARROW["eps_high"])
        total += min(s * advantage, clipped * advantage)
        held = (s > 1 + NARROW["eps_high"] and advantage > 0) or (s < 1 - NARROW["eps_low"] and advantage < 0)
        expected[place] = 0.0 if held else -s * advantage / TOKENS
    value, gradient = value_and_gradient(sequence_loss(sample), dtype, logprobs, anchor, advantages)
    assert value == pytest.approx(-total / TOKENS, rel=1e-5)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-8)
    count = losses.clip_count(*(torch.tensor(part) for part in (logprobs, anchor, advantages, turns)), **NARROW)
    assert count == np.count_nonzero((expected == 0) & (advantages != 0)) > 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_cispo_bounds_weights_and_drops_no_token(sample: Sample, dtype: torch.dtype) -> None:
    """Eq. 4 and 5 of arXiv 2506.13585; the weights are constants of the gradient."""
    logprobs, anchor, advantages, _, _ = sample
    weights = np.minimum(np.maximum(np.exp(logprobs - anchor), 1 - WIDE["eps_low"]), 1 + WIDE["eps_high"])

    def by_hand(at: Array) -> float:
        return -float(np.sum(weights * advantages * at)) / TOKENS

    value, gradient = value_and_gradient(
        lambda *tensors, tokens: losses.cispo(*tensors, **WIDE, tokens=tokens), dtype, logprobs, anchor, advantages
    )
    assert value == pytest.approx(by_hand(logprobs), rel=1e-5)
    np.testing.assert_allclose(gradient, finite_differences(by_hand, logprobs), rtol=1e-5, atol=1e-8)
    assert ((gradient != 0) == (advantages != 0)).all()
    bounded = losses.bounded_count(torch.tensor(logprobs), torch.tensor(anchor), **WIDE)
    assert bounded == np.count_nonzero(weights != np.exp(logprobs - anchor)) > 0


def test_cispo_without_a_lower_bound() -> None:
    logprobs, anchor = torch.tensor([-9.0], requires_grad=True), torch.tensor([-1.0])
    losses.cispo(logprobs, anchor, torch.ones(1), eps_low=1.0, eps_high=0.3, tokens=1).backward()  # type: ignore[no-untyped-call]
    assert logprobs.grad is not None
    assert logprobs.grad.item() == pytest.approx(-math.exp(-8))


def test_at_a_ratio_of_one_all_are_the_policy_gradient(sample: Sample) -> None:
    logprobs, _, advantages, _, _ = sample
    for loss in (
        sequence_loss(sample),
        lambda *tensors, tokens: losses.cispo(*tensors, **WIDE, tokens=tokens),
        lambda *tensors, tokens: losses.clipped_surrogate(*tensors, **WIDE, tokens=tokens),
    ):
        _, gradient = value_and_gradient(loss, torch.float64, logprobs, logprobs, advantages)
        np.testing.assert_allclose(gradient, -advantages / TOKENS, rtol=1e-12)


def test_turns_of_one_token_are_tokens(sample: Sample) -> None:
    logprobs, anchor, advantages, _, _ = sample
    alone = torch.arange(len(logprobs))
    token, sequence = (
        value_and_gradient(
            lambda new, old, credit, tokens, turns=turns: losses.clipped_surrogate(
                new, old, credit, turns, **WIDE, tokens=tokens
            ),
            torch.float64,
            logprobs,
            anchor,
            advantages,
        )
        for turns in (None, alone)
    )
    assert token[0] == pytest.approx(sequence[0], rel=1e-12)
    np.testing.assert_allclose(token[1], sequence[1], rtol=1e-12)


def test_a_turn_knows_nothing_of_the_others(sample: Sample) -> None:
    logprobs, anchor, _, _, turns = sample
    moved = np.where(turns == 4, logprobs + 3.0, logprobs)
    before, after = (
        losses.ratios(torch.tensor(logs), torch.tensor(anchor), torch.tensor(turns)).numpy()
        for logs in (logprobs, moved)
    )
    assert (before[turns != 4] == after[turns != 4]).all()
    np.testing.assert_allclose(after[turns == 4], before[turns == 4] * math.exp(3.0))


@pytest.mark.parametrize("by_turn", [False, True])
def test_importance_weights_are_truncated_ratios(sample: Sample, by_turn: bool) -> None:
    logprobs, anchor, _, _, turns = sample
    expected = np.exp(logprobs - anchor)
    if by_turn:
        expected = np.array([math.exp((logprobs - anchor)[turns == turn].mean()) for turn in turns])
    cap = 1.1
    weights, held = losses.importance_weights(
        torch.tensor(logprobs), torch.tensor(anchor), cap, torch.tensor(turns) if by_turn else None
    )
    np.testing.assert_allclose(weights.numpy(), np.minimum(expected, cap), rtol=1e-12)
    assert (held.numpy() == (expected > cap)).all()
    assert 0 < held.sum() < len(turns)


def test_extreme_ratios_stay_finite() -> None:
    logprobs = torch.tensor([-1e4, -0.1], requires_grad=True)
    anchor, advantages, clip = torch.tensor([-0.1, -1e4]), torch.tensor([1.0, -1.0]), {"eps_low": 0.1, "eps_high": 0.1}
    loss = losses.cispo(logprobs, anchor, advantages, **clip, tokens=2)
    loss = loss + losses.clipped_surrogate(logprobs, anchor, advantages, torch.tensor([0, 1]), **clip, tokens=2)
    loss.backward()  # type: ignore[no-untyped-call]
    assert math.isfinite(loss.item())
    assert logprobs.grad is not None
    assert torch.isfinite(logprobs.grad).all()
