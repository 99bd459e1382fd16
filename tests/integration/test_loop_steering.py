"""A run is steered from other processes and by signals, and ends cleanly when it is asked to or has to."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from core.errors import UserError
from discovery import loop
from discovery.control import SqliteControl
from tests.integration.loop_fixtures import Child, episodes, metrics, weights
from tests.integration.loop_worker import builder, config


def wait_for(what: Any, seconds: float = 60.0) -> Any:
    """Poll until `what()` is true; the bound is for a test that would hang."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen")


def count(run_dir: Path) -> int:
    return len(episodes(run_dir)) if (run_dir / "measurement.json").exists() else 0


def order(run_dir: Path, command: str) -> None:
    """Send a command and wait until the run has obeyed."""
    with closing(SqliteControl(run_dir / "control.sqlite", create=False)) as control:
        number = control.send(command)
        wait_for(lambda: control.result(number))


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    child = Child(tmp_path / "reference")
    assert child.wait() == 0, child.log()
    return tmp_path / "reference"


def test_pause_resume_and_stop_from_another_process(tmp_path: Path, reference: Path) -> None:
    run_dir = tmp_path / "run"
    child = Child(run_dir, "--pace", "0.02")
    wait_for(lambda: count(run_dir) > 12)
    order(run_dir, "pause")
    time.sleep(0.3)  # what is under way ends
    paused_at = count(run_dir)
    time.sleep(0.5)
    assert count(run_dir) == paused_at
    order(run_dir, "resume")
    wait_for(lambda: count(run_dir) > paused_at + 3)
    order(run_dir, "stop")
    assert child.wait() == 0, child.log()
    assert "SUMMARY stopped" in child.log()
    assert json.loads((run_dir / "summary.json").read_text())["status"] == "stopped"
    finished = episodes(run_dir)
    # A stop that comes too late is void and does not stop the next session.
    with closing(SqliteControl(run_dir / "control.sqlite")) as control:
        late = control.send("stop")
    resumed = Child(run_dir, "--resume")
    assert resumed.wait() == 0, resumed.log()
    with closing(SqliteControl(run_dir / "control.sqlite")) as control:
        assert control.result(late) == "the run was not running"
    assert finished.items() <= episodes(run_dir).items()
    assert weights(run_dir) == weights(reference)
    assert metrics(run_dir) == metrics(reference)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    child = Child(run_dir, "--pace", "0.02")
    wait_for(lambda: count(run_dir) > 12)
    os.kill(child.pid, number)
    assert child.wait() == 0, child.log()
    assert f"stopping: {number.name} received" in child.log()
    assert f"iterations: {number.name} received\nSUMMARY stopped" in child.log()
    assert not list(run_dir.glob("**/.writing-*"))


def test_a_second_signal_breaks_off(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    child = Child(run_dir, "--pace", "0.02", "--stubborn")
    wait_for(lambda: count(run_dir) > 12)
    os.kill(child.pid, signal.SIGINT)
    wait_for(lambda: "stopping: SIGINT received" in child.log())
    time.sleep(0.3)
    os.kill(child.pid, signal.SIGINT)
    assert child.wait() == 1, child.log()
    assert "CancelledError" in child.log() or "KeyboardInterrupt" in child.log()


def test_a_full_disk_stops_it_and_loses_nothing(tmp_path: Path, reference: Path) -> None:
    run_dir = tmp_path / "run"
    # No file may grow beyond this: what the system then says is what it says of a full disk.
    child = Child(run_dir, limits={resource.RLIMIT_FSIZE: 150_000})
    assert child.wait() == 1
    # The graph adds a note about the node to what is raised in one.
    assert any(line.startswith("core.errors.StorageFault") for line in child.log().splitlines()[-2:]), child.log()
    finished = episodes(run_dir)
    assert finished
    resumed = Child(run_dir, "--resume")
    assert resumed.wait() == 0, resumed.log()
    assert finished.items() <= episodes(run_dir).items()
    assert weights(run_dir) == weights(reference)


async def test_approval_is_asked_for_and_obeyed(tmp_path: Path) -> None:
    running: asyncio.Task[Any] | None = None
    control: SqliteControl | None = None
    asked = asyncio.Event()

    def listen(event: Any) -> None:
        nonlocal control
        if control is None:
            control = SqliteControl(tmp_path / "control.sqlite")
            control.send("approve", {"required": True})
        if event.kind == "phase" and event.status.phase == "approving":
            asked.set()

    running = asyncio.create_task(loop.run(config(iterations=1), tmp_path, build=builder(0.01), progress=listen))
    await asyncio.wait_for(asked.wait(), 60)
    assert control is not None
    control.send("approve", {"accept": ["beta-0", "beta-1"]})
    await asyncio.wait_for(running, 60)
    plan = json.loads((tmp_path / "plans" / "0001.json").read_text())
    assert plan["approved"]
    assert {task for round_ in plan["rounds"] for _, task in round_} == {"beta-0", "beta-1"}
    control.close()


async def test_a_goal_decides_what_is_practised(tmp_path: Path) -> None:
    sent = False

    def listen(event: Any) -> None:
        nonlocal sent
        if not sent:
            sent = True
            control = SqliteControl(tmp_path / "control.sqlite")
            control.send("set_goal", {"text": "become good with gamma"})
            control.close()

    await loop.run(config(iterations=1), tmp_path, build=builder(0.05), progress=listen)
    plan = json.loads((tmp_path / "plans" / "0001.json").read_text())
    assert {task.split("-")[0] for task in plan["pool"]} == {"gamma"}


def test_commands_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    control = SqliteControl(tmp_path / "control.sqlite")
    with pytest.raises(UserError, match="did you mean 'pause'"):
        control.send("paus")
    control.close()
