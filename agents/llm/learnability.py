"""What to ask for next: families whose success is most in doubt, those never done, and pairs of those mastered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from agents.explorer import mastery as explored

# A family's name goes into sentences of ours, outside the fence, so that it must not be able to say much.
FAMILY = re.compile(r"[a-z][a-z0-9_-]{0,23}(\+[a-z][a-z0-9_-]{0,23}){0,3}")
_UNKNOWN = 0.5


def learnability(rate: float) -> float:
    """4p(1-p) of a success rate p, 1 where half of the attempts succeed; a rate outside of [0, 1] is cut to it."""
    rate = min(1.0, max(0.0, rate))
    return 4 * rate * (1 - rate)


def centred_rewards(rates: Sequence[float]) -> list[float]:
    """The rewards of one context's proposals, from their solvers' success: learnability less its mean.

    They sum to 0, and a context with a single proposal teaches nothing (`proposer_solver`).
    """
    rewards = [learnability(rate) for rate in rates]
    mean = sum(rewards) / len(rewards) if rewards else 0.0
    return [reward - mean for reward in rewards]


def ranked(families: Iterable[str], mastery: Mapping[str, float]) -> list[str]:
    """Families by centred reward, best first, then by name; one never tried counts as half-learned."""
    names = sorted(set(families) | set(mastery))
    rewards = dict(zip(names, centred_rewards([mastery.get(name, _UNKNOWN) for name in names]), strict=True))
    return sorted(names, key=lambda name: (-rewards[name], name))


def missing(families: Iterable[str], mastery: Mapping[str, float]) -> list[str]:
    """Families that were never tried or never done, by name; `agents.llm.missing` tells what fails."""
    return sorted(name for name in set(families) | set(mastery) if mastery.get(name, 0.0) <= 0.0)


def compositions(mastery: Mapping[str, float], *, above: float) -> list[tuple[str, str]]:
    """Pairs (first, then) of mastered families to join into one task, f∘g; the most promising first."""
    pairs = [joined.split("+") for joined in explored.compositions(mastery, above=above, longest=2)]
    return [(first, then) for first, then in pairs]
