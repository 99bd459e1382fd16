"""Hands out web environments: several contexts in a browser, several browsers, broken ones replaced."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping, Sequence

from playwright.async_api import Browser, Error, Playwright, async_playwright

from core.config import Config
from core.errors import EnvironmentFault
from core.protocols import Environment
from environments.web.browser import find_executable, launch
from environments.web.environment import WebEnvironment
from environments.web.gate import Gate
from environments.web.login import Login
from environments.web.places import Places
from environments.web.proxy import FilteringProxy
from environments.web.redaction import Redactor
from environments.web.restore import restorer
from environments.web.screenshot import Store
from environments.web.session import SessionSource

_LAUNCH_TRIES = 4
_FIRST_PAUSE = 0.5  # seconds before the second try; doubled from try to try


class _Slot:
    """A browser process and how many environments live in it."""

    def __init__(self) -> None:
        self.browser: Browser | None = None
        self.lock = asyncio.Lock()
        self.members = 0


class BrowserPool:
    """`browser.contexts` × `browser.processes` environments; implements `core.protocols.EnvironmentPool`.

    `site_urls` are base URLs; the first is where relative start URLs begin. `sessions` is for sites that
    give every session a state of its own: it makes fresh ones and reads their evidence. All traffic goes
    through `proxy`, which lets out what `site_urls` and `site.allowed_origins` allow. Raises `ConfigError`
    for bad settings at once and `UserError` when there is no browser. To be used in one event loop.
    """

    def __init__(
        self,
        config: Config,
        *,
        site_urls: Sequence[str],
        sessions: SessionSource | None = None,
        store: Store | None = None,
        redactor: Redactor | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._config = config.browser
        self.places = Places.of(site_urls, config.site.allowed_origins)
        self.proxy = FilteringProxy(self.places.origins)
        self.redactor = redactor or Redactor()
        self._sessions = sessions
        self._store = store
        site = config.site
        self._gate = gate = Gate(restorer(site.reset)) if site.reset and sessions is None else None
        self._login = None
        if site.storage_state or site.login:
            self._login = Login(
                storage_state=site.storage_state,
                hook=site.login,
                start_url=self.places.sites[0],
                environ=environ,
                redactor=self.redactor,
                epoch=lambda: 0 if gate is None or site.reset_keeps_login else gate.restored,
            )
        self._free = asyncio.Semaphore(self.size)
        self._idle: list[WebEnvironment] = []
        self._homes: dict[int, _Slot] = {}
        self._slots = [_Slot() for _ in range(self._config.processes)]
        self._start_lock = asyncio.Lock()
        self._playwright: Playwright | None = None
        self._closed = False

    @property
    def size(self) -> int:
        """Environments at once."""
        return self._config.contexts * self._config.processes

    async def acquire(self) -> Environment:
        """Wait for a free environment; one that broke is replaced first. Raises `EnvironmentFault`."""
        await self._free.acquire()
        try:
            if self._closed:
                raise EnvironmentFault("the browsers have been closed")
            while self._idle:
                environment = self._idle.pop()
                slot = self._homes[id(environment)]
                if slot.browser is not None and slot.browser.is_connected():
                    return environment
                await self._discard(environment)
            return await self._make()
        except BaseException:
            self._free.release()
            raise

    async def release(self, environment: Environment, *, broken: bool = False) -> None:
        """Give an environment back; a broken one is closed, and its browser with it if that is what broke."""
        assert isinstance(environment, WebEnvironment)
        if id(environment) not in self._homes:
            return
        try:
            if broken or self._closed:
                await self._discard(environment)
            else:
                await environment.finish()
                self._idle.append(environment)
        finally:
            self._free.release()

    async def close(self) -> None:
        """Close every environment, browser and connection; safe to call twice."""
        self._closed = True
        while self._idle:
            await self._discard(self._idle.pop())
        for slot in self._slots:
            await _quit(slot)
        await self.proxy.close()
        if self._playwright is not None:
            playwright, self._playwright = self._playwright, None
            await playwright.stop()

    async def __aenter__(self) -> BrowserPool:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _make(self) -> WebEnvironment:
        slot = min(self._slots, key=lambda one: one.members)
        slot.members += 1
        try:
            browser = await self._browser(slot)
        except BaseException:
            slot.members -= 1
            raise
        environment = WebEnvironment(
            browser,
            self._config,
            self.places,
            proxy=self.proxy,
            sessions=self._sessions,
            gate=self._gate,
            login=self._login,
            store=self._store,
            redactor=self.redactor,
        )
        self._homes[id(environment)] = slot
        return environment

    async def _discard(self, environment: WebEnvironment) -> None:
        slot = self._homes.pop(id(environment))
        slot.members -= 1
        if environment.stuck:
            await _quit(slot)
        await environment.close()
        if slot.browser is not None and not slot.browser.is_connected():
            await _quit(slot)

    async def _browser(self, slot: _Slot) -> Browser:
        """The slot's browser, started (again) if need be, with growing pauses between tries."""
        async with slot.lock:
            if slot.browser is not None and slot.browser.is_connected():
                return slot.browser
            await _quit(slot)
            playwright = await self._start()
            pause = _FIRST_PAUSE
            for attempt in range(1, _LAUNCH_TRIES + 1):
                try:
                    slot.browser = await launch(playwright, self._config, proxy_url=self.proxy.url)
                    return slot.browser
                except EnvironmentFault:
                    if attempt == _LAUNCH_TRIES:
                        raise
                await asyncio.sleep(pause)
                pause *= 2
            raise AssertionError

    async def _start(self) -> Playwright:
        async with self._start_lock:
            if self._playwright is None:
                playwright = await async_playwright().start()
                try:
                    find_executable(self._config, playwright)
                    await self.proxy.start()
                except BaseException:
                    await playwright.stop()
                    raise
                self._playwright = playwright
            return self._playwright


async def _quit(slot: _Slot) -> None:
    browser, slot.browser = slot.browser, None
    if browser is not None:
        with contextlib.suppress(Error, TimeoutError):
            async with asyncio.timeout(10):
                await browser.close()
