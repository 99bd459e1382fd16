"""The nouns: immutable, strict about names, and the same after a trip through JSON."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from pydantic import ValidationError

import core.types
from core.checks import AllCheck, AnswerCheck, FunctionalCheck
from core.errors import (
    ActionError,
    AutotelicError,
    ConfigError,
    EnvironmentFault,
    InfrastructureError,
    ModelFault,
    RunDirectoryError,
    StorageFault,
    TaskFileError,
    UserError,
)
from core.types import (
    Action,
    Attempts,
    Completion,
    Element,
    Feedback,
    Goal,
    GroundTruth,
    ImageRef,
    Mastery,
    Message,
    Observation,
    Record,
    Sampling,
    Skill,
    Step,
    StepResult,
    StopReason,
    Task,
    TrainingRow,
    Trajectory,
    Verdict,
)

IMAGE = ImageRef(sha256="ab" * 32, width=1, height=2)
ACTION = Action(name="click", arguments={"target": {"id": "e1"}}, raw_text="click [e1]")
COMPLETION = Completion(prompt_ids=(1, 2), output_ids=(3,), rollout_logprobs=(-0.12345678901234567,), text="x")
SEEN = Observation(url="http://x/", elements=(Element(id="e1", role="button", bounds=(1, 2, 3, 4)),), screenshot=IMAGE)
TASK = Task(
    id="t",
    instruction="i",
    start_url="/",
    goal=Goal(id="g", text="t", constraints=("c",)),
    check=AllCheck(of=(AnswerCheck(equals="1"), FunctionalCheck(expect={"a": [1, None]}))),
)
STEP = Step(observation=SEEN, completion=COMPLETION, action=ACTION, info={"a": [1]})
EXAMPLES: list[Record] = [
    IMAGE, ACTION, COMPLETION, SEEN, TASK, STEP, SEEN.elements[0], Sampling(stop=("\n",), seed=3),
    Goal(id="g", text="t"), Message(role="user", content="x", images=(IMAGE,)), StepResult(observation=SEEN),
    Trajectory(id="e", task=TASK, steps=(STEP, STEP), final_observation=SEEN, stop_reason=StopReason.GAVE_UP),
    GroundTruth(evidence={"a": {"b": [1.5, None, True]}}), Verdict(value=None), Verdict(value=0.25, evidence=("a",)),
    Skill(id="s", name="n", steps=(ACTION,), postcondition=AnswerCheck(equals="1")), Mastery(attempts=2, recent=0.5),
    TrainingRow(input_ids=(1,), loss_mask=(True,), rollout_logprobs=(-1.0,), advantages=(0.5,), images=(IMAGE,)),
    Attempts(task=TASK, scored=2, successes=1, causes=("max_steps",)),
    Feedback(iteration=1, attempts=(Attempts(task=TASK, scored=1, successes=0),), achieved=(TASK,), rules=("r",)),
]  # fmt: skip


@pytest.mark.parametrize("record", EXAMPLES, ids=lambda record: type(record).__name__)
def test_a_record_survives_json_and_cannot_be_changed(record: Record) -> None:
    assert type(record).model_validate_json(record.model_dump_json()) == record
    assert type(record).model_validate(record.model_dump()) == record
    name = next(iter(type(record).model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(record, name, getattr(record, name))


@pytest.mark.parametrize("record", EXAMPLES, ids=lambda record: type(record).__name__)
def test_an_unknown_field_is_refused(record: Record) -> None:
    data: dict[str, Any] = {**record.model_dump(), "unheard_of": 1}
    with pytest.raises(ValidationError, match="unheard_of"):
        type(record).model_validate(data)


def test_every_noun_has_an_example() -> None:
    nouns = {
        kind
        for _, kind in inspect.getmembers(core.types, inspect.isclass)
        if issubclass(kind, Record) and kind is not Record
    }
    assert nouns == {type(record) for record in EXAMPLES}


def test_unscored_is_not_zero() -> None:
    assert Verdict(value=None) != Verdict(value=0.0)
    with pytest.raises(ValidationError):
        Verdict.model_validate({})  # a judge must say which


def test_errors_are_told_apart_by_whose_they_are() -> None:
    for mine in (ConfigError, TaskFileError, RunDirectoryError):
        assert issubclass(mine, UserError)
        assert not issubclass(mine, InfrastructureError)
    for nobodys in (EnvironmentFault, ModelFault, StorageFault):
        assert issubclass(nobodys, InfrastructureError)
        assert not issubclass(nobodys, UserError)
    assert not issubclass(ActionError, UserError | InfrastructureError)
    assert all(issubclass(kind, AutotelicError) for kind in (UserError, InfrastructureError, ActionError))


def test_entries_are_what_stands_in_the_fields() -> None:
    elements = (
        Element(id="1", role="textbox", name="Full  Name", value="Ada"),
        Element(id="2", role="checkbox", name="Mail", states=("checked",)),
        Element(id="3", role="radio", name="Weekly", value="w"),
        Element(id="4", role="combobox", name="Town", value="Oslo", options=("Oslo", "Bergen")),
        Element(id="5", role="definition", name="Weight", value="2 kg"),
        Element(id="6", role="button", name="Save"),
    )
    assert Observation(url="", elements=elements).entries() == {
        ("full name", "ada"),
        ("mail", "checked"),
        ("weekly", "unchecked"),
        ("town", "oslo"),
    }
