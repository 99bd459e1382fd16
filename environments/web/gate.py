"""Keeps episodes on one shared site from disturbing each other."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable


class Gate:
    """Episodes that change state enter alone, after a reset; those that only look enter together.

    `restore` puts the site back as it was, whenever somebody enters while nobody is inside: an agent
    that should only look may have changed something all the same; `restored` counts how often. They enter in
    the order in which they came, so that neither a stream of lookers nor one of the others starves anybody.
    """

    def __init__(self, restore: Callable[[], Awaitable[None]]) -> None:
        self._restore = restore
        self.restored = 0
        self._condition = asyncio.Condition()
        self._lookers = 0
        self._alone = False
        self._waiting: deque[object] = deque()

    async def enter(self, *, alone: bool) -> None:
        """Wait for entrance, and for the site to be as it was; whatever `restore` raises leaves nobody inside."""
        turn = object()
        async with self._condition:
            self._waiting.append(turn)
            try:
                await self._condition.wait_for(
                    lambda: self._waiting[0] is turn and not self._alone and not (alone and self._lookers)
                )
                if not alone and self._lookers:
                    self._lookers += 1
                    return
                self._alone = True  # a looker too, until the site is restored
            finally:
                self._waiting.remove(turn)
                self._condition.notify_all()
        try:
            await self._restore()
            self.restored += 1
        except BaseException:
            await self.leave(alone=True)
            raise
        if not alone:
            async with self._condition:
                self._alone = False
                self._lookers += 1
                self._condition.notify_all()

    async def leave(self, *, alone: bool) -> None:
        """Let others in."""
        async with self._condition:
            if alone:
                self._alone = False
            else:
                self._lookers -= 1
            self._condition.notify_all()
