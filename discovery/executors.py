"""Runs episodes concurrently: as many at once as the pool has environments, each yielded as it finishes.

An infrastructure fault becomes a trajectory with its `error`, and the attempt is made again, once,
after a pause, under an id of its own (`…~1`). What is still in flight when the run stops is cancelled
and forgotten.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from core.errors import InfrastructureError
from core.protocols import Environment, EnvironmentPool
from core.types import GroundTruth, Sampling, StopReason, Task, Trajectory
from discovery.seeds import derive

_ACQUIRE_SECONDS = 120.0
_GRACE_SECONDS = 20.0

log = logging.getLogger(__name__)


class EpisodeRunner(Protocol):
    """What the executor asks of an actor (`agents.actor.Actor`)."""

    async def run(
        self,
        task: Task,
        environment: Environment,
        *,
        trajectory_id: str,
        group_id: str,
        role: str,
        iteration: int,
        sampling: Sampling,
    ) -> tuple[Trajectory, GroundTruth | None]: ...


@dataclass(frozen=True)
class Job:
    """One episode to run. `actor` None is the executor's own; `attempt` counts failed attempts so far."""

    task: Task
    group_id: str
    trajectory_id: str
    sampling: Sampling
    role: str = "train"
    iteration: int = 0
    actor: EpisodeRunner | None = None
    attempt: int = 0

    @property
    def attempt_id(self) -> str:
        return self.trajectory_id + (f"~{self.attempt}" if self.attempt else "")


@dataclass(frozen=True)
class Outcome:
    """An attempt's result; `settled` says that the job is over, for better or worse."""

    job: Job
    trajectory: Trajectory
    truth: GroundTruth | None
    settled: bool


@dataclass
class Gate:
    """Whether episodes may start: not while paused, and no more once stopped."""

    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    running: asyncio.Event = field(default_factory=asyncio.Event)
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self.running.set()

    def closed(self, until: float | None) -> bool:
        """Whether the run was stopped, or `until` (on the gate's clock) has passed."""
        return self.stopping.is_set() or (until is not None and self.clock() >= until)

    async def admits(self, until: float | None) -> bool:
        """Waits while paused, then says whether an episode may start."""
        await self.running.wait()
        return not self.closed(until)


