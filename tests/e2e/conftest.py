"""A policy that knows a dozen actions of the bundled sites as single tokens and picks among them at random."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

ACTIONS = (
    'answer "done"',
    "back",
    "scroll down",
    "wait",
    'click link "Cart"',
    'click link "Home"',
    'click link "Sale"',
    'click link "Orders"',
    'click link "Account"',
    'click link "Help"',
    'click button "Search"',
)


@pytest.fixture(scope="session")
def random_policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a Hugging Face model of some thousand untrained parameters and its tokenizer."""
    import torch
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    special = ["<|end|>", "<|user|>", "<|assistant|>"]
    words = [*special, "?", *ACTIONS, "task", "did", "page", "link", "button", "open"]
    inner = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="?"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    inner.decoder = decoders.Fuse()
    inner.add_special_tokens(special)
    inner.add_tokens([AddedToken(line, normalized=False) for line in ACTIONS])
    build: Any = PreTrainedTokenizerFast
    tokenizer = build(tokenizer_object=inner, eos_token="<|end|>", pad_token="<|end|>")
    tokenizer.chat_template = "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{% endfor %}<|assistant|>"
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        head_dim=8,
        tie_word_embeddings=True,
        max_position_embeddings=1024,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
    )
    folder = tmp_path_factory.mktemp("policy")
    Qwen3ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def heldout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of three tasks, one of which is over after one click, and a broken line."""
    path = tmp_path_factory.mktemp("tasks") / "heldout.jsonl"
    path.write_text(
        '{"id": "cart", "instruction": "Open the cart", "start_url": "/", "max_steps": 3,'
        ' "check": {"kind": "url", "matches": "/cart"}}\n'
        '{"id": "help", "instruction": "Go to the help pages", "start_url": "/", "max_steps": 3,'
        ' "check": {"kind": "url", "matches": "/help"}}\n'
        "not a task\n"
        '{"id": "never", "instruction": "Say the magic word", "start_url": "/", "max_steps": 2,'
        ' "check": {"kind": "answer", "equals": "xyzzy"}}\n',
        encoding="utf-8",
    )
    return path
