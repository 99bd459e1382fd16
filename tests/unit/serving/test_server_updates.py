"""Weights that clients load, as with vLLM."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.types import Completion, Message, Sampling
from core.vision import LoadImage
from serving import EMBEDDED
from serving.local import LocalPolicy
from serving.versions import Version
from tests.unit.serving.server_fixtures import ASK, ask, changed, serving
from training import model as models

__all__ = ["changed"]  # fixtures


@pytest.fixture
def open_to_updates() -> Iterator[str]:
    with serving([Version("embedded", EMBEDDED, 0)], allow_updates=True) as address:
        yield address


def test_loaded_weights_answer_under_their_name(open_to_updates: str, changed: Path) -> None:
    def load(**body: Any) -> httpx.Response:
        return httpx.post(f"{open_to_updates}/v1/load_weights", json=body, timeout=60)

    before = ask(open_to_updates, seed=3, logprobs=True)
    assert load(name="embedded", path=str(changed), version=4).json() == {"name": "embedded", "policy_version": 4}
    after = ask(open_to_updates, seed=3, logprobs=True)
    assert (before["autotelic"]["policy_version"], after["autotelic"]["policy_version"]) == (0, 4)
    assert before["choices"][0]["logprobs"] != after["choices"][0]["logprobs"]
    for broken in ({"path": "/nowhere"}, {"path": str(changed), "version": None}, {"path": str(changed), "more": 1}):
        answer = load(**{"name": "other", "version": 1, **broken})
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"]["message"]
    listed = httpx.get(f"{open_to_updates}/v1/models").json()["data"]
    assert [(one["id"], one["autotelic"]["policy_version"]) for one in listed] == [("embedded", 4)]


def test_requests_under_way_keep_their_weights(
    open_to_updates: str, changed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, go_on = threading.Event(), threading.Event()
    generate = LocalPolicy.generate

    async def held(
        self: LocalPolicy, messages: Sequence[Message], *, sampling: Sampling, load_image: LoadImage
    ) -> Completion:
        if sampling.seed == 1:
            entered.set()
            await asyncio.to_thread(go_on.wait)
        return await generate(self, messages, sampling=sampling, load_image=load_image)

    monkeypatch.setattr(LocalPolicy, "generate", held)
    with ThreadPoolExecutor() as others:
        early = others.submit(ask, open_to_updates, seed=1)
        try:
            entered.wait()
            loading = {"name": "embedded", "path": str(changed), "version": 4}
            assert httpx.post(f"{open_to_updates}/v1/load_weights", json=loading, timeout=60).status_code == 200
            late = ask(open_to_updates, seed=2)
        finally:
            go_on.set()
        assert early.result()["autotelic"]["policy_version"] == 0
        assert late["autotelic"]["policy_version"] == 4


# peft still asks transformers under a name that transformers is retiring.
@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")
def test_adapters_come_and_go_as_with_vllm(open_to_updates: str, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    adapted = get_peft_model(models.load(EMBEDDED), LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False))
    adapted.save_pretrained(str(tmp_path / "adapter"))

    def post(what: str, **body: Any) -> httpx.Response:
        return httpx.post(f"{open_to_updates}/v1/{what}", json=body, timeout=60)

    loading = {"lora_name": "mine", "lora_path": str(tmp_path / "adapter")}
    assert post("load_lora_adapter", **loading).text == "Success: LoRA adapter 'mine' added successfully."
    assert post("load_lora_adapter", **loading).status_code == 400
    assert post("load_lora_adapter", **loading, load_inplace=True, version=7).status_code == 200
    assert post("load_lora_adapter", lora_name="embedded", lora_path="x").status_code == 400
    assert post("load_lora_adapter", lora_name="other", lora_path=str(tmp_path)).status_code == 400
    mine, base = (ask(open_to_updates, model=name, seed=1, logprobs=True) for name in ("mine", "embedded"))
    assert mine["autotelic"]["policy_version"] == 7
    assert mine["choices"][0]["logprobs"] != base["choices"][0]["logprobs"]
    assert post("unload_lora_adapter", lora_name="mine").status_code == 200
    assert post("unload_lora_adapter", lora_name="mine").status_code == 404
    assert (
        httpx.post(f"{open_to_updates}/v1/chat/completions", json={"messages": ASK, "model": "mine"}).status_code == 404
    )
