"""`status`, `stop` and `report` on run directories that are running, stopped and finished."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli import main
from core.config import Config
from discovery.control import SqliteControl
from discovery.rundirectory import RunDirectory


@pytest.fixture
def running(tmp_path: Path) -> Iterator[RunDirectory]:
    """A run that this process holds, two iterations in."""
    directory = RunDirectory.create(tmp_path / "r", Config())
    control = SqliteControl(directory.root / "control.sqlite")
    control.emit("notice", {"text": "17 tasks to practise"})
    control.close()
    for iteration in (1, 2):
        line = {"iteration": iteration, "success": 0.25 * iteration, "policy_version": iteration, "wall_s": 30.0}
        directory.append_line("metrics.jsonl", json.dumps(line))
    yield directory
    directory.close()


def test_status_of_a_running_run(running: RunDirectory, capfd: pytest.CaptureFixture[str]) -> None:
    assert main.invoke(["status", str(running.root)]) == 0
    said = capfd.readouterr().out
    for words in (": running (process ", "iterations 2", "50% of the last iteration", "last: 17 tasks to practise"):
        assert words in said


def test_status_for_scripts(running: RunDirectory, capfd: pytest.CaptureFixture[str]) -> None:
    running.write_json(
        "summary.json",
        {
            "status": "finished",
            "wall_s": 61.5,
            "heldout": {
                "initial": None,
                "control": {"success": 0.1, "n": 40, "ci95": [0.0, 0.2]},
                "final": {"success": 0.4, "n": 40, "ci95": [0.3, 0.5]},
                "gain": {"gain": 0.3, "ci95": [0.2, 0.4], "tasks": 20},
            },
        },
    )
    running.close()
    assert main.invoke(["status", str(running.root), "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == {
        "state": "finished",
        "pid": None,
        "iterations": 2,
        "episodes": 0,
        "success": 0.5,
        "policy_version": 2,
        "wall_s": 61.5,
        "heldout": {
            "control": {"success": 0.1, "n": 40, "ci95": [0.0, 0.2]},
            "final": {"success": 0.4, "n": 40, "ci95": [0.3, 0.5]},
        },
        "gain": {"gain": 0.3, "ci95": [0.2, 0.4]},
        "last_event": "17 tasks to practise",
    }


def test_an_interrupted_run_says_how_to_go_on(running: RunDirectory, capfd: pytest.CaptureFixture[str]) -> None:
    running.close()
    assert main.invoke(["status", str(running.root)]) == 0
    said = capfd.readouterr().out
    assert ": interrupted\n" in said
    assert f"autotelic run --resume --run-dir {running.root}" in said


def test_stop_asks_the_run(running: RunDirectory, capfd: pytest.CaptureFixture[str]) -> None:
    assert main.invoke(["stop", str(running.root)]) == 0
    assert "asked process" in capfd.readouterr().out
    control = SqliteControl(running.root / "control.sqlite", create=False)
    assert [command for _, command, _ in control.pending()] == ["stop"]
    control.close()


def test_stop_of_a_run_that_is_over_leaves_no_order_behind(
    running: RunDirectory, capfd: pytest.CaptureFixture[str]
) -> None:
    running.close()
    assert main.invoke(["stop", str(running.root), "--wait"]) == 0
    assert "is not running" in capfd.readouterr().out
    control = SqliteControl(running.root / "control.sqlite", create=False)
    assert control.pending() == []
    control.close()


def test_report_says_where_it_is_and_can_go_elsewhere(
    running: RunDirectory, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "there" / "page.html"
    assert main.invoke(["report", str(running.root), "--output", str(target)]) == 0
    assert f"report: {target}" in capfd.readouterr().out
    assert "under way" in target.read_text(encoding="utf-8")
