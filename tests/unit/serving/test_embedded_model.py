"""The shipped policy: small, whole, and reading prompts as it was trained to."""

import asyncio
import json
from itertools import islice

import pytest
from transformers import PreTrainedTokenizerFast

from core import actions
from core.errors import ActionError
from core.types import Message, Sampling
from pretraining.batches import encode
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
    for example in _examples(50):
        ids, start = encode(tokenizer, example)
        assert policy.encode([Message(role="user", content=example.prompt)]) == ids[:start]
    await policy.close()


async def test_it_reads_pages_that_it_has_never_seen() -> None:
    policy = LocalPolicy(EMBEDDED)
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
