"""Success on a set of tasks, and its gain over a control, each with an interval that is honest about few tasks.

Episodes of one task resemble each other, so the task is the unit: the bootstrap draws whole tasks with
replacement (a cluster bootstrap; for a gain, pairs of a task's episodes under both policies). Of the
resampled statistic the **expanded percentile** interval is taken (Hesterberg, "What Teachers Should Know
About the Bootstrap", 2015, section 4.3): percentiles at the normal probability of `t * sqrt(m / (m - 1))`,
with Student's t at m - 1 degrees of freedom for m tasks. Why not another: in simulations of gains with
two episodes a task (difficulties from four beta distributions), it covered the truth in 90 to 94 % of cases
at 10 tasks and 93 to 96 % at 40, the plain percentile interval in 88 to 91 % and 93 to 95 %, BCa in 85 to 91 %
and 91 to 95 %. (Of one success rate near 1, BCa does better: at 40 tasks and a rate of 0.93, 95 against 88 %.)
Where all tasks agree (none was ever solved, say) every bootstrap is a point; there the exact binomial bound
on the share of tasks of another sort, 1 - 0.025 ** (1 / m), gives the interval.

Unscored episodes are left out and counted; they are never failures.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RESAMPLES = 10_000
_TAIL = 0.025
_CELLS = 4_000_000
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class TaskResult:
    """One episode's task and its verdict's value in [0, 1]; None is unscored."""

    task_id: str
    value: float | None


def summarise(results: Sequence[TaskResult], *, seed: int = 0) -> dict[str, Any]:
    """`{"success", "n", "unscored", "tasks", "ci95": [lo, hi], "by_task": {id: {"success", "n", "unscored"}}}`.

    `success` is the mean value of the `n` scored episodes; None, with the interval [0, 1], when there are none.
    """
    by_task: dict[str, dict[str, Any]] = {}
    for task_id, values in _by_task(results).items():
        scored = [value for value in values if value is not None]
        success = sum(scored) / len(scored) if scored else None
        by_task[task_id] = {"success": success, "n": len(scored), "unscored": len(values) - len(scored)}
    sums = _sums(_by_task(results))
    clusters = np.array(list(sums.values()), dtype=np.float64).reshape(-1, 2)
    success, interval = _estimate(clusters, _mean, lowest=0.0, seed=seed)
    return {
        "success": success,
        "n": int(clusters[:, 1].sum()),
        "unscored": sum(task["unscored"] for task in by_task.values()),
        "tasks": len(clusters),
        "ci95": interval,
        "by_task": by_task,
    }


def difference(final: Sequence[TaskResult], control: Sequence[TaskResult], *, seed: int = 0) -> dict[str, Any]:
    """`{"gain", "ci95": [lo, hi], "tasks", "unpaired"}`: mean value of `final` minus that of `control`.

    Only tasks with a scored episode on both sides count; `unpaired` says how many others there were.
    """
    first, second = _sums(_by_task(final)), _sums(_by_task(control))
    paired = [task_id for task_id in first if task_id in second]
    clusters = np.array([first[task_id] + second[task_id] for task_id in paired], dtype=np.float64).reshape(-1, 4)
    gain, interval = _estimate(clusters, _gain, lowest=-1.0, seed=seed)
    everything = {result.task_id for result in (*final, *control)}
    return {"gain": gain, "ci95": interval, "tasks": len(paired), "unpaired": len(everything) - len(paired)}


def _by_task(results: Sequence[TaskResult]) -> dict[str, list[float | None]]:
    values: dict[str, list[float | None]] = defaultdict(list)
    for result in results:
        if result.value is not None and not 0.0 <= result.value <= 1.0:
            raise ValueError(f"the value {result.value} of task '{result.task_id}' is not in [0, 1]")
        values[result.task_id].append(result.value)
    return values


def _sums(values: Mapping[str, Sequence[float | None]]) -> dict[str, tuple[float, ...]]:
    """(sum of values, number) of the scored episodes of each task that has any."""
    scored = {task_id: [value for value in given if value is not None] for task_id, given in values.items()}
    return {task_id: (sum(given), len(given)) for task_id, given in scored.items() if given}


def _mean(sums: Floats) -> Floats:
    """Of (..., 2) sums and counts, the mean."""
    return np.asarray(sums[..., 0] / sums[..., 1])


def _gain(sums: Floats) -> Floats:
    """Of (..., 4) sums and counts of final and control, the difference of the means."""
    return np.asarray(sums[..., 0] / sums[..., 1] - sums[..., 2] / sums[..., 3])


def _estimate(
    clusters: Floats, statistic: Callable[[Floats], Floats], *, lowest: float, seed: int
) -> tuple[float | None, list[float]]:
    """The statistic of the (m, k) clusters' total, with its 95 % interval; values lie in [lowest, 1]."""
    count = len(clusters)
    if count == 0:
        return None, [lowest, 1.0]
    value = float(statistic(clusters.sum(axis=0)))
    each = statistic(clusters)
    if np.all(each == each[0]):
        other = 1 - _TAIL ** (1 / count)
        return value, [value - other * (value - lowest), value + other * (1 - value)]
    drawn = np.sort(statistic(_resampled(clusters, seed)))
    tail = _NORMAL.cdf(-_student(count - 1) * math.sqrt(count / (count - 1)))
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return value, [float(low), float(high)]


def _resampled(clusters: Floats, seed: int) -> Floats:
    """(RESAMPLES, k) totals of m clusters drawn with replacement.

    Equal clusters are interchangeable, so the number of draws of each distinct one is drawn instead: the
    same distribution, and a few columns in place of thousands.
    """
    rng = np.random.default_rng(seed)
    distinct, counts = np.unique(clusters, axis=0, return_counts=True)
    batch = max(1, _CELLS // len(distinct))
    totals = [
        rng.multinomial(len(clusters), counts / len(clusters), size=min(batch, RESAMPLES - start)) @ distinct
        for start in range(0, RESAMPLES, batch)
    ]
    return np.concatenate(totals)


def _student(freedom: int) -> float:
    """Student's t at 97.5 %, from the normal quantile (Abramowitz and Stegun, 26.7.5); 1 % off at 3 degrees."""
    z = _NORMAL.inv_cdf(1 - _TAIL)
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )
