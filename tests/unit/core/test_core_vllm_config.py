"""The settings of vLLM: what contradicts itself is refused with the fix."""

from __future__ import annotations

from typing import Any

import pytest

from core.config import validate
from core.errors import ConfigError

URL = "http://127.0.0.1:8000/v1"


def acting(policy: dict[str, Any] | None = None, training: dict[str, Any] | None = None, **vllm: Any) -> dict[str, Any]:
    chosen = {"kind": "vllm", "constrained": False} | (policy or {})
    return {"policy": chosen, "training": training or {}, "vllm": vllm}


@pytest.mark.parametrize(
    "data",
    [
        acting(),
        acting(images=2, sleep=True, options=["--enforce-eager", "--max-num-seqs=64"]),
        acting(training={"lora_rank": 16}, urls=[URL, "https://far.test/vllm/v1/"], folder="/shared", key_env="KEY"),
    ],
)
def test_what_goes_together_is_taken(data: dict[str, Any]) -> None:
    assert validate(data).policy.kind == "vllm"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (acting({"constrained": True}), r"set policy\.constrained=false"),
        (acting({"temperature": 0.005}), r"set policy\.temperature"),
        (acting(training={"lora_rank": 64}), r"lora_rank=64 .*set vllm\.max_lora_rank"),
        (acting(urls=[URL]), r"set training\.lora_rank"),
        (acting(training={"lora_rank": 8}, urls=["127.0.0.1:8000"]), r"an address is like http://127"),
        (acting(training={"lora_rank": 8}, urls=["http://me:secret@a.test/v1"]), r"without credentials"),
        (acting(training={"lora_rank": 8}, urls=[URL], sleep=True), r"vllm\.sleep .*leave out vllm\.urls"),
        (acting(training={"lora_rank": 8}, urls=[URL], dtype="float32"), r"vllm\.dtype"),
        (acting(training={"asynchronous": True, "importance_cap": 2}, sleep=True), r"set training\.asynchronous=false"),
        (
            acting(training={"rehearsal": 0}) | {"actor": {"prompt": "full", "observation": "both", "images": 2}},
            r"up to 2 pictures; set vllm\.images=2",
        ),
        (acting(key_env="KEY"), r"vllm\.key_env .*vllm\.urls"),
        (acting(max_loras=1), r"vllm\.max_loras"),
        (acting(max_lora_rank=24), r"vllm\.max_lora_rank"),
    ],
)
def test_what_cannot_be_had_is_refused_with_the_fix(data: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        validate(data)


@pytest.mark.parametrize(
    "option",
    [
        "--logprobs-mode=raw_logprobs",
        "--logprobs_mode",
        "--logprobs",
        "--no-enable-lora",
        "--api-key",
        "--host",
        "-tp",
        "-tp=2",
        "--config",
        "--generation-conf=auto",
    ],
)
def test_an_option_that_is_decided_already_is_refused_in_every_spelling(option: str) -> None:
    with pytest.raises(ConfigError, match=r"vllm\.options cannot hold"):
        validate(acting(options=[option]))
