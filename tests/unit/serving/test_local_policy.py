"""The local policy samples exactly what it says it samples, whatever it is batched with."""

import asyncio
import random
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from core.errors import ModelFault, UserError
from core.types import Completion, Message, Sampling
from core.vision import Pixels
from serving import local, qwen3
from serving.decoder import Decoder, TransformersDecoder
from serving.local import LocalPolicy


def _config() -> Qwen3Config:
    return Qwen3Config(
        vocab_size=96, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, head_dim=8, tie_word_embeddings=True, max_position_embeddings=128,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
    )  # fmt: skip


def _model(seed: int) -> Qwen3ForCausalLM:
    torch.manual_seed(seed)
    model = Qwen3ForCausalLM(_config())
    for parameter in model.parameters():
        parameter.data.mul_(3.0)
    return model.requires_grad_(False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    letters = {chr(97 + i): i for i in range(26)} | {"<|end|>": 26, "<|user|>": 27, "<|assistant|>": 28, " ": 29}
    vocabulary = letters | {f"w{i}": i for i in range(30, 96)}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="a"))
    inner.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    inner.decoder = decoders.Fuse()
    inner.add_special_tokens(["<|end|>", "<|user|>", "<|assistant|>"])
    tokenizer: PreTrainedTokenizerFast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=inner, eos_token="<|end|>", pad_token="<|end|>"
    )
    tokenizer.chat_template = "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{% endfor %}<|assistant|>"
    path = tmp_path_factory.mktemp("model")
    _model(0).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def _ask(text: str) -> tuple[Message, ...]:
    return (Message(role="user", content=text),)


def _true_logprobs(model: Qwen3ForCausalLM, completion: Completion, temperature: float) -> torch.Tensor:
    ids = torch.tensor([completion.prompt_ids + completion.output_ids])
    start = len(completion.prompt_ids)
    logits = model(input_ids=ids).logits[0, start - 1 : -1] / temperature
    return torch.log_softmax(logits, -1).gather(1, ids[0, start:, None])[:, 0]


async def test_recorded_logprobs_are_those_of_the_model_under_batching(folder: Path) -> None:
    policy = LocalPolicy(folder)
    prompts = ["a", "hello world", "the quick brown fox jumps over it", "zz top"] * 3
    sampling = [Sampling(temperature=0.7 + 0.1 * (i % 5), max_tokens=3 + i, seed=i) for i in range(len(prompts))]
    done = await asyncio.gather(*(policy.generate(_ask(p), sampling=s) for p, s in zip(prompts, sampling, strict=True)))
    await policy.close()
    model = _model(0)
    for completion, asked in zip(done, sampling, strict=True):
        true = _true_logprobs(model, completion, asked.temperature)
        assert torch.allclose(torch.tensor(completion.rollout_logprobs), true, atol=1e-4)
        assert len(completion.output_ids) == len(completion.rollout_logprobs) <= asked.max_tokens
        assert (completion.finish_reason == "stop") == (completion.output_ids[-1] == 26)
        assert 26 not in completion.output_ids[:-1]


async def test_a_seed_gives_the_same_completion_alone_and_in_company(folder: Path) -> None:
    policy = LocalPolicy(folder)
    asked = Sampling(max_tokens=12, seed=5)
    alone = await policy.generate(_ask("hello"), sampling=asked)
    others = [policy.generate(_ask("x" * i), sampling=Sampling(max_tokens=20, seed=i)) for i in range(1, 8)]
    in_company, *_ = await asyncio.gather(policy.generate(_ask("hello"), sampling=asked), *others)
    different = await policy.generate(_ask("hello"), sampling=Sampling(max_tokens=12, seed=6))
    await policy.close()
    assert in_company.output_ids == alone.output_ids
    assert different.output_ids != alone.output_ids


async def test_what_nobody_waits_for_any_more_is_given_up(folder: Path) -> None:
    policy = LocalPolicy(folder)
    long = Sampling(max_tokens=100, temperature=3.0, seed=1)
    whole = await policy.generate(_ask("hello"), sampling=long)
    before = policy.decoded_tokens
    step, stepped = policy._decoder, asyncio.Event()
    loop = asyncio.get_running_loop()
    gone = threading.Event()

    def slow(pixels: Sequence[Pixels | None]) -> Decoder:
        decoder = step(pixels)
        plain = decoder.step

        def wait(runs: Sequence[Sequence[int]]) -> torch.Tensor:
            loop.call_soon_threadsafe(stepped.set)
            gone.wait()
            return plain(runs)

        decoder.step = wait  # type: ignore[method-assign]
        return decoder

    policy._decoder = slow
    asking = asyncio.create_task(policy.generate(_ask("hello"), sampling=long))
    await stepped.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    gone.set()
    await policy.close()
    assert len(whole.output_ids) > 10
    assert policy.decoded_tokens - before < 4


async def test_published_weights_answer_and_carry_their_version(folder: Path, tmp_path: Path) -> None:
    _model(1).save_pretrained(tmp_path)
    policy = LocalPolicy(folder)
    before = await policy.generate(_ask("hello"), sampling=Sampling(max_tokens=8, seed=1))
    await policy.publish(tmp_path, kind="full", version=7)
    after = await policy.generate(_ask("hello"), sampling=Sampling(max_tokens=8, seed=1))
    await policy.close()
    assert (before.policy_version, after.policy_version, policy.version) == (0, 7, 7)
    assert torch.allclose(torch.tensor(after.rollout_logprobs), _true_logprobs(_model(1), after, 1.0), atol=1e-4)
    assert not torch.allclose(torch.tensor(after.rollout_logprobs), _true_logprobs(_model(0), after, 1.0), atol=1e-2)


