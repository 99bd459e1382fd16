"""Practice goes on during an update: what overlaps, how old the weights may be, and what a crash or a stop leaves."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from core.config import Config, validate
from core.errors import ConfigError, StorageFault
from core.types import TrainingRow
from discovery import builders, loop
from discovery.control import SqliteControl
from tests.integration import loop_worker
from tests.integration.loop_fixtures import Child, episodes

ITERATIONS = 3


class Meeting(loop_worker.LogitLearner):
    """An update that is over only once an environment was handed out while it was under way; not so the last one."""

    def __init__(self) -> None:
        super().__init__()
        self.under_way = threading.Event()
        self.practising = threading.Event()
        self.met = 0
        self.staleness: list[int] = []

    def update(self, rows: Sequence[TrainingRow], *, batch_id: str) -> dict[str, float]:
        self.staleness += [self.version - row.policy_version for row in rows if row.rollout_logprobs]
        self.under_way.set()
        if self.version < ITERATIONS - 1:
            assert self.practising.wait(20), "nothing was practised during the update"
            self.met += 1
        self.under_way.clear()
        self.practising.clear()
        return super().update(rows, batch_id=batch_id)


class Pool(loop_worker.Pool):
    def __init__(self, learner: Meeting) -> None:
        super().__init__(1)
        self.learner = learner

    async def acquire(self) -> loop_worker.Buttons:
        if self.learner.under_way.is_set():
            self.learner.practising.set()
        await asyncio.sleep(0.001)
        return await super().acquire()


def config(**run: Any) -> Config:
    data = loop_worker.config(iterations=ITERATIONS, **run).model_dump()
    data["training"] |= {"asynchronous": True, "importance_cap": 2.0}
    return validate(data)


def build_with(learner: loop_worker.LogitLearner, pool: loop_worker.Pool) -> builders.Build:
    async def build(context: builders.Context) -> builders.Parts:
        parts = await loop_worker.builder()(context)
        parts.trainer, parts.pool = learner, pool
        return parts

    return build


def lines(run_dir: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]


async def test_the_next_iteration_practises_during_the_update_and_nothing_is_older_than_one(tmp_path: Path) -> None:
    learner = Meeting()
    summary = await loop.run(config(), tmp_path / "run", build=build_with(learner, Pool(learner)))
    assert (summary.status, summary.iterations, summary.policy_version) == ("finished", ITERATIONS, ITERATIONS)
    assert learner.met == ITERATIONS - 1
    assert set(learner.staleness) == {0, 1}
    told = lines(tmp_path / "run")
    assert [line["iteration"] for line in told] == [1, 2, 3]
    assert [line["policy_version"] for line in told] == [1, 2, 3]
    assert "heldout_success" in told[1], "measurements between iterations are made once the update is settled"
    assert len(episodes(tmp_path / "run")) == summary.episodes + sum(
        one["n"] for one in [*summary.heldout.values(), {"n": 8}] if one and "n" in one and "gain" not in one
    )


async def test_an_update_that_fails_ends_the_run_with_its_fault(tmp_path: Path) -> None:
    class Failing(loop_worker.LogitLearner):
        def save(self, directory: Path) -> None:
            if self.version == 2:
                raise StorageFault("the disk is full")
            super().save(directory)

    with pytest.raises(StorageFault, match="the disk is full"):
        await loop.run(config(), tmp_path / "run", build=build_with(Failing(), loop_worker.Pool(1)))
    assert [line["iteration"] for line in lines(tmp_path / "run")] == [1]
    await loop.run(
        config(), tmp_path / "run", resume=True, build=build_with(loop_worker.LogitLearner(), loop_worker.Pool(1))
    )
    assert [line["iteration"] for line in lines(tmp_path / "run")] == [1, 2, 3]


async def test_a_run_stopped_during_an_update_keeps_it(tmp_path: Path) -> None:
    class Stopping(loop_worker.LogitLearner):
        def update(self, rows: Sequence[TrainingRow], *, batch_id: str) -> dict[str, float]:
            if self.version == 1:
                SqliteControl(tmp_path / "run" / "control.sqlite").send("stop")
                threading.Event().wait(1.0)  # long enough for the run to hear of it
            return super().update(rows, batch_id=batch_id)

    pool = loop_worker.Pool(1, pace=0.02)
    summary = await loop.run(config(), tmp_path / "run", build=build_with(Stopping(), pool))
    assert (summary.status, summary.policy_version) == ("stopped", 2)
    assert [line["policy_version"] for line in lines(tmp_path / "run")] == [1, 2]
    assert pool.lent == 0


@pytest.mark.parametrize(
    "instant", ["weights-written:3", "committed-not-published:3", "after-episode:30", "before-line:2"]
)
def test_a_killed_run_goes_on_and_no_episode_is_repeated(instant: str, tmp_path: Path) -> None:
    run_dir = tmp_path / "killed"

    def work(resume: bool) -> Child:
        def main(_: Sequence[str]) -> None:
            if not resume:
                name, _, count = instant.partition(":")
                loop_worker.kill_at(name, int(count))
            asyncio.run(loop.run(config(), run_dir, resume=resume, build=loop_worker.builder()))

        return Child(run_dir, main=main)

    assert work(resume=False).wait() == -signal.SIGKILL
    finished = episodes(run_dir)
    resumed = work(resume=True)
    assert resumed.wait() == 0, resumed.log()
    assert finished.items() <= episodes(run_dir).items()
    told = lines(run_dir)
    assert [line["iteration"] for line in told] == [1, 2, 3]
    state = json.loads((run_dir / "iterations/0003/weights/state.json").read_text())
    assert len(state["batches"]) == len(set(state["batches"])) == 3, "an update was repeated"


def test_without_a_correction_it_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"set training\.importance_cap, as to 2"):
        validate({"training": {"asynchronous": True}})
