"""What a chat endpoint answered, read from the body of its response."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from core import tokens
from core.types import Message, Record

_TOKENS_PER_IMAGE = 1000

_Count = Annotated[int, Field(ge=0, le=1_000_000_000)]


class Reply(Record):
    """`finish` is the server's word for why it ended, "stop" where it has none. Token counts are None if not given."""

    text: str
    refusal: str = ""
    finish: str = "stop"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Said(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Said
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: _Count
    completion_tokens: _Count


class _Body(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: Any = None


def read(body: str) -> Reply:
    """The first choice of a chat completion; raises `ValueError` where the body (JSON) is none."""
    completion = _Body.model_validate_json(body)
    choice = completion.choices[0]
    try:
        usage = _Usage.model_validate(completion.usage)
    except ValidationError:  # it is left out by some servers, and null or empty from others
        usage = None
    return Reply(
        text=choice.message.content or "",
        refusal=choice.message.refusal or "",
        finish=choice.finish_reason or "stop",
        prompt_tokens=usage.prompt_tokens if usage else None,
        completion_tokens=usage.completion_tokens if usage else None,
    )


def estimate(messages: Sequence[Message], text: str) -> tuple[int, int]:
    """Prompt and completion tokens by rule of thumb, for the accounts: a token in 4 bytes, a thousand in a picture."""
    prompt = sum(tokens.estimate(message.content) + _TOKENS_PER_IMAGE * len(message.images) for message in messages)
    return prompt, tokens.estimate(text)
