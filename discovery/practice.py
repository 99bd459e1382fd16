"""The episodes of an iteration: groups of attempts at sampled tasks, each judged and stored as it ends.

An episode is durable, with its verdict, the moment it finishes. A restart finds what is stored, runs
what is missing and comes to the same decisions, because everything else is derived from the plan, the
state after the last iteration, and the verdicts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial

from core.errors import InfrastructureError
from core.protocols import Evaluator, TaskSampler
from core.types import Sampling, StopReason, Task, Trajectory, Verdict
from discovery.executors import AsyncExecutor, EpisodeRunner, Job, Outcome
from discovery.plan import Plan, TaskBook
from discovery.rundirectory import RunDirectory
from discovery.seeds import derive
from discovery.tracker import Tracker
from memory.trajectories import Summary, TrajectoryStore
from training import advantages

_UNSCORED = (StopReason.ERROR, StopReason.CANCELLED, StopReason.INTERVENED)


@dataclass(frozen=True)
class Group:
    """The settled attempts at one task, in the order of their ids; each value None is unscored."""

    id: str
    task: Task
    members: tuple[Summary, ...]

    def first(self, count: int) -> tuple[Summary, ...]:
        """The attempts among the first `count` that were planned."""
        return tuple(one for one in self.members if int(one.id.partition("~")[0].rpartition("-")[2]) < count)

    @property
    def rewards(self) -> list[float | None]:
        return [member.value for member in self.members]

    @property
    def scored(self) -> list[float]:
        return [member.value for member in self.members if member.value is not None]


async def verdict_of(outcome: Outcome, judge: Evaluator) -> Verdict:
    """The judge's verdict on one attempt; what could not be run or judged is unscored, never failed."""
    trajectory = outcome.trajectory
    if trajectory.error or trajectory.stop_reason in _UNSCORED:
        return Verdict(value=None, explanation=trajectory.error or trajectory.stop_reason.value, evaluator="none")
    try:
        return await judge(trajectory, outcome.truth)
    except InfrastructureError as fault:
        return Verdict(value=None, explanation=str(fault), evaluator=judge.name)


async def judge_and_store(outcome: Outcome, judge: Evaluator, store: TrajectoryStore) -> float | None:
    """Judge one attempt and make it durable with its verdict; raises `StorageFault`."""
    verdict = await verdict_of(outcome, judge)
    store.add(outcome.trajectory, outcome.truth, verdict)
    return verdict.value


def settled(store: TrajectoryStore, iteration: int, role: str, attempts: int) -> dict[str, Summary | int]:
    """By job id: the attempt that counts, or how many have failed so far when another is due."""
    found: dict[str, Summary | int] = {}
    for summary in store.summaries(iteration=iteration, role=role):
        job, _, number = summary.id.partition("~")
        over = not summary.error or int(number or 0) + 1 >= attempts
        found[job] = summary if over else int(number or 0) + 1
    return found


