"""A gate: who is inside is counted, and whoever closes it waits until nobody is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Gate:
    """Open at first. Belongs to one event loop."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._inside = 0

    @property
    def empty(self) -> bool:
        return not self._inside

    @asynccontextmanager
    async def inside(self) -> AsyncIterator[None]:
        """Wait until the gate is open, and count as inside."""
        while not self._open.is_set():
            await self._open.wait()
        self._inside += 1
        self._empty.clear()
        try:
            yield
        finally:
            self._inside -= 1
            if not self._inside:
                self._empty.set()

    @asynccontextmanager
    async def shut(self) -> AsyncIterator[None]:
        """Let nobody in any more, wait until all are out, and open again at the end."""
        self._open.clear()
        try:
            await self._empty.wait()
            yield
        finally:
            self._open.set()

    async def emptied(self) -> None:
        """Wait until nobody is inside."""
        await self._empty.wait()
