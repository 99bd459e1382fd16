"""Losses and their metrics as pure functions of per-token tensors, each of shape (tokens,).

`logprobs` are the trainer's, with gradient; `rollout` are the log-probabilities recorded when the
tokens were sampled, the anchor of every ratio. Losses are sums over `tokens`, the global count of
trained tokens, and not over rows: micro-batches add up, and an episode that was cut into more rows
weighs no more than one that was not.
"""

from __future__ import annotations

import torch
from torch import Tensor

MAX_LOG_RATIO = 20.0  # exp(20) is far beyond any clip range and still finite when squared in float32


def log_ratio(logprobs: Tensor, anchor: Tensor) -> Tensor:
    """log π(token) − log π_anchor(token), bounded so that its exponential stays finite."""
    return (logprobs - anchor).clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO)


def clipped_surrogate(
    logprobs: Tensor, rollout: Tensor, advantages: Tensor, *, eps_low: float, eps_high: float, tokens: float
) -> Tensor:
    """−Σ min(r·A, clip(r, 1−eps_low, 1+eps_high)·A) / tokens, with r = π/π_rollout.

    PPO's objective (arXiv 1707.06347) with the asymmetric range of DAPO's clip-higher (arXiv 2503.14476).
    """
    ratio = log_ratio(logprobs, rollout).exp()
    clipped = ratio.clamp(1.0 - eps_low, 1.0 + eps_high)
    return -torch.minimum(ratio * advantages, clipped * advantages).sum() / tokens


def imitation(logprobs: Tensor, weights: Tensor, *, tokens: float) -> Tensor:
    """−Σ w·log π / tokens: behaviour cloning of the tokens whose weight is not zero."""
    return -(weights * logprobs).sum() / tokens


def k3(logprobs: Tensor, reference: Tensor) -> Tensor:
    """Per token, an estimate of KL(π ‖ reference) from samples of π: never negative, unbiased (Schulman's k3)."""
    difference = log_ratio(reference, logprobs)
    return difference.expm1() - difference


def entropy(logits: Tensor) -> Tensor:
    """The entropy in nats of each row of (tokens, vocabulary) logits."""
    logs = torch.log_softmax(logits, dim=-1)
    return -(logs.exp() * logs).sum(dim=-1)


@torch.no_grad()
def clip_count(logprobs: Tensor, rollout: Tensor, advantages: Tensor, *, eps_low: float, eps_high: float) -> Tensor:
    """How many tokens the clip holds still: the ratio is out of range on the side that the advantage pushes to."""
    ratio = log_ratio(logprobs, rollout).exp()
    above = (ratio > 1.0 + eps_high) & (advantages > 0)
    below = (ratio < 1.0 - eps_low) & (advantages < 0)
    return (above | below).sum()


@torch.no_grad()
def mismatch_kl(logprobs: Tensor, rollout: Tensor) -> Tensor:
    """Per token, k3's estimate of KL(rollout ‖ trainer); the tokens were sampled from the rollout policy."""
    return k3(rollout, logprobs)
