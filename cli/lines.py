"""Progress as plain, timestamped lines, for logs and pipes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self, TextIO

from cli.console import printable

if TYPE_CHECKING:
    from discovery.progress import Event

_HEARTBEAT_SECONDS = 30.0


class LineProgress:
    """A listener that writes a line for what matters, and one every half minute while a phase is long."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.flush()

    def __call__(self, event: Event) -> None:
        status = event.status
        if event.kind == "episode":
            if time.monotonic() - self._last < _HEARTBEAT_SECONDS:
                return
            rate = f", {status.success:.0%} succeeded" if status.success is not None else ""
            self._write(f"{status.phase.value}: {status.done} of {status.total} episodes{rate}")
        elif event.text:
            self._write(event.text)

    def _write(self, text: str) -> None:
        self._last = time.monotonic()
        print(f"{time.strftime('%H:%M:%S')} {printable(text)}", file=self._stream, flush=True)