# peft still asks transformers under a name that transformers is retiring.
@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")
async def test_an_adapter_answers_like_the_merged_model(folder: Path, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    adapted = get_peft_model(_model(0), LoraConfig(r=4, target_modules=["q_proj", "up_proj"], init_lora_weights=False))
    adapted.save_pretrained(str(tmp_path))
    policy = LocalPolicy(folder)
    await policy.publish(tmp_path, kind="adapter", version=1)
    done = await policy.generate(_ask("hello"), sampling=Sampling(max_tokens=8, seed=1))
    await policy.close()
    merged: Any = adapted.merge_and_unload()
    assert torch.allclose(torch.tensor(done.rollout_logprobs), _true_logprobs(merged, done, 1.0), atol=1e-4)


def test_the_short_forward_pass_equals_transformers() -> None:
    model = _model(3)
    ids = torch.randint(0, 96, (3, 20), generator=torch.Generator().manual_seed(0))
    weights = qwen3.fuse(model)
    mask = torch.full((20, 20), float("-inf")).triu(1)
    states = qwen3.hidden(ids, weights, *qwen3.rotary(model.config, 20), mask, model.config.rms_norm_eps)
    assert torch.allclose(states, model.model(input_ids=ids).last_hidden_state, atol=1e-4)


def test_both_decoders_agree_on_runs_of_any_length_in_rows_that_come_and_go() -> None:
    model = _model(4)
    cache = qwen3.PrefixCache()
    slow = TransformersDecoder(model)
    for turn in range(3):
        rng = random.Random(turn)
        fast = qwen3.Qwen3Decoder(qwen3.fuse(model), model.config, qwen3.rotary(model.config, 128), cache)
        known = [[1, 2, 3, 4, 5, 6, 7], [9]]
        prompts = [*known, [rng.randrange(96) for _ in range(11)], known[0]]
        assert torch.allclose(fast.prefill(prompts, 4), slow.prefill(prompts, 4), atol=1e-4)
        rows = 4
        for step in range(6):
            runs = [[rng.randrange(96) for _ in range(rng.choice((1, 1, 2, 7)))] for _ in range(rows)]
            assert torch.allclose(fast.step(runs), slow.step(runs), atol=1e-4)
            if step in (1, 3):
                kept = torch.tensor([0, 2, 3]) if step == 1 else torch.tensor([1])
                rows = len(kept)
                fast.keep(kept)
                slow.keep(kept)
    assert (cache.misses, cache.hits) == (5, 4)


def test_a_prefix_cache_forgets_what_was_used_longest_ago() -> None:
    block, logits = torch.zeros(2, 1, 1, 4, 2), torch.zeros(4)
    cache = qwen3.PrefixCache(limit=2 * (block.nbytes + logits.nbytes))
    for name in range(2):
        cache.put((name,), block, logits)
    assert cache.get((0,)) is not None
    cache.put((2,), block, logits)
    assert cache.get((1,)) is None
    assert cache.get((0,)) is not None
    assert cache.get((2,)) is not None
    assert cache.bytes <= cache.limit


def test_sampling_follows_the_distribution() -> None:
    logits = torch.tensor([[0.0, 1.0, 2.0, -torch.inf]])
    draws = [(i + 0.5) / 2000 for i in range(2000)]
    tokens, logprobs = local._sample(logits.expand(2000, 4), torch.full((2000, 1), 0.5), draws)
    expected = torch.softmax(logits[0] / 0.5, -1)
    counted = torch.bincount(tokens, minlength=4) / 2000
    assert torch.allclose(counted, expected, atol=2e-3)
    assert torch.allclose(logprobs.exp(), expected[tokens], atol=1e-6)


async def test_what_cannot_be_answered_is_a_fault_with_a_reason(folder: Path, tmp_path: Path) -> None:
    policy = LocalPolicy(folder)
    with pytest.raises(ModelFault, match="context of 128"):
        await policy.generate(_ask("x" * 200), sampling=Sampling(max_tokens=8))
    await policy.close()
    await policy.close()
    with pytest.raises(ModelFault, match="closed"):
        await policy.generate(_ask("x"), sampling=Sampling(max_tokens=8))
    with pytest.raises(UserError, match=r"config\.json"):
        LocalPolicy(tmp_path)


async def test_a_broken_batch_does_not_end_the_thread(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = LocalPolicy(folder)
    whole = policy._decoder

    def broken(pixels: Sequence[Pixels | None]) -> TransformersDecoder:
        raise RuntimeError("no memory")

    monkeypatch.setattr(policy, "_decoder", broken)
    with pytest.raises(ModelFault, match="no memory"):
        await policy.generate(_ask("x"), sampling=Sampling(max_tokens=2))
    monkeypatch.setattr(policy, "_decoder", whole)
    assert (await policy.generate(_ask("x"), sampling=Sampling(max_tokens=2))).output_ids
    await policy.close()
