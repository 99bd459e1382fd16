"""The policy over HTTP against our own server: what arrives is exactly what was drawn there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import ConfigError, ModelFault
from core.protocols import Policy
from core.types import Completion, ImageRef, Message, Sampling
from serving import EMBEDDED
from serving.keys import Key
from serving.local import LocalPolicy
from serving.served import ServedPolicy
from serving.versions import Version
from tests.unit.serving.endpoint_fixtures import Server, error, said
from tests.unit.serving.server_fixtures import PAGE, changed, serving

__all__ = ["changed"]  # a fixture

ASK = [Message(role="user", content=PAGE)]
KEY = "a-key-of-some-length"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving([Version("embedded", EMBEDDED, 0)], allow_updates=True) as address:
        yield f"{address}/v1"


async def nothing(seconds: float) -> None:
    """Waits for nobody."""


def served(*urls: str, constrained: bool = True, **options: Any) -> ServedPolicy:
    return ServedPolicy(urls, constrained=constrained, attempts=2, sleep=nothing, **options)


async def local(folder: Path, version: int, samplings: list[Sampling]) -> list[Completion]:
    policy = LocalPolicy(folder, version=version, constrained=True)
    try:
        return [await policy.generate(ASK, sampling=sampling) for sampling in samplings]
    finally:
        await policy.close()


def close(a: Completion, b: Completion) -> bool:
    """The same but for the last digits of the log-probabilities, which depend on what else was in the batch."""
    same = a.model_copy(update={"rollout_logprobs": ()}) == b.model_copy(update={"rollout_logprobs": ()})
    return same and a.rollout_logprobs == pytest.approx(b.rollout_logprobs, abs=1e-4)


async def test_completions_are_those_of_the_policy_behind_before_and_after_an_update(url: str, changed: Path) -> None:
    samplings = [Sampling(seed=seed) for seed in range(4)]
    samplings.append(Sampling(seed=5, temperature=0.7, max_tokens=3, excluded=('click link "basket"\n',)))
    policy = served(url)
    assert isinstance(policy, Policy)
    try:
        for folder, version in ((EMBEDDED, 0), (changed, 3)):
            await policy.publish(folder, kind="full", version=version)
            assert policy.version == version
            over_http = await asyncio.gather(*(policy.generate(ASK, sampling=one) for one in samplings))
            here = await local(folder, version, samplings)
            assert all(map(close, over_http, here))
            assert {one.policy_version for one in over_http} == {version}
    finally:
        await policy.close()
    with pytest.raises(ModelFault, match="closed"):
        await policy.generate(ASK, sampling=Sampling())


async def test_two_policies_share_a_server_and_an_update_reaches_every_server(url: str, changed: Path) -> None:
    with serving([Version("embedded", EMBEDDED, 0)], allow_updates=True) as other:
        old, new = served(url, f"{other}/v1"), served(url, f"{other}/v1")
        try:
            await old.publish(EMBEDDED, kind="full", version=0)
            await new.publish(changed, kind="full", version=9)
            sampling = Sampling(seed=1)
            both = [[await one.generate(ASK, sampling=sampling) for _ in range(2)] for one in (old, new)]
            assert [[one.policy_version for one in pair] for pair in both] == [[0, 0], [9, 9]]
            assert all(close(*pair) for pair in both), "both servers, in turn, answer from the same weights"
        finally:
            await old.close()
            await new.close()


async def test_what_is_wrong_is_said_in_a_sentence(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"policy\.urls"):
        ServedPolicy((), constrained=True)
    free = served(url, constrained=False)
    nobody = served("http://127.0.0.1:9/v1")
    try:
        with pytest.raises(ModelFault, match="cannot be added to the model"):
            await free.publish(EMBEDDED, kind="adapter", version=1)
        with pytest.raises(ModelFault, match="holds no model"):
            await free.publish(tmp_path, kind="full", version=1)
        await free.publish(EMBEDDED, kind="full", version=1)
        with pytest.raises(ModelFault, match=r"policy\.constrained=false do not agree; serve with --free"):
            await free.generate(ASK, sampling=Sampling())
        picture = ImageRef(sha256="0" * 64, width=1, height=1)
        with pytest.raises(ModelFault, match="text only"):
            await free.generate([Message(role="user", content="x", images=(picture,))], sampling=Sampling())
        with pytest.raises(ModelFault, match=r"cannot be reached .*autotelic serve.*, at the last of 2 attempts"):
            await nobody.publish(EMBEDDED, kind="full", version=1)
    finally:
        await free.close()
        await nobody.close()


async def test_a_server_without_updates_or_with_a_key_says_so() -> None:
    with serving([Version("embedded", EMBEDDED, 0)]) as address:
        policy = served(f"{address}/v1")
        with pytest.raises(ModelFault, match=r"403 .*--allow-updates"):
            await policy.publish(EMBEDDED, kind="full", version=1)
        await policy.close()
    with serving([Version("embedded", EMBEDDED, 0)], allow_updates=True, key=KEY) as address:
        stranger, friend = served(f"{address}/v1"), served(f"{address}/v1", key=Key(KEY))
        with pytest.raises(ModelFault, match="401"):
            await stranger.publish(EMBEDDED, kind="full", version=1)
        await friend.publish(EMBEDDED, kind="full", version=1)
        assert (await friend.generate(ASK, sampling=Sampling(seed=1))).policy_version == 1
        await stranger.close()
        await friend.close()


async def test_another_kind_of_server_is_told_apart_and_what_passes_is_tried_again() -> None:
    server = Server((503, error("later")), said("hello"), (500, error("a-key-of-some-length is broken")))
    async with server.serve() as address:
        policy = served(address, key=Key(KEY))
        with pytest.raises(ModelFault, match="is no server of ours, its answers lack what training needs"):
            await policy.generate(ASK, sampling=Sampling(seed=1))
        assert [request["model"] for request in server.requests] == [policy.name] * 2
        with pytest.raises(ModelFault, match=r"500 \(\[key\] is broken\), at the last of 2 attempts"):
            await policy.generate(ASK, sampling=Sampling(seed=1))
        await policy.close()
