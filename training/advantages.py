"""Advantages of the attempts in one group, from their rewards. `None` is unscored: it leaves its group.

Every algorithm returns one number for each reward, in order, with `None` where the reward is `None`;
`gigpo` has one for each step as well (`of_steps`).
A group whose scored rewards are all equal says nothing about what to do better: it gives zeros.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence

from core.config import TrainingConfig

Rewards = Sequence[float | None]
Advantages = list[float | None]

_ROUNDING = 1e-6  # rewards in [0, 1] that differ by less are equal; dividing by such a deviation magnifies noise


def zero_variance(rewards: Rewards) -> bool:
    """Whether the scored rewards are all equal, to rounding, or fewer than two: the group carries no signal."""
    scored = [reward for reward in rewards if reward is not None]
    return len(scored) < 2 or max(scored) - min(scored) <= _ROUNDING


def grpo(rewards: Rewards, *, normalise_std: bool = True) -> Advantages:
    """Reward minus the group's mean, over its standard deviation (GRPO, arXiv 2402.03300).

    `normalise_std=False` leaves the division out, so that nearly decided groups are not magnified
    (Dr. GRPO, arXiv 2503.20783). The deviation is the population's, so |A| averages 1 at p = 1/2.
    """
    if zero_variance(rewards):
        return _each(rewards, lambda _: 0.0)
    scored = [reward for reward in rewards if reward is not None]
    mean = math.fsum(scored) / len(scored)
    deviation = math.sqrt(math.fsum((reward - mean) ** 2 for reward in scored) / len(scored))
    scale = deviation if normalise_std else 1.0
    return _each(rewards, lambda reward: (reward - mean) / scale)


def rloo(rewards: Rewards) -> Advantages:
    """Reward minus the mean of the *other* attempts: an unbiased baseline (arXiv 2402.14740)."""
    if zero_variance(rewards):
        return _each(rewards, lambda _: 0.0)
    scored = [reward for reward in rewards if reward is not None]
    total, others = math.fsum(scored), len(scored) - 1
    return _each(rewards, lambda reward: reward - (total - reward) / others)


def filtered_bc(rewards: Rewards, *, lengths: Sequence[int] | None = None, quantile: float = 0.2) -> Advantages:
    """Filtered behaviour cloning: weight 1 for a success, 0 otherwise (PAE, arXiv 2412.13194).

    Groups that succeeded as a whole are kept. With `lengths` (steps of each attempt), only successes
    no longer than the `quantile` of the successes' lengths are kept, when there are several.
    """
    longest = math.inf
    if lengths is not None:
        successes = sorted(n for n, reward in zip(lengths, rewards, strict=True) if reward is not None and reward >= 1)
        if len(successes) > 1:
            longest = _quantile(successes, quantile)
    sizes = lengths if lengths is not None else [0] * len(rewards)
    return [
        None if reward is None else float(reward >= 1 and size <= longest)
        for reward, size in zip(rewards, sizes, strict=True)
    ]


def gigpo_steps(
    rewards: Rewards,
    states: Sequence[Sequence[str | None]],
    *,
    discount: float = 0.95,
    normalise_std: bool = True,
) -> list[list[float]]:
    """The step relative advantages of GiGPO (arXiv 2505.10978, section 4.2), a list for each attempt.

    `states[i][t]` is a key of the state in which attempt i did its step t, equal for equal states; `None`
    takes the step out. All steps of the group with the same key are compared, each by its discounted
    return R_t = Σ_k≥t γ^(k−t)·r_k. Attempts are rewarded at their end, so R_t = γ^(T−1−t)·reward. A
    state met once, and the steps of an unscored attempt, get 0.
    """
    result = [[0.0] * len(path) for path in states]
    anchors: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for attempt, (path, reward) in enumerate(zip(states, rewards, strict=True)):
        for step, key in enumerate(path):
            if key is not None and reward is not None:
                anchors[key].append((attempt, step))
    for visits in anchors.values():
        returns = [
            (rewards[attempt] or 0.0) * discount ** (len(states[attempt]) - 1 - step) for attempt, step in visits
        ]
        for (attempt, step), value in zip(visits, grpo(returns, normalise_std=normalise_std), strict=True):
            result[attempt][step] = value or 0.0
    return result


def _each(rewards: Rewards, function: Callable[[float], float]) -> Advantages:
    return [None if reward is None else function(reward) for reward in rewards]


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Linear interpolation between the order statistics, as numpy's default does."""
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


Algorithm = Callable[[Rewards, Sequence[int] | None, TrainingConfig], Advantages]

ALGORITHMS: dict[str, Algorithm] = {
    "grpo": lambda rewards, _lengths, config: grpo(rewards, normalise_std=config.normalise_std),
    "rloo": lambda rewards, _lengths, _config: rloo(rewards),
    "filtered_bc": lambda rewards, lengths, _config: filtered_bc(rewards, lengths=lengths),
    "gigpo": lambda rewards, _lengths, config: grpo(rewards, normalise_std=config.normalise_std),
}


def of_group(rewards: Rewards, config: TrainingConfig, *, lengths: Sequence[int] | None = None) -> Advantages:
    """The advantages of one group by the configured algorithm; `lengths` are used by `filtered_bc` alone."""
    return ALGORITHMS[config.algorithm](rewards, lengths, config)


def of_steps(rewards: Rewards, states: Sequence[Sequence[str | None]], config: TrainingConfig) -> list[list[float]]:
    """What `gigpo` adds to the episode's advantage at each step of each attempt: ω times the step's own."""
    steps = gigpo_steps(rewards, states, discount=config.discount, normalise_std=config.normalise_std)
    return [[config.step_weight * value for value in path] for path in steps]
