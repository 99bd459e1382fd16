"""Episodes on a website, in a browser context of their own: reset, step, collect evidence, close."""

from __future__ import annotations

import asyncio
import contextlib

from playwright.async_api import Browser, Error

from core.actions import TERMINAL
from core.config import BrowserConfig
from core.errors import ActionError, EnvironmentFault, UserError
from core.types import Action, GroundTruth, ImageRef, Observation, StepResult, Task
from environments.web import screenshot
from environments.web.actions import Performer
from environments.web.extraction import Reading
from environments.web.gate import Gate
from environments.web.login import Login
from environments.web.places import Places, origin_of
from environments.web.proxy import FilteringProxy
from environments.web.redaction import Redactor
from environments.web.screenshot import Store
from environments.web.session import Cookie, SessionSource
from environments.web.tab import PageGoneError
from environments.web.tabs import Tabs

_SOME = 8  # episodes for each one of which the end is pictured, with browser.screenshots = "some"


class WebEnvironment:
    """One browser context; implements `core.protocols.Environment`.

    `sessions` gives every episode a fresh state and its ground truth; `gate` is for sites that share one
    state and are put back instead. `store` keeps screenshots; without it there are none.
    """

    def __init__(
        self,
        browser: Browser,
        config: BrowserConfig,
        places: Places,
        *,
        proxy: FilteringProxy | None = None,
        sessions: SessionSource | None = None,
        gate: Gate | None = None,
        login: Login | None = None,
        store: Store | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        self.places = places
        self._browser = browser
        self._config = config
        self._proxy = proxy
        self._sessions = sessions
        self._gate = gate
        self._login = login
        self._store = store
        self._redactor = redactor or Redactor()
        self._tabs = Tabs(browser, config)
        self._reading: Reading | None = None
        self._session: tuple[str, Cookie] | None = None
        self._inside: bool | None = None  # in the gate: alone (True) or among others (False)
        self._steps = self._most_steps = self._episodes = 0
        self._over = True
        self._closed = False

    @property
    def stuck(self) -> bool:
        """Whether the browser itself no longer answers."""
        return self._tabs.stuck

    @property
    def tabs(self) -> Tabs:
        """The episode's tabs, for who watches instead of acting."""
        return self._tabs

    async def reset(self, task: Task) -> Observation:
        """Begin an episode from a fresh state; raises `EnvironmentFault`."""
        if self._closed:
            raise UserError("the environment is closed: acquire another one from the pool")
        self._over = True
        try:
            url = self.places.resolve(task.start_url)
            await self.finish()
            await self._enter(task)
            await self._fresh(url)
            reading = await self._start(url)
            self._steps, self._most_steps = 0, task.max_steps
            self._episodes += 1
            observation = await self._observation(reading, [], picture=self._config.screenshots == "every")
        except Error as error:
            raise self._fault(f"the browser failed: {_first_line(error)}") from error
        except EnvironmentFault as fault:
            raise self._fault(str(fault)) from fault
        self._over = False
        return observation

    async def step(self, action: Action) -> StepResult:
        """Do one action. What the agent got wrong is `last_action_error`; raises `EnvironmentFault` otherwise."""
        if self._over or self._reading is None:
            raise UserError("the episode is over: call reset before the next step")
        self._steps += 1
        terminal = action.name in TERMINAL
        last = terminal or self._steps >= self._most_steps
        kept = self._config.screenshots
        picture = kept == "every" or (last and (kept == "final" or (kept == "some" and self._episodes % _SOME == 1)))
        try:
            complaints = [] if terminal else await self._perform(action, self._reading)
            reading = await self._look(complaints)
            observation = await self._observation(reading, complaints, picture=picture)
        except Error as error:
            raise self._fault(f"the browser failed: {_first_line(error)}") from error
        except EnvironmentFault as fault:
            raise self._fault(str(fault)) from fault
        self._over = terminal
        return StepResult(observation=observation, terminated=terminal, info={"http_status": reading.status})

    async def look(self) -> Observation:
        """The page as it is now, while somebody else acts; raises `EnvironmentFault`."""
        complaints: list[str] = []
        try:
            return await self._observation(await self._look(complaints), complaints, picture=False)
        except Error as error:
            raise self._fault(f"the browser failed: {_first_line(error)}") from error

    async def collect_evidence(self, task: Task) -> GroundTruth | None:  # noqa: ARG002
        """The ground truth of the episode's session; None on sites that have none."""
        if self._sessions is None or self._session is None:
            return None
        return GroundTruth(evidence=await self._sessions.read(*self._session))

    async def screenshot(self) -> ImageRef | None:
        """A picture of the page as it is now; None without a store."""
        if self._store is None:
            return None
        try:
            async with asyncio.timeout(self._config.action_timeout):
                image = await screenshot.capture(self._tabs.active.cdp)
        except (Error, TimeoutError) as error:
            raise EnvironmentFault(f"no picture of the page could be taken: {error}") from error
        return self._store(*image)

    async def finish(self) -> None:
        """The episode is over and its evidence read: others may have the site."""
        self._over = True
        if self._gate is not None and self._inside is not None:
            alone, self._inside = self._inside, None
            await self._gate.leave(alone=alone)
        if self._sessions is not None and self._session is not None:
            session, self._session = self._session, None
            with contextlib.suppress(EnvironmentFault):  # a session that is left behind does no harm
                await self._sessions.end(*session)

    async def close(self) -> None:
        """Free everything; safe to call twice."""
        self._closed = True
        await self.finish()
        await self._tabs.drop()

    async def _enter(self, task: Task) -> None:
        if self._gate is not None:
            await self._gate.enter(alone=task.changes_state)
            self._inside = task.changes_state

    async def _fresh(self, url: str) -> None:
        cookies: list[Cookie] = []
        if self._sessions is not None:
            site = self.places.site_of(url)
            self._session = (site, await self._sessions.create(site))
            cookies.append(self._session[1])
        state = await self._login.state(self._browser) if self._login is not None else None
        self._reading = None
        # Only sites that keep a state per session are known to keep none of it in what browsers cache.
        await self._tabs.fresh(keep_cache=self._sessions is not None, state=state, cookies=cookies)

    async def _start(self, url: str) -> Reading:
        """The first page; unlike later, one that does not come is the site's fault."""
        tab = self._tabs.active
        try:
            answer = await tab.navigate(lambda: tab.cdp.send("Page.navigate", {"url": url}))
            if answer.get("errorText") and answer["errorText"] != "net::ERR_ABORTED":
                raise EnvironmentFault(self._why(url) or f"{url} could not be loaded: {answer['errorText']}")
            reading = await self._tabs.read()
        except TimeoutError:
            raise EnvironmentFault(f"{url} did not answer within {self._config.navigation_timeout:g} seconds") from None
        wrong = self._astray(reading)
        if wrong:
            raise EnvironmentFault(f"the start page failed: {wrong}")
        return reading

    async def _perform(self, action: Action, reading: Reading) -> list[str]:
        """Do an action that does not end the episode; returns what must be said to the agent."""
        tab = self._tabs.active
        tab.begin()
        try:
            if action.name == "switch_tab":
                await self._tabs.switch(int(action.arguments["tab"]))
            elif action.name == "close_tab":
                await self._tabs.close_active()
            else:
                async with asyncio.timeout(self._config.navigation_timeout + self._config.action_timeout):
                    await Performer(tab, reading, self.places).perform(action)
        except ActionError as error:
            return [str(error)]
        except PageGoneError:
            return []  # the action closed its own tab
        except TimeoutError:
            await tab.stop()
            return [f"the site did not answer within {self._config.navigation_timeout:g} seconds"]
        except Error as error:
            if tab.page.is_closed():
                return []
            tab.check()
            if "Execution context was destroyed" in error.message or "navigat" in error.message:
                return ["the page went elsewhere before the action was done"]
            raise
        return []

    async def _look(self, complaints: list[str]) -> Reading:
        """The page after an action; where it cannot or may not be seen, the one before it."""
        for _ in range(3):
            try:
                reading = await self._tabs.read()
            except TimeoutError:
                await self._tabs.active.stop()
                complaints.append(f"the site did not answer within {self._config.navigation_timeout:g} seconds")
                continue
            wrong = self._astray(reading)
            if not wrong:
                return reading
            complaints.append(wrong)
            await self._tabs.abandon()
        raise EnvironmentFault("; ".join(complaints[-3:]))

    def _astray(self, reading: Reading) -> str:
        """Why a page is not one to be on: outside the allowed origins, or not loaded at all. Else ''."""
        url = self._tabs.active.page.url if reading.url.startswith("chrome-error:") else reading.url
        if reading.url.startswith("chrome-error:"):
            return self._why(url) or "the page could not be loaded"
        if not self.places.allows(url):
            return f"{origin_of(url) or url[:100]} is not among the allowed origins: the browser was turned back"
        return self._why(url) if reading.status == 502 else ""

    def _why(self, url: str) -> str:
        return self._proxy.unreachable.get(origin_of(url), "") if self._proxy is not None else ""

    async def _observation(self, reading: Reading, complaints: list[str], *, picture: bool) -> Observation:
        self._reading = reading
        told = dict.fromkeys([*complaints, *self._tabs.notes])
        self._tabs.notes.clear()
        return self._redactor.observation(
            Observation(
                url=reading.url,
                title=reading.title,
                text=reading.text,
                elements=reading.elements,
                screenshot=await self.screenshot() if picture else None,
                last_action_error="; ".join(told),
                tabs=self._tabs.titles,
                active_tab=self._tabs.active_index,
            )
        )

    def _fault(self, sentence: str) -> EnvironmentFault:
        return EnvironmentFault(self._redactor.text(sentence))


def _first_line(error: Error) -> str:
    return error.message.splitlines()[0] if error.message else type(error).__name__
