"""Batches of a few fixed shapes; those of a chunk depend on its index and the seed alone."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from core.types import Record
from pretraining.examples import Difficulty, Example, stream

LENGTHS = (128, 192, 288, 384)
CHUNK = 25


class Curriculum(Record):
    """From small pages of pseudo-words to full ones: progress goes from 0 to 1 over `widen_steps` steps.

    `tokens` is the size of a batch, padding included; `side` is how many prompt tokens a row is asked for.
    """

    seed: int = 0
    steps: int = 5000
    widen_steps: int = 2500
    tokens: int = 9216
    scale: tuple[float, float] = (0.3, 1.0)
    pseudo: tuple[float, float] = (0.85, 0.65)
    budget: tuple[int, int] = (120, 288)
    side: int = 16

    def difficulty(self, step: int) -> Difficulty:
        """What examples look like at this step."""
        progress = min(1.0, step / self.widen_steps)

        def between(ends: tuple[float, float]) -> float:
            return ends[0] + (ends[1] - ends[0]) * progress

        return Difficulty(scale=between(self.scale), pseudo=between(self.pseudo), budget=round(between(self.budget)))


@dataclass
class Batch:
    """Right-padded rows. `positions` and `labels` are where the model is asked for which token, with weights.

    `ids` is (rows, length); the other three are (targets,), positions counting over the flattened rows.
    """

    ids: Tensor
    positions: Tensor
    labels: Tensor
    weights: Tensor


def encode(tokenizer: PreTrainedTokenizerFast, example: Example) -> tuple[list[int], int]:
    """Token ids of the whole conversation and where the action starts."""
    prompt = tokenizer(f"<|user|>{example.prompt}<|assistant|>")["input_ids"]
    action = tokenizer(f"{example.target}<|end|>")["input_ids"]
    return prompt + action, len(prompt)


def chunk(tokenizer: PreTrainedTokenizerFast, curriculum: Curriculum, index: int) -> list[Batch]:
    """Chunk `index`: the batches of steps `index * CHUNK` and on, sorted into shapes and shuffled."""
    rng = Random(f"batches/{curriculum.seed}/{index}")
    rows: dict[int, list[tuple[list[int], int]]] = {length: [] for length in LENGTHS}
    ready: list[Batch] = []
    for example in stream(curriculum.seed, index * 10_000, curriculum.difficulty(index * CHUNK)):
        ids, start = encode(tokenizer, example)
        length = next((length for length in LENGTHS if len(ids) <= length), None)
        if length is None:
            continue
        rows[length].append((ids, start))
        if len(rows[length]) == curriculum.tokens // length:
            ready.append(_batch(rows[length], length, curriculum.side, rng))
            rows[length] = []
            if len(ready) == CHUNK:
                break
    rng.shuffle(ready)
    return ready


def _batch(rows: list[tuple[list[int], int]], length: int, side: int, rng: Random) -> Batch:
    """The action's tokens are asked for with weight 1, and `side` tokens of the prompt with a fifth of it."""
    ids = torch.zeros(len(rows), length, dtype=torch.long)
    positions, labels, weights = [], [], []
    for row, (tokens, start) in enumerate(rows):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        asked = [(at, 1.0) for at in range(start, len(tokens))]
        asked += [(at, 0.2) for at in rng.sample(range(1, start), min(side, start - 1))]
        for at, weight in asked:
            positions.append(row * length + at - 1)
            labels.append(tokens[at])
            weights.append(weight)
    return Batch(ids, torch.tensor(positions), torch.tensor(labels), torch.tensor(weights))
