"""Successes of earlier iterations, learned from again beside the groups of this one.

A task that went right once in eight attempts gives a single update that pulls towards it, and the next
ones may undo that. With `training.rehearsal` above 0, each update also holds up to `training.rehearsed`
past successes, one of a group, in proportion to the share of the group that failed. Each gets the advantage
`training.rehearsal` · (1 − success rate of its group), the positive part of the reward over its mean
(self-imitation learning, arXiv 1806.05635). Groups that never failed count as if a fifth had: they give no
gradient of their own, and what goes right already is to stay so. The weights have moved since they were sampled, so
the trainer takes its own log-probabilities, and their ratio starts at one.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from core.config import TrainingConfig
from core.types import TrainingRow, Trajectory
from discovery.seeds import derive
from memory.trajectories import TrajectoryStore
from training.rows import pack_unsampled

_SUFFIX = "+rehearsal"
_LEAST = 0.2

Attempts = Mapping[str, Sequence[tuple[str, float]]]


def past(store: TrajectoryStore, iteration: int) -> Attempts:
    """The scored attempts of practice before `iteration`, as (id, value) by group."""
    groups: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for one in store.summaries(role="train"):
        if one.iteration < iteration and one.value is not None:
            groups[one.group_id].append((one.id, one.value))
    return groups


def draw(attempts: Attempts, config: TrainingConfig, *, seed: int) -> list[tuple[str, float]]:
    """Successes to rehearse and the advantage of each; the same for the same record and seed."""
    failed = {name: 1 - sum(value for _, value in group) / len(group) for name, group in attempts.items()}
    chances = {name: max(share, _LEAST) for name, share in failed.items()}
    won = {name: sorted(one for one, value in group if value >= 1) for name, group in attempts.items()}
    left = [name for name in sorted(won) if won[name]]
    generator = random.Random(seed)
    drawn: list[tuple[str, float]] = []
    while left and len(drawn) < config.rehearsed:
        name = generator.choices(left, [chances[one] for one in left])[0]
        left.remove(name)
        drawn.append((generator.choice(won[name]), config.rehearsal * chances[name]))
    return drawn


def rows(drawn: Iterable[tuple[str, float]], get: Callable[[str], Trajectory]) -> list[TrainingRow]:
    """The rows of what is rehearsed, without log-probabilities."""
    return [row for name, credit in drawn for row in pack_unsampled(get(name), credit)]


def rehearse(
    store: TrajectoryStore, iteration: int, config: TrainingConfig, *, seed: int
) -> tuple[list[TrainingRow], list[str]]:
    """What went right before `iteration` as rows, and their ids as such."""
    drawn = draw(past(store, iteration), config, seed=derive(seed, "rehearsal", iteration))
    return rows(drawn, store.get), [f"{name}{_SUFFIX}" for name, _ in drawn]
