"""Past answers of model endpoints on disk, by the SHA-256 of the whole request."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import StorageFault


def fingerprint(request: Mapping[str, Any]) -> str:
    """The SHA-256 (hexadecimal) of a request made of JSON values, whatever the order of its keys."""
    canonical = json.dumps(request, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass
class _Flight:
    task: asyncio.Task[str]
    waiting: int = field(default=0)


class ResponseCache:
    """A folder of small JSON files, `ab/cd/abcd….json`. Safe for several writers and readers, in threads or processes.

    What `ask` has under way is shared inside one event loop.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._counter = itertools.count()
        self._flights: dict[str, _Flight] = {}

    def path(self, key: str) -> Path:
        """Where the answer to a request lies, or would."""
        return self.directory / key[:2] / key[2:4] / f"{key}.json"

    def read(self, key: str) -> str | None:
        """The answer; None when there is none or its file is damaged. Raises `StorageFault` when the disk refuses."""
        try:
            entry = json.loads(self.path(key).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError, RecursionError):
            return None
        except OSError as error:
            raise StorageFault(f"an answer could not be read from '{self.directory}': {error}") from error
        if not isinstance(entry, dict) or entry.get("key") != key or not isinstance(entry.get("text"), str):
            return None
        text: str = entry["text"]
        return text

    def write(self, key: str, text: str) -> None:
        """Keep an answer, whole or not at all; raises `StorageFault` when the disk refuses."""
        path = self.path(key)
        temporary = path.with_name(f".{key}.{os.getpid()}.{next(self._counter)}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Not synced: what a power cut leaves torn, `read` recognises and `write` replaces.
            temporary.write_text(json.dumps({"key": key, "text": text}), encoding="utf-8")
            temporary.replace(path)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise StorageFault(f"an answer could not be written to '{self.directory}': {error}") from error

    async def ask(self, key: str, exchange: Callable[[], Awaitable[str]]) -> tuple[str, bool]:
        """What `exchange` answers, written down, and whether this call began it; the same request is asked only once.

        The one under way ends early only if all that wait for it are cancelled. Raises what `exchange` raises, to all.
        """
        flight = self._flights.get(key)
        own = flight is None
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.create_task(self._fly(key, exchange)))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task), own
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                flight.task.cancel()
                self._flights.pop(key, None)  # who comes now must not join what is being cancelled

    async def _fly(self, key: str, exchange: Callable[[], Awaitable[str]]) -> str:
        try:
            text = await exchange()
            self.write(key, text)
            return text
        finally:
            flight = self._flights.get(key)
            if flight is not None and flight.task is asyncio.current_task():
                del self._flights[key]
