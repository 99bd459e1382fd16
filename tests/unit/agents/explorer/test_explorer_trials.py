"""Trying a form whose fields do not all take mere words: what is complained about is left out and remembered."""

from __future__ import annotations

from typing import Any

from agents.explorer import pages
from agents.explorer.manners import Pace
from agents.explorer.sitemap import SiteMap
from agents.explorer.trials import Trials
from core import actions
from core.types import Action, Element, GroundTruth, Observation, StepResult, Task

URL = "http://127.0.0.1:9/new"
FIELDS = ("Title", "Parent item", "Watchers", "Remark")


class Tracker:
    """Makes entries; a parent has to be a number and watchers have to be known. `said` is what came of it."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.said = ""

    async def reset(self, task: Task) -> Observation:
        self.values, self.said = {}, ""
        return self._seen()

    async def step(self, action: Action) -> StepResult:
        target = actions.target_of(action)
        name = target.name if target else ""
        if action.name == "type":
            self.values[name] = action.arguments["text"]
        elif name == "Store entry":
            self._store()
        return StepResult(observation=self._seen())

    def _store(self) -> None:
        parent, watchers = self.values.get("Parent item", ""), self.values.get("Watchers", "")
        if parent and not parent.isdigit():
            self.said = "you may only enter numbers for the parent"
        elif watchers:
            self.said = f'"{watchers}" is not a user'
        elif not self.values.get("Title"):
            self.said = "Title is required"
        else:
            self.said = f"Entry {self.values['Title']} was made"

    async def collect_evidence(self, task: Task) -> GroundTruth | None:
        return None

    async def close(self) -> None:
        pass

    def _seen(self) -> Observation:
        fields = tuple(
            Element(id=name, role="textbox", name=name, value=self.values.get(name, ""), form="f", interactive=True)
            for name in FIELDS
        )
        send = Element(id="s", role="button", name="Store entry", form="f", input_type="submit", interactive=True)
        said = (Element(id="m", role="status", name=self.said),) if self.said else ()
        text = f"New entry\nStore entry\n{self.said}"
        return Observation(url=URL, title="New entry", text=text, elements=(*fields, send, *said))


class One:
    """A pool of a single environment."""

    size = 1

    async def acquire(self) -> Any:
        return Tracker()

    async def release(self, environment: Any, *, broken: bool = False) -> None:
        pass

    async def close(self) -> None:
        pass


async def test_fields_that_are_complained_about_are_left_out_and_remembered() -> None:
    start = await Tracker().reset(Task(id="t", instruction="", start_url=URL))
    site = SiteMap(start_urls=(URL,), pages={URL: pages.read(start)})
    trials = Trials(One(), resettable=True, pace=Pace(0.0, (URL,)), seed=0)
    made = [effect for effect in (await trials.run(site, 20)).effects if effect.kind == "form"]
    assert [sorted(one.field.name for one in effect.filled) for effect in made] == [["Remark", "Title"]]
    assert made[0].refused == ("Parent item", "Watchers")
    title = next(one.value for one in made[0].filled if one.field.name == "Title")
    assert made[0].revealed[0] == f"Entry {title} was made"
