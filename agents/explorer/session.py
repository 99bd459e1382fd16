"""One borrowed environment at work: begin at a URL, do lines of the action grammar, keep what was seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import TypeVar

from agents.explorer.manners import Pace
from core import actions
from core.errors import ActionError, EnvironmentFault
from core.protocols import Environment, EnvironmentPool
from core.types import Observation, Task

STEP_SECONDS = 20.0
_RESET_FACTOR = 3
_T = TypeVar("_T")


class Session:
    """Episodes of an explorer in one environment. `seen` holds the observations of the current one.

    `step_seconds` bounds every call, so that a page that never answers costs a moment and no more.
    """

    def __init__(self, environment: Environment, pace: Pace, step_seconds: float) -> None:
        self._environment = environment
        self._pace = pace
        self._step_seconds = step_seconds
        self.seen: list[Observation] = []
        self.lines: list[str] = []

    @property
    def now(self) -> Observation:
        """What is seen at this moment."""
        return self.seen[-1]

    async def begin(self, task: Task) -> Observation:
        """A fresh episode; raises `EnvironmentFault`."""
        await self._pace.wait()
        self.seen, self.lines = [], []
        # A reset may have to wait for the others on a site that all share.
        self.seen.append(await self._bounded(self._environment.reset(task), _RESET_FACTOR * self._step_seconds))
        return self.now

    async def visit(self, url: str, *, changes: bool = False) -> Observation:
        """A fresh episode at a URL; `changes` says that it may change the site's state."""
        return await self.begin(Task(id="explore", instruction="", start_url=url, changes_state=changes, max_steps=99))

    async def do(self, line: str) -> Observation:
        """Carry out one line; raises `ActionError` where the page refuses, `EnvironmentFault` where nothing answers."""
        await self._pace.wait()
        result = await self._bounded(self._environment.step(actions.parse(line)), self._step_seconds)
        self.seen.append(result.observation)
        self.lines.append(line)
        if result.observation.last_action_error:
            raise ActionError(result.observation.last_action_error)
        return result.observation

    async def _bounded(self, call: Awaitable[_T], seconds: float) -> _T:
        try:
            return await asyncio.wait_for(call, seconds)
        except TimeoutError:
            raise EnvironmentFault(f"the environment did not answer within {seconds:g} seconds") from None


@asynccontextmanager
async def session(pool: EnvironmentPool, pace: Pace) -> AsyncIterator[Session]:
    """Borrow an environment; one that failed or was interrupted in the middle goes back as broken."""
    environment = await pool.acquire()
    broken = True
    try:
        yield Session(environment, pace, STEP_SECONDS)
        broken = False
    except ActionError:
        broken = False
        raise
    finally:
        await asyncio.shield(pool.release(environment, broken=broken))
