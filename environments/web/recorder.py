"""Writes down what a person does in an environment's browser as lines of the action grammar.

How it is heard is told in `watching`: a page cannot call the recorder. What remains: a page can spoil how its own
elements are named, as it can for agents; and within a second and a half after a person used the mouse or a key, its
script may click a label, which the browser reports as a click on the label's control. What happens in frames of other
origins is not recorded.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from playwright.async_api import Error, Page

from core import actions, views
from core.demos import LONGEST_TITLE, LONGEST_URL, LONGEST_VIEW, MOST_STEPS, SECRET, RecordedStep, Recording, Seen
from core.errors import EnvironmentFault
from core.types import Action, Observation
from environments.web.environment import WebEnvironment
from environments.web.masking import Masking
from environments.web.watching import Ears, Heard, Watch

_VIEW_TOKENS = 800
_SOON = 1.0  # seconds within which a navigation is the page's answer to an action, and no wish of the person
_ASTRAY_SECONDS = 15.0  # within which an action may still lead out of the site
_CLOSING = 0.3  # seconds until it is known whether one tab was closed or all of them
_TYPED = ("type", "enter", "select")


@dataclass(frozen=True)
class _Done:
    """A step before secrets are taken out; `hidden` are ids of elements whose values are secret."""

    action: Action
    seen: Observation
    hidden: frozenset[str] = frozenset()


class Recorder:
    """Records one demonstration in `environment`, whose `reset` gave `first`; nobody else steps it meanwhile.

    `task` is what the person is doing. `home` is cut off the front of addresses, for sites that move. `did` hears of
    each step as it is recorded (its number and line), `note` sentences for the person, both without secrets.
    """

    def __init__(
        self,
        environment: WebEnvironment,
        first: Observation,
        *,
        task: str,
        masking: Masking,
        home: str = "",
        did: Callable[[int, str], None],
        note: Callable[[str], None],
    ) -> None:
        self._environment = environment
        self._tabs = environment.tabs
        self._task = task
        self._masking = masking
        self._home = home
        self._did = did
        self._note = note
        self._started = datetime.now(UTC)
        self._seen = first
        self._active: Page = self._tabs.active.page
        self._context = self._active.context
        self._done: list[_Done] = []
        self._watches: dict[Page, Watch] = {}
        self._attaching: dict[Page, asyncio.Task[Watch]] = {}
        self._heard: asyncio.Queue[Heard | None] = asyncio.Queue()
        self._ears = Ears(self._hear)
        self._modified = 0.0  # when a link was last clicked in a way that opens a tab

    def stop(self) -> None:
        """End the recording; what was heard before is still written down."""
        self._heard.put_nowait(None)

    async def run(self) -> None:
        """Record until the last tab is closed, or `stop`; raises `EnvironmentFault` when the browser fails before."""
        try:
            await self._begin()
            while (heard := await self._heard.get()) is not None:
                await self._take(heard)
                if self._over() or len(self._done) >= MOST_STEPS:
                    break
                if self._heard.empty():
                    await self._look()
            await self._end()
        except Error as error:
            if not self._over():
                raise EnvironmentFault(f"the browser failed: {error.message.splitlines()[0]}") from error
        except EnvironmentFault:
            if not self._over():
                raise
        if len(self._done) >= MOST_STEPS:
            self._note(f"that makes {MOST_STEPS} steps, the most that a recording can have")

    def recording(self, url: str) -> Recording:
        """What was recorded of the site `url`; all that was ever typed in confidence is taken out of every step."""
        steps = self._done[:MOST_STEPS]
        return Recording(
            url=self._masking.text(url),
            task=self._masking.text(self._task),
            started_at=self._started,
            steps=tuple(
                RecordedStep(action=self._line(one.action), seen=self._page(one.seen, one.hidden)) for one in steps
            ),
            final=self._page(self._seen, frozenset()),
        )

    def _page(self, seen: Observation, hidden: frozenset[str]) -> Seen:
        shown = self._masking.observation(seen, hidden)
        view = views.render(shown, instruction=self._task, budget=_VIEW_TOKENS)
        return Seen(
            url=self._address(shown.url)[:LONGEST_URL], title=shown.title[:LONGEST_TITLE], view=view[:LONGEST_VIEW]
        )

    def _line(self, action: Action) -> str:
        """The line of an action. Only its parts are masked, so that it stays a line of the grammar."""
        given: dict[str, Any] = {}
        for key, value in action.arguments.items():
            if key == "target":
                given[key] = {**value, "name": self._masking.text(value.get("name", ""))}
            else:
                given[key] = self._masking.text(value) if isinstance(value, str) else value
        if "url" in given:
            given["url"] = self._address(given["url"])
        return actions.render(Action(name=action.name, arguments=given))

    def _address(self, url: str) -> str:
        if self._home and url.startswith(self._home):
            return url.removeprefix(self._home) or "/"
        return url

    def _over(self) -> bool:
        browser = self._context.browser
        return not self._context.pages or browser is None or not browser.is_connected()

    async def _begin(self) -> None:
        await self._ears.enter(self._context)
        self._context.on("page", self._appeared)
        browser = self._context.browser
        assert browser is not None
        browser.on("disconnected", lambda _: self.stop())
        self._watches[self._active] = await Watch.attach(self._active, self._ears)

    async def _end(self) -> None:
        """Write down what is typed but not committed, and what was heard meanwhile."""
        if self._over():
            return
        await self._ears.flush(self._active)
        await asyncio.sleep(0.05)
        while not self._heard.empty():
            heard = self._heard.get_nowait()
            if heard is not None:
                await self._take(heard)
        await self._look()

    def _appeared(self, page: Page) -> None:
        self._attaching[page] = asyncio.ensure_future(Watch.attach(page, self._ears))  # at once, to miss nothing
        self._hear(Heard(page, "opened"))

    def _hear(self, heard: Heard) -> None:
        if heard.kind == "modified":
            self._modified = heard.at
        self._heard.put_nowait(heard)

    async def _take(self, heard: Heard) -> None:
        """What it means that this was heard."""
        if heard.kind == "opened":
            await self._opened(heard)
            return
        watch = self._watches.get(heard.page)
        if watch is None:
            return
        match heard.kind:
            case "closed":
                await self._closed(heard, watch)
            case "goto" | "history":
                await self._went(heard, watch)
            case "arrived":
                self._arrived(heard, watch)
            case "click" | "press" | "type" | "enter" | "select":
                await self._acted(heard)

    async def _acted(self, heard: Heard) -> None:
        """An action on the page."""
        sight = heard.sight
        if sight is None or sight.foreign:
            why = "the page could not be read" if sight is None else "it was in a frame of another origin"
            self._note(f"something was done that is not recorded: {why}")
            return
        target, text = sight.target, heard.text
        if target is None and heard.kind != "press":
            return  # beside every control
        if heard.kind in _TYPED and sight.kind and text:
            self._masking.add(text, guarded=sight.kind == "guarded")
            text = SECRET
        arguments: dict[str, Any] = {}
        if target is not None:
            named = actions.Target(role=target.role, name=target.name, nth=target.nth)
            arguments["target"] = named.model_dump(exclude_defaults=True)
        match heard.kind:
            case "type" | "enter":
                arguments |= {"text": text, "enter": heard.kind == "enter"}
            case "select":
                arguments["option"] = text
            case "press":
                arguments["key"] = text
        await self._turn_to(heard.page)
        seen = sight.seen.model_copy(update={"tabs": self._tabs.titles, "active_tab": self._tabs.active_index})
        name = "type" if heard.kind == "enter" else heard.kind
        self._write(_Done(Action(name=name, arguments=arguments), seen, sight.hidden))

    def _write(self, done: _Done) -> None:
        """One more step; a field that is filled in bit by bit is one."""
        last = self._done[-1].action if self._done else None
        again = (
            last is not None
            and last.name == done.action.name == "type"
            and last.arguments["target"] == done.action.arguments["target"]
            and not last.arguments["enter"]
            and self._done[-1].seen.url == done.seen.url
        )
        if again:
            before = self._done.pop()
            done = replace(done, seen=before.seen, hidden=before.hidden)
        self._done.append(done)
        self._did(len(self._done), self._line(done.action))

    async def _turn_to(self, page: Page) -> None:
        """A person turns to another tab by looking at it; agents say so."""
        if page is self._active:
            return
        await self._look()
        number = self._tabs.number_of(page)
        if number is None or number == self._tabs.active_index + 1:
            return
        self._write(_Done(Action(name="switch_tab", arguments={"tab": number}), self._seen))
        await self._tabs.switch(number)
        self._active = page

    async def _opened(self, heard: Heard) -> None:
        """A new tab: followed where a page opened it, closed where a person did."""
        by_page = any(0 <= heard.at - watch.opened < 2 * _SOON for watch in self._watches.values())
        attaching = self._attaching.pop(heard.page)
        with contextlib.suppress(Error, asyncio.CancelledError):
            if by_page and heard.at - self._modified > 2 * _SOON:
                self._watches[heard.page] = await attaching
                self._active = heard.page  # agents see a new tab at once
                return
            self._note("a tab that was opened by hand was closed: agents cannot open tabs")
            await heard.page.close()
            attaching.cancel()
            await attaching

    async def _closed(self, heard: Heard, watch: Watch) -> None:
        """A closed tab; the last one ends the recording, and so does closing all of them."""
        await asyncio.sleep(_CLOSING)
        del self._watches[heard.page]
        if self._over() or all(page.is_closed() for page in self._watches):
            return
        if heard.at - watch.acted > _SOON:  # else its own script closed it
            await self._turn_away(heard.page)
            self._write(_Done(Action(name="close_tab"), self._seen))
        await self._look()
        await self._tabs.switch(len(self._tabs.titles))  # where agents find themselves after closing a tab
        self._active = self._tabs.active.page

    async def _turn_away(self, page: Page) -> None:
        """An agent closes the tab that it is in."""
        number = self._tabs.number_of(page)
        if page is not self._active and number is not None:
            self._write(_Done(Action(name="switch_tab", arguments={"tab": number}), self._seen))

    async def _went(self, heard: Heard, watch: Watch) -> None:
        """A navigation by the address bar or the browser's buttons, unless it was the page's own."""
        await asyncio.sleep(0.05)  # whose wish it was may be told a moment later
        own = abs(heard.at - watch.asked) < _SOON or 0 <= heard.at - watch.acted < _SOON
        if own or heard.page.is_closed():
            return
        if heard.kind == "history":
            await self._travelled(watch)
        elif heard.text.startswith("http") and len(heard.text) <= LONGEST_URL and self._allows(heard.text):
            await self._turn_to(heard.page)
            self._write(_Done(Action(name="goto", arguments={"url": heard.text}), self._seen))

    async def _travelled(self, watch: Watch) -> None:
        """Back and forward in the tab's history."""
        before = entry = watch.entry
        for _ in range(50):  # a second, while the navigation is under way
            entry = await watch.place()
            if entry != before:
                break
            await asyncio.sleep(0.02)
        await self._turn_to(watch.page)
        for _ in range(abs(entry - before)):
            self._write(_Done(Action(name="back" if entry < before else "forward"), self._seen))
        watch.entry = entry

    def _arrived(self, heard: Heard, watch: Watch) -> None:
        """Where a page is that must not be, the browser is turned back, and what led there is no step."""
        if self._allows(heard.text) or not self._done or heard.at - watch.acted > _ASTRAY_SECONDS:
            return
        if self._done[-1].action.name in ("click", "type", "press", "select"):
            line = self._line(self._done.pop().action)
            self._note(f"step {len(self._done) + 1} was taken back, since it leads out of the site: {line}")

    def _allows(self, url: str) -> bool:
        return self._environment.places.allows(url)

    async def _look(self) -> None:
        """See the page as it is now: what comes next is done there."""
        if self._over():
            return
        try:
            self._seen = await self._environment.look()
        except EnvironmentFault as fault:
            if not self._over():
                self._note(self._masking.text(f"the page cannot be seen: {fault}"))
            return
        if self._seen.last_action_error:
            self._note(self._masking.text(self._seen.last_action_error))
        for watch in list(self._watches.values()):
            with contextlib.suppress(Error):
                watch.entry = await watch.place()