class AsyncExecutor:
    """`Executor` over a pool of environments and an actor, on the running event loop.

    `attempts` is how often a job is tried in all; `backoff` the seconds before the second attempt,
    doubled for each further one. `on_start` is told of each attempt as it begins.
    """

    def __init__(
        self,
        pool: EnvironmentPool,
        actor: EpisodeRunner,
        *,
        seed: int,
        episode_seconds: float,
        attempts: int = 2,
        backoff: float = 1.0,
        gate: Gate | None = None,
        on_start: Callable[[Job], None] | None = None,
    ) -> None:
        self.pool = pool
        self.actor = actor
        self.seed = seed
        self.attempts = attempts
        self.gate = gate or Gate()
        self._guard_seconds = episode_seconds + 30.0  # the actor keeps the time itself; this is for one that hangs
        self._backoff = backoff
        self._on_start = on_start or (lambda _: None)
        self._flying: dict[str, asyncio.Task[Any]] = {}

    async def run(
        self, tasks: Sequence[tuple[Task, str, str]], *, sampling: Sampling, iteration: int, role: str
    ) -> AsyncIterator[tuple[Trajectory, GroundTruth | None]]:
        """The `Executor` protocol; sampling seeds are derived from the run's seed and the trajectory's id."""
        jobs = [Job(task, group, name, self.seeded(sampling, name), role, iteration) for task, group, name in tasks]
        async for outcome in self.stream(jobs):
            yield outcome.trajectory, outcome.truth

    def seeded(self, sampling: Sampling, *parts: int | str) -> Sampling:
        """`sampling` with a seed of its own for what `parts` name."""
        return sampling.model_copy(update={"seed": derive(self.seed, "episode", *parts)})

    async def stream(self, jobs: Sequence[Job], *, until: float | None = None) -> AsyncGenerator[Outcome, None]:
        """Run `jobs` in order, `pool.size` at a time; yields every attempt as it ends.

        Jobs start in the order given; none starts after `until` (on the gate's clock), and those under way
        then still finish. Ends early when the gate is stopped. Close it (`aclosing`) to cancel the rest.
        """
        results: asyncio.Queue[Outcome | Exception | None] = asyncio.Queue()
        waiting = iter(jobs)
        workers = [
            asyncio.create_task(self._work(waiting, until, results)) for _ in range(min(self.pool.size, len(jobs)))
        ]
        watcher = asyncio.create_task(self._watch(results, len(workers)))
        try:
            working = len(workers)
            while working:
                item = await results.get()
                if item is None:
                    working -= 1
                elif isinstance(item, Exception):
                    raise item
                else:
                    yield item
        finally:
            for task in (*workers, watcher):
                task.cancel()
            await asyncio.gather(*workers, watcher, return_exceptions=True)

    def intervene(self, trajectory_id: str) -> bool:
        """End an episode in flight as `intervened`, unscored; False when it is not in flight."""
        task = self._flying.get(trajectory_id)
        return task is not None and task.cancel()

    async def _watch(self, results: asyncio.Queue[Outcome | Exception | None], workers: int) -> None:
        await self.gate.stopping.wait()
        for _ in range(workers):
            results.put_nowait(None)

    async def _work(
        self, waiting: Iterator[Job], until: float | None, results: asyncio.Queue[Outcome | Exception | None]
    ) -> None:
        try:
            for job in waiting:
                if not await self.gate.admits(until):
                    break
                await self._settle(job, until, results)
        except Exception as error:  # a bug of ours: the consumer must hear of it
            results.put_nowait(error)
        results.put_nowait(None)

    async def _settle(self, job: Job, until: float | None, results: asyncio.Queue[Outcome | Exception | None]) -> None:
        while True:
            trajectory, truth = await self._attempt(job)
            last = not trajectory.error or job.attempt + 1 >= self.attempts
            results.put_nowait(Outcome(job, trajectory, truth, settled=last))
            if last:
                return
            await asyncio.sleep(self._backoff * 2**job.attempt)
            if not await self.gate.admits(until):
                return
            job = replace(job, attempt=job.attempt + 1)

    async def _attempt(self, job: Job) -> tuple[Trajectory, GroundTruth | None]:
        self._on_start(job)
        started = time.time()
        try:
            async with asyncio.timeout(_ACQUIRE_SECONDS):
                environment = await self.pool.acquire()
        except InfrastructureError as fault:
            return _unscored(job, started, error=f"{type(fault).__name__}: {fault}"), None
        except TimeoutError:
            return _unscored(job, started, error=f"no environment was free within {_ACQUIRE_SECONDS:g} seconds"), None
        broken = True
        try:
            trajectory, truth = await self._episode(job, environment, started)
            broken = trajectory.stop_reason in (StopReason.ERROR, StopReason.INTERVENED)
        finally:
            with suppress(InfrastructureError):
                await self.pool.release(environment, broken=broken)
        return trajectory, truth

    async def _episode(
        self, job: Job, environment: Environment, started: float
    ) -> tuple[Trajectory, GroundTruth | None]:
        actor = job.actor or self.actor
        episode = asyncio.create_task(
            actor.run(
                job.task,
                environment,
                trajectory_id=job.attempt_id,
                group_id=job.group_id,
                role=job.role,
                iteration=job.iteration,
                sampling=job.sampling,
            )
        )
        self._flying[job.attempt_id] = episode
        try:
            done, _ = await asyncio.wait({episode}, timeout=self._guard_seconds)
            if not done:
                return _unscored(job, started, error=f"the episode hung for {self._guard_seconds:g} seconds"), None
            return episode.result()
        except asyncio.CancelledError:
            if episode.cancelled() and not _being_cancelled():
                return _unscored(job, started, stop=StopReason.INTERVENED), None
            raise
        except Exception as error:  # a rollout that went wrong in an unforeseen way is data, too
            log.warning("episode %s failed unexpectedly", job.attempt_id, exc_info=error)
            return _unscored(job, started, error=f"{type(error).__name__}: {error}"), None
        finally:
            del self._flying[job.attempt_id]
            if not episode.done():
                episode.cancel()
                await asyncio.wait({episode}, timeout=_GRACE_SECONDS)


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _unscored(job: Job, started: float, *, error: str = "", stop: StopReason = StopReason.ERROR) -> Trajectory:
    """The record of an attempt that came to nothing through no fault of the agent."""
    return Trajectory.model_validate(
        {
            "id": job.attempt_id,
            "task": job.task,
            "group_id": job.group_id,
            "role": job.role,
            "iteration": job.iteration,
            "stop_reason": stop,
            "error": error,
            "started_at": started,
            "wall_s": time.time() - started,
        }
    )
