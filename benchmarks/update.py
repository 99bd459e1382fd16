"""Tokens per second of a training update on this machine: `python benchmarks/update.py [--threads 1 2] [--rows 1000]`.

A randomly initialised Qwen3 model (vocabulary 3072, hidden 192, 5 layers, 6 heads, feed-forward 512) is
updated on rows shaped like those of a web episode: about 250 tokens, about 12 of them trained, one row a
step, 8 attempts a task, 8 steps an attempt. `--alike` is the share of steps at which an attempt sees the
very prompt that another attempt at its task saw (the first step always does). Rates count the rows' own
tokens, whether or not a shared prefix made it needless to compute them.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path

import torch

from core.config import TrainingConfig
from core.types import TrainingRow
from training import batches
from training.trainer import Trainer

VOCABULARY, ATTEMPTS, STEPS = 3072, 8, 8


def model_folder(folder: Path) -> Path:
    """Save the random model; returns its folder."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=VOCABULARY,
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=5,
        num_attention_heads=6,
        num_key_value_heads=6,
        head_dim=32,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
    )
    Qwen3ForCausalLM(config).save_pretrained(folder)
    return folder


def make_rows(count: int, *, alike: float, silent: float, seed: int = 0) -> list[TrainingRow]:
    """`count` rows; `alike` of the prompts recur within their task, `silent` of the tasks have no advantage."""
    generator = random.Random(seed)

    def tokens(low: int, high: int) -> list[int]:
        return [generator.randrange(VOCABULARY) for _ in range(generator.randint(low, high))]

    rows: list[TrainingRow] = []
    while len(rows) < count:
        task = len(rows) // (ATTEMPTS * STEPS)
        instruction = tokens(15, 30)
        pages = [instruction + tokens(150, 270) for _ in range(STEPS)]
        advantage = 0.0 if generator.random() < silent else 1.0
        for attempt in range(ATTEMPTS):
            for step in range(STEPS):
                same = step == 0 or generator.random() < alike
                prompt = pages[step] if same else instruction + tokens(150, 270)
                output = tokens(6, 18)
                sign = advantage if attempt % 2 else -advantage
                rows.append(
                    TrainingRow(
                        input_ids=(*prompt, *output),
                        loss_mask=(False,) * len(prompt) + (True,) * len(output),
                        rollout_logprobs=(0.0,) * len(prompt) + (-8.0,) * len(output),
                        advantages=(0.0,) * len(prompt) + (sign,) * len(output),
                        rollout_id=f"{task}-{attempt}",
                    )
                )
    return rows[:count]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--alike", type=float, nargs="+", default=[0.0, 0.3, 0.6])
    parser.add_argument("--silent", type=float, default=0.0, help="share of tasks whose attempts all fared alike")
    parser.add_argument("--budget", type=int, nargs="+", default=[8192], help="micro_batch_tokens")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = model_folder(Path(scratch))
        print("threads  budget  alike  row tokens  laid out  wall s  CPU s  row tokens/s")
        for threads in arguments.threads:
            for budget in arguments.budget:
                for alike in arguments.alike:
                    rows = make_rows(arguments.rows, alike=alike, silent=arguments.silent)
                    trainer = Trainer(folder, TrainingConfig(micro_batch_tokens=budget), threads=threads)
                    total = sum(len(row.input_ids) for row in rows)
                    laid = sum(b.input_ids.numel() for b in batches.micro_batches(rows, budget))
                    trainer.update(rows[:64], batch_id="warm-up")
                    wall, cpu = time.perf_counter(), time.process_time()
                    trainer.update(rows, batch_id="measured")
                    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
                    print(
                        f"{threads:7d} {budget:7d} {alike:6.1f} {total:11d} {laid:9d} {wall:7.1f} {cpu:6.1f}"
                        f" {total / wall:13.0f}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
