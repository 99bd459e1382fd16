"""Turns commands and signals into what the run does: pause, go on, stop, aim at a goal, wait for approval.

The control table is polled, so that whoever steers needs no connection to the run. The goal and the
wish to approve are kept in `steering.json` and survive a restart; a pause or a stop does not.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from core.errors import StorageFault
from core.protocols import RunControl
from discovery.executors import AsyncExecutor, Gate
from discovery.rundirectory import RunDirectory

_POLL_SECONDS = 0.25
_FILE = "steering.json"
_T = TypeVar("_T")


class Stopped(Exception):
    """The run was asked to stop; what was finished is recorded, the rest is for `--resume`."""


class Steering:
    """Holds what people want of a run. `notice` is told each change in a plain sentence."""

    def __init__(self, directory: RunDirectory, control: RunControl, notice: Callable[[str], None]) -> None:
        kept = directory.read_json(_FILE) or {}
        self.gate = Gate()
        self.goal: str = kept.get("goal", "")
        self.approval: bool = kept.get("approval", False)
        self.answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.executor: AsyncExecutor | None = None
        self.reason = ""
        self._directory = directory
        self._control = control
        self._notice = notice

    # Stopping and pausing

    def stop(self, reason: str) -> None:
        """End the run as soon as it can be ended cleanly; `reason` says who asked."""
        if not self.gate.stopping.is_set():
            self.reason = reason
            self._notice(f"stopping: {reason}")
        self.gate.stopping.set()
        self.gate.running.set()

    def pause(self, paused: bool) -> None:
        """Hold back new episodes, or let them go on."""
        if paused and not self.gate.stopping.is_set():
            self.gate.running.clear()
        else:
            self.gate.running.set()

    def check(self) -> None:
        """Raises `Stopped` once the run was asked to stop."""
        if self.gate.stopping.is_set():
            raise Stopped(self.reason)

    async def proceed(self) -> None:
        """Waits while paused; raises `Stopped` when asked to stop."""
        await self.gate.running.wait()
        self.check()

    async def unless_stopped(self, work: Awaitable[_T]) -> _T:
        """The result of `work`, which is cancelled (`Stopped` is raised) as soon as the run shall stop."""
        task = asyncio.ensure_future(work)
        stopping = asyncio.create_task(self.gate.stopping.wait())
        try:
            await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                self.check()
            return task.result()
        finally:
            stopping.cancel()
            if not task.done():
                task.cancel()
            await asyncio.gather(task, stopping, return_exceptions=True)

    # Commands

    def begin(self) -> None:
        """Take up what was asked before this session; orders to a session that is over are void."""
        for number, command, arguments in self._control.pending():
            if command in ("set_goal", "approve"):
                self._obey(number, command, arguments)
            else:
                self._control.acknowledge(number, "the run was not running")

    async def poll(self) -> None:
        """Obey commands as they come, until cancelled."""
        while True:
            with suppress(StorageFault):  # to be deaf for a moment must not end a run
                for number, command, arguments in self._control.pending():
                    self._obey(number, command, arguments)
            await asyncio.sleep(_POLL_SECONDS)

    def _obey(self, number: int, command: str, arguments: dict[str, Any]) -> None:
        match command:
            case "pause":
                self.pause(True)
                result = "paused: episodes under way end, none begins"
                self._notice(result)
            case "resume":
                self.pause(False)
                result = "going on"
                self._notice(result)
            case "stop":
                result = "stopping"
                self.stop("asked to by the stop command")
            case "set_goal":
                self.goal = str(arguments.get("text", "")).strip()
                result = f"practising towards: {self.goal}" if self.goal else "the goal was taken back"
                self._keep()
                self._notice(result)
            case "approve" if "required" in arguments:
                self.approval = bool(arguments["required"])
                result = "will ask before each iteration" if self.approval else "will not ask"
                self._keep()
                if not self.approval:
                    self.answers.put_nowait({})
            case "approve":
                self.answers.put_nowait(arguments)
                result = "taken"
            case "intervene":
                name = str(arguments.get("trajectory_id", ""))
                flying = self.executor is not None and self.executor.intervene(name)
                result = f"ended {name}" if flying else f"there is no episode '{name}' under way"
            case _:
                result = f"unknown command '{command}'"
        self._control.acknowledge(number, result)

    def _keep(self) -> None:
        self._directory.write_json(_FILE, {"goal": self.goal, "approval": self.approval})

    # Signals

    @contextmanager
    def signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM stop the run cleanly; a second one cancels it, a third has its usual effect."""
        loop = asyncio.get_running_loop()
        main = asyncio.current_task()
        received = 0

        def receive(number: signal.Signals) -> None:
            nonlocal received
            received += 1
            if received == 1:
                self.stop(f"{number.name} received")
                self._notice("once more to break off")
            else:
                for each in (signal.SIGINT, signal.SIGTERM):
                    loop.remove_signal_handler(each)
                if main is not None:
                    main.cancel()

        # Only the main thread may set handlers; elsewhere the caller stops the run through the control table.
        with suppress(ValueError, RuntimeError, NotImplementedError):
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, receive, number)
        try:
            yield
        finally:
            with suppress(ValueError, RuntimeError, NotImplementedError):
                for number in (signal.SIGINT, signal.SIGTERM):
                    loop.remove_signal_handler(number)