class Practice:
    """Runs what a plan asks for: groups of attempts, and refills while too few of them carry signal.

    The first `probes` attempts of every group come first; only groups in which these differ are gone on with, up to
    `group_size`. An attempt at a task that always or never succeeds teaches nothing. With `branch`, tasks of which
    every probe failed are gone on with, too, by the actor that it makes of those failures and the attempt's id.
    """

    def __init__(
        self,
        directory: RunDirectory,
        store: TrajectoryStore,
        book: TaskBook,
        executor: AsyncExecutor,
        judge: Evaluator,
        tracker: Tracker,
        *,
        seed: int,
        sampling: Sampling,
        group_size: int,
        probes: int,
        tasks_per_iteration: int,
        refill_rounds: int,
        imitates: bool,
        branch: Callable[[Sequence[Trajectory], str], EpisodeRunner] | None = None,
    ) -> None:
        self._branch = branch
        self._directory = directory
        self._store = store
        self._book = book
        self._executor = executor
        self._judge = judge
        self._tracker = tracker
        self._seed = seed
        self._sampling = sampling
        self._group_size = group_size
        self._probes = min(probes, group_size)
        self._tasks = tasks_per_iteration
        self._refill_rounds = refill_rounds
        self._imitates = imitates

    async def run(self, plan: Plan, pool: Sequence[Task], sampler: TaskSampler, *, until: float | None) -> None:
        """All rounds of the iteration; returns early when stopped, or when no more may start after `until`.

        `sampler` must be in its state after the last iteration; it is left as these groups changed it.
        """
        for number in range(1 + self._refill_rounds):
            if number == len(plan.rounds):
                count = self._tasks if number == 0 else max(1, self._tasks // 2)
                if number and not self._wants_refill(plan):
                    break
                plan.add_round(sampler.sample(pool, count, seed=derive(self._seed, "tasks", plan.iteration, number)))
                plan.save(self._directory)
            else:
                # Drawn before the restart: draw again, to leave the sampler in the state it was in then.
                count = len(plan.rounds[number])
                sampler.sample(pool, count, seed=derive(self._seed, "tasks", plan.iteration, number))
            await self._episodes(plan, plan.rounds[number], range(self._probes), until)
            if self._probes < self._group_size and not self._executor.gate.closed(until):
                await self._gone_on_with(plan, plan.rounds[number], until)
            if self._executor.gate.stopping.is_set():
                return
            for group in self.groups(plan, plan.rounds[number]):
                normalised = advantages.grpo(group.scored)
                sampler.update(group.task, group.scored, [value or 0.0 for value in normalised])
            if self._executor.gate.closed(until):
                return

    def groups(self, plan: Plan, chosen: Sequence[tuple[str, str]] | None = None) -> list[Group]:
        """The groups of a plan (or of some of its rounds) with what was recorded of them."""
        records = settled(self._store, plan.iteration, "train", self._executor.attempts)
        groups = []
        for group_id, task_id in plan.groups if chosen is None else chosen:
            members = (records.get(name) for name in self._names(group_id, range(self._group_size)))
            over = tuple(member for member in members if isinstance(member, Summary))
            groups.append(Group(group_id, self._book[task_id], over))
        return groups

    def carries_signal(self, group: Group) -> bool:
        """Whether a group has anything to learn from: a difference, or (imitating) a success."""
        if self._imitates:
            return any(value >= 1.0 for value in group.scored)
        return not advantages.zero_variance(group.scored)

    def _wants_refill(self, plan: Plan) -> bool:
        return sum(map(self.carries_signal, self.groups(plan))) < max(1, self._tasks // 2)

    def _names(self, group_id: str, members: Iterable[int]) -> list[str]:
        return [f"{group_id}-{member}" for member in members]

    async def _gone_on_with(self, plan: Plan, chosen: Sequence[tuple[str, str]], until: float | None) -> None:
        """The further attempts at tasks whose probes differ, and, where there is `branch`, at those that all failed."""
        makers: dict[str, Callable[[str], EpisodeRunner | None]] = {}
        for group in self.groups(plan, chosen):
            # By the probes alone, so that a restart amid the further attempts comes to the same.
            probes = group.first(self._probes)
            if self.carries_signal(replace(group, members=probes)):
                makers[group.id] = lambda _: None
            elif self._branch is not None and {member.value for member in probes} == {0.0}:
                makers[group.id] = partial(self._branch, [self._store.get(member.id) for member in probes])
        going = [(group, task) for group, task in chosen if group in makers]
        members = range(self._probes, self._group_size)
        await self._episodes(plan, going, members, until, lambda group, name: makers[group](name))

    async def _episodes(
        self,
        plan: Plan,
        chosen: Sequence[tuple[str, str]],
        members: range,
        until: float | None,
        actor: Callable[[str, str], EpisodeRunner | None] = lambda _group, _name: None,
    ) -> None:
        records = settled(self._store, plan.iteration, "train", self._executor.attempts)
        jobs = []
        for group_id, task_id in chosen:
            for name in self._names(group_id, members):
                record = records.get(name, 0)
                if not isinstance(record, int):
                    continue
                sampling = self._executor.seeded(self._sampling, name)
                jobs.append(
                    Job(
                        self._book[task_id],
                        group_id,
                        name,
                        sampling,
                        iteration=plan.iteration,
                        actor=actor(group_id, name),
                        attempt=record,
                    )
                )
        total = len(chosen) * len(members)
        self._tracker.expect(total, done=total - len(jobs))
        async with aclosing(self._executor.stream(jobs, until=until)) as outcomes:
            async for outcome in outcomes:
                value = await judge_and_store(outcome, self._judge, self._store)
                self._tracker.finished(outcome.job, value, settled=outcome.settled)
