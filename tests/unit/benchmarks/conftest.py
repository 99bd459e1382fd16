"""The experiment runner over a program that only pretends to practise."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import learning

FAKE = (sys.executable, str(Path(__file__).with_name("fake_autotelic.py")))


class Fake:
    """Runs `benchmarks.learning` on the fake program, and tells how that was called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = folder / "experiment"

    def mode(self, name: str) -> None:
        (self.folder / "mode").write_text(name)

    def run(self, *arguments: str) -> int:
        given = ["run", "--sites", "shop", "--output", str(self.output), *arguments]
        return learning.main(given, command=FAKE)

    @property
    def calls(self) -> list[list[str]]:
        path = self.folder / "calls.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []

    @property
    def results(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.output / "results.jsonl").read_text().splitlines()]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    monkeypatch.setenv("FAKE_AUTOTELIC", str(tmp_path))
    return Fake(tmp_path)


@pytest.fixture
def result() -> Callable[..., dict[str, Any]]:
    """A line of results with the figures that are given."""

    def make(arm: str, seed: int, curve: list[list[float]], *, gain: float = 0.1, site: str = "shop") -> dict[str, Any]:
        ends = {"initial": {"success": curve[0][1]}, "control": None, "final": {"success": curve[-1][1]}}
        return {
            "arm": arm,
            "site": site,
            "seed": seed,
            "split": "test",
            "minutes": 9.5,
            "config": "default",
            "overrides": [],
            "commit": "0123456789",
            "dirty": False,
            "machine": {"cores": 2, "cpu": "a processor"},
            "episodes": curve[-1][0],
            "heldout": ends,
            "gain": {"gain": gain, "ci95": [gain - 0.05, gain + 0.05]},
            "heldout_curve": curve,
            "practice": {"episodes": [80, 80], "success": [None, 0.5]},
        }

    return make
