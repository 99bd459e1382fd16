"""What a run directory says, read for the report: also of a run that is unfinished, was resumed, or never got far."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import RunDirectoryError
from core.types import Trajectory, Verdict
from memory.screenshots import ScreenshotStore
from memory.trajectories import FILE_NAME, Summary, TrajectoryStore


@dataclass(frozen=True)
class Measurement:
    """A held-out success rate (or a gain in it) over `n` episodes (or tasks), with its 95 % interval."""

    value: float
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
    def status(self) -> str:
        """finished, stopped, or empty while the run has no outcome."""
        return str(self.summary.get("status", ""))

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

    @property
    def wall_s(self) -> float | None:
        """Seconds of work so far, over all sessions; None before the first iteration."""
        known = [self.summary.get("wall_s"), *(value for _, value in self.series("wall_s")[-1:])]
        return max((float(value) for value in known if isinstance(value, int | float)), default=None)

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
    summary = _object(root / "summary.json")
    measured = _object(root / "measurement.json") | _section(summary, "heldout")
    store = TrajectoryStore(root, readonly=True) if (root / FILE_NAME).is_file() else None
    episodes = store.summaries() if store else []
    heldout = {
        name: found
        for name in ("initial", "control", "final")
        if (found := _measurement(measured.get(name), "success")) is not None
    }
    return Record(
        root=root,
        metrics=metrics,
        summary=summary,
        heldout=heldout,
        gain=_measurement(measured.get("gain"), "gain"),
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


def _object(path: Path) -> dict[str, Any]:
    """A file's JSON object; empty where there is none."""
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


def _measurement(data: Any, name: str) -> Measurement | None:
    """`{name, "ci95", "n" or "tasks"}` as a measurement; None where nothing was measured."""
    try:
        value = float(data[name])
        low, high = (float(bound) for bound in data["ci95"])
        n = int(data.get("n", data.get("tasks", 0)))
    except (TypeError, KeyError, ValueError):
        return None
    return Measurement(value, low, high, n) if all(map(math.isfinite, (value, low, high))) else None
