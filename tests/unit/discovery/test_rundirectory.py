"""The run directory: all of an iteration or none of it, one process at a time, one line at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.config import Config, validate
from core.errors import ConfigError, RunDirectoryError, StorageFault
from discovery.rundirectory import STABLE, RunDirectory, running_pid, stored_config


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[RunDirectory]:
    held = RunDirectory.create(tmp_path / "run", Config())
    yield held
    held.close()


def fill(folder: Path) -> None:
    (folder / "weights").mkdir()
    (folder / "weights" / "w.bin").write_bytes(b"w")


def test_iterations_count_once_they_are_whole(directory: RunDirectory) -> None:
    assert directory.latest_stable() is None
    directory.commit(0, fill)
    directory.commit(1, fill)
    (directory.iteration(1) / STABLE).unlink()
    assert directory.latest_stable() == 0
    directory.commit(1, fill)
    assert directory.stable() == [0, 1]


def test_a_failed_commit_changes_nothing(directory: RunDirectory) -> None:
    directory.commit(1, fill)

    def fail(folder: Path) -> None:
        fill(folder)
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageFault, match=r"iteration 1 could not be written \(No space left on device\)"):
        directory.commit(1, fail)
    assert (directory.weights(1) / "w.bin").read_bytes() == b"w"
    assert [path.name for path in (directory.root / "iterations").iterdir()] == ["0001"]


def test_retention_keeps_the_first_and_the_last(directory: RunDirectory) -> None:
    for number in range(6):
        directory.commit(number, fill)
    directory.prune(2)
    assert [n for n in range(6) if directory.weights(n).exists()] == [0, 4, 5]
    assert directory.stable() == [0, 1, 2, 3, 4, 5], "the small state of every iteration is kept"


def test_a_second_process_is_told_who_holds_it(directory: RunDirectory) -> None:
    with pytest.raises(RunDirectoryError, match=f"in use by process {os.getpid()}"):
        RunDirectory.resume(directory.root, None)
    with pytest.raises(RunDirectoryError, match="in use"):
        RunDirectory.create(directory.root, Config())
    assert running_pid(directory.root) == os.getpid()
    directory.close()
    assert running_pid(directory.root) is None
    RunDirectory.resume(directory.root, None)[0].close()


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from core.config import Config;"
        "from discovery.rundirectory import RunDirectory; d = RunDirectory.create(Path(sys.argv[1]), Config());"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "run")], check=False)
    RunDirectory.resume(tmp_path / "run", None)[0].close()


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(RunDirectoryError, match="not empty"):
        RunDirectory.create(tmp_path, Config())
    with pytest.raises(RunDirectoryError, match="holds no run to resume"):
        RunDirectory.resume(tmp_path, None)
    with pytest.raises(RunDirectoryError, match="is a file"):
        RunDirectory.create(tmp_path / "thesis.txt", Config())


def test_only_limits_may_change_on_resume(directory: RunDirectory) -> None:
    directory.close()
    longer = validate({"run": {"iterations": 7, "minutes": 3.0}, "retention": {"weights": 1}})
    resumed, config = RunDirectory.resume(directory.root, longer)
    resumed.close()
    assert (config.run.iterations, config.retention.weights) == (7, 1)
    assert stored_config(directory.root) == config
    with pytest.raises(ConfigError, match=r"run\.seed = 4 contradicts this run, which was started with 0"):
        RunDirectory.resume(directory.root, validate({"run": {"seed": 4}}))
    assert running_pid(directory.root) is None, "a refused resume lets go of the lock"


def test_a_line_that_was_cut_short_is_dropped(directory: RunDirectory) -> None:
    directory.append_line("m.jsonl", '{"a": 1}')
    with (directory.root / "m.jsonl").open("a") as file:
        file.write('{"a": 2, "b"')
    assert directory.read_lines("m.jsonl") == [{"a": 1}]
    directory.append_line("m.jsonl", '{"a": 3}')
    assert directory.read_lines("m.jsonl") == [{"a": 1}, {"a": 3}]


def test_small_files_are_replaced_whole(directory: RunDirectory) -> None:
    directory.write_json("plans/0001.json", {"x": "é"})
    directory.write_json("plans/0001.json", {"x": 2})
    assert directory.read_json("plans/0001.json") == {"x": 2}
    assert directory.read_json("plans/0002.json") is None
    assert not list(directory.root.glob("**/.writing-*"))
