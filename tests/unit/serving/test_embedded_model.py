"""The shipped policy: small, whole, and reading prompts as it was trained to."""

import asyncio
import json
from itertools import islice

import pytest
import torch
from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM

from core import actions
from core.errors import ActionError
from core.types import Message, Sampling
from pretraining.batches import Encoder
from pretraining.examples import Difficulty, Example, stream
from serving import EMBEDDED
from serving.local import LocalPolicy


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    loaded: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(EMBEDDED)
    return loaded


def _examples(count: int) -> list[Example]:
    """Made-up pages that training never drew."""
    return list(islice(stream(12345, 9_000_000, Difficulty()), count))


def test_it_fits_into_the_repository() -> None:
    assert sum(file.stat().st_size for file in EMBEDDED.iterdir()) < 12_000_000
    config = json.loads((EMBEDDED / "config.json").read_text())
    assert config["model_type"] == "qwen3"


def test_every_action_survives_the_tokenizer_in_lower_case(tokenizer: PreTrainedTokenizerFast) -> None:
    for example in _examples(300):
        ids = tokenizer(example.target)["input_ids"]
        written = actions.parse(str(tokenizer.decode(ids)))
        assert written.arguments == actions.parse(example.target.lower()).arguments


async def test_prompts_are_encoded_as_in_training(tokenizer: PreTrainedTokenizerFast) -> None:
    policy = LocalPolicy(EMBEDDED)
    encoder = Encoder(tokenizer)
    for example in _examples(50):
        encoded = encoder.encode(example)
        assert policy.encode([Message(role="user", content=example.prompt)]) == encoded.ids[: encoded.start]
    await policy.close()


def test_what_the_expert_does_is_allowed(tokenizer: PreTrainedTokenizerFast) -> None:
    encoder = Encoder(tokenizer)
    for example in _examples(200):
        encoded = encoder.encode(example)
        if example.family != "offer":
            for token, among in zip(encoded.ids[encoded.start :], encoded.choices, strict=True):
                assert token in among, example


async def test_held_to_the_page_its_logprobs_are_those_of_what_was_allowed() -> None:
    policy = LocalPolicy(EMBEDDED, constrained=True)
    examples = _examples(12)
    sampling = [Sampling(temperature=0.8 + 0.1 * (i % 4), max_tokens=48, seed=i) for i in range(len(examples))]
    written = await asyncio.gather(
        *(
            policy.generate([Message(role="user", content=e.prompt)], sampling=s)
            for e, s in zip(examples, sampling, strict=True)
        )
    )
    await policy.close()
    model = Qwen3ForCausalLM.from_pretrained(EMBEDDED, dtype=torch.float32)
    for completion, asked in zip(written, sampling, strict=True):
        ids = torch.tensor([completion.prompt_ids + completion.output_ids])
        with torch.no_grad():
            logits = model(input_ids=ids).logits[0, len(completion.prompt_ids) - 1 : -1] / asked.temperature
        assert len(completion.choices) == len(completion.output_ids)
        for row, token, among, recorded in zip(
            logits, completion.output_ids, completion.choices, completion.rollout_logprobs, strict=True
        ):
            kept = row[list(among)] if among else row
            assert recorded == pytest.approx((row[token] - kept.logsumexp(0)).item(), abs=1e-4)


async def test_it_reads_pages_that_it_has_never_seen() -> None:
    policy = LocalPolicy(EMBEDDED, constrained=True)
    examples = _examples(150)
    sampling = [Sampling(temperature=0.01, max_tokens=48, seed=i) for i in range(len(examples))]
    written = await asyncio.gather(
        *(
            policy.generate([Message(role="user", content=e.prompt)], sampling=s)
            for e, s in zip(examples, sampling, strict=True)
        )
    )
    await policy.close()
    right = 0
    for example, completion in zip(examples, written, strict=True):
        try:
            right += actions.parse(completion.text).arguments == actions.parse(example.target.lower()).arguments
        except ActionError:
            continue
    assert right > 0.4 * len(examples)
