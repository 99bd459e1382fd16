"""What the endpoint does not answer, and how it says so: nothing is silently ignored."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from openai import BadRequestError, NotFoundError

from core.errors import ModelFault
from core.types import Completion
from serving import EMBEDDED
from serving.local import LocalPolicy
from serving.versions import Version
from tests.unit.serving.server_fixtures import ASK, PAGE, ask, changed, client, free, serving, url

__all__ = ["changed", "free", "url"]  # fixtures


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"top_p": 0.9}, "top_p"),
        ({"top_k": 5}, "top_k"),
        ({"presence_penalty": 0.5}, "presence_penalty"),
        ({"frequency_penalty": -1}, "frequency_penalty"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"logprobs": True, "top_logprobs": 3}, "top_logprobs"),
        ({"best_of": 2}, "best_of"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"temperature": 10**400}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"n": 0}, "n"),
        ({"n": 1000}, "n"),
        ({"seed": 1.5}, "seed"),
        ({"stop": [""]}, "stop"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"autotelic": {"included": []}}, "autotelic.included"),
        ({"autotelic": {"excluded": ["back\n"]}}, "autotelic.excluded"),
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": "x", "tool_calls": [1]}]}, "messages[0].tool_calls"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]},
            "messages[0].content[0]",
        ),
        ({"messages": [{"role": "user", "content": "word " * 2000}]}, "messages"),
        ({"max_tokens": 5000}, "messages"),
    ],
)
def test_what_would_be_ignored_is_refused_by_name(free: str, settings: dict[str, Any], names: str) -> None:
    answer = httpx.post(f"{free}/v1/chat/completions", json={"messages": ASK, **settings})
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert error["param"] == names
    assert error["type"] == "invalid_request_error"
    assert error["message"]
    assert error["code"]


def test_settings_that_change_nothing_are_taken(free: str) -> None:
    neutral = {
        "top_p": 1, "top_k": -1, "presence_penalty": 0.0, "frequency_penalty": 0, "tools": [],
        "user": "me", "stop": None,
        "response_format": {"type": "text"}, "top_logprobs": 0, "logit_bias": {}, "max_completion_tokens": 3,
    }  # fmt: skip
    turns = [
        {"role": "developer", "content": "Be brief."},
        {"role": "assistant", "content": "Yes", "refusal": None, "tool_calls": []},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
    ]
    assert ask(free, **neutral, messages=turns)["usage"]["completion_tokens"] <= 3


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'{"a": NaN}', b'"\\ud800"', b"[" * 10_000, b"1" * 5000])
def test_a_body_that_is_no_json_object_is_refused(free: str, body: bytes) -> None:
    answer = httpx.post(f"{free}/v1/chat/completions", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_json"


def test_other_refusals_are_in_the_same_format(free: str) -> None:
    chat = f"{free}/v1/chat/completions"
    large = httpx.post(chat, json={"messages": [{"role": "user", "content": "x" * 30_000}]})
    found = {
        413: large,
        415: httpx.post(chat, content=json.dumps({"messages": ASK})),
        404: httpx.get(f"{free}/v1/nowhere"),
        405: httpx.get(chat),
        403: httpx.post(f"{free}/v1/load_weights", json={"name": "x", "path": "/", "version": 1}),
    }
    for status, answer in found.items():
        assert answer.status_code == status
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert "--allow-updates" in found[403].json()["error"]["message"]
    assert httpx.get(f"{free}/health").status_code == 200


async def test_openais_client_raises_what_it_should(url: str) -> None:
    async with client(url) as openai:
        with pytest.raises(NotFoundError, match="there are iteration-0001, embedded"):
            await openai.chat.completions.create(model="gpt", messages=[{"role": "user", "content": PAGE}])
        with pytest.raises(BadRequestError, match="top_p"):
            await openai.chat.completions.create(
                model="embedded", messages=[{"role": "user", "content": PAGE}], top_p=0.5
            )


def test_a_key_is_required_where_there_is_one() -> None:
    with serving([Version("embedded", EMBEDDED, 0)], key="s3cret") as address:
        listed = f"{address}/v1/models"
        for headers in ({}, {"Authorization": "Bearer other"}, {"Authorization": "s3cret"}):
            answer = httpx.get(listed, headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
        assert httpx.get(listed, headers={"Authorization": "Bearer s3cret"}).status_code == 200
        assert httpx.get(f"{address}/health").status_code == 200


def test_a_model_that_fails_is_503(free: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object, **__: object) -> Completion:
        raise ModelFault("decoding failed: no memory")

    monkeypatch.setattr(LocalPolicy, "generate", fail)
    answer = httpx.post(f"{free}/v1/chat/completions", json={"messages": ASK})
    assert answer.status_code == 503
    assert answer.json()["error"] == {
        "message": "decoding failed: no memory", "type": "server_error", "param": None, "code": "model_fault",
    }  # fmt: skip
