"""Carries out actions as a person would: trusted mouse and keyboard input at points that a click really reaches."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urljoin

from playwright.async_api import Error

from core.actions import Target, target_of
from core.checks import fold
from core.errors import ActionError
from core.types import Action, Element
from environments.web import extraction
from environments.web.extraction import Reading
from environments.web.places import Places
from environments.web.tab import Tab
from environments.web.targets import closest, resolve

_CALL = """(given) => window.__autotelic ? window.__autotelic.parts.act(...given) : null"""
_HAND_SET = frozenset({"checkbox", "radio", "button", "link"})


class Performer:
    """Actions inside one tab. What the agent got wrong is raised as `ActionError`, in a sentence for it."""

    def __init__(self, tab: Tab, reading: Reading, places: Places) -> None:
        self.tab = tab
        self.page = tab.page
        self.reading = reading
        self.places = places

    async def perform(self, action: Action) -> None:
        """Do an action of the page's own (not of tabs, nor one that ends the episode)."""
        doers: dict[str, Callable[[Action], Awaitable[None]]] = {
            "click": self._click,
            "hover": self._hover,
            "type": self._type,
            "select": self._select,
            "press": self._press,
            "scroll": self._scroll,
            "back": self._travel,
            "forward": self._travel,
            "goto": self._goto,
            "wait": self._wait,
        }
        if action.name in ("use_skill", "call_tool"):
            kind = "skills" if action.name == "use_skill" else "tools"
            raise ActionError(f"there are no {kind} to use on a website: {action.name} does nothing here")
        if action.name not in doers:
            raise ActionError(f"'{action.name}' is not an action of a website")
        await doers[action.name](action)

    async def _call(self, element: Element, name: str, *given: Any) -> tuple[dict[str, Any], Element]:
        """Call into the page about an element.

        One that was drawn anew is found again by its role and name: at once within the call, or after the
        page has come to rest.
        """
        answer = await self._ask(element, name, *given)
        if answer.get("gone"):
            self.reading = await self.tab.read()
            element = resolve(Target(role=element.role, name=element.name, nth=element.nth), self.reading.elements)
            answer = await self._ask(element, name, *given)
        shown = f'{element.role} "{element.name[:80]}"'
        if answer.get("gone"):
            raise ActionError(f"{shown} is no longer on the page")
        if answer.get("disabled"):
            raise ActionError(f"{shown} is disabled")
        if answer.get("file"):
            raise ActionError(f"{shown} asks for a file: uploads are refused")
        if "covered" in answer:
            raise ActionError(f"{shown} is covered by {answer['covered']}")
        return answer, element

    async def _ask(self, element: Element, name: str, *given: Any) -> dict[str, Any]:
        frame, inner = await extraction.frame_of(self.page, element.id)
        if frame is None:
            return {"gone": True}
        likeness = [element.role, element.name, element.nth]
        answer = await extraction.evaluate(frame, _CALL, [name, inner, likeness, given])
        assert isinstance(answer, dict)
        if "x" in answer and frame is not self.page.main_frame:
            left, top = await extraction.corner(frame)
            answer |= {"x": answer["x"] + left, "y": answer["y"] + top}
        return answer

    def _element(self, action: Action) -> Element:
        target = target_of(action)
        if target is None:
            raise ActionError(f"{action.name} needs a target")
        return resolve(target, self.reading.elements)

    async def _point(self, element: Element) -> tuple[float, float]:
        answer, _ = await self._call(element, "locate")
        return answer["x"], answer["y"]

    async def _click(self, action: Action) -> None:
        await self.page.mouse.click(*await self._point(self._element(action)))

    async def _hover(self, action: Action) -> None:
        await self.page.mouse.move(*await self._point(self._element(action)))

    async def _type(self, action: Action) -> None:
        await self._write(self._element(action), str(action.arguments["text"]))
        if action.arguments.get("enter"):
            await self.page.keyboard.press("Enter")

    async def _write(self, element: Element, text: str) -> None:
        if element.role in _HAND_SET:
            raise ActionError(f'{element.role} "{element.name[:80]}" takes no text: click it')
        answer, element = await self._call(element, "locate")
        await self.page.mouse.click(answer["x"], answer["y"])
        answer, element = await self._call(element, "edit", text)
        shown = f'{element.role} "{element.name[:80]}"'
        if answer.get("unwritable"):
            raise ActionError(f"{shown} takes no text" + (": use select" if element.options else ""))
        if answer.get("readonly"):
            raise ActionError(f"{shown} is read-only")
        if answer.get("shape"):
            raise ActionError(f"{shown} wants {answer['shape']}")
        if answer.get("done"):
            return
        keyboard = self.page.keyboard
        if not text:
            if answer["length"]:
                await keyboard.press("Delete")
            return
        # The last character comes by key, for pages that listen to keys and not to input.
        if len(text) > 1:
            await keyboard.insert_text(text[:-1])
        await keyboard.type(text[-1])

    async def _select(self, action: Action) -> None:
        element, option = self._element(action), str(action.arguments["option"])
        answer, element = await self._call(element, "choose", option)
        near = closest(option, answer["missing"]) if "missing" in answer else None
        if near is not None:
            answer, element = await self._call(element, "choose", answer["missing"][near])
        shown = f'{element.role} "{element.name[:80]}"'
        if "missing" in answer:
            listed = ", ".join(f'"{label}"' for label in answer["missing"][:12])
            raise ActionError(f'{shown} has no option "{option}"; it has {listed}')
        if not answer.get("other"):
            return
        if element.role not in ("combobox", "listbox", "button", "textbox", "searchbox"):
            raise ActionError(f"{shown} has no options to select")
        await self._pick(element, option, shown)

    async def _pick(self, element: Element, option: str, shown: str) -> None:
        """An option of a list that scripts draw: open it, filter it by typing where that is possible, click."""
        chosen = self._offered(option)
        if chosen is None:
            await self.page.mouse.click(*await self._point(element))
            self.reading = await self.tab.read()
            chosen = self._offered(option)
        if element.input_type or element.role in ("textbox", "searchbox"):
            # Some lists close over a text that is an option as a whole: then all but its last letter opens them.
            for text in (option, option[:-1]):
                if chosen is None and text:
                    await self._write(resolve(Target(id=element.id), self.reading.elements), text)
                    self.reading = await self.tab.read()
                    chosen = self._offered(option)
                    if chosen is None and fold(option) in {fold(one) for one in element.options}:
                        return  # a field with suggestions holds the text now
        if chosen is None:
            offered = [one.name for one in self.reading.elements if one.role == "option"] or list(element.options)
            listed = ", ".join(f'"{name[:60]}"' for name in offered[:12])
            raise ActionError(f'{shown} has no option "{option}"' + (f"; it has {listed}" if listed else ""))
        await self.page.mouse.click(*await self._point(chosen))

    def _offered(self, option: str) -> Element | None:
        wanted = fold(option)
        roles = ("option", "menuitem", "menuitemradio", "treeitem")
        return next((e for e in self.reading.elements if e.role in roles and fold(e.name) == wanted), None)

    async def _press(self, action: Action) -> None:
        if "target" in action.arguments:
            await self._call(self._element(action), "focus")
        key = str(action.arguments["key"])
        try:
            await self.page.keyboard.press(key)
        except Error as error:
            if "Unknown key" in error.message:
                raise ActionError(
                    f"there is no key '{key}'; keys are named as in Enter, Escape, ArrowDown, a"
                ) from None
            raise

    async def _scroll(self, action: Action) -> None:
        direction = str(action.arguments["direction"])
        moved = await extraction.evaluate(
            self.page.main_frame,
            "(direction) => window.__autotelic ? window.__autotelic.parts.scroll(direction) : null",
            direction,
        )
        if not moved:
            raise ActionError(f"nothing scrolls further {direction}")

    async def _travel(self, action: Action) -> None:
        history = await self.tab.cdp.send("Page.getNavigationHistory")
        index = history["currentIndex"] + (-1 if action.name == "back" else 1)
        entries = history["entries"]
        if not 0 <= index < len(entries) or entries[index]["url"] == "about:blank":
            raise ActionError(f"there is no page to go {action.name} to")
        await self.tab.navigate(
            lambda: self.tab.cdp.send("Page.navigateToHistoryEntry", {"entryId": entries[index]["id"]})
        )

    async def _goto(self, action: Action) -> None:
        url = urljoin(self.reading.url, str(action.arguments["url"]))
        if not url.startswith(("http://", "https://")) or not self.places.allows(url):
            raise ActionError(f"{url[:200]} is not among the allowed origins: {', '.join(sorted(self.places.origins))}")
        answer = await self.tab.navigate(lambda: self.tab.cdp.send("Page.navigate", {"url": url}))
        if answer.get("errorText") and answer["errorText"] != "net::ERR_ABORTED":
            raise ActionError(f"{url[:200]} could not be loaded: {answer['errorText']}")

    async def _wait(self, _action: Action) -> None:
        """Until something changes, at most a second; the reading after it waits for rest."""
        await extraction.evaluate(
            self.page.main_frame,
            "(settle) => window.__autotelic ? window.__autotelic.settle(settle).then(() => ({})) : null",
            {"quiet": 0, "limit": 1000, "patience": 1000, "change": True},
        )
        await asyncio.sleep(0)
