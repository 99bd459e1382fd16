"""What is wrong with a vLLM server is said in one sentence before anything is sampled."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from core.errors import ConfigError, ModelFault
from serving import EMBEDDED
from serving.keys import Key
from serving.vllm_checks import ServerCheck
from serving.vllm_replica import Replica
from tests.unit.serving.vllm_fakes import FakeVLLM

Encode = Callable[[list[Any]], list[int]]


async def nothing(seconds: float) -> None:
    """Waits for nobody."""


@pytest.fixture(scope="module")
def encode() -> Encode:
    tokenizer: Any = AutoTokenizer.from_pretrained(EMBEDDED)
    return lambda messages: list(
        tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)["input_ids"]
    )


async def checked(fake: FakeVLLM, *, lora: bool = True, key: str = "") -> str:
    async with fake.serve() as url:
        replica = Replica(url, key=Key(key), sleep=nothing)
        await replica.open()
        try:
            return await ServerCheck(EMBEDDED)(replica, lora=lora)
        finally:
            await replica.close()


async def test_a_server_as_it_has_to_be_tells_its_base_model(encode: Encode) -> None:
    fake = FakeVLLM(base="tiny", root=str(EMBEDDED), key="a-long-secret", encode=encode)
    fake.adapters["another run's"] = "x"
    assert await checked(fake, key="a-long-secret") == "tiny"
    assert "load" not in [kind for kind, _ in fake.events]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"processed": False}, r"before temperature; start it with --logprobs-mode processed_logprobs"),
        ({"token_ids": False}, r"gives no token ids; it needs vLLM 0\.10\.2"),
        ({"runtime_lora": False}, r"loads no adapters .*--enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=1"),
        ({"key": "secret"}, r"wants its key; name its variable in vllm\.key_env"),
        ({"encode": lambda messages: [1, 2, 3]}, r"another model than .* set policy\.model"),
    ],
)
async def test_each_misconfiguration_has_its_sentence(encode: Encode, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        await checked(FakeVLLM(**{"encode": encode} | settings))


async def test_without_adapters_it_need_not_load_any(encode: Encode) -> None:
    assert await checked(FakeVLLM(runtime_lora=False, encode=encode), lora=False) == "base"


async def test_a_model_of_another_shape_in_a_folder_of_this_machine_is_told_apart(
    encode: Encode, tmp_path: Path
) -> None:
    shutil.copy(EMBEDDED / "config.json", tmp_path)
    assert await checked(FakeVLLM(root=str(tmp_path), encode=encode)) == "base"
    config = json.loads((tmp_path / "config.json").read_text()) | {"hidden_size": 8}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match=r"serves the model in .*, and policy\.model is"):
        await checked(FakeVLLM(root=str(tmp_path), encode=encode))


async def test_where_nobody_listens_that_is_said() -> None:
    replica = Replica("http://127.0.0.1:9/v1", sleep=nothing)
    await replica.open()
    with pytest.raises(ModelFault, match=r"127\.0\.0\.1:9/v1 cannot be reached .*is vLLM running there\?"):
        await ServerCheck(EMBEDDED)(replica, lora=True)
    await replica.close()
