"""A real vLLM: exact on every token, never a version behind, well again after a crash, and gone at the end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from core.types import Message, Sampling
from serving.vllm import VLLMPolicy
from serving.vllm_fleet import Fleet
from serving.vllm_server import VLLMServer
from tests.integration.vllm_fixtures import INTERPRETER, PROMPTS, Reference, adapter, fleet, joined, needs_vllm

pytestmark = [*needs_vllm, pytest.mark.asyncio(loop_scope="module")]

CLOSE = 1e-3  # nats


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("adapters")
    return [adapter(folder / str(seed), seed) for seed in range(4)]


@pytest.fixture(scope="module")
def references(adapters: list[Path]) -> list[Reference]:
    return [Reference(folder) for folder in adapters]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Fleet, VLLMServer, VLLMPolicy]]:
    shared, child = fleet(tmp_path_factory.mktemp("vllm") / "vllm.log")
    began = time.monotonic()
    policy = await joined(shared)
    print(f"\nvLLM started in {time.monotonic() - began:.1f} s")
    try:
        yield shared, child, policy
    finally:
        await policy.close()


def group(child: VLLMServer) -> list[int]:
    """The processes of the server that are there."""
    assert child._process is not None
    return members(child._process.pid)


def members(leader: int) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdecimal() and os.getpgid(int(folder.name)) == leader:
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
                found += [int(folder.name)] if state != "Z" else []
        except (ProcessLookupError, FileNotFoundError):
            continue
    return found


def named(pid: int) -> str:
    return (Path("/proc") / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode()


def resident(child: VLLMServer) -> float:
    """MiB in memory of all processes of the server."""
    pages = [int((Path("/proc") / str(pid) / "statm").read_text().split()[1]) for pid in group(child)]
    return sum(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20


async def test_log_probabilities_are_those_of_the_distribution_that_was_sampled_after_every_swap(
    opened: tuple[Fleet, VLLMServer, VLLMPolicy], adapters: list[Path], references: list[Reference]
) -> None:
    _, _, policy = opened
    largest = 0.0
    for version in (0, 1):
        await policy.publish(adapters[version], kind="adapter", version=version)
        for temperature in (1.0, 0.7):
            samplings = [Sampling(temperature=temperature, seed=seed, max_tokens=24) for seed in range(16)]
            completions = await asyncio.gather(
                *(policy.generate(PROMPTS[seed % 2], sampling=one) for seed, one in enumerate(samplings))
            )
            largest = max(largest, *(references[version].difference(one) for one in completions))
            assert {one.policy_version for one in completions} == {version}
            ends = references[version].tokenizer.eos_token_id
            for seed, one in enumerate(completions):
                assert one.prompt_ids == references[version].encode(PROMPTS[seed % 2])
                assert (one.output_ids[-1] == ends) is (one.finish_reason == "stop")
                assert ends not in one.output_ids[:-1]
        assert max(references[1 - version].difference(one) for one in completions) > 0.1, "the adapters matter"
    print(f"\nlargest difference of a log-probability: {largest:.2e}")
    assert largest < CLOSE


async def test_the_same_seed_draws_the_same_and_another_one_something_else(
    opened: tuple[Fleet, VLLMServer, VLLMPolicy], adapters: list[Path]
) -> None:
    _, _, policy = opened
    await policy.publish(adapters[0], kind="adapter", version=0)
    seeds = (1, 1, 2, 3, 4, 5)
    drawn = [await policy.generate(PROMPTS[0], sampling=Sampling(seed=seed, max_tokens=24)) for seed in seeds]
    assert drawn[0].output_ids == drawn[1].output_ids
    assert len({one.output_ids for one in drawn}) > 1


async def test_a_stop_text_ends_the_completion_with_the_tokens_that_were_drawn(
    opened: tuple[Fleet, VLLMServer, VLLMPolicy], adapters: list[Path], references: list[Reference]
) -> None:
    _, _, policy = opened
    await policy.publish(adapters[0], kind="adapter", version=0)
    completion = await policy.generate(PROMPTS[0], sampling=Sampling(stop=('"',), seed=1, max_tokens=24))
    assert completion.finish_reason == "stop"
    assert references[0].tokenizer.decode(completion.output_ids).count('"') == 1
    assert references[0].difference(completion) < CLOSE


async def test_fifty_swaps_under_load_are_each_in_force_at_once_and_leave_nothing_behind(
    opened: tuple[Fleet, VLLMServer, VLLMPolicy], adapters: list[Path], references: list[Reference]
) -> None:
    shared, child, policy = opened
    greedy = Sampling(temperature=0, max_tokens=12)
    expected = [one.greedy(PROMPTS[0], 12) for one in references]
    assert len(set(expected)) == len(expected), "the adapters can be told apart"
    over, served = asyncio.Event(), []

    async def load(seed: int) -> None:
        while not over.is_set():
            seed += 100
            served.append(await policy.generate(PROMPTS[1], sampling=Sampling(seed=seed, max_tokens=24)))

    async def swap(version: int) -> float:
        which = version % len(adapters)
        began = time.monotonic()
        await policy.publish(adapters[which], kind="adapter", version=version)
        took = time.monotonic() - began
        completion = await policy.generate(PROMPTS[0], sampling=greedy)
        assert (completion.output_ids, completion.policy_version) == (expected[which], version)
        return took

    for version in range(1, 9):
        await swap(version)
    before = resident(child)
    others = [asyncio.create_task(load(seed)) for seed in range(4)]
    took = [await swap(version) for version in range(9, 59)]
    over.set()
    await asyncio.gather(*others)
    after = resident(child)
    assert shared._shelf is not None
    print(f"\n50 swaps: {sum(took) / 50 * 1000:.0f} ms on average, {before:.0f} MiB before, {after:.0f} MiB after")
    assert len(served) > 50
    worst = max(references[one.policy_version % len(adapters)].difference(one) for one in served)
    print(f"largest difference among {len(served)} completions under way: {worst:.2e}")
    assert worst < CLOSE, "each is of the version that it says"
    assert after < before + 100
    assert len(list(shared._shelf.folder.iterdir())) <= 4


async def test_a_killed_engine_is_started_again_with_the_current_adapter(
    opened: tuple[Fleet, VLLMServer, VLLMPolicy], adapters: list[Path], references: list[Reference]
) -> None:
    _, child, policy = opened
    await policy.publish(adapters[2], kind="adapter", version=60)
    greedy = Sampling(temperature=0, max_tokens=12)
    engine = [pid for pid in group(child) if "EngineCore" in named(pid)]
    assert len(engine) == 1
    under_way = [
        asyncio.create_task(policy.generate(PROMPTS[1], sampling=Sampling(seed=seed, max_tokens=400)))
        for seed in range(4)
    ]
    await asyncio.sleep(0.2)
    os.kill(engine[0], signal.SIGKILL)
    began = time.monotonic()
    completion = await policy.generate(PROMPTS[0], sampling=greedy)
    print(f"\nanswered {time.monotonic() - began:.1f} s after the engine was killed")
    assert completion.output_ids == references[2].greedy(PROMPTS[0], 12)
    assert completion.policy_version == 60
    assert all(references[2].difference(one) < CLOSE for one in await asyncio.gather(*under_way))
    assert engine[0] not in group(child)


async def test_too_long_a_prompt_is_a_fault_and_no_harm(
    opened: tuple[Fleet, VLLMServer, VLLMPolicy], adapters: list[Path]
) -> None:
    from core.errors import ModelFault

    _, _, policy = opened
    await policy.publish(adapters[0], kind="adapter", version=1)
    with pytest.raises(ModelFault, match=r"answered 400 \(.*512"):
        await policy.generate([Message(role="user", content="page " * 600)], sampling=Sampling())
    assert (await policy.generate(PROMPTS[0], sampling=Sampling(max_tokens=4))).output_ids


async def test_closing_the_last_policy_leaves_no_process_and_no_file(
    opened: tuple[Fleet, VLLMServer, VLLMPolicy], adapters: list[Path]
) -> None:
    shared, child, policy = opened
    await policy.publish(adapters[0], kind="adapter", version=1)
    assert shared._shelf is not None
    assert child._process is not None
    leader, folder = child._process.pid, shared._shelf.folder
    assert len(members(leader)) >= 3
    await policy.close()
    assert members(leader) == []
    assert not folder.exists()


_ROOT = Path(__file__).resolve().parents[2]
_ABANDONED = """
import asyncio, sys
from pathlib import Path
from tests.integration.vllm_fixtures import fleet, joined

async def main():
    shared, child = fleet(Path(sys.argv[1]))
    await joined(shared)
    print(child._process.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_no_process_outlives_ours_when_that_is_killed(tmp_path: Path) -> None:
    ours = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _ABANDONED,
        str(tmp_path / "vllm.log"),
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    assert ours.stdout is not None
    leader = int(await ours.stdout.readline())
    assert len(members(leader)) >= 3, INTERPRETER
    ours.kill()
    await ours.wait()
    for _ in range(100):
        if not members(leader):
            break
        await asyncio.sleep(0.1)
    assert members(leader) == []
