"""The endpoint over local policies, asked over HTTP by OpenAI's own client and by plain requests."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
import torch

from core.types import Completion, Message, Sampling, TrainingRow
from core.vision import LoadImage
from serving import EMBEDDED
from serving.local import LocalPolicy
from tests.unit.serving.server_fixtures import ASK, PAGE, ask, changed, client, free, url
from training import batches
from training import model as models

__all__ = ["changed", "free", "url"]  # fixtures


def rebuilt(body: dict[str, Any], index: int, asked: Sampling) -> Completion:
    """The completion that an answer tells of."""
    choice = body["choices"][index]
    extra = choice["autotelic"]
    return Completion(
        prompt_ids=tuple(body["prompt_token_ids"]),
        output_ids=tuple(choice["token_ids"]),
        rollout_logprobs=tuple(one["logprob"] for one in choice["logprobs"]["content"]),
        choices=tuple(map(tuple, extra["choices"])),
        text=choice["message"]["content"],
        sampling=asked.model_copy(update={"seed": extra["seed"]}),
        policy_version=extra["policy_version"],
        finish_reason=choice["finish_reason"],
    )


async def test_openais_client_gets_a_completion(url: str) -> None:
    async with client(url) as openai:
        done = await openai.chat.completions.create(
            model="embedded", messages=[{"role": "user", "content": PAGE}], temperature=0.7, max_tokens=40, seed=1, n=3
        )
        listed = await openai.models.list()
        assert (await openai.models.retrieve("embedded")).id == "embedded"
    assert [choice.index for choice in done.choices] == [0, 1, 2]
    assert all(choice.message.content and choice.finish_reason == "stop" for choice in done.choices)
    assert done.model == "embedded"
    assert done.usage is not None
    assert done.usage.total_tokens == done.usage.prompt_tokens + done.usage.completion_tokens
    assert [one.id for one in listed.data] == ["iteration-0001", "embedded"]


async def test_openais_client_streams_what_it_would_get_whole(url: str) -> None:
    asked: dict[str, Any] = {"model": "embedded", "messages": ASK, "max_tokens": 40, "seed": 5, "logprobs": True}
    async with client(url) as openai:
        whole = await openai.chat.completions.create(**asked)
        stream = await openai.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
        chunks = [chunk async for chunk in stream]
    assert whole.choices[0].logprobs is not None
    assert whole.choices[0].logprobs.content is not None
    parts = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert "".join(part.delta.content or "" for part in parts) == whole.choices[0].message.content
    values = [one.logprob for part in parts if part.logprobs for one in part.logprobs.content or []]
    assert values == [one.logprob for one in whole.choices[0].logprobs.content]
    assert [part.finish_reason for part in parts if part.finish_reason] == ["stop"]
    assert parts[0].delta.role == "assistant"
    assert len(parts) > 3
    assert chunks[-1].usage == whole.usage


@pytest.mark.parametrize("held", [True, False])
async def test_an_answer_is_a_completion_whose_logprobs_the_trainer_computes(url: str, free: str, held: bool) -> None:
    most = 60 if held else 25
    body = ask(
        url if held else free,
        model="embedded" if held else "free", temperature=1.3, max_tokens=most, seed=11, n=4,
        logprobs=True, return_token_ids=True,
    )  # fmt: skip
    asked = Sampling(temperature=1.3, max_tokens=most)
    completions = [rebuilt(body, index, asked) for index in range(4)]
    policy = LocalPolicy(EMBEDDED, constrained=held, version=0 if held else 3)
    for index, completion in enumerate(completions):
        sampling = asked.model_copy(update={"seed": 11 + index})
        same = await policy.generate([Message(role="user", content=PAGE)], sampling=sampling)
        assert completion.model_dump(exclude={"rollout_logprobs"}) == same.model_dump(exclude={"rollout_logprobs"})
    await policy.close()
    rows = [_row(completion) for completion in completions]
    trainer = models.load(EMBEDDED)
    found: list[tuple[float, float]] = []
    for row in rows:
        for batch in batches.micro_batches([row], 8192):
            with torch.inference_mode():
                true = models.token_logprobs(trainer, batch).tolist()
        drawn = [value for value, on in zip(row.rollout_logprobs, row.loss_mask, strict=True) if on]
        found += zip(true, drawn, strict=True)
    assert len(found) > 8
    for true_value, returned in found:
        assert returned == pytest.approx(true_value, abs=1e-3)


def _row(completion: Completion) -> TrainingRow:
    lead = len(completion.prompt_ids)
    choices = completion.choices or ((),) * len(completion.output_ids)
    return TrainingRow(
        input_ids=completion.prompt_ids + completion.output_ids,
        loss_mask=(False,) * lead + tuple(len(among) != 1 for among in choices),
        rollout_logprobs=(0.0,) * lead + completion.rollout_logprobs,
        advantages=(0.0,) * (lead + len(choices)),
        temperature=completion.sampling.temperature,
        choices=((),) * lead + tuple(among if len(among) != 1 else () for among in choices),
    )


def test_what_is_excluded_is_not_written(url: str) -> None:
    first = ask(url, model="embedded", temperature=0)["choices"][0]["message"]["content"]
    again = ask(url, model="embedded", temperature=0)["choices"][0]["message"]["content"]
    other = ask(url, model="embedded", temperature=0, autotelic={"excluded": [f"{first}\n"]})
    assert first == again != other["choices"][0]["message"]["content"]


def test_at_temperature_0_the_choice_is_certain(url: str) -> None:
    content = ask(url, temperature=0, logprobs=True)["choices"][0]["logprobs"]["content"]
    assert [one["logprob"] for one in content] == [0.0] * len(content)


def test_a_text_ends_before_its_stop_and_its_tokens_with_it(url: str) -> None:
    whole = ask(url, model="embedded", seed=2, return_token_ids=True, logprobs=True)["choices"][0]
    text = whole["message"]["content"]
    stop = text[3:5]
    cut = ask(url, model="embedded", seed=2, return_token_ids=True, logprobs=True, stop=stop)["choices"][0]
    length = len(cut["token_ids"])
    assert cut["message"]["content"] == text[: text.index(stop)].strip()
    assert cut["finish_reason"] == "stop"
    assert length < len(whole["token_ids"])
    assert cut["token_ids"] == whole["token_ids"][:length]
    assert len(cut["logprobs"]["content"]) == len(cut["autotelic"]["choices"]) == length


def test_no_character_is_cut_in_two(free: str) -> None:
    """Hot enough to write single bytes; whatever the parts are, they make the text."""
    split = False
    for seed in range(4):
        asked = {"messages": ASK, "temperature": 30, "max_tokens": 60, "seed": seed, "return_token_ids": True}
        whole = ask(free, **asked)["choices"][0]
        with httpx.stream("POST", f"{free}/v1/chat/completions", json={**asked, "stream": True}) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            events = [event for event in answer.read().decode().split("\n\n") if event]
        assert events[-1] == "data: [DONE]"
        chunks = [json.loads(event.removeprefix("data: "))["choices"][0] for event in events[:-1]]
        assert "".join(chunk["delta"].get("content", "") for chunk in chunks) == whole["message"]["content"]
        ids = [chunk["token_ids"] for chunk in chunks if "token_ids" in chunk]
        assert [token for part in ids for token in part] == whole["token_ids"]
        split = split or any(len(part) > 1 for part in ids)
    assert split


def test_each_version_answers_by_its_name_and_the_newest_without(url: str) -> None:
    newest = ask(url, seed=3, logprobs=True)
    first = ask(url, model="embedded", seed=3, logprobs=True)
    assert (newest["model"], newest["autotelic"]["policy_version"]) == ("iteration-0001", 1)
    assert (first["model"], first["autotelic"]["policy_version"]) == ("embedded", 0)
    assert newest["choices"][0]["logprobs"] != first["choices"][0]["logprobs"]


def test_what_a_client_asked_for_that_has_gone_is_given_up(free: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entered, given_up = threading.Event(), threading.Event()
    generate = LocalPolicy.generate

    async def held(
        self: LocalPolicy, messages: Sequence[Message], *, sampling: Sampling, load_image: LoadImage
    ) -> Completion:
        if sampling.seed != 99:
            return await generate(self, messages, sampling=sampling, load_image=load_image)
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()
        raise AssertionError

    monkeypatch.setattr(LocalPolicy, "generate", held)
    body = json.dumps({"messages": ASK, "seed": 99})
    with socket.create_connection(("127.0.0.1", int(free.rpartition(":")[2]))) as raw:
        head = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        raw.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        assert entered.wait(60)
    assert given_up.wait(60)
    assert ask(free, max_tokens=2)["usage"]["completion_tokens"] <= 2


def test_a_client_that_goes_away_is_survived(free: str) -> None:
    asked = {"messages": ASK, "temperature": 2, "stream": True, "n": 4, "max_tokens": 100}
    with httpx.stream("POST", f"{free}/v1/chat/completions", json=asked) as answer:
        next(answer.iter_raw())
    port = int(free.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as raw:  # gone before its body is complete
        raw.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b'Content-Length: 500\r\n\r\n{"mess'
        )
    assert ask(free, max_tokens=2)["usage"]["completion_tokens"] <= 2
