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
    assert not record.finished
    record.close()


def test_values_that_are_no_numbers_are_passed_over(synthetic: Callable[[], Any]) -> None:
    run = synthetic()
    run.directory.append_line("metrics.jsonl", '{"iteration": 1, "entropy": NaN, "loss": "high", "success": null}')
    record = read(run.close())
    assert [record.series(name) for name in ("entropy", "loss", "success")] == [[], [], []]
    record.close()


def test_the_gain_is_paired_by_task(finished_run: Path) -> None:
    record = read(finished_run)
    assert record.gain is not None
    assert record.gain.n == 24
    assert record.gain.success == pytest.approx(0.5 - 5 / 24)
    assert record.gain.low < record.gain.success < record.gain.high
    assert record.gain.low > 0
    record.close()


def test_a_gain_in_the_summary_goes_before_our_own(finished_run: Path) -> None:
    path = finished_run / "summary.json"
    summary = json.loads(path.read_text())
    summary["heldout"]["gain"] = {"success": 0.25, "n": 24, "ci95": [0.1, 0.4]}
    path.write_text(json.dumps(summary))
    record = read(finished_run)
    assert record.gain is not None
    assert (record.gain.success, record.gain.low, record.gain.high) == (0.25, 0.1, 0.4)
    record.close()


@pytest.mark.parametrize("summary", ["", "[]", "{", '{"heldout": 3}', '{"heldout": {"final": {"success": "x"}}}'])
def test_a_damaged_summary_is_no_summary(synthetic: Callable[[], Any], summary: str) -> None:
    root = synthetic().close()
    (root / "summary.json").write_text(summary)
    record = read(root)
    assert record.heldout == {}
    assert record.gain is None
    record.close()
