"""Measuring a run's policies on a task file, after the run and without touching its record."""

from __future__ import annotations

from pathlib import Path

import pytest

import discovery
from core.errors import RunDirectoryError, TaskFileError
from discovery import builders, loop
from evals import heldout, taskfile
from memory.trajectories import TrajectoryStore
from tests.integration import loop_worker


class Kind:
    """The scripted policy over a folder of weights."""

    def __init__(self, parts: builders.Parts) -> None:
        self.open = parts.open_policy

    def learner(self) -> None:
        return None


@pytest.fixture
async def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished run on the fake site, whose parts are found where the configuration's would be."""
    await loop.run(loop_worker.config(iterations=6), tmp_path / "run", build=loop_worker.builder())
    parts = await loop_worker.builder()(builders.Context(loop_worker.config(), tmp_path, 1.0))

    async def place(context: builders.Context) -> builders.Place:
        return builders.Place(parts.pool)

    monkeypatch.setattr(builders, "open_place", place)
    monkeypatch.setattr(builders, "policy_kind", lambda context: Kind(parts))
    return tmp_path / "run"


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    path = tmp_path / "tasks.jsonl"
    taskfile.save(path, [loop_worker.held_out(name, number) for number, name in enumerate(loop_worker.NAMES)])
    with path.open("a") as file:
        file.write("not a task\n")
    return path


def contents(run_dir: Path) -> dict[str, bytes]:
    """Every file of a run but its log of evaluations, and SQLite's files of the moment."""
    return {
        str(path): path.read_bytes()
        for path in run_dir.rglob("*")
        if path.is_file() and path.name != heldout.LOG_NAME and not path.name.endswith(("-shm", "-wal"))
    }


async def test_the_latest_policy_against_the_initial_one(run_dir: Path, tasks: Path) -> None:
    before = contents(run_dir)
    said: list[str] = []
    options = {"episodes_per_task": 8, "seed": 4, "progress": lambda event: said.append(event.text)}
    latest = await discovery.evaluate(run_dir, tasks, **options)  # type: ignore[arg-type]
    initial = await discovery.evaluate(run_dir, tasks, policy="initial", **options)  # type: ignore[arg-type]
    again = await discovery.evaluate(run_dir, tasks, policy="0", **options)  # type: ignore[arg-type]
    assert latest["n"] == initial["n"] == 24
    assert latest["success"] > initial["success"] + 0.2
    assert initial == again, "same weights, same seed, same answer"
    assert set(latest["by_task"]) == {"held-0", "held-1", "held-2"}
    assert any("1 of 4 lines skipped" in text for text in said)
    with TrajectoryStore(run_dir, readonly=True) as store:
        assert not [s for s in store.summaries() if s.id.startswith("eval")]
    assert contents(run_dir) == before
    assert [entry["purpose"] for entry in heldout.logged(run_dir)][-3:] == ["eval"] * 3


async def test_weights_that_were_not_kept_are_named(run_dir: Path, tasks: Path) -> None:
    with pytest.raises(RunDirectoryError, match=r"no weights of iteration '2' .* kept are 0, 4, 5, 6"):
        await discovery.evaluate(run_dir, tasks, policy="2")
    with pytest.raises(TaskFileError, match="no task file"):
        await discovery.evaluate(run_dir, run_dir / "none.jsonl")
    with pytest.raises(RunDirectoryError, match="holds no run"):
        await discovery.evaluate(run_dir / "none", tasks)
