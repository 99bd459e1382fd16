"""Held-out success: before training, now and then if asked, and at the end beside the initial weights.

All measurements of a run use the same (task, attempt) pairs, seeds and temperature. The first one makes a single
attempt at each task: the control will make them all. Where time is short it ends early, and its pairs, a prefix of a
shuffled order, are those of all later ones.
The final measurement has two arms, `final` and `control` (the initial weights), interleaved pair by pair.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any

from core.errors import RunDirectoryError
from core.protocols import Evaluator
from core.types import Sampling, Task
from discovery.executors import AsyncExecutor, EpisodeRunner, Job
from discovery.practice import judge_and_store, settled
from discovery.rundirectory import RunDirectory
from discovery.seeds import derive
from discovery.tracker import Tracker
from evals import benchmark, heldout
from memory.trajectories import Summary, TrajectoryStore

_FILE = "measurement.json"
Measurement = dict[str, Any]


class Measuring:
    """Measures policies on a run's held-out tasks; `tasks` empty means that there is nothing to measure.

    Raises `RunDirectoryError` when the tasks are not those of the run's first measurement.
    """

    def __init__(
        self,
        directory: RunDirectory,
        store: TrajectoryStore,
        tasks: Sequence[Task],
        executor: AsyncExecutor,
        judge: Evaluator,
        tracker: Tracker,
        *,
        split: str,
        seed: int,
        episodes_per_task: int,
        sampling: Sampling,
    ) -> None:
        self._split = split
        self._directory = directory
        self._store = store
        self._tasks = tasks
        self._executor = executor
        self._judge = judge
        self._tracker = tracker
        self._seed = seed
        self._sampling = sampling
        self._kept: dict[str, Any] = directory.read_json(_FILE) or {}
        self._fingerprint = heldout.fingerprint(tasks)
        if self._kept and self._kept["sha256"] != self._fingerprint:
            raise RunDirectoryError(
                "the held-out tasks are not those that this run began with; restore them, or start a new run"
            )
        self._pairs = self._kept.get("pairs") or _shuffled(len(tasks), episodes_per_task, seed)

    @property
    def initial(self) -> Measurement | None:
        """The first measurement, once it was made."""
        return self._kept.get("initial")

    @property
    def seconds(self) -> float:
        """What the first measurement would have cost with all attempts."""
        return float(self._kept.get("seconds", 0.0))

    async def first(self, actor: EpisodeRunner, *, until: float | None, began: float) -> None:
        """Measure the initial weights; what was reached by `until` fixes the pairs. `began` is on the gate's clock."""
        everything = self._pairs
        self._pairs = everything[: len(self._tasks)]
        results = await self.measure({"initial": actor}, iteration=0, until=until)
        if results:
            reached = self._settled_pairs(["initial"], 0)
            whole = len(reached) == len(self._pairs)
            self._pairs = everything if whole else reached
            seconds = (self._executor.gate.clock() - began) * len(self._pairs) / max(1, len(reached))
            self._kept = {
                "sha256": self._fingerprint,
                "pairs": self._pairs,
                "initial": results["initial"],
                "seconds": seconds,
            }
            self._directory.write_json(_FILE, self._kept)

    async def measure(
        self, arms: Mapping[str, EpisodeRunner], *, iteration: int, until: float | None = None
    ) -> dict[str, Measurement]:
        """Success of each arm over the pairs that all arms got to run, unscored episodes left out.

        Arms are named `initial`, `heldout`, `final` or `control`. Finished episodes are not run again. Empty
        when the run was stopped before the end.
        """
        records = self._records(iteration)
        jobs = []
        for index, attempt in self._pairs:
            for arm, actor in arms.items():
                record = records.get(_job(arm, iteration, index, attempt), 0)
                if isinstance(record, int):
                    jobs.append(self._episode(arm, actor, iteration, index, attempt, record))
        total = len(self._pairs) * len(arms)
        self._tracker.expect(total, done=total - len(jobs))
        async with aclosing(self._executor.stream(jobs, until=until)) as outcomes:
            async for outcome in outcomes:
                value = await judge_and_store(outcome, self._judge, self._store)
                self._tracker.finished(outcome.job, value, settled=outcome.settled)
        pairs = self._settled_pairs(list(arms), iteration)
        if self._executor.gate.stopping.is_set():
            return {}
        return {arm: self._result(arm, iteration, pairs) for arm in arms}

    def difference(self, iteration: int) -> Measurement:
        """`final` minus `control`: `gain` and `ci95` (a bootstrap paired by task), `n` pairs of episodes."""
        pairs = self._settled_pairs(["final", "control"], iteration)
        arms = [self._results(arm, iteration, pairs) for arm in ("final", "control")]
        found = benchmark.difference(*arms, seed=self._seed)
        return {**found, "n": len(pairs)}

    def _episode(self, arm: str, actor: EpisodeRunner, iteration: int, index: int, attempt: int, failed: int) -> Job:
        task = self._tasks[index]
        return Job(
            task,
            f"{arm}-{iteration:04d}-{index:04d}",
            _job(arm, iteration, index, attempt),
            # Not named after the arm: the arms share their seeds.
            self._executor.seeded(self._sampling, "heldout", task.id, attempt),
            role="control" if arm == "control" else "heldout",
            iteration=iteration,
            actor=actor,
            attempt=failed,
        )

    def _records(self, iteration: int) -> dict[str, Summary | int]:
        roles = ("heldout", "control")
        return {
            job: record
            for role in roles
            for job, record in settled(self._store, iteration, role, self._executor.attempts).items()
        }

    def _settled_pairs(self, arms: Sequence[str], iteration: int) -> list[tuple[int, int]]:
        records = self._records(iteration)
        return [
            (index, attempt)
            for index, attempt in self._pairs
            if all(isinstance(records.get(_job(arm, iteration, index, attempt)), Summary) for arm in arms)
        ]

    def _results(self, arm: str, iteration: int, pairs: Sequence[tuple[int, int]]) -> list[benchmark.TaskResult]:
        records = self._records(iteration)
        results = []
        for index, attempt in sorted(pairs):
            record = records[_job(arm, iteration, index, attempt)]
            assert isinstance(record, Summary)
            results.append(benchmark.TaskResult(self._tasks[index].id, record.value))
        return results

    def _result(self, arm: str, iteration: int, pairs: Sequence[tuple[int, int]]) -> Measurement:
        found = benchmark.summarise(self._results(arm, iteration, pairs), seed=self._seed)
        result = {name: found[name] for name in ("success", "n", "ci95", "unscored", "tasks")}
        records = self._records(iteration)
        episodes = [records.get(_job(arm, iteration, index, attempt)) for index, attempt in pairs]
        versions = {record.policy_version for record in episodes if isinstance(record, Summary)}
        heldout.log_evaluation(
            self._directory.root,
            split=self._split,
            tasks=self._tasks,
            policy_version=max(versions, default=0),
            n=result["n"],
            success=result["success"],
            purpose=arm,
        )
        self._tracker.measured(arm, result)
        return result


def _job(arm: str, iteration: int, index: int, attempt: int) -> str:
    return f"{arm}-{iteration:04d}-{index:04d}-{attempt}"


def _shuffled(tasks: int, episodes_per_task: int, seed: int) -> list[tuple[int, int]]:
    """Every task once in random order, then every task a second time in another, and so on."""
    pairs = []
    for attempt in range(episodes_per_task):
        order = list(range(tasks))
        random.Random(derive(seed, "heldout order", attempt)).shuffle(order)
        pairs += [(index, attempt) for index in order]
    return pairs
