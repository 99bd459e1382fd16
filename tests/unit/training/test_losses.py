"""Losses against an independent computation in float64, gradients against finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch

from training import losses

Array = npt.NDArray[np.float64]
Sample = tuple[Array, Array, Array]
EPS_LOW, EPS_HIGH, TOKENS = 0.2, 0.28, 37.0


def by_hand(logprobs: Array, rollout: Array, advantages: Array) -> float:
    total = 0.0
    for new, old, advantage in zip(logprobs, rollout, advantages, strict=True):
        ratio = math.exp(new - old)
        clipped = min(max(ratio, 1 - EPS_LOW), 1 + EPS_HIGH)
        total += min(ratio * advantage, clipped * advantage)
    return -total / TOKENS


def numerical_gradient(function: Callable[[Array], float], at: Array, width: float = 1e-6) -> Array:
    gradient = np.zeros_like(at)
    for place in range(len(at)):
        up, down = at.copy(), at.copy()
        up[place] += width
        down[place] -= width
        gradient[place] = (function(up) - function(down)) / (2 * width)
    return gradient


def gradient_of(leaf: torch.Tensor) -> Array:
    assert leaf.grad is not None
    result: Array = leaf.grad.double().numpy()
    return result


@pytest.fixture
def sample() -> Sample:
    generator = np.random.default_rng(3)
    rollout = -generator.uniform(0.05, 6, 200)
    logprobs = rollout + generator.normal(0, 0.4, 200)
    advantages = generator.choice([-1.7, -0.3, 0.0, 0.6, 2.1], 200)
    return logprobs, rollout, advantages


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_clipped_surrogate_and_its_gradient(sample: Sample, dtype: torch.dtype) -> None:
    logprobs, rollout, advantages = sample
    leaf = torch.tensor(logprobs, dtype=dtype, requires_grad=True)
    loss = losses.clipped_surrogate(
        leaf,
        torch.tensor(rollout, dtype=dtype),
        torch.tensor(advantages, dtype=dtype),
        eps_low=EPS_LOW,
        eps_high=EPS_HIGH,
        tokens=TOKENS,
    )
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == pytest.approx(by_hand(logprobs, rollout, advantages), rel=1e-5)
    expected = numerical_gradient(lambda at: by_hand(at, rollout, advantages), logprobs)
    np.testing.assert_allclose(gradient_of(leaf), expected, rtol=1e-5, atol=1e-7)
    assert np.count_nonzero(expected == 0) > np.count_nonzero(advantages == 0), "no token was clipped"


def test_clip_higher_is_asymmetric() -> None:
    def gradient(shift: float, advantage: float) -> float:
        leaf = torch.tensor([shift], requires_grad=True)
        anchor, advantages = torch.zeros(1), torch.tensor([advantage])
        losses.clipped_surrogate(leaf, anchor, advantages, eps_low=0.2, eps_high=0.28, tokens=1).backward()  # type: ignore[no-untyped-call]
        return float(gradient_of(leaf)[0])

    assert gradient(math.log(1.25), 1.0) == pytest.approx(-1.25)  # above 1.2, still inside 1.28
    assert gradient(math.log(1.30), 1.0) == 0
    assert gradient(math.log(0.75), -1.0) == 0
    assert gradient(math.log(0.85), -1.0) == pytest.approx(0.85)
    assert gradient(math.log(0.50), 1.0) == pytest.approx(-0.5)  # a good token lost ground: never held back
    assert gradient(math.log(3.00), -1.0) == pytest.approx(3.0)


def test_the_clip_count_is_the_tokens_whose_gradient_vanished(sample: Sample) -> None:
    logprobs, rollout, advantages = (torch.tensor(part, dtype=torch.float64) for part in sample)
    logprobs.requires_grad_()
    clip = {"eps_low": EPS_LOW, "eps_high": EPS_HIGH}
    losses.clipped_surrogate(logprobs, rollout, advantages, **clip, tokens=TOKENS).backward()  # type: ignore[no-untyped-call]
    still = ((torch.tensor(gradient_of(logprobs)) == 0) & (advantages != 0)).sum()
    assert losses.clip_count(logprobs, rollout, advantages, **clip) == still > 0


def test_imitation_and_its_gradient(sample: Sample) -> None:
    logprobs, _, weights = sample
    leaf = torch.tensor(logprobs, dtype=torch.float32, requires_grad=True)
    loss = losses.imitation(leaf, torch.tensor(weights, dtype=torch.float32), tokens=TOKENS)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == pytest.approx(-float(np.dot(weights, logprobs)) / TOKENS, rel=1e-5)
    np.testing.assert_allclose(gradient_of(leaf), -weights / TOKENS, rtol=1e-6)


def test_k3_by_hand_and_its_gradient(sample: Sample) -> None:
    logprobs, reference, _ = sample

    def k3(at: Array) -> float:
        return float(np.sum(np.exp(reference - at) - (reference - at) - 1))

    leaf = torch.tensor(logprobs, dtype=torch.float64, requires_grad=True)
    values = losses.k3(leaf, torch.tensor(reference))
    values.sum().backward()  # type: ignore[no-untyped-call]
    assert values.sum().item() == pytest.approx(k3(logprobs), rel=1e-9)
    assert (values >= 0).all()
    np.testing.assert_allclose(gradient_of(leaf), numerical_gradient(k3, logprobs), rtol=1e-5, atol=1e-7)


def test_mismatch_kl_estimates_the_kl_of_the_rollout_policy_from_the_trainer() -> None:
    generator = np.random.default_rng(0)
    server, trainer = (np.log(generator.dirichlet(np.ones(6))) for _ in range(2))
    drawn = generator.choice(6, 400_000, p=np.exp(server))
    estimate = losses.mismatch_kl(torch.tensor(trainer[drawn]), torch.tensor(server[drawn])).mean().item()
    assert estimate == pytest.approx(float(np.sum(np.exp(server) * (server - trainer))), rel=0.03)


def test_entropy_by_hand_and_its_gradient() -> None:
    logits = np.random.default_rng(1).normal(0, 2, (1, 9))

    def entropy(flat: Array) -> float:
        p = np.exp(flat) / np.exp(flat).sum()
        return float(-(p * np.log(p)).sum())

    leaf = torch.tensor(logits, requires_grad=True)
    value = losses.entropy(leaf)
    value.sum().backward()  # type: ignore[no-untyped-call]
    assert value.item() == pytest.approx(entropy(logits[0]), rel=1e-9)
    np.testing.assert_allclose(gradient_of(leaf)[0], numerical_gradient(entropy, logits[0]), rtol=1e-5, atol=1e-8)
    assert losses.entropy(torch.zeros(1, 8)).item() == pytest.approx(math.log(8))


def test_a_token_that_the_trainer_finds_impossible_keeps_the_loss_finite() -> None:
    logprobs = torch.tensor([-1e4, -0.1], requires_grad=True)
    rollout, advantages = torch.tensor([-0.1, -1e4]), torch.tensor([1.0, -1.0])
    loss = losses.clipped_surrogate(logprobs, rollout, advantages, eps_low=0.2, eps_high=0.28, tokens=2)
    loss.backward()  # type: ignore[no-untyped-call]
    assert math.isfinite(loss.item())
    assert torch.isfinite(torch.tensor(gradient_of(logprobs))).all()
    assert torch.isfinite(losses.k3(logprobs, rollout)).all()
