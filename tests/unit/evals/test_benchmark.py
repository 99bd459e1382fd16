"""Held-out success: the interval covers the truth as often as it says, and few tasks make it wide."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np
import pytest

from evals import benchmark
from evals.benchmark import TaskResult, difference, summarise


def results(*values: tuple[str, float | None]) -> list[TaskResult]:
    return [TaskResult(task_id, value) for task_id, value in values]


def spread(successes: list[int], episodes: int) -> list[TaskResult]:
    """`successes[i]` of `episodes` for task i."""
    return [TaskResult(f"t{i}", float(k < s)) for i, s in enumerate(successes) for k in range(episodes)]


def test_success_is_the_mean_of_scored_episodes_and_unscored_ones_are_counted() -> None:
    summary = summarise(results(("a", 1.0), ("a", 0.0), ("b", 1.0), ("b", None), ("c", None)))
    assert summary["success"] == pytest.approx(2 / 3)
    assert (summary["n"], summary["unscored"], summary["tasks"]) == (3, 2, 2)
    assert summary["by_task"] == {
        "a": {"success": 0.5, "n": 2, "unscored": 0},
        "b": {"success": 1.0, "n": 1, "unscored": 1},
        "c": {"success": None, "n": 0, "unscored": 1},
    }
    low, high = summary["ci95"]
    assert 0 <= low < 2 / 3 < high <= 1
    json.dumps(summary, allow_nan=False)


def test_nothing_measured_is_nothing_known() -> None:
    for given in ([], results(("a", None))):
        summary = summarise(given)
        assert (summary["success"], summary["n"], summary["ci95"]) == (None, 0, [0.0, 1.0])
        assert difference(given, given)["ci95"] == [-1.0, 1.0]
        assert difference(given, given)["gain"] is None


def test_the_same_seed_gives_the_same_interval_whatever_the_order() -> None:
    given = spread([0, 1, 2, 2, 0, 1, 1, 2], 2)
    assert summarise(given, seed=3) == summarise(given, seed=3)
    assert summarise(given, seed=3)["ci95"] == summarise(given[::-1], seed=3)["ci95"]
    assert difference(given, given[::-1], seed=1)["gain"] == 0.0


def test_episodes_of_one_task_do_not_count_as_independent() -> None:
    """Ten episodes of each of four tasks, all alike within a task, tell no more than four episodes."""
    once = summarise(spread([1, 0, 1, 0], 1))["ci95"]
    often = summarise(spread([10, 0, 10, 0], 10))["ci95"]
    assert often == once


def test_tasks_that_all_agree_leave_room_for_others_unseen() -> None:
    low, high = summarise(spread([0] * 40, 2))["ci95"]
    assert low == 0.0
    assert high == pytest.approx(1 - 0.025 ** (1 / 40))
    low, high = summarise(spread([2] * 40, 2))["ci95"]
    assert (low, high) == (pytest.approx(0.025 ** (1 / 40)), 1.0)
    low, high = difference(spread([1], 1), spread([0], 1))["ci95"]
    assert low < 0 < high <= 1  # one task proves no gain
    low, high = difference(spread([2] * 30, 2), spread([0] * 30, 2))["ci95"]
    assert 0.7 < low < high == 1.0


def test_gain_pairs_tasks_and_counts_those_without_a_partner() -> None:
    final = results(("a", 1.0), ("a", 1.0), ("b", 0.0), ("c", 1.0), ("d", None))
    control = results(("a", 0.0), ("b", 0.0), ("d", 1.0), ("e", 0.0))
    gained = difference(final, control)
    assert gained["gain"] == pytest.approx(2 / 3 - 0)
    assert (gained["tasks"], gained["unpaired"]) == (2, 3)
    assert difference(control, final)["gain"] == pytest.approx(-2 / 3)


def test_pairing_removes_what_both_sides_share() -> None:
    """Tasks of very different difficulty, each a little better: the paired interval sees the gain at once."""
    easy_and_hard = [0, 1, 9, 10, 0, 8, 2, 10] * 5
    better = [min(10, s + 1) for s in easy_and_hard]
    low, _ = difference(spread(better, 10), spread(easy_and_hard, 10))["ci95"]
    assert low > 0.04
    width = np.diff(summarise(spread(better, 10))["ci95"])[0]
    assert width > 0.2


def test_a_value_that_is_no_share_is_refused() -> None:
    for value in (1.5, -0.1, math.nan):
        with pytest.raises(ValueError, match=r"is not in \[0, 1\]"):
            summarise(results(("a", value)))


def test_ten_thousand_distinct_tasks_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "_CELLS", 10_000)
    monkeypatch.setattr(benchmark, "RESAMPLES", 30)
    values = np.random.default_rng(0).random(2_000)
    summary = summarise([TaskResult(f"t{i}", float(v)) for i, v in enumerate(values)])
    assert summary["ci95"][0] < summary["success"] < summary["ci95"][1]


def test_many_tasks_agree_with_the_textbook() -> None:
    """400 tasks, one episode each: the interval is the normal one to within a few per cent of its width."""
    low, high = summarise(spread([1] * 100 + [0] * 300, 1))["ci95"]
    half = 1.96 * math.sqrt(0.25 * 0.75 / 400)
    assert low == pytest.approx(0.25 - half, abs=0.1 * half)
    assert high == pytest.approx(0.25 + half, abs=0.1 * half)


Simulation = Callable[[np.random.Generator, int], tuple[list[float], float]]


def one_policy(a: float, b: float) -> Simulation:
    def simulate(rng: np.random.Generator, tasks: int) -> tuple[list[float], float]:
        drawn = rng.binomial(2, rng.beta(a, b, tasks))
        return summarise(spread(drawn.tolist(), 2))["ci95"], a / (a + b)

    return simulate


def gain(a: float, b: float) -> Simulation:
    """Control succeeds half as often as final on each task, so that the true gain is half of the mean."""

    def simulate(rng: np.random.Generator, tasks: int) -> tuple[list[float], float]:
        chances = rng.beta(a, b, tasks)
        final, control = rng.binomial(2, chances), rng.binomial(2, chances / 2)
        return difference(spread(final.tolist(), 2), spread(control.tolist(), 2))["ci95"], a / (a + b) / 2

    return simulate


@pytest.mark.parametrize("tasks", [10, 40])
@pytest.mark.parametrize("simulate", [one_policy(0.3, 0.3), one_policy(3, 3), gain(0.3, 0.3), gain(3, 3)])
def test_the_interval_covers_the_truth_as_often_as_it_says(
    monkeypatch: pytest.MonkeyPatch, simulate: Simulation, tasks: int
) -> None:
    """95 % nominal; 400 simulations have a standard error of 1.1 %, so 91.5 to 98.5 % is within three of it."""
    monkeypatch.setattr(benchmark, "RESAMPLES", 1_000)
    rng = np.random.default_rng(11)
    covered = 0
    for _ in range(400):
        (low, high), truth = simulate(rng, tasks)
        covered += low - 1e-9 <= truth <= high + 1e-9
    assert 0.915 <= covered / 400 <= 0.985
