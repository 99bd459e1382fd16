"""Successes of earlier iterations, learned from again beside the groups of this one.

A task that went right once in eight attempts gives a single update that pulls towards it, and the next
ones may undo that. With `training.rehearsal` above 0, each update also holds up to `training.rehearsed`
past successes, one of a group, rare ones first in proportion to how much of the group failed. Each gets
the advantage `training.rehearsal` · (1 − success rate of its group), the positive part of the reward over
its mean (self-imitation learning, arXiv 1806.05635). The weights have moved since they were sampled, so
the trainer takes its own log-probabilities, and their ratio starts at one.
"""

from __future__ import annotations

import random
from collections import defaultdict

from core.config import TrainingConfig
from core.types import TrainingRow
from discovery.seeds import derive
from memory.trajectories import Summary, TrajectoryStore
from training.rows import pack

_SUFFIX = "+rehearsal"


def rows(
    store: TrajectoryStore, iteration: int, config: TrainingConfig, *, seed: int
) -> tuple[list[TrainingRow], list[str]]:
    """Rows of what went right before `iteration`, and their ids as such; the same for the same record and seed."""
    groups: dict[str, list[Summary]] = defaultdict(list)
    for one in store.summaries(role="train"):
        if one.iteration < iteration and one.value is not None:
            groups[one.group_id].append(one)
    chances = {name: 1 - sum(one.value or 0.0 for one in group) / len(group) for name, group in groups.items()}
    won = {name: sorted(one.id for one in group if (one.value or 0.0) >= 1) for name, group in groups.items()}
    left = [name for name in sorted(won) if won[name] and chances[name] > 0]
    generator = random.Random(derive(seed, "rehearsal", iteration))
    packed: list[TrainingRow] = []
    ids: list[str] = []
    while left and len(ids) < config.rehearsed:
        name = generator.choices(left, [chances[one] for one in left])[0]
        left.remove(name)
        chosen = generator.choice(won[name])
        made = pack(store.get(chosen), config.rehearsal * chances[name])
        packed += [row.model_copy(update={"rollout_logprobs": ()}) for row in made]
        ids.append(f"{chosen}{_SUFFIX}")
    return packed, ids
