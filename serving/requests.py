"""What a chat completion request asks for. A setting that would have no effect is refused, never ignored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from core.types import ImageRef, Message, Sampling
from serving.received import picture
from serving.refusals import Refusal, invalid, unsupported

MAX_CHOICES = 32
_COLDEST, _HOTTEST = 0.001, 100.0
_MISSING = object()
_ROLES: dict[str, Literal["system", "user", "assistant"]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}
_READ = frozenset(
    {
        "model", "messages", "temperature", "max_tokens", "max_completion_tokens", "seed", "n", "stop", "stream",
        "stream_options", "logprobs", "top_logprobs", "return_token_ids", "autotelic",
    }
)  # fmt: skip
_LABELS = frozenset({"user", "metadata", "safety_identifier"})  # these say who asks, not what
# Settings that are understood at the value at which they change nothing.
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "top_p": (1,),
    "top_k": (0, -1),
    "min_p": (0,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "repetition_penalty": (1,),
    "logit_bias": ({},),
    "tools": ([],),
    "functions": ([],),
    "tool_choice": ("none", "auto"),
    "parallel_tool_calls": (True, False),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "store": (False,),
    "ignore_eos": (False,),
    "skip_special_tokens": (True,),
    "include_stop_str_in_output": (False,),
    "add_generation_prompt": (True,),
    "continue_final_message": (False,),
    "echo": (False,),
}
_EXACT = "log-probabilities are those of the distribution that tokens are drawn from, so it stays at "


@dataclass(frozen=True)
class ChatRequest:
    """A checked request; `max_tokens` is None for whatever the context leaves.

    `pictures` are the bytes of those in the messages, by their SHA-256; they live as long as the request.
    """

    messages: tuple[Message, ...]
    model: str | None = None
    temperature: float = 1.0
    max_tokens: int | None = None
    seed: int | None = None
    n: int = 1
    stop: tuple[str, ...] = ()
    stream: bool = False
    include_usage: bool = False
    logprobs: bool = False
    token_ids: bool = False
    excluded: tuple[str, ...] = ()
    pictures: Mapping[str, bytes] = field(default_factory=dict)

    def load_image(self, image: ImageRef) -> bytes | None:
        return self.pictures.get(image.sha256)

    def sampling(self, index: int, max_tokens: int) -> Sampling:
        """How choice `index` is drawn: the first with the seed as given, each other with the next one."""
        return Sampling(
            temperature=self.temperature,
            max_tokens=max_tokens,
            stop=self.stop,
            excluded=self.excluded,
            seed=None if self.seed is None else self.seed + index,
        )


def decoded(body: bytes) -> dict[str, Any]:
    """The JSON object of a request's body; raises `Refusal`."""
    try:
        found = json.loads(body, parse_constant=_no_number)
        json.dumps(found, ensure_ascii=False).encode()  # a lone surrogate is no text
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"the body is not valid JSON: {error}", code="invalid_json") from error
    if not isinstance(found, dict):
        raise Refusal(400, "the body has to be a JSON object", code="invalid_json")
    return found


def chat_request(body: Mapping[str, Any]) -> ChatRequest:
    """The request in a body; raises `Refusal`, which names what cannot be used."""
    given = {name: value for name, value in body.items() if value is not None}
    _refuse_what_has_no_effect(given)
    ours = object_(given, "autotelic")
    for name in ours:
        if name != "excluded":
            raise unsupported(f"autotelic.{name}", "only 'excluded' is known")
    stream = flag(given, "stream")
    options = object_(given, "stream_options")
    if options and not stream:
        raise invalid("stream_options", "left out unless 'stream' is true")
    for name in options.keys() - {"include_usage"}:
        raise unsupported(f"stream_options.{name}", "only 'include_usage' is known")
    if whole(given, "top_logprobs", 0, least=0):
        raise unsupported("top_logprobs", "the log-probabilities of tokens that were not drawn are not kept")
    most = [whole(given, name, None, least=1) for name in ("max_completion_tokens", "max_tokens")]
    pictures: dict[str, bytes] = {}
    return ChatRequest(
        messages=_messages(given, pictures),
        pictures=pictures,
        model=text(given, "model"),
        temperature=_temperature(given),
        max_tokens=min((one for one in most if one is not None), default=None),
        seed=whole(given, "seed", None),
        n=whole(given, "n", 1, least=1, most=MAX_CHOICES) or 1,
        stop=_texts("stop", given.get("stop", ())),
        stream=stream,
        include_usage=flag(options, "include_usage"),
        logprobs=flag(given, "logprobs"),
        token_ids=flag(given, "return_token_ids"),
        excluded=_texts("autotelic.excluded", ours.get("excluded", ())),
    )


