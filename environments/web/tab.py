"""One tab: the page, whether it is going somewhere, and what it did that an agent must be told."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

from playwright.async_api import CDPSession, Dialog, Download, Error, Page

from core.config import BrowserConfig
from core.errors import EnvironmentFault
from environments.web import extraction
from environments.web.extraction import Reading

_MOST_DIALOGS = 12  # in one step; a page that opens more is silenced
_SETTLE_LIMIT = 1.0  # seconds: a page that never stops changing (a clock, an animation) is read after this long
_SETTLE_PATIENCE = 4.0  # seconds: for answers to requests, as long as the document stays
_FRAMES_PATIENCE = 3.0  # seconds: for navigations inside frames
_POPUP_SECONDS = 2.0
_LOST = (
    "context was destroyed",
    "Cannot find context",
    "rame was detached",
    "Inspected target navigated",
    "navigation",
)


class PageGoneError(EnvironmentFault):
    """The tab was closed."""


class Tab:
    """`tell` receives sentences for the agent: dialogs, refused downloads and uploads."""

    def __init__(self, page: Page, cdp: CDPSession, config: BrowserConfig, tell: Callable[[str], None]) -> None:
        self.page = page
        self.cdp = cdp
        self.title = ""
        self.origins: set[str] = set()
        self._config = config
        self._tell = tell
        self._main = ""
        self._leaving: dict[str, float] = {}  # frame → when it began to go elsewhere
        self._moved = asyncio.Event()
        self._crashed = False
        self._dialogs = 0
        self._silenced = False
        self._patience: asyncio.Timeout | None = None  # of the look at the page that is under way
        self._opening = 0.0
        self._tasks: set[asyncio.Task[Any]] = set()

    @classmethod
    async def attach(cls, page: Page, config: BrowserConfig, tell: Callable[[str], None]) -> Tab:
        """Watch a page; raises Playwright's `Error` when it is gone already."""
        tab = cls(page, await page.context.new_cdp_session(page), config, tell)
        page.on("crash", tab._on_crash)
        page.on("close", lambda _: tab._moved.set())
        page.on("download", tab._on_download)
        page.on("dialog", tab._on_dialog)
        on = tab.cdp.on
        on("Page.frameRequestedNavigation", tab._on_requested)
        on("Page.frameStartedNavigating", tab._on_started)
        on("Page.frameNavigated", tab._on_navigated)
        on("Page.frameStoppedLoading", lambda event: tab._arrived(event["frameId"]))
        on("Page.frameDetached", lambda event: tab._arrived(event["frameId"]))
        on("Page.windowOpen", tab._on_window_open)
        on("Page.fileChooserOpened", lambda _: tell("the page asked for a file: uploads are refused"))
        await tab.cdp.send("Page.enable")
        await tab.cdp.send("Page.setInterceptFileChooserDialog", {"enabled": True})
        tab._main = (await tab.cdp.send("Page.getFrameTree"))["frameTree"]["frame"]["id"]
        return tab

    @property
    def opening(self) -> bool:
        """Whether the page has just opened a tab that has not appeared yet."""
        return time.monotonic() - self._opening < _POPUP_SECONDS

    def opened(self) -> None:
        """The tab that was being opened is there."""
        self._opening = 0.0

    def forget(self) -> None:
        """The page is blank again."""
        self.origins.clear()
        self.title = ""
        self._opening = 0.0

    def begin(self) -> None:
        """A step begins: its dialogs are counted from here, but a document once silenced stays so."""
        self._dialogs = _MOST_DIALOGS if self._silenced else 0

    async def read(self) -> Reading:
        """Wait until the page is at rest, whatever navigations that takes, then read it.

        Raises `TimeoutError` when a navigation does not end in time, `PageGoneError` when the tab closed,
        `EnvironmentFault` when the page crashed or no longer answers.
        """
        settle = {
            "quiet": self._config.settle_quiet_ms,
            "limit": _SETTLE_LIMIT * 1000,
            "patience": _SETTLE_PATIENCE * 1000,
        }
        deadline = time.monotonic() + self._config.navigation_timeout
        while True:
            await self._arrive(deadline)
            dialogs = self._dialogs
            try:
                async with asyncio.timeout(_SETTLE_PATIENCE + self._config.action_timeout) as self._patience:
                    reading = await extraction.read(self.page, settle)
            except TimeoutError:
                if self._leaving or (self._dialogs != dialogs and time.monotonic() < deadline):
                    continue
                raise EnvironmentFault("the page no longer answers: its scripts keep it busy") from None
            except Error as error:
                self.check()
                lost = any(words in error.message for words in _LOST)
                if not lost or time.monotonic() > deadline:
                    raise EnvironmentFault(f"the page could not be read: {error.message.splitlines()[0]}") from error
                await asyncio.sleep(0.005)  # its document went away: there is a new one, or there soon will be
                continue
            # A page that has just been answered a dialog may open the next: it rests when it no longer does.
            if not self._leaving and (self._dialogs == dialogs or self._dialogs > _MOST_DIALOGS):
                self.title = reading.title
                return reading

    async def navigate(self, go: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
        """Go somewhere by the browser's own means; raises `TimeoutError` when there is no answer in time."""
        try:
            async with asyncio.timeout(self._config.navigation_timeout):
                return await go()
        except Error:
            self.check()
            raise

    def check(self) -> None:
        """Raise `EnvironmentFault` after a crash, `PageGoneError` after a close."""
        if self._crashed:
            raise EnvironmentFault("the page crashed")
        if self.page.is_closed():
            browser = self.page.context.browser
            if browser is not None and not browser.is_connected():
                raise EnvironmentFault("the browser is gone")
            raise PageGoneError("the tab was closed")

    async def stop(self) -> None:
        """Give up the navigation under way; the old document stays."""
        with contextlib.suppress(Error):
            await self.cdp.send("Page.stopLoading")
        self._leaving.clear()

    async def _arrive(self, deadline: float) -> None:
        """Wait for the end of navigations; those inside frames are not waited for as long."""
        while True:
            self.check()
            now = time.monotonic()
            ends = [
                deadline if frame == self._main else since + _FRAMES_PATIENCE for frame, since in self._leaving.items()
            ]
            if not ends:
                return
            if now >= deadline:
                raise TimeoutError
            self._leaving = {
                frame: since
                for frame, since in self._leaving.items()
                if frame == self._main or since + _FRAMES_PATIENCE > now
            }
            self._moved.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(min(ends) - now, 0.01)):
                    await self._moved.wait()

    def _on_requested(self, event: dict[str, Any]) -> None:
        if event.get("disposition") == "currentTab":
            self._leaving.setdefault(event["frameId"], time.monotonic())

    def _on_started(self, event: dict[str, Any]) -> None:
        if event.get("navigationType") not in ("sameDocument", "historySameDocument"):
            self._leaving.setdefault(event["frameId"], time.monotonic())

    def _on_navigated(self, event: dict[str, Any]) -> None:
        origin = event["frame"].get("securityOrigin", "")
        if origin.startswith("http"):
            self.origins.add(origin)
        if event["frame"]["id"] == self._main:
            self._silenced = False
        self._arrived(event["frame"]["id"])

    def _arrived(self, frame: str) -> None:
        self._leaving.pop(frame, None)
        self._moved.set()

    def _on_window_open(self, _event: dict[str, Any]) -> None:
        self._opening = time.monotonic()

    def _on_crash(self, _page: Page) -> None:
        self._crashed = True
        self._moved.set()

    def _on_download(self, download: Download) -> None:
        self._tell(f"the download of '{download.suggested_filename[:80]}' was refused")
        self._leaving.pop(self._main, None)
        self._moved.set()

    def _on_dialog(self, dialog: Dialog) -> None:
        self._dialogs += 1
        task = asyncio.ensure_future(self._answer(dialog, self._dialogs))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, dialog: Dialog, number: int) -> None:
        """Dismiss a dialog, but let a page be left that asks to stay; a page that never stops is silenced."""
        with contextlib.suppress(Error):
            if dialog.type == "beforeunload":
                await dialog.accept()
                return
            if number <= _MOST_DIALOGS:
                words = " ".join(dialog.message.split())[:160]
                self._tell(f'the page opened a dialog ({dialog.type}) "{words}", which was dismissed')
            await dialog.dismiss()
            if number == _MOST_DIALOGS:
                self._silenced = True
                self._tell("the page kept opening dialogs and was silenced")
            if number >= _MOST_DIALOGS:
                await self.cdp.send("Runtime.terminateExecution")
                quiet = "if (window.__autotelic) window.__autotelic.state.quietDialogs = true"
                await self.cdp.send("Runtime.evaluate", {"expression": quiet, "timeout": 1000})
        if number >= _MOST_DIALOGS:
            self._look_again()

    def _look_again(self) -> None:
        """Stopping a page's scripts may have stopped ours, which then never answers: wait for it no longer."""
        soon = asyncio.get_running_loop().time() + _SETTLE_LIMIT
        with contextlib.suppress(RuntimeError):  # that look is over
            if self._patience is not None and (self._patience.when() or 0.0) > soon:
                self._patience.reschedule(soon)
