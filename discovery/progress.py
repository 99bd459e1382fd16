"""What a run tells while it works: events with a snapshot of where it stands, for a terminal, a log or a page.

A listener is any callable that takes an `Event`. It is called on the run's event loop and must return
quickly; the same events (without the snapshot's noise) are written to the run's control table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal


class Phase(StrEnum):
    """What the run is busy with."""

    STARTING = "starting"
    EXPLORING = "exploring"
    MEASURING = "measuring"
    APPROVING = "approving"
    PRACTISING = "practising"
    UPDATING = "updating"
    PAUSED = "paused"
    FINISHING = "finishing"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Status:
    """A snapshot. `done` and `total` count the phase's episodes, `success` is the phase's rate so far.

    `iterations` and `seconds_left` are None when the run has no such limit (or cannot tell yet);
    `task` is the instruction of the episode that started last.
    """

    phase: Phase = Phase.STARTING
    iteration: int = 0
    iterations: int | None = None
    done: int = 0
    total: int = 0
    success: float | None = None
    episodes_per_s: float | None = None
    seconds_left: float | None = None
    task: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened. `text` is a plain sentence for people who read lines.

    `kind` is `phase` (a phase began), `episode` (one started or ended), `iteration` (one ended; `data` is
    its line of metrics.jsonl), `measured` (`data`: name, success, n, ci95) or `notice`.
    """

    kind: Literal["phase", "episode", "iteration", "measured", "notice"]
    status: Status
    text: str = ""
    data: dict[str, Any] = field(default_factory=dict)


Listener = Callable[[Event], None]
