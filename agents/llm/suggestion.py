"""The form in which a model states tasks: strict for each task, and a bad one does not spoil those beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WrapValidator
from pydantic.json_schema import SkipJsonSchema

from core.checks import AllCheck, AnswerCheck, Check, EnteredCheck, PageCheck, UrlCheck

_Text = Annotated[str, Field(min_length=1, max_length=300, pattern=r"\S")]


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Answer(_Form):
    """The agent's answer equals `equals`."""

    kind: Literal["answer"]
    equals: _Text


class Url(_Form):
    """The final URL matches a regular expression."""

    kind: Literal["url"]
    matches: _Text


class Shown(_Form):
    """The final page shows every text of `contains`."""

    kind: Literal["page"]
    contains: list[_Text] = Field(min_length=1, max_length=5)


class Entry(_Form):
    """One form field, by its label."""

    label: _Text
    value: _Text


class Entered(_Form):
    """At one moment all these fields held their values (`checked` or `unchecked` for a tick)."""

    kind: Literal["entered"]
    fields: list[Entry] = Field(min_length=1, max_length=10)


class Both(_Form):
    """Every one of `of` holds."""

    kind: Literal["all"]
    of: list[Annotated[Answer | Url | Shown | Entered, Field(discriminator="kind")]] = Field(min_length=2, max_length=4)


class Judged(_Form):
    """A judge decides by this criterion; only where none of the others can tell."""

    kind: Literal["judged"]
    criterion: Annotated[str, Field(min_length=10, max_length=400)]


class Suggestion(_Form):
    """A task as the model states it."""

    instruction: Annotated[str, Field(min_length=8, max_length=400)]
    start_url: Annotated[str, Field(min_length=1, max_length=500)]
    family: Annotated[str, Field(max_length=100)]
    expected_steps: int = Field(ge=3, le=7)
    changes_state: bool
    success: Annotated[Answer | Url | Shown | Entered | Both | Judged, Field(discriminator="kind")]


class Unusable(_Form):
    """What stood in the place of a suggestion: why it is none."""

    problem: str


def _each(value: Any, _handler: Callable[[Any], Any]) -> Suggestion | Unusable:
    try:
        return Suggestion.model_validate(value, strict=True)
    except ValidationError as error:
        told = [
            f"{'.'.join(map(str, one['loc'])) or 'task'}: {one['msg']}"
            for one in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        return Unusable(problem="; ".join(told)[:300])


class Batch(_Form):
    """What one request is answered with. The schema shows suggestions only; unusable ones are read as `Unusable`."""

    tasks: list[Annotated[Suggestion | SkipJsonSchema[Unusable], WrapValidator(_each)]]


def check_of(success: Answer | Url | Shown | Entered | Both | Judged) -> Check | None:
    """The check that a criterion means, None for a judge's; raises `ValueError` where it cannot be one."""
    match success:
        case Answer(equals=expected):
            return AnswerCheck(equals=expected)
        case Url(matches=pattern):
            return UrlCheck(matches=pattern)
        case Shown(contains=texts):
            return PageCheck(contains=tuple(texts))
        case Entered(fields=fields):
            return EnteredCheck(fields={field.label: field.value for field in fields})
        case Both(of=parts):
            return AllCheck(of=tuple(check for part in parts if (check := check_of(part)) is not None))
        case Judged():
            return None