def text(given: Mapping[str, Any], name: str) -> str | None:
    """A text that is not empty, or None when it is not given."""
    value = given.get(name)
    if value is not None and (not isinstance(value, str) or not value):
        raise invalid(name, "a text")
    return value


def flag(given: Mapping[str, Any], name: str) -> bool:
    value = given.get(name, False)
    if not isinstance(value, bool):
        raise invalid(name, "true or false")
    return value


def whole(
    given: Mapping[str, Any], name: str, default: int | None, *, least: int | None = None, most: int | None = None
) -> int | None:
    """A whole number within its bounds."""
    value = given.get(name, _MISSING)
    if value is _MISSING:
        return default
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid(name, "a whole number")
    if (least is not None and value < least) or (most is not None and value > most):
        raise invalid(name, f"{least} or more" if most is None else f"from {least} to {most}")
    return value


def object_(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = given.get(name, {})
    if not isinstance(value, dict):
        raise invalid(name, "an object")
    return {key: one for key, one in value.items() if one is not None}


def _refuse_what_has_no_effect(given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        if name in _READ or name in _LABELS:
            continue
        if name not in _NEUTRAL:
            raise unsupported(name, "this endpoint knows no such setting")
        if value not in _NEUTRAL[name] or isinstance(value, bool) != isinstance(_NEUTRAL[name][0], bool):
            neutral = json.dumps(_NEUTRAL[name][0])
            sampled = name.endswith(("_p", "_k", "_penalty", "_bias"))
            raise unsupported(name, (_EXACT if sampled else "it can only be left out or ") + neutral)


def _temperature(given: Mapping[str, Any]) -> float:
    value = given.get("temperature", 1.0)
    wanted = f"0 or a number from {_COLDEST:g} to {_HOTTEST:g}"
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise invalid("temperature", wanted)
    if value != 0 and not _COLDEST <= value <= _HOTTEST:
        raise invalid("temperature", wanted)
    return float(value)


def _messages(given: Mapping[str, Any], pictures: dict[str, bytes]) -> tuple[Message, ...]:
    """The messages; their pictures are put among `pictures`."""
    turns = given.get("messages")
    if not isinstance(turns, list) or not turns:
        raise invalid("messages", "a list of at least one message")
    return tuple(_message(f"messages[{at}]", turn, pictures) for at, turn in enumerate(turns))


def _message(name: str, turn: Any, pictures: dict[str, bytes]) -> Message:
    if not isinstance(turn, dict):
        raise invalid(name, "an object with 'role' and 'content'")
    for key, value in turn.items():
        if key not in ("role", "content") and value:  # what clients send back empty says nothing
            raise unsupported(f"{name}.{key}", "a message is its role and its content")
    role = turn.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        raise invalid(f"{name}.role", "system, developer, user or assistant")
    content, images = _content(f"{name}.content", turn.get("content"), pictures)
    if images and _ROLES[role] != "user":
        raise unsupported(f"{name}.content", "pictures are shown by the user alone")
    return Message(role=_ROLES[role], content=content, images=images)


def _content(name: str, content: Any, pictures: dict[str, bytes]) -> tuple[str, tuple[ImageRef, ...]]:
    """A text, or pictures and then text parts, which are joined by newlines."""
    if isinstance(content, str):
        return content, ()
    if not isinstance(content, list) or not content:
        raise invalid(name, "a text or a list of text parts")
    texts: list[str] = []
    images: list[ImageRef] = []
    for at, part in enumerate(content):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind in ("input_image", "input_audio", "file"):
            raise unsupported(f"{name}[{at}]", f"the part is of type '{kind}'; known are 'text' and 'image_url'")
        if kind == "image_url":
            if texts:
                raise unsupported(f"{name}[{at}]", "a message's pictures come before its text")
            image, data = picture(f"{name}[{at}]", part)
            pictures[image.sha256] = data
            images.append(image)
        elif kind == "text" and isinstance(part.get("text"), str):
            texts.append(part["text"])
        else:
            raise invalid(f"{name}[{at}]", 'a text part, {"type": "text", "text": …}')
    return "\n".join(texts), tuple(images)


def _texts(name: str, value: Any) -> tuple[str, ...]:
    texts = (value,) if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not all(isinstance(one, str) and one for one in texts):
        raise invalid(name, "a text or a list of texts, none of them empty")
    return tuple(texts)


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")
