"""A conformance test for any environment: what `core.protocols.Environment` promises, tried out.

In the manner of Gymnasium's `env_checker`, for asynchronous environments whose episodes are tasks.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from core.checks import fold
from core.errors import AutotelicError
from core.protocols import Environment
from core.types import Action, GroundTruth, Observation, StepResult, Task

_NOWHERE = {"role": "button", "name": "no such thing 8f3a"}


class ConformanceError(AutotelicError):
    """An environment broke a promise; the sentence says which."""


async def check(environment: Environment, task: Task) -> None:
    """Put an environment through two episodes of `task` and close it; raises `ConformanceError`."""
    _require(isinstance(environment, Environment), "it lacks a method of core.protocols.Environment")
    first = await environment.reset(task)
    _check_observation(first)
    await _check_bad_actions(environment)
    _check_truth(await environment.collect_evidence(task))
    second = await environment.reset(task)
    _require(
        _comparable(first) == _comparable(second),
        f"two resets to the same task gave different observations: {_difference(first, second)}",
    )
    _require(
        await environment.collect_evidence(task) == await environment.collect_evidence(task),
        "reading the evidence changes it",
    )
    result = await environment.step(Action(name="answer", arguments={"text": "done"}))
    _check_result(result)
    _require(result.terminated, "an answer did not terminate the episode")
    await _refuses(environment, "an action after the end of the episode was not refused")
    _check_truth(await environment.collect_evidence(task))
    third = await environment.reset(task)
    _require(_comparable(first) == _comparable(third), f"a reset after an end differs: {_difference(first, third)}")
    result = await environment.step(Action(name="give_up", arguments={"reason": "enough"}))
    _require(result.terminated, "giving up did not terminate the episode")
    await environment.close()
    await environment.close()
    await _refuses(environment, "an action after close was not refused")


async def _check_bad_actions(environment: Environment) -> None:
    """What an agent gets wrong is told to it, and ends nothing."""
    wrong = {
        "a target that is not there": Action(name="click", arguments={"target": _NOWHERE}),
        "an id that is not there": Action(name="click", arguments={"target": {"id": "nosuchid"}}),
        "a skill": Action(name="use_skill", arguments={"skill": "none", "arguments": {}}),
        "a tool": Action(name="call_tool", arguments={"tool": "none", "arguments": {}}),
    }
    for what, action in wrong.items():
        result = await environment.step(action)
        _check_result(result)
        _require(bool(result.observation.last_action_error), f"{what} was not answered with last_action_error")
        _require(not result.terminated and not result.truncated, f"{what} ended the episode")


async def _refuses(environment: Environment, complaint: str) -> None:
    try:
        await environment.step(Action(name="wait"))
    except AutotelicError:
        return
    raise ConformanceError(complaint)


def _check_result(result: StepResult) -> None:
    _require(isinstance(result, StepResult), f"step returned {type(result).__name__}, not StepResult")
    _check_observation(result.observation)


def _check_observation(observation: Observation) -> None:
    _require(isinstance(observation, Observation), f"it returned {type(observation).__name__}, not Observation")
    _require(bool(observation.url), "an observation has no URL")
    ids = Counter(element.id for element in observation.elements)
    repeated = [one for one, count in ids.items() if count > 1 or not one]
    _require(not repeated, f"element ids are not unique: {repeated[:5]}")
    counts: Counter[tuple[str, str]] = Counter()
    for element in observation.elements:
        _require(bool(element.role), f"element {element.id} has no role")
        _require("hidden" not in element.states, f"the hidden element {element.id} is shown")
        kind = (element.role, fold(element.name))
        counts[kind] += 1
        _require(
            element.nth == counts[kind],
            f'{element.role} "{element.name}" is number {counts[kind]} of its kind but has nth={element.nth}',
        )
    _require(
        not observation.tabs or 0 <= observation.active_tab < len(observation.tabs), "the active tab is not one of them"
    )


def _check_truth(truth: GroundTruth | None) -> None:
    _require(truth is None or isinstance(truth, GroundTruth), "the evidence is neither None nor GroundTruth")


def _comparable(observation: Observation) -> dict[str, Any]:
    return observation.model_dump(exclude={"screenshot"})


def _difference(first: Observation, second: Observation) -> str:
    a, b = _comparable(first), _comparable(second)
    return ", ".join(f"{key}: {a[key]!r:.120} / {b[key]!r:.120}" for key in a if a[key] != b[key])


def _require(condition: bool, complaint: str) -> None:
    if not condition:
        raise ConformanceError(complaint)
