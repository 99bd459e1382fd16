"""The warm start: the explorer's own replays, done again before the policy's prompt, and imitated.

With `training.warm_start`, iteration 1 practises nothing. Each proven task is done once by its
demonstration; what the policy would have been shown is recorded with the tokens it should have written.
The demonstrations that succeed are imitated in one update. Held-out gains are then no longer those of
reinforcement learning alone, which is why this is off by default and reported as an arm of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from core import actions
from core.errors import ConfigError
from core.protocols import Evaluator, Policy, Proposer
from core.types import Action, Completion, Message, Sampling, Task
from discovery.builders import Parts
from discovery.executors import AsyncExecutor, Job
from discovery.practice import Group, judge_and_store, settled
from discovery.tracker import Tracker
from memory.trajectories import Summary, TrajectoryStore
from training import sft
from training.rows import pack
from training.trainer import Trainer

ROLE = "demo"


@runtime_checkable
class Spells(Protocol):
    """A policy that tells how it would have to write a line, as `serving.local.LocalPolicy` does."""

    def spell(self, messages: Sequence[Message], line: str, *, sampling: Sampling) -> Completion: ...


@runtime_checkable
class Demonstrates(Proposer, Protocol):
    """A proposer that knows how its tasks are done, as the exploring one does."""

    def demonstrations(self) -> Mapping[str, Sequence[Action]]: ...


@dataclass
class Demonstrator:
    """A `Policy` for one episode: writes the given lines, as the policy `model` would have to write them."""

    model: Spells
    lines: Sequence[str]
    version: int = 0
    written: int = 0

    async def generate(self, messages: Sequence[Message], *, sampling: Sampling) -> Completion:
        line = self.lines[min(self.written, len(self.lines) - 1)]
        self.written += 1
        return self.model.spell(messages, line, sampling=sampling)

    async def publish(self, weights_dir: Path, *, kind: Literal["adapter", "full"], version: int) -> None:
        """A demonstration does not change."""

    async def close(self) -> None:
        """Nothing is open."""


class WarmStart:
    """Demonstrates and imitates; raises `ConfigError` at once where policy or proposer cannot take part."""

    def __init__(self, parts: Parts, policy: Policy, store: TrajectoryStore, tracker: Tracker) -> None:
        if not isinstance(policy, Spells) or not isinstance(parts.trainer, Trainer):
            raise ConfigError("training.warm_start needs a policy that is trained here: set policy.kind to 'local'")
        if not isinstance(parts.proposer, Demonstrates):
            raise ConfigError(
                "training.warm_start needs a proposer that demonstrates: set proposer.kind to 'exploring'"
            )
        self._model: Spells = policy
        self._proposer = parts.proposer
        self._actor = parts.actor
        self._trainer = parts.trainer
        self._judge: Evaluator = parts.judge
        self._store = store
        self._tracker = tracker

    async def demonstrate(self, executor: AsyncExecutor, pool: Sequence[Task], *, until: float | None) -> None:
        """Do each task of the pool once, in iteration 1, unless that was done before."""
        await self._proposer.propose(0, mastery={}, seed=0)  # after a restart it has yet to read what it found
        known = self._proposer.demonstrations()
        records = settled(self._store, 1, ROLE, executor.attempts)
        jobs = []
        for task in pool:
            name = f"demo-{task.id}"
            record = records.get(name, 0)
            if task.id in known and isinstance(record, int):
                lines = [actions.render(action) for action in known[task.id]]
                actor = self._actor(Demonstrator(self._model, lines))
                jobs.append(Job(task, name, name, Sampling(), ROLE, 1, actor, record))
        self._tracker.expect(len(jobs))
        async with aclosing(executor.stream(jobs, until=until)) as outcomes:
            async for outcome in outcomes:
                value = await judge_and_store(outcome, self._judge, self._store)
                self._tracker.finished(outcome.job, value, settled=outcome.settled)

    def groups(self, pool: Sequence[Task], attempts: int) -> list[Group]:
        """What was recorded, as groups of one."""
        records = settled(self._store, 1, ROLE, attempts)
        found = ((task, records.get(f"demo-{task.id}")) for task in pool)
        return [Group(record.group_id, task, (record,)) for task, record in found if isinstance(record, Summary)]

    def imitate(self, groups: Sequence[Group], *, batch_id: str) -> dict[str, float]:
        """One update on the demonstrations that succeeded; in a thread of its own it may take a while."""
        rows = [
            row for group in groups if group.scored == [1.0] for row in pack(self._store.get(group.members[0].id), 1.0)
        ]
        return sft.imitate(self._trainer, rows, batch_id=batch_id) if rows else {}
