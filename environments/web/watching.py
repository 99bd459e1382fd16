"""Hears what a person does in a tab and where its pages go, in order; what it means is for the recorder to say.

Two scripts go into every document. `record.js` lives in a world of its own, out of reach of the page: it hears what
mouse and keyboard do before the page does, and only what a person did (`isTrusted`), and reports through a binding
that exists in that world alone. `describe.js` lives in the page's world, where pages are read for agents too; it says
what the page looked like at that moment and which of its elements was meant, named by the same code.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext, CDPSession, Error, Page

from core.types import Element, Observation
from environments.web import extraction

_MOST_CHARACTERS = 4_000_000  # of one report
_WORLD = "autotelic-recorder"
_HISTORY = ("historyDifferentDocument", "historySameDocument")
_DIRECT = ("differentDocument", "reload", "reloadBypassingCache")


@dataclass(frozen=True)
class Sight:
    """A page at the moment of an action, and the control that was meant, if any.

    `kind` is `guarded` for a password, a code or the like, and `beside` for what is typed in the same form. `hidden`
    are the ids of all such elements. `foreign` says that it is a frame of another origin.
    """

    seen: Observation
    target: Element | None
    kind: str = ""
    hidden: frozenset[str] = frozenset()
    foreign: bool = False


@dataclass(frozen=True)
class Heard:
    """Something that happened in a tab.

    `kind` is what a person did (`click`, `type`, `enter`, `select`, `press`), or `modified` (a click with a
    key held down, which opens a tab), `goto` and `history` (it began to go somewhere), `arrived`, `opened` (it is new)
    or `closed`.
    """

    page: Page
    kind: str
    text: str = ""
    sight: Sight | None = None
    at: float = field(default_factory=time.monotonic)


class Ears:
    """What all tabs of a recording share: random names that no page knows, and whom to tell."""

    def __init__(self, tell: Callable[[Heard], None]) -> None:
        self.tell = tell
        self.reporting, self._asking, self._answering, self.flushing = (f"_{secrets.token_hex(12)}" for _ in range(4))

    async def enter(self, context: BrowserContext) -> None:
        """Be in every document from now on, and in those that are open."""
        await context.add_init_script(self._describing())
        for page in context.pages:
            for frame in page.frames:
                with contextlib.suppress(Error):
                    await frame.evaluate(self._describing())

    async def flush(self, page: Page) -> None:
        """Have told what is typed but not yet committed."""
        for frame in page.frames:
            with contextlib.suppress(Error):
                await frame.evaluate("(name) => { window.dispatchEvent(new Event(name)) }", self.flushing)

    def _describing(self) -> str:
        return _script("describe.js", self._asking, self._answering)

    def hearing(self) -> str:
        """The script for the recorder's own world."""
        return _script("record.js", self.reporting, self._asking, self._answering, self.flushing)


class Watch:
    """One tab. Times are those of `time.monotonic`; `entry` is the tab's place in its history when last looked."""

    def __init__(self, page: Page, cdp: CDPSession, ears: Ears) -> None:
        self.page = page
        self.acted = 0.0  # when a person last did something in it
        self.asked = 0.0  # when its page last asked to go somewhere
        self.opened = 0.0  # when its page last opened a tab
        self.entry = 0
        self._cdp = cdp
        self._ears = ears
        self._main = ""

    @classmethod
    async def attach(cls, page: Page, ears: Ears) -> Watch:
        """Watch a tab from now on; raises Playwright's `Error` when it is gone already."""
        watch = cls(page, await page.context.new_cdp_session(page), ears)
        on, send = watch._cdp.on, watch._cdp.send
        on("Runtime.bindingCalled", watch._reported)
        on("Page.frameRequestedNavigation", watch._requested)
        on("Page.frameStartedNavigating", watch._started)
        on("Page.frameNavigated", watch._navigated)
        on("Page.windowOpen", lambda _: setattr(watch, "opened", time.monotonic()))
        page.on("close", lambda _: ears.tell(Heard(page, "closed")))
        await send("Page.enable")
        await send("Runtime.enable")
        watch._main = (await send("Page.getFrameTree"))["frameTree"]["frame"]["id"]
        await send("Runtime.addBinding", {"name": ears.reporting, "executionContextName": _WORLD})
        script = {"source": ears.hearing(), "worldName": _WORLD, "runImmediately": True}
        await send("Page.addScriptToEvaluateOnNewDocument", script)
        watch.entry = await watch.place()
        return watch

    async def place(self) -> int:
        """Its place in its history now."""
        return int((await self._cdp.send("Page.getNavigationHistory"))["currentIndex"])

    def _reported(self, event: dict[str, Any]) -> None:
        if event.get("name") != self._ears.reporting or len(event.get("payload", "")) > _MOST_CHARACTERS:
            return
        self.acted = time.monotonic()
        with contextlib.suppress(ValueError, KeyError, TypeError):
            told = json.loads(event["payload"])
            self._ears.tell(Heard(self.page, str(told["kind"]), str(told["text"]), understood(told["seen"])))

    def _requested(self, event: dict[str, Any]) -> None:
        if event.get("frameId") == self._main:
            self.asked = time.monotonic()

    def _started(self, event: dict[str, Any]) -> None:
        if event.get("frameId") != self._main:
            return
        if event.get("navigationType") in _HISTORY:
            self._ears.tell(Heard(self.page, "history"))
        elif event.get("navigationType") in _DIRECT:
            self._ears.tell(Heard(self.page, "goto", str(event.get("url", ""))))

    def _navigated(self, event: dict[str, Any]) -> None:
        frame = event["frame"]
        if frame["id"] == self._main:
            self._ears.tell(Heard(self.page, "arrived", str(frame.get("unreachableUrl") or frame.get("url", ""))))


def understood(told: Any) -> Sight | None:
    """What `describe.js` says; None where it says nothing, or the page spoils how it is read."""
    if not isinstance(told, str) or told.count("\n") < 4:
        return None
    target, kind, hidden, foreign, page = told.split("\n", 4)
    try:
        data = json.loads(page)
        found = extraction.elements(data["elements"])
        seen = Observation(url=str(data["url"]), title=str(data["title"]), text=str(data["text"]), elements=found)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    meant = next((one for one in found if one.id == target and one.interactive), None)
    return Sight(seen, meant, kind, frozenset(hidden.split()), bool(foreign))


def _script(name: str, *given: str) -> str:
    source = (Path(__file__).parent / name).read_text(encoding="utf-8").rstrip()
    return f"{source}({', '.join(map(json.dumps, given))});"
