"""What a run directory says, read for the report: also of a run that is unfinished, was resumed, or never got far."""

from __future__ import annotations

import json
import math
import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import RunDirectoryError
from core.types import Trajectory, Verdict
from memory.screenshots import ScreenshotStore
from memory.trajectories import FILE_NAME, Summary, TrajectoryStore

_RESAMPLES = 2000


@dataclass(frozen=True)
class Measurement:
    """A held-out success rate in [0, 1] over `n` episodes, with its 95 % interval."""

    success: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Record:
    """A run as the report needs it. Episodes are without their steps; `store` reads those of single ones."""

    root: Path
    metrics: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    heldout: dict[str, Measurement] = field(default_factory=dict)
    gain: Measurement | None = None
    config: str = ""
    episodes: list[Summary] = field(default_factory=list)
    store: TrajectoryStore | None = None
    broken_lines: int = 0

    @property
    def finished(self) -> bool:
        return bool(self.summary)

    @property
    def last_iteration(self) -> int:
        return max((int(line["iteration"]) for line in self.metrics), default=0)

    @property
    def screenshots(self) -> ScreenshotStore:
        return ScreenshotStore(self.root / "screenshots")

    def series(self, name: str) -> list[tuple[float, float]]:
        """(iteration, value) of a metric, where it was written and is a finite number."""
        return [
            (float(line["iteration"]), float(line[name]))
            for line in self.metrics
            if isinstance(line.get(name), int | float) and math.isfinite(line[name])
        ]

    def total(self, name: str) -> float:
        """A metric's sum over iterations."""
        return sum(value for _, value in self.series(name))

    def episode(self, episode_id: str) -> tuple[Trajectory, Verdict | None]:
        """One episode with its steps; raises `RunDirectoryError` or `StorageFault`."""
        if self.store is None:
            raise RunDirectoryError(f"there is no episode '{episode_id}' in '{self.root}'")
        return self.store.get(episode_id), self.store.verdict(episode_id)

    def close(self) -> None:
        if self.store is not None:
            self.store.close()


def read(root: Path) -> Record:
    """The record of a run directory; raises `RunDirectoryError` when there is no run in it."""
    config = root / "config.toml"
    if not config.is_file():
        raise RunDirectoryError(f"'{root}' holds no run: there is no config.toml in it")
    metrics, broken = _metrics(root / "metrics.jsonl")
    summary = _summary(root / "summary.json")
    store = TrajectoryStore(root, readonly=True) if (root / FILE_NAME).is_file() else None
    episodes = store.summaries() if store else []
    heldout = {
        name: found
        for name in ("initial", "control", "final")
        if (found := _measurement(_section(summary, "heldout").get(name))) is not None
    }
    gain = _measurement(_section(summary, "heldout").get("gain"), signed=True) or _paired_gain(heldout, episodes)
    return Record(
        root=root,
        metrics=metrics,
        summary=summary,
        heldout=heldout,
        gain=gain,
        config=config.read_text(encoding="utf-8", errors="replace"),
        episodes=episodes,
        store=store,
        broken_lines=broken,
    )


def outcome(value: float | None) -> str:
    """solved, failed or unscored."""
    if value is None:
        return "unscored"
    return "solved" if value >= 0.5 else "failed"


def _metrics(path: Path) -> tuple[list[dict[str, Any]], int]:
    """One line an iteration, the last written of each; and how many lines could not be read."""
    by_iteration: dict[int, dict[str, Any]] = {}
    broken = 0
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else ():
        try:
            line = json.loads(text)
            by_iteration[int(line["iteration"])] = line
        except (ValueError, KeyError, TypeError):
            broken += bool(text.strip())
    return [by_iteration[number] for number in sorted(by_iteration)], broken


def _summary(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _section(data: dict[str, Any], name: str) -> dict[str, Any]:
    found = data.get(name)
    return found if isinstance(found, dict) else {}


def _measurement(data: Any, *, signed: bool = False) -> Measurement | None:
    try:
        value = float(data["difference"] if signed and "difference" in data else data["success"])
        low, high = (float(bound) for bound in data.get("ci95") or (value, value))
        n = int(data.get("n", 0))
    except (TypeError, KeyError, ValueError):
        return None
    return Measurement(value, low, high, n) if all(map(math.isfinite, (value, low, high))) else None


def _paired_gain(heldout: dict[str, Measurement], episodes: Iterable[Summary]) -> Measurement | None:
    """Final minus control over the tasks that both attempted: a bootstrap clustered by task, seeded.

    The final episodes are the held-out ones of the newest policy. None without a final and a control.
    """
    if not {"final", "control"} <= set(heldout):
        return None
    scored = [e for e in episodes if e.value is not None and e.role in ("heldout", "control")]
    newest = max((e.policy_version for e in scored if e.role == "heldout"), default=-1)
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for e in scored:
        if e.value is not None and (e.role == "control" or e.policy_version == newest):
            values[e.task_id][e.role].append(e.value)
    pairs = [
        (_mean(by_role["heldout"]) - _mean(by_role["control"]))
        for by_role in values.values()
        if by_role["heldout"] and by_role["control"]
    ]
    if not pairs:
        return None
    draw = random.Random(0)
    means = sorted(_mean(draw.choices(pairs, k=len(pairs))) for _ in range(_RESAMPLES))
    low, high = means[round(0.025 * (_RESAMPLES - 1))], means[round(0.975 * (_RESAMPLES - 1))]
    return Measurement(heldout["final"].success - heldout["control"].success, low, high, len(pairs))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
