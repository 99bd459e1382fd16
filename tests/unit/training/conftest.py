"""A real, tiny, randomly initialised Qwen3 model, and rows that it can be trained on."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from core.types import TrainingRow

VOCABULARY = 64


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Hugging Face folder with weights and the files of a tokenizer."""
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=512,
        initializer_range=0.2,
        tie_word_embeddings=True,
    )
    Qwen3ForCausalLM(config).save_pretrained(folder)
    (folder / "tokenizer.json").write_text('{"stands for": "a tokenizer"}', encoding="utf-8")
    (folder / "chat_template.jinja").write_text("{{ messages }}", encoding="utf-8")
    return folder


@pytest.fixture
def make_rows() -> Callable[..., list[TrainingRow]]:
    """Rows that share prefixes in part, with gaps between trained tokens and several temperatures."""

    def make(count: int, *, seed: int = 0, temperatures: tuple[float, ...] = (0.7, 1.0, 1.5)) -> list[TrainingRow]:
        generator = random.Random(seed)
        trunk = [generator.randrange(VOCABULARY) for _ in range(60)]
        rows = []
        for index in range(count):
            prompt = trunk[: generator.choice([0, 30, 45, 60])]
            prompt += [generator.randrange(VOCABULARY) for _ in range(generator.randrange(1, 30))]
            tail = [generator.randrange(VOCABULARY) for _ in range(generator.randrange(2, 12))]
            mask = [False] * len(prompt) + [True] + [generator.random() < 0.6 for _ in tail[1:]]
            advantage = generator.choice([-1.0, -0.5, 0.5, 1.0])
            rows.append(
                TrainingRow(
                    input_ids=(*prompt, *tail),
                    loss_mask=tuple(mask),
                    rollout_logprobs=tuple(generator.uniform(-5, -3) if on else 0.0 for on in mask),
                    advantages=tuple(advantage if on else 0.0 for on in mask),
                    rollout_id=f"rollout-{index // 2}",
                    temperature=generator.choice(temperatures),
                )
            )
        return rows

    return make
