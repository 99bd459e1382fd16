"""A deterministic environment without a browser: a small graph of pages, written as data.

A public test double, for tests of whatever drives environments. A page has elements and says what
actions on it do; everything else is refused with a sentence, as a real page would.

    shop = {
        "/": Page("Shop", elements=(element("button", "Go"),), moves={'click button "Go"': "/found"}),
        "/found": Page("Found", text="One lamp"),
    }
    pool = ScriptedPool(shop, size=4)
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core import actions
from core.checks import fold
from core.errors import EnvironmentFault, UserError
from core.protocols import Environment
from core.types import Action, Element, GroundTruth, Observation, StepResult, Task

ORIGIN = "https://scripted.test"


@dataclass(frozen=True)
class Page:
    """One page of the graph.

    `moves` maps actions, as lines of the grammar, to the path of the page that follows. `facts` maps
    actions to what they make true of the episode's ground truth. A `type` or `select` on an element of
    the page always works and changes its value.
    """

    title: str
    text: str = ""
    elements: tuple[Element, ...] = ()
    moves: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def element(role: str, name: str, **more: Any) -> Element:
    """An interactive element; its id is given when the page is seen."""
    return Element(id="", role=role, name=name, interactive=True, **more)


class ScriptedEnvironment:
    """Walks a graph of pages; the same actions always give the same observations.

    `fail_on` makes faults: a step whose action, as a line, is in it raises `EnvironmentFault`; so does a
    reset to a start URL in it.
    """

    def __init__(self, pages: Mapping[str, Page], *, fail_on: frozenset[str] = frozenset()) -> None:
        self._pages = pages
        self._fail_on = fail_on
        self._history: list[str] = []
        self._values: dict[tuple[str, str], str] = {}
        self._facts: dict[str, Any] = {}
        self._over = True
        self._closed = False

    async def reset(self, task: Task) -> Observation:
        if self._closed:
            raise UserError("the environment is closed: acquire another one from the pool")
        path = task.start_url.removeprefix(ORIGIN) or "/"
        if task.start_url in self._fail_on or path not in self._pages:
            raise EnvironmentFault(f"'{task.start_url}' could not be loaded")
        self._history, self._values, self._facts = [path], {}, {}
        self._over = False
        await asyncio.sleep(0)
        return self._observation("")

    async def step(self, action: Action) -> StepResult:
        if self._over:
            raise UserError("the episode is over: call reset before the next step")
        await asyncio.sleep(0)
        line = actions.render(action)
        if line in self._fail_on:
            raise EnvironmentFault(f"the scripted fault of '{line}'")
        if action.name in actions.TERMINAL:
            self._over = True
            return StepResult(observation=self._observation(""), terminated=True)
        return StepResult(observation=self._observation(self._do(action, line)))

    async def collect_evidence(self, task: Task) -> GroundTruth | None:  # noqa: ARG002
        return GroundTruth(evidence=dict(self._facts))

    async def close(self) -> None:
        self._closed = self._over = True

    @property
    def _page(self) -> Page:
        return self._pages[self._history[-1]]

    def _do(self, action: Action, line: str) -> str:
        """Carry an action out; returns what went wrong, or ''."""
        page = self._page
        done = False
        target = actions.target_of(action)
        if target is not None:
            found = [e for e in self._elements() if _meant(e, target)]
            if not found:
                return f"there is no {target} on this page"
            line = actions.render(_by_name(action, found[0]))
            if action.name in ("type", "select"):
                key = "text" if action.name == "type" else "option"
                self._values[self._history[-1], found[0].id] = str(action.arguments[key])
                done = True
        if line in page.facts:
            self._facts.update(page.facts[line])
            done = True
        if line in page.moves:
            self._history.append(page.moves[line])
        elif action.name == "goto" and str(action.arguments["url"]).removeprefix(ORIGIN) in self._pages:
            self._history.append(str(action.arguments["url"]).removeprefix(ORIGIN))
        elif action.name == "back" and len(self._history) > 1:
            self._history.pop()
        elif not done and action.name not in ("wait", "scroll", "hover"):
            return f"'{line}' does nothing here"
        return ""

    def _elements(self) -> tuple[Element, ...]:
        path = self._history[-1]
        counts: dict[tuple[str, str], int] = {}
        found = []
        for index, one in enumerate(self._page.elements, start=1):
            kind = (one.role, fold(one.name))
            counts[kind] = counts.get(kind, 0) + 1
            value = self._values.get((path, f"e{index}"), one.value)
            found.append(one.model_copy(update={"id": f"e{index}", "nth": counts[kind], "value": value}))
        return tuple(found)

    def _observation(self, complaint: str) -> Observation:
        page = self._page
        return Observation(
            url=ORIGIN + self._history[-1],
            title=page.title,
            text="\n".join([page.title, *([page.text] if page.text else []), *(e.name for e in page.elements)]),
            elements=self._elements(),
            last_action_error=complaint,
            tabs=(page.title,),
        )


def _meant(one: Element, target: actions.Target) -> bool:
    if target.id:
        return one.id == target.id
    return one.role == target.role and fold(one.name) == fold(target.name) and one.nth == target.nth


def _by_name(action: Action, one: Element) -> Action:
    target = {"role": one.role, "name": one.name} | ({"nth": one.nth} if one.nth > 1 else {})
    return action.model_copy(update={"arguments": {**action.arguments, "target": target}})


class ScriptedPool:
    """`size` scripted environments over the same pages; implements `core.protocols.EnvironmentPool`.

    `made` counts the environments made so far: more than `size` when broken ones were replaced.
    """

    def __init__(self, pages: Mapping[str, Page], *, size: int = 4, fail_on: frozenset[str] = frozenset()) -> None:
        self._pages = pages
        self._fail_on = fail_on
        self._size = size
        self._free = asyncio.Semaphore(size)
        self._idle: list[Environment] = []
        self.made = 0

    @property
    def size(self) -> int:
        """Environments at once."""
        return self._size

    async def acquire(self) -> Environment:
        await self._free.acquire()
        if self._idle:
            return self._idle.pop()
        self.made += 1
        return ScriptedEnvironment(self._pages, fail_on=self._fail_on)

    async def release(self, environment: Environment, *, broken: bool = False) -> None:
        if broken:
            await environment.close()
        else:
            self._idle.append(environment)
        self._free.release()

    async def close(self) -> None:
        for environment in self._idle:
            await environment.close()
        self._idle.clear()
