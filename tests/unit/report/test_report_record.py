"""Reading run directories: whole, unfinished, resumed, damaged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.errors import RunDirectoryError
from discovery.report.record import read


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="holds no run"):
        read(tmp_path)


def test_the_last_line_of_an_iteration_counts_and_broken_ones_are_counted(synthetic: Callable[[], Any]) -> None:
    run = synthetic()
    for success in (0.1, 0.9):
        run.directory.append_line("metrics.jsonl", json.dumps({"iteration": 1, "success": success}))
    path = run.close() / "metrics.jsonl"
    with path.open("a") as file:
        file.write('{"iteration": 2, "succ')
    record = read(path.parent)
    assert record.series("success") == [(1.0, 0.9)]
    assert record.broken_lines == 1
    assert record.status == ""
    record.close()


def test_values_that_are_no_numbers_are_passed_over(synthetic: Callable[[], Any]) -> None:
    run = synthetic()
    run.directory.append_line("metrics.jsonl", '{"iteration": 1, "entropy": NaN, "loss": "high", "success": null}')
    record = read(run.close())
    assert [record.series(name) for name in ("entropy", "loss", "success")] == [[], [], []]
    record.close()


def test_measurements_come_from_the_summary(finished_run: Path) -> None:
    record = read(finished_run)
    assert record.gain is not None
    assert record.gain.value == pytest.approx(0.5 - 5 / 24)
    assert (record.gain.low, record.gain.high, record.gain.n) == (0.08, 0.5, 24)
    assert set(record.heldout) == {"initial", "control", "final"}
    assert record.status == "finished"
    assert record.wall_s == 568.2
    record.close()


def test_a_run_under_way_has_its_initial_measurement_and_its_time(synthetic: Callable[[], Any]) -> None:
    run = synthetic()
    run.iterate(2)
    run.directory.write_json("measurement.json", {"initial": {"success": 0.2, "n": 10, "ci95": [0.1, 0.3]}})
    record = read(run.close())
    assert record.status == ""
    assert record.heldout["initial"].value == 0.2
    assert record.gain is None
    assert record.wall_s == 29.0
    record.close()


def test_what_was_not_measured_is_absent(finished_run: Path) -> None:
    path = finished_run / "summary.json"
    path.write_text(json.dumps({"status": "stopped", "heldout": {"final": None, "gain": {"gain": None}}}))
    record = read(finished_run)
    assert record.heldout == {}
    assert record.gain is None
    record.close()


@pytest.mark.parametrize("summary", ["", "[]", "{", '{"heldout": 3}', '{"heldout": {"final": {"success": "x"}}}'])
def test_a_damaged_summary_is_no_summary(synthetic: Callable[[], Any], summary: str) -> None:
    root = synthetic().close()
    (root / "summary.json").write_text(summary)
    record = read(root)
    assert record.heldout == {}
    assert record.gain is None
    record.close()
