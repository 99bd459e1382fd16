"""Figures of a run, and arms side by side: worked by hand, and compared."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import comparison, outcomes
from tests.unit.benchmarks.conftest import Fake

Make = Callable[..., dict[str, Any]]


def events(*told: tuple[float, str, str]) -> list[tuple[int, float, str, dict[str, Any]]]:
    """(time, kind, phase or name) as the control table keeps them."""
    return [
        (number, at, kind, {"phase" if kind == "phase" else "name": name})
        for number, (at, kind, name) in enumerate(told)
    ]


def test_stages_last_until_the_next_and_measurements_are_told_apart() -> None:
    seconds = outcomes.stage_seconds(
        events(
            (0, "phase", "starting"),
            (2, "phase", "measuring"),
            (12, "measured", "initial"),
            (12, "phase", "exploring"),
            (15, "phase", "practising"),
            (20, "episode", ""),
            (25, "phase", "updating"),
            (29, "phase", "measuring"),
            (30, "measured", "heldout"),
            (30, "phase", "measuring"),
            (40, "measured", "final"),
            (40, "measured", "control"),
            (41, "phase", "finishing"),
            (43, "phase", "done"),
        )
    )
    assert seconds == {
        **{"starting": 2, "first_measurement": 10, "exploring": 3, "practising": 10, "updating": 4},
        **{"measurement_between": 1, "final_measurement": 11, "finishing": 2},
    }


def test_the_time_between_two_sessions_is_no_work() -> None:
    seconds = outcomes.stage_seconds(
        events(
            (0, "phase", "starting"),
            (1, "phase", "measuring"),
            (5, "episode", ""),
            (1000, "phase", "starting"),
            (1001, "phase", "measuring"),
            (1003, "measured", "initial"),
        )
    )
    assert seconds == {"starting": 2, "first_measurement": 6}


def test_the_curve_counts_training_episodes() -> None:
    lines: list[dict[str, Any]] = [{"episodes": 80}, {"episodes": 70, "heldout_success": 0.3}, {"episodes": 50}]
    heldout = {"initial": {"success": 0.1}, "control": None, "final": {"success": 0.4}, "gain": None}
    assert outcomes.heldout_curve({"heldout": heldout}, lines) == [[0, 0.1], [150, 0.3], [200, 0.4]]


def test_demonstrations_have_no_success_of_their_own() -> None:
    lines = [{"iteration": i, "episodes": 10, "success": 0.5} for i in (1, 2)]
    assert outcomes.practice(lines, demonstrated=True) == {"episodes": [10, 10], "success": [None, 0.5]}
    assert outcomes.practice(lines, demonstrated=False)["success"] == [0.5, 0.5]


def test_a_finished_run_is_described(fake: Fake) -> None:
    assert fake.run("--arms", "default", "--seeds", "0") == 0
    (line,) = fake.results
    assert line["heldout"]["initial"] == {"success": 0.1, "n": 132, "tasks": 44, "ci95": pytest.approx([0.05, 0.15])}
    assert line["gain"]["ci95"] == pytest.approx([0.15, 0.35])
    assert line["heldout_curve"] == [[0, 0.15], [80, 0.2], [160, 0.3], [240, 0.4], [240, 0.4]]
    assert line["practice"]["success"] == pytest.approx([0.4, 0.5, 0.6])
    assert set(line["stage_s"]) >= {"exploring", "practising", "updating", "final_measurement"}
    assert sum(line["stage_share"].values()) == pytest.approx(1, abs=0.01)
    assert line["episodes_per_s"] > 0
    assert (line["decode_tokens_per_s"], line["update_tokens_per_s"]) == (None, None)


def test_episodes_to_reach_what_the_control_reaches(result: Make) -> None:
    results = [
        result("uniform", 0, [[0, 0.1], [100, 0.2], [200, 0.3], [300, 0.3]]),
        result("uniform", 1, [[0, 0.1], [100, 0.2], [200, 0.3], [300, 0.3]]),
        result("default", 0, [[0, 0.4], [100, 0.3], [200, 0.3]]),
        result("default", 1, [[0, 0.1], [100, 0.1], [150, 0.35], [300, 0.2]]),
        result("rloo", 0, [[0, 0.1], [100, 0.2], [200, 0.2]]),
        result("gentle", 0, [[0, 0.1], [200, 0.5]]),
    ]
    found = {reach.arm: reach for reach in comparison.episodes_to_reach(results)}
    assert found["uniform"].target == pytest.approx(0.3)
    assert (found["uniform"].episodes, found["uniform"].ratio) == (200, 1)
    assert (found["default"].episodes, found["default"].ratio) == (125, 0.625)
    assert (found["rloo"].episodes, found["rloo"].ratio, found["rloo"].reached, found["rloo"].seeds) == (
        None,
        None,
        0,
        1,
    )
    assert (found["gentle"].episodes, found["gentle"].seeds) == (None, 0)


def test_where_the_control_gained_nothing_there_is_nothing_to_reach(result: Make) -> None:
    assert comparison.episodes_to_reach([result("uniform", 0, [[0, 0.2], [50, 0.3], [90, 0.2]])]) == []
    assert comparison.episodes_to_reach([result("default", 0, [[0, 0.2], [50, 0.3], [90, 0.4]])]) == []


def test_the_table_has_a_row_for_each_arm_and_site(result: Make) -> None:
    results = [
        result("default", 1, [[0, 0.1], [240, 0.125]], gain=-0.02),
        result("default", 0, [[0, 0.1], [250, 0.2]], gain=0.1),
        result("default", 2, [[0, 0.1], [260, 0.15]], gain=0.04),
        result("uniform", 0, [[0, 0.1], [150, 0.2], [250, 0.2]], site="kb", gain=0.1),
    ]
    results[2]["gain"] = {"gain": None, "ci95": [-1, 1]}
    text = comparison.table([("first", results)])
    lines = text.splitlines()
    assert lines[0] == "### first: test split, 9.5 minutes, preset default"
    assert (
        "| shop | default | +4.0 | 0: 10.0 → 20.0, +10.0 [+5.0, +15.0]<br>1: 10.0 → 12.5, −2.0 [−7.0, +3.0]"  # noqa: RUF001
        "<br>2: not measured | 250, 240, 260 | 1 above, 0 below, of 3 |"
    ) in lines
    assert "Commit 0123456. Machine: 2 cores, a processor. Changed: default: nothing; uniform: nothing." in lines
    assert "| kb | uniform | 20.0 | 150 | 1.00 | 1 of 1 |" in lines


def test_other_terms_and_other_sources_are_sections_apart(result: Make) -> None:
    short = result("default", 0, [[0, 0.1], [250, 0.2]]) | {"minutes": 2.0}
    long = result("default", 0, [[0, 0.1], [250, 0.2]])
    text = comparison.table([("first", [short, long]), ("second", [long])])
    assert text.count("###") == 3


def test_the_figure_is_drawn_also_of_what_was_not_measured(result: Make, tmp_path: Path) -> None:
    results = [result(arm, seed, [[0, 0.1], [160, 0.2]]) for arm in ("default", "uniform") for seed in (0, 1)]
    nothing = {"gain": None, "practice": {"episodes": [160], "success": [None]}}
    results.append(result("default", 0, [[0, 0.1], [160, 0.2]], site="kb") | nothing)
    path = tmp_path / "figures" / "gains.png"
    comparison.plot(results, path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_infinities_never_reach_the_table(result: Make) -> None:
    results = [result("uniform", seed, [[0, 0.1], [100, 0.2], [200, final]]) for seed, final in ((0, 0.2), (1, 0.6))]
    for found in comparison.episodes_to_reach(results):
        assert found.episodes is None or math.isfinite(found.episodes)
        assert found.ratio is None or math.isfinite(found.ratio)
    assert "inf" not in comparison.table([("x", results)])
