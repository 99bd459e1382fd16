"""Pictures over HTTP: what our server shows its model, what it refuses, and what a served policy makes of it."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from PIL import Image

from core.errors import ModelFault
from core.types import ImageRef, Message, Sampling
from core.vision import Pictures
from serving import EMBEDDED
from serving.local import LocalPolicy
from serving.received import MAX_PIXELS
from serving.served import ServedPolicy
from serving.versions import Version
from tests.unit.serving.server_fixtures import serving
from tests.unit.serving.vision_fixtures import Album, show, true_logprobs, vision_folder

__all__ = ["vision_folder"]  # a fixture


@pytest.fixture(scope="module")
def seeing(vision_folder: Path) -> Iterator[str]:
    known = [Version("seeing", vision_folder, 0), Version("reading", EMBEDDED, 0)]
    with serving(known, constrained=False, allow_updates=True) as address:
        yield f"{address}/v1"


async def test_served_logprobs_are_those_of_the_model_for_requests_that_mix_pictures(
    seeing: str, vision_folder: Path
) -> None:
    album = Album()
    policy = ServedPolicy([seeing], constrained=False, pictures=Pictures(vision_folder, album.read))
    local = LocalPolicy(vision_folder, load_image=album.read)
    await policy.publish(vision_folder, kind="full", version=4)
    asked = [show("none"), show("one", album.drawn(1)), show("two", album.drawn(2), album.drawn(3, 60, 200))]
    sampling = Sampling(temperature=0.8, max_tokens=12, seed=5)
    done = await asyncio.gather(*(policy.generate(one, sampling=sampling) for one in asked))
    for messages, completion in zip(asked, done, strict=True):
        here = await local.generate(messages, sampling=sampling)
        assert completion.prompt_ids == here.prompt_ids
        assert completion.output_ids == here.output_ids
        assert completion.images == here.images
        assert completion.policy_version == 4
        true = true_logprobs(vision_folder, album, messages, completion)
        assert torch.allclose(torch.tensor(completion.rollout_logprobs), true, atol=1e-4)
    await policy.close()
    await local.close()


async def test_a_prompt_that_holds_too_few_image_tokens_is_a_fault(seeing: str, vision_folder: Path) -> None:
    class Larger(Pictures):
        def image_tokens(self, image: ImageRef) -> int:
            return super().image_tokens(image) + 1

    album = Album()
    policy = ServedPolicy([seeing], constrained=False, pictures=Larger(vision_folder, album.read))
    await policy.publish(vision_folder, kind="full", version=0)
    with pytest.raises(ModelFault, match="image tokens"):
        await policy.generate(show("x", album.drawn(1)), sampling=Sampling(max_tokens=2))
    await policy.close()


async def test_a_served_policy_that_reads_text_only_is_shown_nothing(seeing: str) -> None:
    policy = ServedPolicy([seeing], constrained=False)
    with pytest.raises(ModelFault, match="reads text only"):
        await policy.generate(show("x", Album().drawn(1)), sampling=Sampling(max_tokens=2))
    await policy.close()


def written(kind: str = "PNG", size: tuple[int, int] = (56, 56)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (9, 99, 199)).save(file, kind)
    return file.getvalue()


def url(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def part(address: str, **more: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": address, **more}}


WORDS = {"type": "text", "text": "what is it?"}


def ask(seeing: str, parts: list[Any], *, role: str = "user", **settings: Any) -> httpx.Response:
    body = {"messages": [{"role": role, "content": parts}], "max_tokens": 2, **settings}
    return httpx.post(f"{seeing}/chat/completions", json=body, timeout=60)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_pictures_come_in_three_formats(seeing: str, kind: str) -> None:
    parts = [part(url(written(kind), f"image/{kind.lower()}"), detail="auto"), WORDS]
    answer = ask(seeing, parts, return_token_ids=True)
    assert answer.status_code == 200, answer.text
    assert answer.json()["prompt_token_ids"].count(256 + 5) == 4


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([part("http://127.0.0.1:1/a.png"), WORDS], "not fetched"),
        ([part("https://site.test/a.png"), WORDS], "not fetched"),
        ([part("file:///etc/hostname"), WORDS], "not fetched"),
        ([part("data:image/png,raw"), WORDS], "in base64"),
        ([part("data:image/svg+xml;base64,PHN2Zy8+"), WORDS], "in base64 of"),
        ([part("data:image/png;base64,%%%"), WORDS], "base64"),
        ([part(url(b"no picture")), WORDS], "whole PNG"),
        ([part(url(written("JPEG"))), WORDS], "whole PNG"),
        ([part(url(written(size=(300, 300))[:-400])), WORDS], "whole PNG"),
        ([part(url(written(size=(4000, MAX_PIXELS // 4000 + 1)))), WORDS], "at most are taken"),
        ([part(url(written()), detail="low"), WORDS], "stays at 'auto'"),
        ([{"type": "image_url"}, WORDS], "has to be a picture"),
        ([{"type": "image_url", "image_url": "data:,"}, WORDS], "has to be a picture"),
        ([WORDS, part(url(written()))], "before its text"),
        ([{"type": "input_audio"}, WORDS], "input_audio"),
    ],
)
def test_pictures_that_cannot_be_shown_are_refused_with_the_reason(seeing: str, parts: list[Any], reason: str) -> None:
    answer = ask(seeing, parts)
    error = answer.json()["error"]
    assert answer.status_code == 400, answer.text
    assert reason in error["message"]
    assert error["param"].startswith("messages[0].content")
    assert len(error["message"]) < 400, "a picture is not sent back"


def test_only_users_show_pictures(seeing: str) -> None:
    answer = ask(seeing, [part(url(written()))], role="assistant")
    assert answer.status_code == 400
    assert "by the user alone" in answer.json()["error"]["message"]


def test_a_model_that_reads_text_only_is_shown_no_picture(seeing: str) -> None:
    answer = ask(seeing, [part(url(written())), WORDS], model="reading")
    assert answer.status_code == 400
    assert "text only" in answer.json()["error"]["message"]


def test_a_shape_that_the_model_cannot_take_is_refused(seeing: str) -> None:
    answer = ask(seeing, [part(url(written(size=(900, 2)))), WORDS])
    assert answer.status_code == 400
    assert "cannot be shown" in answer.json()["error"]["message"]


def test_pictures_count_towards_the_context_and_the_body(seeing: str) -> None:
    many = [part(url(written(size=(400, 300)))) for _ in range(60)]
    answer = ask(seeing, [*many, WORDS])
    assert answer.json()["error"]["code"] == "context_length_exceeded"


async def test_requests_at_once_are_shown_their_own_pictures(seeing: str, vision_folder: Path) -> None:
    album = Album()
    policy = ServedPolicy([seeing], constrained=False, pictures=Pictures(vision_folder, album.read))
    await policy.publish(vision_folder, kind="full", version=0)
    asked: list[tuple[Message, ...]] = [show("same words", album.drawn(seed)) for seed in range(6)]
    done = await asyncio.gather(*(policy.generate(one, sampling=Sampling(max_tokens=3, seed=1)) for one in asked))
    for messages, completion in zip(asked, done, strict=True):
        true = true_logprobs(vision_folder, album, messages, completion)
        assert torch.allclose(torch.tensor(completion.rollout_logprobs), true, atol=1e-4)
    assert len({completion.rollout_logprobs for completion in done}) == 6
    await policy.close()
