"""The worker of the loop's tests in processes of its own, and what a run directory says afterwards."""

from __future__ import annotations

import json
import os
import resource
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch.utils.tensorboard  # noqa: F401 - before the forks, each of which would take seconds for it

from memory.trajectories import TrajectoryStore
from tests.integration import loop_worker


class Child:
    """The worker in a process of its own; forked, because importing everything anew takes seconds."""

    def __init__(
        self,
        run_dir: Path,
        *arguments: str,
        limits: Mapping[int, int] | None = None,
        main: Callable[[Sequence[str]], None] = loop_worker.main,
    ) -> None:
        self._log = run_dir.with_suffix(".log")
        self._log.touch()
        self.pid = os.fork()
        if self.pid == 0:
            sys.stdout = sys.stderr = self._log.open("w", buffering=1)
            for limit, value in (limits or {}).items():
                resource.setrlimit(limit, (value, value))
            try:
                main([str(run_dir), *arguments])
                os._exit(0)
            except BaseException:
                traceback.print_exc()
                os._exit(1)

    def wait(self) -> int:
        """The exit status; negative for a signal."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def log(self) -> str:
        return self._log.read_text()


def work(run_dir: Path, *arguments: str) -> Done:
    """Run the worker to its end."""
    child = Child(run_dir, *arguments)
    return Done(child.wait(), child.log())


@dataclass
class Done:
    returncode: int
    stderr: str


def weights(run_dir: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(run_dir.glob("iterations/*/weights/*"))]


def metrics(run_dir: Path) -> list[dict[str, Any]]:
    """The lines without what a clock says."""
    lines = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "wall_s"} for line in lines]


def episodes(run_dir: Path) -> dict[str, tuple[float, float | None]]:
    """Start time and verdict by id: an episode that is run again would begin at another time."""
    with TrajectoryStore(run_dir, readonly=True) as store:
        return {summary.id: (summary.started_at, summary.value) for summary in store.summaries()}
