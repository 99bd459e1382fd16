"""An episode's browser context and its tabs: made anew or wiped, followed as pages open and close them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Literal, cast

from playwright.async_api import Browser, BrowserContext, Error, Page, StorageState

from core.config import BrowserConfig
from core.errors import ActionError, EnvironmentFault
from environments.web import extraction
from environments.web.extraction import Reading
from environments.web.session import Cookie
from environments.web.tab import PageGoneError, Tab

_MOST_TABS = 8
_MOST_REUSES = 100
_MOST_NOTES = 4


class Tabs:
    """`notes` collects sentences for the agent about what pages did by themselves."""

    def __init__(self, browser: Browser, config: BrowserConfig) -> None:
        self.browser = browser
        self.notes: list[str] = []
        self._config = config
        self._context: BrowserContext | None = None
        self._tabs: list[Tab] = []
        self._waiting: list[Page] = []  # opened by pages, not followed yet
        self._appeared = asyncio.Event()
        self._active = 0
        self._reuses = 0
        self._several = False
        self.stuck = False

    @property
    def active(self) -> Tab:
        """The tab that the agent sees; raises `EnvironmentFault` when there is none."""
        if not self._tabs:
            raise EnvironmentFault("the browser has no page open")
        return self._tabs[self._active]

    @property
    def active_index(self) -> int:
        """Its place among the tabs, from 0."""
        return self._active

    @property
    def titles(self) -> tuple[str, ...]:
        """The tabs by their titles, or URLs where they have none."""
        return tuple((tab.title or tab.page.url)[:200] for tab in self._tabs)

    def number_of(self, page: Page) -> int | None:
        """The number from 1 by which an agent turns to a page; None where it is not followed."""
        return next((number for number, tab in enumerate(self._tabs, 1) if tab.page == page), None)

    def note(self, sentence: str) -> None:
        """Keep a sentence for the agent, once, and not too many of them."""
        if sentence not in self.notes and len(self.notes) < _MOST_NOTES:
            self.notes.append(sentence)

    async def fresh(self, *, keep_cache: bool, state: StorageState | None, cookies: list[Cookie]) -> None:
        """One blank tab without any trace of what was before, and then `state` and `cookies`.

        A used context is wiped instead of made anew (half the time) where that is sound: one tab, one
        origin, nothing logged in. `keep_cache` keeps the HTTP cache then. Raises Playwright's `Error`, and
        `EnvironmentFault` when the browser does not answer.
        """
        self.notes.clear()
        try:
            async with asyncio.timeout(self._config.navigation_timeout + self._config.action_timeout):
                if state is not None or not await self._wiped(keep_cache):
                    await self.drop()
                    await self._make(state)
        except TimeoutError:
            self.stuck = True
            raise EnvironmentFault("the browser made no page in time") from None
        assert self._context is not None
        if cookies:
            await self._context.add_cookies(cast(Any, cookies))

    async def _make(self, state: StorageState | None) -> None:
        self._context = await self.browser.new_context(
            viewport={"width": self._config.width, "height": self._config.height},
            accept_downloads=False,
            service_workers="block",
            locale="en-US",
            timezone_id="UTC",
            reduced_motion="reduce",
            storage_state=state,
        )
        await self._context.add_init_script(extraction.script())
        page = await self._context.new_page()
        self._tabs = [await Tab.attach(page, self._config, self.note)]
        self._active = 0
        self._context.on("page", self._on_page)
        self._several = state is not None

    async def _wiped(self, keep_cache: bool) -> bool:
        if self._context is None or self._several or len(self._tabs) != 1 or self._waiting:
            return False
        tab = self._tabs[0]
        if len(tab.origins) > 1 or self._reuses >= _MOST_REUSES:
            return False
        try:
            async with asyncio.timeout(self._config.action_timeout):
                if not await tab.page.evaluate("() => window.__autotelic.leave()"):
                    return False
                await tab.page.goto("about:blank")
                await self._context.clear_cookies()
                for origin in tab.origins:
                    await tab.cdp.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
                if not keep_cache:
                    await tab.cdp.send("Network.clearBrowserCache")
                await tab.cdp.send("Page.resetNavigationHistory")
        except (Error, TimeoutError):
            return False
        tab.forget()
        self.notes.clear()
        self._reuses += 1
        return not self._waiting

    async def read(self) -> Reading:
        """The active tab at rest, after following whatever opened or closed; raises as `Tab.read`."""
        while True:
            await self._follow()
            try:
                reading = await self.active.read()
            except PageGoneError:
                continue
            if not self._waiting and not self.active.opening:
                return reading

    async def _follow(self) -> None:
        """Drop closed tabs, take in opened ones; the newest becomes active. Never none at all."""
        assert self._context is not None
        if any(tab.opening for tab in self._tabs) and not self._waiting:
            self._appeared.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2.0):
                    await self._appeared.wait()
        for tab in self._tabs:
            tab.opened()
        while self._waiting:
            page = self._waiting.pop(0)
            if len(self._tabs) >= _MOST_TABS:
                self.note("the page kept opening tabs; the newest were closed")
                with contextlib.suppress(Error):
                    await page.close()
                continue
            with contextlib.suppress(Error):
                self._tabs.append(await Tab.attach(page, self._config, self.note))
                self._active = len(self._tabs) - 1
        self._prune()
        if not self._tabs:
            if not self.browser.is_connected():
                raise EnvironmentFault("the browser is gone")
            self.note("the last tab closed itself; a blank one took its place")
            page = await self._context.new_page()
            self._waiting.clear()
            self._tabs = [await Tab.attach(page, self._config, self.note)]
            self._active = 0

    def _prune(self) -> None:
        active = self._tabs[self._active] if self._active < len(self._tabs) else None
        self._tabs = [tab for tab in self._tabs if not tab.page.is_closed()]
        self._active = self._tabs.index(active) if active in self._tabs else max(len(self._tabs) - 1, 0)

    async def switch(self, number: int) -> None:
        """Make a tab active, by its number from 1; raises `ActionError`."""
        if not 1 <= number <= len(self._tabs):
            raise ActionError(f"there is no tab {number}: there {_count(len(self._tabs))}")
        self._active = number - 1
        await self.active.page.bring_to_front()

    async def close_active(self) -> None:
        """Close the active tab; raises `ActionError` when it is the only one."""
        if len(self._tabs) == 1:
            raise ActionError("this is the only tab: it cannot be closed")
        await self.active.page.close()
        self._prune()
        await self.active.page.bring_to_front()

    async def abandon(self) -> Literal["back", "closed"]:
        """Leave the active page by the way it came: back in its history, or by closing a tab that had no other."""
        history: dict[str, Any] = await self.active.cdp.send("Page.getNavigationHistory")
        index = history["currentIndex"] - 1
        if index >= 0 and (index > 0 or history["entries"][index]["url"] != "about:blank"):
            entry = {"entryId": history["entries"][index]["id"]}
            await self.active.navigate(lambda: self.active.cdp.send("Page.navigateToHistoryEntry", entry))
            return "back"
        if len(self._tabs) > 1:
            await self.close_active()
            return "closed"
        await self.active.navigate(lambda: self.active.cdp.send("Page.navigate", {"url": "about:blank"}))
        return "back"

    async def drop(self) -> None:
        """Close the context, whatever state it is in."""
        context, self._context = self._context, None
        self._tabs, self._waiting, self._active, self._reuses = [], [], 0, 0
        if context is not None:
            with contextlib.suppress(Error, TimeoutError):
                async with asyncio.timeout(self._config.action_timeout):
                    await context.close()

    def _on_page(self, page: Page) -> None:
        self._several = True
        self._waiting.append(page)
        self._appeared.set()


def _count(tabs: int) -> str:
    return "is 1" if tabs == 1 else f"are {tabs}"
