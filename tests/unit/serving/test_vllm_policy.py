"""The policy over vLLM: what it takes from answers, and what becomes of adapters while requests are under way."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from core.config import VLLMConfig
from core.errors import ConfigError, ModelFault
from core.protocols import Policy
from core.types import Completion, ImageRef, Message, Sampling
from discovery import branching
from serving.vllm import VLLMPolicy
from serving.vllm_fleet import Fleet
from serving.vllm_replica import Replica
from tests.unit.serving.vllm_fakes import END, FakeVLLM, adapter

ASK = [Message(role="user", content="hello")]
ONCE = Sampling(temperature=0.5, max_tokens=40, seed=7)
PICTURE = ImageRef(sha256="a" * 64, width=1, height=1)


async def nothing(seconds: float) -> None:
    """Waits for nobody."""


async def unchecked(replica: Replica, *, lora: bool) -> str:
    return "base"


@asynccontextmanager
async def opened(*fakes: FakeVLLM, policies: int = 1, config: Any = None, **options: Any) -> AsyncIterator[Any]:
    """Policies that share a fleet of these servers, and the fleet: (fleet, policy, …)."""
    async with AsyncExitStack() as stack:
        replicas = [Replica(await stack.enter_async_context(fake.serve()), sleep=nothing) for fake in fakes]
        fleet = Fleet(replicas, VLLMConfig.model_validate(config or {}), lora=True, check=unchecked)
        made = []
        for _ in range(policies):
            await fleet.join()
            made.append(VLLMPolicy(fleet, attempts=3, sleep=nothing, **options))
            stack.push_async_callback(made[-1].close)
        yield fleet, *made


async def publish(policy: VLLMPolicy, folder: Path, version: int, **settings: Any) -> str:
    """Publish an adapter that says its version; returns its name at the server."""
    await policy.publish(
        adapter(folder / f"v{version}", f"version {version}", **settings), kind="adapter", version=version
    )
    assert policy._adapter is not None
    return policy._adapter.name


def files(fleet: Fleet) -> list[str]:
    assert fleet._shelf is not None
    return sorted(path.name for path in fleet._shelf.folder.iterdir())


def names(fake: FakeVLLM, kind: str) -> list[str]:
    return [name for event, name in fake.events if event == kind]


async def test_a_completion_is_what_the_server_drew_from_the_whole_vocabulary(tmp_path: Path) -> None:
    fake = FakeVLLM()
    async with opened(fake) as (_, policy):
        as_promised: Policy = policy
        assert isinstance(as_promised, Policy)
        assert branching.able(as_promised) is None
        await publish(policy, tmp_path, 3)
        completion = await policy.generate(ASK, sampling=ONCE)
    assert completion.output_ids == (*map(ord, "version 3"), END)
    assert len(completion.rollout_logprobs) == len(completion.output_ids)
    assert (completion.text, completion.finish_reason, completion.policy_version) == ("version 3", "stop", 3)
    assert completion.prompt_ids == tuple(fake.encode([{"role": "user", "content": "hello"}]))
    assert completion.sampling == ONCE
    (body,) = fake.bodies
    assert (body["temperature"], body["top_p"], body["top_k"], body["min_p"], body["seed"]) == (0.5, 1.0, -1, 0.0, 7)
    assert (body["repetition_penalty"], body["presence_penalty"], body["frequency_penalty"]) == (1.0, 0.0, 0.0)


async def test_the_end_token_is_there_only_where_it_was_drawn_and_greedy_tokens_are_certain(tmp_path: Path) -> None:
    async with opened(FakeVLLM()) as (_, policy):
        await publish(policy, tmp_path, 1)
        cut = await policy.generate(ASK, sampling=Sampling(max_tokens=4, temperature=0))
    assert cut.finish_reason == "length"
    assert END not in cut.output_ids
    assert cut.rollout_logprobs == (0.0,) * 4


async def test_a_request_under_way_finishes_on_its_adapter_while_new_ones_use_the_next(tmp_path: Path) -> None:
    fake = FakeVLLM()
    async with opened(fake) as (fleet, policy):
        first = await publish(policy, tmp_path, 1)
        fake.held[first] = asyncio.Event()
        slow = asyncio.create_task(policy.generate(ASK, sampling=ONCE))
        await fake.arrived.wait()
        second = await publish(policy, tmp_path, 2)
        assert (await policy.generate(ASK, sampling=ONCE)).text == "version 2"
        third = await publish(policy, tmp_path, 3)
        assert names(fake, "unload") == [second], "the idle one goes, the one in use stays"
        fake.held[first].set()
        done = await slow
        assert (done.text, done.policy_version) == ("version 1", 1)
        assert files(fleet) == sorted([first, second, third]), "files go one publish after their adapter"
        fourth = await publish(policy, tmp_path, 4)
        assert names(fake, "unload") == [second, first, third]
        assert files(fleet) == sorted([first, third, fourth])
        fifth = await publish(policy, tmp_path, 5)
        assert files(fleet) == sorted([fourth, fifth])
    assert len({first, second, third, fourth, fifth}) == 5


async def test_without_room_a_publish_waits_for_the_oldest_requests_and_never_unloads_under_them(
    tmp_path: Path,
) -> None:
    fake = FakeVLLM()
    async with opened(fake, config={"max_loras": 2}) as (_, policy):
        first = await publish(policy, tmp_path, 1)
        fake.held[first] = asyncio.Event()
        slow = asyncio.create_task(policy.generate(ASK, sampling=ONCE))
        await fake.arrived.wait()
        await publish(policy, tmp_path, 2)
        publishing = asyncio.create_task(publish(policy, tmp_path, 3))
        for _ in range(50):
            await asyncio.sleep(0)
        assert not publishing.done()
        assert (await policy.generate(ASK, sampling=ONCE)).policy_version == 2, "others go on meanwhile"
        fake.held[first].set()
        assert (await slow).text == "version 1"
        await publishing
        assert len(fake.adapters) == 1
        assert (await policy.generate(ASK, sampling=ONCE)).text == "version 3"


async def test_two_policies_share_the_servers_up_to_what_these_hold(tmp_path: Path) -> None:
    fake = FakeVLLM()
    async with opened(fake, policies=3, config={"max_loras": 2}) as (fleet, final, control, third):
        await publish(final, tmp_path, 9)
        await publish(control, tmp_path, 0)
        said = await asyncio.gather(*(one.generate(ASK, sampling=ONCE) for one in (final, control)))
        assert [(one.text, one.policy_version) for one in said] == [("version 9", 9), ("version 0", 0)]
        with pytest.raises(ConfigError, match=r"3 adapters are needed at once.*set vllm\.max_loras"):
            await publish(third, tmp_path, 5)
        folder = fleet._shelf.folder
        await control.close()
        assert (await final.generate(ASK, sampling=ONCE)).text == "version 9", "the servers stay for the others"
        await publish(third, tmp_path, 5)
        with pytest.raises(ModelFault, match="closed"):
            await control.generate(ASK, sampling=ONCE)
    assert not folder.exists()
    assert fake.adapters == {}, "servers that go on without us are left as they were found"


async def test_a_server_that_forgot_an_adapter_is_given_it_again_though_the_run_has_dropped_it(tmp_path: Path) -> None:
    fake = FakeVLLM()
    async with opened(fake) as (_, policy):
        await publish(policy, tmp_path, 1)
        shutil.rmtree(tmp_path / "v1")
        fake.adapters.clear()
        assert (await policy.generate(ASK, sampling=ONCE)).text == "version 1"


async def test_an_update_holds_at_every_server_or_at_none(tmp_path: Path) -> None:
    good, bad = FakeVLLM(), FakeVLLM()
    async with opened(good, bad) as (fleet, policy):
        first = await publish(policy, tmp_path, 1)
        bad.max_rank = 4
        with pytest.raises(ModelFault, match=r"max_lora_rank 4.*--max-lora-rank"):
            await publish(policy, tmp_path, 2)
        assert set(good.adapters) == set(bad.adapters) == {first}
        assert files(fleet) == [first]
        said = [await policy.generate(ASK, sampling=ONCE) for _ in range(4)]
        assert {(one.text, one.policy_version) for one in said} == {("version 1", 1)}
        assert policy.version == 1
        bad.max_rank = 16
        await publish(policy, tmp_path, 3)
        said = [await policy.generate(ASK, sampling=ONCE) for _ in range(4)]
        assert {one.text for one in said} == {"version 3"}
        assert len(names(good, "ask")) == len(names(bad, "ask")) == 4


async def test_what_no_server_could_load_is_never_posted(tmp_path: Path) -> None:
    fake = FakeVLLM()
    async with opened(fake) as (_, policy):
        with pytest.raises(ModelFault, match=r"has rank 32, and the server takes at most 16; set vllm\.max_lora_rank"):
            await publish(policy, tmp_path, 1, rank=32)
        with pytest.raises(ModelFault, match=r"holds no adapter: there is no adapter_config\.json"):
            await policy.publish(tmp_path / "gone", kind="adapter", version=1)
        with pytest.raises(ModelFault, match=r"never whole weights.*training\.lora_rank"):
            await policy.publish(tmp_path, kind="full", version=1)
        with pytest.raises(ModelFault, match="nothing has been published"):
            await policy.generate(ASK, sampling=ONCE)
    assert fake.events == []


@pytest.mark.parametrize("fault", [503, 500, "reset"])
async def test_what_passes_is_tried_again(tmp_path: Path, fault: Any) -> None:
    fake = FakeVLLM()
    async with opened(fake) as (_, policy):
        await publish(policy, tmp_path, 1)
        fake.faults = [fault, fault]
        assert (await policy.generate(ASK, sampling=ONCE)).text == "version 1"
        fake.faults = [fault] * 3
        with pytest.raises(ModelFault, match="at the last of 3 attempts"):
            await policy.generate(ASK, sampling=ONCE)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda answer: answer["choices"][0].update(token_ids=None), "lacks what training needs.*token_ids"),
        (lambda answer: answer.update(prompt_token_ids=None), "lacks what training needs.*prompt_token_ids"),
        (lambda answer: answer["choices"][0]["logprobs"]["content"].pop(), "10 tokens but 9 log-probabilities"),
        (lambda answer: answer["choices"][0]["logprobs"]["content"][0].update(logprob=-9999.0), "does not know"),
        (lambda answer: answer["choices"][0].update(finish_reason="error"), "finish_reason"),
    ],
)
async def test_an_answer_that_is_not_exact_is_no_completion(tmp_path: Path, spoil: Any, said: str) -> None:
    fake = FakeVLLM()
    async with opened(fake) as (_, policy):
        await publish(policy, tmp_path, 1)
        fake.faults = [spoil]
        with pytest.raises(ModelFault, match=said):
            await policy.generate(ASK, sampling=ONCE)
    assert len(names(fake, "ask")) == 1


@pytest.mark.parametrize(
    ("messages", "sampling", "said"),
    [
        (ASK, Sampling(excluded=("click\n",)), r"sampling\.excluded"),
        (ASK, Sampling(temperature=0.001), "would raise a temperature of 0.001"),
        ([Message(role="user", content="x", images=(PICTURE,))], ONCE, "reads text only"),
    ],
)
async def test_what_cannot_be_honoured_is_refused(
    tmp_path: Path, messages: Sequence[Message], sampling: Sampling, said: str
) -> None:
    fake = FakeVLLM()
    async with opened(fake) as (_, policy):
        await publish(policy, tmp_path, 1)
        with pytest.raises(ModelFault, match=said):
            await policy.generate(messages, sampling=sampling)
    assert names(fake, "ask") == []


async def test_pictures_are_shown_before_the_text_as_many_as_are_allowed(tmp_path: Path) -> None:
    fake = FakeVLLM()
    async with opened(fake, images=1, load_image=lambda image: b"webp") as (_, policy):
        await publish(policy, tmp_path, 1)
        completion = await policy.generate([Message(role="user", content="x", images=(PICTURE,))], sampling=ONCE)
        assert completion.images == (PICTURE,)
        with pytest.raises(ModelFault, match=r"2 pictures is more than vllm\.images=1"):
            await policy.generate([Message(role="user", content="x", images=(PICTURE,) * 2)], sampling=ONCE)
    image, text = fake.bodies[0]["messages"][0]["content"]
    assert image["image_url"]["url"] == "data:image/webp;base64,d2VicA=="
    assert text == {"type": "text", "text": "x"}


async def test_asleep_nothing_is_asked_and_afterwards_everything_is(tmp_path: Path) -> None:
    fake = FakeVLLM()
    async with opened(fake) as (fleet, policy):
        await publish(policy, tmp_path, 1)
        async with policy.asleep():
            pass
        assert "sleep" not in [kind for kind, _ in fake.events], "it was not asked for"
        fleet._config = VLLMConfig(sleep=True)
        asking: list[asyncio.Task[Completion]] = []

        async def update() -> None:
            async with policy.asleep():
                asking.append(asyncio.create_task(policy.generate(ASK, sampling=ONCE)))
                for _ in range(20):
                    await asyncio.sleep(0)
                raise RuntimeError

        with pytest.raises(RuntimeError):
            await update()
        assert (await asking[0]).text == "version 1"
    assert [kind for kind, _ in fake.events if kind != "load"] == ["sleep", "wake_up", "ask", "unload"]
