"""Losses and their metrics as pure functions of per-token tensors, each of shape (tokens,).

`logprobs` are the trainer's, with gradient; `rollout` are the log-probabilities recorded when the
tokens were sampled, the anchor of every ratio. Losses are sums over `tokens`, the global count of
trained tokens, and not over rows: micro-batches add up, and an episode that was cut into more rows
weighs no more than one that was not.

A ratio is of a token, or (`turns` given: the number of each token's turn) of the turn that holds it.
The turn is what GSPO calls a response y to a query x: the tokens of one completion, whose likelihood is
the product of theirs given its prompt; |y| counts those that were chosen freely. The whole rollout is
none, because pages that no policy sampled stand between its turns. However an episode fell into rows, a
turn is never cut, so that neither rows nor micro-batches change a ratio.
"""

from __future__ import annotations

import torch
from torch import Tensor

MAX_LOG_RATIO = 20.0  # exp(20) is far beyond any clip range and still finite when squared in float32


def log_ratio(logprobs: Tensor, anchor: Tensor) -> Tensor:
    """log π(token) − log π_anchor(token), bounded so that its exponential stays finite."""
    return (logprobs - anchor).clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO)


def turn_log_ratio(logprobs: Tensor, anchor: Tensor, turns: Tensor) -> Tensor:
    """For each token the mean log-ratio of its turn, log s = Σ_t log(π/π_anchor) / |y| (GSPO, arXiv 2507.18071, eq. 7).

    Its gradient is that of GSPO-token (eq. 14): the token's own log π, s_t = sg[s]·π_t / sg[π_t]. So advantages
    may differ within a turn, and where they do not, the gradient is that of |y| times GSPO's own objective.
    """
    with torch.no_grad():
        sums = torch.zeros(int(turns.max()) + 1, dtype=logprobs.dtype, device=logprobs.device)
        sums.index_add_(0, turns, logprobs - anchor)
        means = (sums / torch.bincount(turns).clamp(min=1))[turns].clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO)
    return means + (logprobs - logprobs.detach())


def ratios(logprobs: Tensor, anchor: Tensor, turns: Tensor | None = None) -> Tensor:
    """π/π_anchor for each token: its own, or that of its turn where `turns` are given."""
    logs = log_ratio(logprobs, anchor) if turns is None else turn_log_ratio(logprobs, anchor, turns)
    return logs.exp()


def clipped_surrogate(
    logprobs: Tensor,
    rollout: Tensor,
    advantages: Tensor,
    turns: Tensor | None = None,
    /,
    *,
    eps_low: float,
    eps_high: float,
    tokens: float,
) -> Tensor:
    """−Σ min(r·A, clip(r, 1−eps_low, 1+eps_high)·A) / tokens, with r = π/π_rollout.

    PPO's objective (arXiv 1707.06347) with the asymmetric range of DAPO's clip-higher (arXiv 2503.14476);
    with `turns`, GSPO-token's (arXiv 2507.18071, eq. 13), a token and not a turn weighing one.
    """
    ratio = ratios(logprobs, rollout, turns)
    clipped = ratio.clamp(1.0 - eps_low, 1.0 + eps_high)
    return -torch.minimum(ratio * advantages, clipped * advantages).sum() / tokens


def cispo(
    logprobs: Tensor, rollout: Tensor, advantages: Tensor, /, *, eps_low: float, eps_high: float, tokens: float
) -> Tensor:
    """−Σ sg[clip(r, 1−eps_low, 1+eps_high)]·A·log π / tokens, with r = π/π_rollout.

    MiniMax-M1's CISPO (arXiv 2506.13585, eq. 4 and 5): the clip bounds a token's weight and drops no token.
    """
    weight = log_ratio(logprobs, rollout).exp().clamp(1.0 - eps_low, 1.0 + eps_high).detach()
    return -(weight * advantages * logprobs).sum() / tokens


@torch.no_grad()
def importance_weights(
    proximal: Tensor, rollout: Tensor, cap: float, turns: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """min(π_proximal/π_rollout, cap), and where the cap held: decoupled PPO's factor, truncated.

    The objective is E[π_prox/π_rollout · min(r·A, clip(r)·A)] with r = π/π_prox (AReaL, arXiv 2505.24298,
    section 5.2). The factor is no less than 0 and constant in π, so that it may as well be multiplied into
    the advantages. Truncating it, as in IMPALA (arXiv 1802.01561), bounds its variance.
    """
    weights = ratios(proximal, rollout, turns)
    return weights.clamp(max=cap), weights > cap


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
def clip_count(
    logprobs: Tensor,
    rollout: Tensor,
    advantages: Tensor,
    turns: Tensor | None = None,
    /,
    *,
    eps_low: float,
    eps_high: float,
) -> Tensor:
    """How many tokens the clip holds still: the ratio is out of range on the side that the advantage pushes to."""
    ratio = ratios(logprobs, rollout, turns)
    above = (ratio > 1.0 + eps_high) & (advantages > 0)
    below = (ratio < 1.0 - eps_low) & (advantages < 0)
    return (above | below).sum()


@torch.no_grad()
def bounded_count(logprobs: Tensor, rollout: Tensor, /, *, eps_low: float, eps_high: float) -> Tensor:
    """How many tokens' weights CISPO bounds: the ratio is out of range, on either side."""
    ratio = log_ratio(logprobs, rollout).exp()
    return ((ratio > 1.0 + eps_high) | (ratio < 1.0 - eps_low)).sum()


@torch.no_grad()
def mismatch_kl(logprobs: Tensor, rollout: Tensor) -> Tensor:
    """Per token, k3's estimate of KL(rollout ‖ trainer); the tokens were sampled from the rollout policy."""
    return k3(rollout, logprobs)
