"""The conformance test accepts the scripted environment and catches every broken promise."""

from __future__ import annotations

import itertools

import pytest

from core.types import Action, GroundTruth, Observation, StepResult, Task
from environments.checker import ConformanceError, check
from environments.scripted import Page, ScriptedEnvironment, element

TASK = Task(id="t", instruction="go", start_url="/")
PAGES = {
    "/": Page("Home", elements=(element("button", "Go"), element("link", "Same"), element("link", "Same"))),
}


async def test_the_scripted_environment_conforms() -> None:
    await check(ScriptedEnvironment(PAGES), TASK)


class Forgetful(ScriptedEnvironment):
    """Differs from reset to reset."""

    numbers = itertools.count()

    async def reset(self, task: Task) -> Observation:
        return (await super().reset(task)).model_copy(update={"text": f"visit {next(self.numbers)}"})


class Twins(ScriptedEnvironment):
    """Gives one id twice."""

    async def reset(self, task: Task) -> Observation:
        seen = await super().reset(task)
        same = tuple(one.model_copy(update={"id": "e1"}) for one in seen.elements)
        return seen.model_copy(update={"elements": same})


class Miscounting(ScriptedEnvironment):
    """Counts elements of one role and name from one each time."""

    async def reset(self, task: Task) -> Observation:
        seen = await super().reset(task)
        same = tuple(one.model_copy(update={"nth": 1}) for one in seen.elements)
        return seen.model_copy(update={"elements": same})


class Silent(ScriptedEnvironment):
    """Says nothing about actions that cannot be done."""

    async def step(self, action: Action) -> StepResult:
        result = await super().step(action)
        quiet = result.observation.model_copy(update={"last_action_error": ""})
        return result.model_copy(update={"observation": quiet})


class Endless(ScriptedEnvironment):
    """Does not end with an answer."""

    async def step(self, action: Action) -> StepResult:
        if action.name == "answer":
            action = Action(name="wait")
        return await super().step(action)


class Undead(ScriptedEnvironment):
    """Acts on after the end."""

    async def step(self, action: Action) -> StepResult:
        result = await super().step(action)
        self._over = False
        return result


class Leaky(ScriptedEnvironment):
    """Changes its evidence by reading it."""

    numbers = itertools.count()

    async def collect_evidence(self, task: Task) -> GroundTruth | None:
        return GroundTruth(evidence={"reads": next(self.numbers)})


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        (Forgetful, "two resets .* different observations: text"),
        (Twins, "ids are not unique"),
        (Miscounting, "number 2 of its kind but has nth=1"),
        (Silent, "not answered with last_action_error"),
        (Endless, "an answer did not terminate"),
        (Undead, "after the end of the episode was not refused"),
        (Leaky, "reading the evidence changes it"),
    ],
)
async def test_each_broken_promise_is_named(kind: type[ScriptedEnvironment], complaint: str) -> None:
    with pytest.raises(ConformanceError, match=complaint):
        await check(kind(PAGES), TASK)
