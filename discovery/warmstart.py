"""The warm start: the explorer's own replays, done again before the policy's prompt, and imitated.

With `training.warm_start`, iteration 1 practises nothing. Each proven task is done once by its
demonstration; what the policy would have been shown is recorded with the tokens it should have written.
The demonstrations that succeed are imitated in one update of `training.warm_start_passes` passes. The first
has their own instructions, each later one tells them in other words; and in every pass, pages that were seen on the way
are asked about, with the answers that the explorer reads off them (an explorer's own trajectories, labelled
with what they do: BAGEL, arXiv 2403.08140; NNetNav, arXiv 2410.02907; here without a language model, since the explorer
knows what it meant to do). Held-out gains are then no longer those of reinforcement learning alone, so this is reported
as an arm of its own.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from agents import prompting
from core import actions
from core.config import Config
from core.errors import ConfigError, ModelFault
from core.protocols import Evaluator, Policy, Proposer
from core.types import (
    Action,
    Completion,
    Message,
    Observation,
    Sampling,
    Step,
    StopReason,
    Task,
    TrainingRow,
    Trajectory,
)
from discovery.builders import Parts
from discovery.executors import AsyncExecutor, Job, Outcome
from discovery.practice import Group, judge_and_store, settled
from discovery.seeds import derive
from discovery.tracker import Tracker
from memory.trajectories import Summary, TrajectoryStore
from training import sft
from training.rows import pack

ROLE: Literal["demo"] = "demo"


@runtime_checkable
class Spells(Protocol):
    """A policy that tells how it would have to write a line, as `serving.local.LocalPolicy` does."""

    def spell(self, messages: Sequence[Message], line: str, *, sampling: Sampling) -> Completion: ...


@runtime_checkable
class Demonstrates(Proposer, Protocol):
    """A proposer that knows how its tasks are done, as the exploring one does."""

    def demonstrations(self) -> Mapping[str, Sequence[Action]]: ...

    def replays(self) -> Mapping[str, Sequence[Observation]]: ...

    def retold(self) -> Mapping[str, Sequence[str]]: ...

    def questions(self, observation: Observation, count: int, *, seed: int) -> list[tuple[str, str]]: ...


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

    def __init__(self, config: Config, parts: Parts, policy: Policy, store: TrajectoryStore, tracker: Tracker) -> None:
        trainer = parts.trainer
        if not isinstance(policy, Spells) or trainer is None or not isinstance(trainer, sft.Optimises):
            raise ConfigError("training.warm_start needs a policy that is trained here: set policy.kind to 'local'")
        if not isinstance(parts.proposer, Demonstrates):
            raise ConfigError(
                "training.warm_start needs a proposer that demonstrates: set proposer.kind to 'exploring'"
            )
        self._config = config
        self._model: Spells = policy
        self._proposer = parts.proposer
        self._actor = parts.actor
        self._trainer: sft.Optimises = trainer
        self._judge: Evaluator = parts.judge
        self._store = store
        self._tracker = tracker

    async def demonstrate(self, executor: AsyncExecutor, pool: Sequence[Task], *, until: float | None) -> None:
        """Record each task of the pool once, in iteration 1, unless that was done before.

        What the proposer has just seen of it is taken as it is; the rest is done in the environment.
        """
        await self._proposer.propose(0, mastery={}, seed=0)  # after a restart it has yet to read what it found
        known, replays = self._proposer.demonstrations(), self._proposer.replays()
        records = settled(self._store, 1, ROLE, executor.attempts)
        jobs = []
        for task in pool:
            name = f"demo-{task.id}"
            record = records.get(name, 0)
            if task.id in known and isinstance(record, int):
                lines = [actions.render(action) for action in known[task.id]]
                actor = self._actor(Demonstrator(self._model, lines))
                job = Job(task, name, name, Sampling(), ROLE, 1, actor, record)
                if task.id in replays:
                    outcome = Outcome(job, _replayed(job, known[task.id], replays[task.id]), None, settled=True)
                    await judge_and_store(outcome, self._judge, self._store)
                else:
                    jobs.append(job)
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
        shown = [self._store.get(group.members[0].id) for group in groups if group.scored == [1.0]]
        retold = self._proposer.retold()
        rows: list[TrainingRow] = []
        for number in range(self._config.training.warm_start_passes):
            for one in shown:
                others = retold.get(one.task.id, ())
                said = one.task.instruction if number == 0 or not others else others[(number - 1) % len(others)]
                rows += self._told(one, said, number) or self._told(one, one.task.instruction, number)
                rows += self._asked(one, number)
        return sft.imitate(self._trainer, rows, batch_id=batch_id) if rows else {}

    def _told(self, shown: Trajectory, instruction: str, number: int) -> list[TrainingRow]:
        """The rows of a demonstration under an instruction; none where its view lacks what is used."""
        steps = []
        for index, step in enumerate(shown.steps):
            spelled = self._spelled(instruction, shown.steps[:index], step, actions.render(step.action))
            if spelled is None:
                return []
            steps.append(spelled)
        return pack(shown.model_copy(update={"id": f"{shown.id}+{number}", "steps": tuple(steps)}), 1.0)

    def _asked(self, shown: Trajectory, number: int) -> list[TrainingRow]:
        """A question about one of the pages of a demonstration, and its answer."""
        rng = random.Random(derive(self._config.run.seed, "questions", shown.id, number))
        step = rng.choice(shown.steps)
        for instruction, line in self._proposer.questions(step.observation, 1, seed=rng.randrange(2**31)):
            answered = self._spelled(instruction, (), step, line)
            if answered is not None:
                return pack(shown.model_copy(update={"id": f"{shown.id}?{number}", "steps": (answered,)}), 1.0)
        return []

    def _spelled(self, instruction: str, before: Sequence[Step], step: Step, line: str) -> Step | None:
        messages = prompting.messages(instruction, before, step.observation, self._config.actor)
        try:
            completion = self._model.spell(messages, line, sampling=Sampling())
        except ModelFault:  # the view under this instruction does not hold what is used
            return None
        return step.model_copy(update={"completion": completion, "action": actions.parse(line)})


def _replayed(job: Job, done: Sequence[Action], seen: Sequence[Observation]) -> Trajectory:
    """The episode of a replay: `seen` before each action, and at the end."""
    steps = tuple(Step(observation=seen[min(at, len(seen) - 1)], action=action) for at, action in enumerate(done))
    return Trajectory(
        id=job.attempt_id,
        task=job.task,
        group_id=job.group_id,
        role=ROLE,
        steps=steps,
        final_observation=seen[-1],
        answer=done[-1].arguments["text"] if done[-1].name == "answer" else None,
        stop_reason=StopReason.ANSWERED,
        iteration=job.iteration,
        started_at=time.time(),
    )
