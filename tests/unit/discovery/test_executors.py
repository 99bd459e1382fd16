"""The executor: bounded concurrency, one more try for what the infrastructure broke, seeds by name, clean endings."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from core.errors import EnvironmentFault
from core.types import GroundTruth, Sampling, StopReason, Task, Trajectory
from discovery.executors import AsyncExecutor, Gate, Job
from environments.scripted import Page, ScriptedPool

PAGES = {"/": Page("Start")}
TASK = Task(id="t", instruction="do it", start_url="/")


class Actor:
    """Ends at once, fails, hangs or raises, as told by trajectory id."""

    def __init__(self, **behaviour: str) -> None:
        self.behaviour = behaviour
        self.seeds: dict[str, int | None] = {}
        self.active = self.most = 0

    async def run(
        self, task: Task, environment: Any, *, trajectory_id: str, group_id: str, role: str, iteration: int,
        sampling: Sampling,
    ) -> tuple[Trajectory, GroundTruth | None]:  # fmt: skip
        self.seeds[trajectory_id] = sampling.seed
        self.active += 1
        self.most = max(self.most, self.active)
        try:
            await asyncio.sleep(0)
            what = self.behaviour.get(trajectory_id.replace("~", "_"), "")
            if what == "hang":
                await asyncio.Event().wait()
            if what == "raise":
                raise KeyError("a bug")
            error = "EnvironmentFault: gone" if what == "fail" else ""
            stop = StopReason.ERROR if error else StopReason.DONE
            return Trajectory(id=trajectory_id, task=task, stop_reason=stop, error=error), None
        finally:
            self.active -= 1


def executor(actor: Actor, pool: ScriptedPool | None = None, **options: Any) -> AsyncExecutor:
    settings = {"seed": 5, "episode_seconds": 60.0, "backoff": 0.0} | options
    return AsyncExecutor(pool or ScriptedPool(PAGES, size=3), actor, **settings)


def jobs(*names: str) -> list[Job]:
    return [Job(TASK, "g", name, Sampling()) for name in names]


async def collect(running: AsyncExecutor, *names: str, until: float | None = None) -> dict[str, Any]:
    async with aclosing(running.stream(jobs(*names), until=until)) as outcomes:
        return {outcome.trajectory.id: outcome async for outcome in outcomes}


async def test_all_run_and_no_more_at_once_than_the_pool_has() -> None:
    actor = Actor()
    found = await collect(executor(actor), *"abcdefgh")
    assert sorted(found) == list("abcdefgh")
    assert actor.most == 3


async def test_a_fault_is_tried_again_once_and_both_are_data() -> None:
    pool = ScriptedPool(PAGES, size=1)
    found = await collect(executor(Actor(a="fail", b="fail", b_1="fail", c="raise"), pool), *"abc")
    assert [(name, outcome.settled, bool(outcome.trajectory.error)) for name, outcome in found.items()] == [
        ("a", False, True), ("a~1", True, False),
        ("b", False, True), ("b~1", True, True),
        ("c", False, True), ("c~1", True, False),
    ]  # fmt: skip
    assert "KeyError" in found["c"].trajectory.error
    assert pool.made == 5, "each environment that broke was replaced"


async def test_a_pool_that_has_nothing_to_give_is_data() -> None:
    class Empty(ScriptedPool):
        async def acquire(self) -> Any:
            raise EnvironmentFault("no browser")

    found = await collect(executor(Actor(), Empty(PAGES)), "a")
    assert found["a"].trajectory.error == "EnvironmentFault: no browser"
    assert found["a~1"].settled


async def test_seeds_depend_on_the_name_alone() -> None:
    seeds = []
    for order in (("a", "b"), ("b", "a")):
        actor = Actor()
        running = executor(actor)
        tasks = [(TASK, "g", name) for name in order]
        async for _ in running.run(tasks, sampling=Sampling(), iteration=1, role="train"):
            pass
        seeds.append(actor.seeds)
    assert seeds[0] == seeds[1]
    assert seeds[0]["a"] != seeds[0]["b"]


async def test_stopping_cancels_what_is_in_flight() -> None:
    actor = Actor(b="hang")
    gate = Gate()
    pool = ScriptedPool(PAGES, size=1)
    running = executor(actor, pool, gate=gate)
    seen = []
    async with aclosing(running.stream(jobs("a", "b", "c"))) as outcomes:
        async for outcome in outcomes:
            seen.append(outcome.trajectory.id)
            asyncio.get_running_loop().call_later(0.05, gate.stopping.set)
    assert seen == ["a"]
    assert actor.active == 0
    await asyncio.wait_for(pool.acquire(), 1)  # the environment came back


async def test_an_intervention_ends_one_episode_unscored() -> None:
    running = executor(Actor(b="hang"))
    async with aclosing(running.stream(jobs("a", "b"))) as outcomes:
        found = {}
        async for outcome in outcomes:
            found[outcome.trajectory.id] = outcome
            assert running.intervene("b") or outcome.trajectory.id == "b"
    assert found["b"].trajectory.stop_reason is StopReason.INTERVENED
    assert found["b"].settled
    assert not running.intervene("a")


async def test_an_episode_that_ignores_its_time_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    running = executor(Actor(a="hang", a_1="hang"), episode_seconds=-29.95)
    found = await collect(running, "a")
    assert "hung" in found["a~1"].trajectory.error


async def test_none_starts_after_the_deadline() -> None:
    now = 0.0

    class Slow(Actor):
        async def run(self, *args: Any, **kwargs: Any) -> Any:
            nonlocal now
            now += 10
            return await super().run(*args, **kwargs)

    running = executor(Slow(), ScriptedPool(PAGES, size=1), gate=Gate(clock=lambda: now))
    assert sorted(await collect(running, *"abcde", until=25.0)) == ["a", "b", "c"]


async def test_paused_episodes_wait() -> None:
    gate = Gate()
    gate.running.clear()
    work = asyncio.create_task(collect(executor(Actor(), gate=gate), "a"))
    await asyncio.sleep(0.05)
    assert not work.done()
    gate.running.set()
    assert list(await asyncio.wait_for(work, 5)) == ["a"]
