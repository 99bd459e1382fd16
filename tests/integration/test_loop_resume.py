"""Killed at any instant and resumed, a run loses nothing that was finished and ends as if nothing had happened."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.integration.loop_fixtures import episodes, metrics, weights, work


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = tmp_path_factory.mktemp("runs") / "whole"
    done = work(run_dir)
    assert done.returncode == 0, done.stderr
    return run_dir


@pytest.mark.parametrize(
    "instant",
    [
        "after-episode:3",  # in the first measurement
        "before-episode:17",
        "weights-written:2",
        "renaming:2",
        "committed-not-published:3",
        "before-line:4",
        pytest.param("after-episode:30", marks=pytest.mark.slow),
        pytest.param("before-commit:2", marks=pytest.mark.slow),
        pytest.param("published:2", marks=pytest.mark.slow),
        pytest.param("weights-written:1", marks=pytest.mark.slow),
        pytest.param("renaming:1", marks=pytest.mark.slow),
        pytest.param("after-episode:75", marks=pytest.mark.slow),
        *(pytest.param(f"before-small-file:{n}", marks=pytest.mark.slow) for n in range(2, 12)),
        *(pytest.param(f"after-line:{n}", marks=pytest.mark.slow) for n in range(1, 6)),
    ],
)
def test_a_killed_run_resumes_to_the_same_end(instant: str, uninterrupted: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "killed"
    killed = work(run_dir, "--kill", instant)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    finished = episodes(run_dir) if (run_dir / "trajectories.sqlite").stat().st_size else {}
    resumed = work(run_dir, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    after = episodes(run_dir)
    assert finished.items() <= after.items(), "an episode that was finished was run again"
    assert {name: value for name, (_, value) in after.items()} == {
        name: value for name, (_, value) in episodes(uninterrupted).items()
    }
    assert weights(run_dir) == weights(uninterrupted)
    assert metrics(run_dir) == metrics(uninterrupted)
    ours, theirs = (json.loads((path / "summary.json").read_text()) for path in (run_dir, uninterrupted))
    assert ours | {"wall_s": 0} == theirs | {"wall_s": 0}


def test_killed_before_it_was_a_run(uninterrupted: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "killed"
    assert work(run_dir, "--kill", "before-small-file:1").returncode == -signal.SIGKILL
    begun = work(run_dir)
    assert begun.returncode == 0, begun.stderr
    assert weights(run_dir) == weights(uninterrupted)


@pytest.mark.slow
def test_killed_again_and_again(uninterrupted: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "killed"
    assert work(run_dir, "--kill", "after-episode:12").returncode == -signal.SIGKILL
    for instant in ("after-episode:7", "weights-written:1", "committed-not-published:2", "after-episode:9"):
        assert work(run_dir, "--resume", "--kill", instant).returncode == -signal.SIGKILL
    resumed = work(run_dir, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert weights(run_dir) == weights(uninterrupted)
    assert metrics(run_dir) == metrics(uninterrupted)


def test_a_finished_run_goes_on(uninterrupted: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "longer"
    assert work(run_dir, "--iterations", "1").returncode == 0
    assert work(run_dir, "--resume").returncode == 0
    assert weights(run_dir) == weights(uninterrupted)
    assert metrics(run_dir) == metrics(uninterrupted)
