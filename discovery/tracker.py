"""Keeps the snapshot of where a run stands, and tells the listener and the control table what happens."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal

from core.errors import StorageFault
from core.protocols import RunControl
from discovery.budget import Budget
from discovery.executors import Job
from discovery.progress import Event, Listener, Phase, Status

log = logging.getLogger(__name__)


class Tracker:
    """One run's progress. Events that cannot be written are dropped: steering must not end a run."""

    def __init__(self, listener: Listener | None, control: RunControl, *, iterations: int | None) -> None:
        self.status = Status(iterations=iterations)
        self.budget: Budget | None = None
        self._listener = listener
        self._control = control
        self._began = time.monotonic()
        self._here = 0
        self._scored = 0
        self._successes = 0.0
        self._iteration_seconds: list[float] = []

    def phase(self, phase: Phase, text: str, *, iteration: int | None = None) -> None:
        """A phase begins; its episodes are announced by `expect`."""
        number = self.status.iteration if iteration is None else iteration
        self.status = replace(
            self.status,
            phase=phase,
            iteration=number,
            total=0,
            done=0,
            success=None,
            episodes_per_s=None,
            task="",
        )
        self._began = time.monotonic()
        self._here = self._scored = 0
        self._successes = 0.0
        self._emit("phase", text, {"phase": phase.value, "iteration": number})

    def expect(self, more: int, *, done: int = 0) -> None:
        """The phase has `more` episodes to do than was known, `done` of them over already."""
        self.status = replace(self.status, total=self.status.total + more, done=self.status.done + done)

    def started(self, job: Job) -> None:
        """An attempt begins."""
        self.status = replace(self.status, task=job.task.instruction)
        self._tell(Event("episode", self._snapshot(), "", {"id": job.attempt_id, "started": True}))

    def finished(self, job: Job, value: float | None, *, settled: bool = True) -> None:
        """An attempt ended with this verdict; `settled` when its job is over."""
        self._here += settled
        if value is not None:
            self._scored += 1
            self._successes += value
        seconds = time.monotonic() - self._began
        self.status = replace(
            self.status,
            done=self.status.done + settled,
            success=self._successes / self._scored if self._scored else None,
            episodes_per_s=self._here / seconds if seconds > 0 else None,
        )
        data = {"id": job.attempt_id, "task": job.task.id, "instruction": job.task.instruction, "value": value}
        self._emit("episode", "", data)

    def iteration(self, line: dict[str, Any], seconds: float) -> None:
        """An iteration ended; `line` is its line of metrics.jsonl."""
        self._iteration_seconds = [*self._iteration_seconds[-4:], seconds]
        success = "nothing could be scored" if line["success"] is None else f"success {line['success']:.0%}"
        text = f"iteration {line['iteration']}: {success} over {line['episodes']} episodes in {seconds:.0f} s"
        if line.get("heldout_success") is not None:
            text += f", held out {line['heldout_success']:.0%}"
        self._emit("iteration", text, line)

    def measured(self, name: str, result: dict[str, Any]) -> None:
        """A held-out measurement: `success`, `n`, `ci95`."""
        text = f"held-out success, {name}: nothing could be scored"
        if result["success"] is not None:
            low, high = result["ci95"]
            text = f"held-out success, {name}: {result['success']:.1%} [{low:.1%}, {high:.1%}], {result['n']} episodes"
        self._emit("measured", text, {"name": name, **result})

    def notice(self, text: str) -> None:
        """Something that people should know."""
        self._emit("notice", text, {"text": text})

    def _snapshot(self) -> Status:
        return replace(self.status, seconds_left=self._seconds_left())

    def _seconds_left(self) -> float | None:
        left = self.budget.left() if self.budget else None
        if self.status.iterations is not None and self._iteration_seconds:
            mean = sum(self._iteration_seconds) / len(self._iteration_seconds)
            to_do = max(0.0, self.status.iterations - self.status.iteration + 1) * mean
            left = to_do if left is None else min(left, to_do)
        return left

    def _emit(
        self, kind: Literal["phase", "episode", "iteration", "measured", "notice"], text: str, data: dict[str, Any]
    ) -> None:
        with suppress(StorageFault):
            self._control.emit(kind, {**data, "text": text} if text else data)
        self._tell(Event(kind, self._snapshot(), text, data))

    def _tell(self, event: Event) -> None:
        if self._listener is None:
            return
        try:
            self._listener(event)
        except Exception:
            log.exception("a progress listener failed and is not called again")
            self._listener = None
