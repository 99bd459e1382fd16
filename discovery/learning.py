"""From judged groups to new weights: rows, one update, and the record of it, which is permanent before it is used.

The order is what makes a restart safe: the update is computed, written with the ids of its batch, synced
and renamed into place as the iteration; only then do new episodes see the new weights. Killed before the
rename, the same update is computed again from the same state; killed after it, never.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from core.config import TrainingConfig
from core.states import state_key
from core.types import Mastery, TrainingRow, Trajectory
from discovery.practice import Group
from memory.trajectories import TrajectoryStore
from training import advantages, rows

_RECENT = 0.3  # weight of the newest group in a family's moving success rate


class Learner(Protocol):
    """What the loop asks of `training.trainer.Trainer`."""

    version: int

    def update(self, rows: Sequence[TrainingRow], *, batch_id: str) -> dict[str, float]: ...

    def save(self, directory: Path) -> None: ...

    def restore(self, directory: Path) -> None: ...


@runtime_checkable
class Closes(Protocol):
    """A learner that holds more than memory, as the processes of `training.distributed.DistributedTrainer`."""

    def close(self) -> None: ...


def batch(
    groups: Sequence[Group], store: TrajectoryStore, config: TrainingConfig
) -> tuple[list[TrainingRow], list[str]]:
    """The training rows of all groups that carry signal, and the ids of the trajectories they come from.

    Unscored members leave their group; attempts without any credit give no rows.
    """
    packed: list[TrainingRow] = []
    ids: list[str] = []
    for group in groups:
        counted = rewards(group, config)
        credit_of = advantages.of_group(counted, config, lengths=[member.steps for member in group.members])
        read = cache(store.get)  # some algorithms look at an attempt twice
        steps_of = step_credit(group, counted, read, config)
        for member, credit, steps in zip(group.members, credit_of, steps_of, strict=True):
            if credit or (credit is not None and steps and any(steps)):
                packed += rows.pack(read(member.id), credit, steps)
                ids.append(member.id)
    return packed, ids


def step_credit(
    group: Group, counted: Sequence[float | None], read: Callable[[str], Trajectory], config: TrainingConfig
) -> list[list[float]] | list[None]:
    """What is added to the advantage of each step of each attempt, for algorithms that tell steps apart.

    A step is compared with the steps of the group that began in the same state; only the policy's own count.
    """
    if config.algorithm != "gigpo":
        return [None] * len(group.members)
    states = [
        [state_key(step.observation) if step.initiator == "policy" else None for step in read(member.id).steps]
        for member in group.members
    ]
    return advantages.of_steps(counted, states, config)


def rewards(group: Group, config: TrainingConfig) -> list[float | None]:
    """The rewards of a group's attempts, as they are learned from.

    An attempt that was made to part from failures (`discovery.branching`) often does something idle and then the
    right thing. Where it needed more steps than are known to be enough, its success is no evidence for what it did.
    """
    stuck = {member.value for member in group.first(config.probes)} == {0.0}
    if not (config.branching and group.task.steps and stuck):
        return group.rewards
    return [None if member.value and member.steps > group.task.steps else member.value for member in group.members]


def batch_id(iteration: int, trajectory_ids: Sequence[str]) -> str:
    """A name for an update that tells from which trajectories it was made."""
    text = "\n".join([str(iteration), *trajectory_ids])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def updated_mastery(before: Mapping[str, Mastery], groups: Sequence[Group]) -> dict[str, Mastery]:
    """Attempts, successes and moving success rate of each family after these groups, all of them counted."""
    mastery = dict(before)
    for group in groups:
        if not group.scored:
            continue
        known = mastery.get(group.task.family, Mastery())
        rate = sum(group.scored) / len(group.scored)
        mastery[group.task.family] = Mastery(
            attempts=known.attempts + len(group.scored),
            successes=known.successes + sum(value >= 0.5 for value in group.scored),
            recent=rate if known.recent is None else (1 - _RECENT) * known.recent + _RECENT * rate,
        )
    return mastery


def account(groups: Sequence[Group], metrics: Mapping[str, float]) -> dict[str, Any]:
    """An iteration's share of its line in metrics.jsonl; `success` is None when nothing was scored."""
    members = [member for group in groups for member in group.members]
    scored = [value for group in groups for value in group.scored]
    judged = [group for group in groups if group.scored]
    flat = sum(advantages.zero_variance(group.scored) for group in judged)
    line: dict[str, Any] = {
        "episodes": len(members),
        "steps": sum(member.steps for member in members),
        "success": sum(scored) / len(scored) if scored else None,
        "unscored": len(members) - len(scored),
        "groups": len(groups),
        "zero_variance_share": flat / len(judged) if judged else None,
    }
    for name in ("entropy", "mismatch_kl", "clip_fraction", "loss", "tokens"):
        line[name] = metrics.get(name)
    return line | {name: value for name, value in metrics.items() if name not in line}
