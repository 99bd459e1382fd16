"""Batches of a few fixed shapes; those of a chunk depend on its index and the seed alone."""

from __future__ import annotations

import pickle
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from random import Random

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from core.types import Record
from pretraining.examples import Difficulty, Example, stream
from serving.affordances import Affordances
from training.batches import choice_pairs

LENGTHS = (128, 192, 288, 384)
CHUNK = 25
# Weights in the loss beside a decision's 1: a token of an action among all tokens, and one of the prompt.
ACTION, SIDE = 0.2, 0.05


class Curriculum(Record):
    """From small pages of pseudo-words to full ones: progress goes from 0 to 1 over `widen_steps` steps.

    `tokens` is the size of a batch, padding included; `side` is how many prompt tokens a row is asked for.
    """

    seed: int = 0
    steps: int = 5000
    widen_steps: int = 2500
    tokens: int = 9216
    scale: tuple[float, float] = (0.3, 1.0)
    pseudo: tuple[float, float] = (0.85, 0.4)
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

    `ids` is (rows, length); the next three are (targets,), positions counting over the flattened rows.
    `decisions` are the targets at which the page left a choice, and `choices` the pairs of decision and
    allowed token.
    """

    ids: Tensor
    positions: Tensor
    labels: Tensor
    weights: Tensor
    decisions: Tensor
    choices: tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Encoded:
    """A conversation's tokens, where its action starts, and what each token of the action was chosen among."""

    ids: list[int]
    start: int
    choices: list[tuple[int, ...]]


class Encoder:
    """Examples as tokens, with the choices that a constrained policy has."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._tokenizer = tokenizer
        self._affordances = Affordances(tokenizer)

    def encode(self, example: Example) -> Encoded:
        """Where a token of the action is not among the choices, the rest of it is free."""
        prompt = self._tokenizer(f"<|user|>{example.prompt}<|assistant|>")["input_ids"]
        action = self._tokenizer(f"{example.target}<|end|>")["input_ids"]
        choices = self._affordances.walk(example.prompt).follow(action)
        choices += [()] * (len(action) - len(choices))
        return Encoded(prompt + action, len(prompt), choices)


def chunk(encoder: Encoder, curriculum: Curriculum, index: int) -> list[Batch]:
    """Chunk `index`: the batches of steps `index * CHUNK` and on, sorted into shapes and shuffled."""
    rng = Random(f"batches/{curriculum.seed}/{index}")
    rows: dict[int, list[Encoded]] = {length: [] for length in LENGTHS}
    ready: list[Batch] = []
    for example in stream(curriculum.seed, index * 10_000, curriculum.difficulty(index * CHUNK)):
        encoded = encoder.encode(example)
        length = next((length for length in LENGTHS if len(encoded.ids) <= length), None)
        if length is None:
            continue
        rows[length].append(encoded)
        if len(rows[length]) == curriculum.tokens // length:
            ready.append(_batch(rows[length], length, curriculum.side, rng))
            rows[length] = []
            if len(ready) == CHUNK:
                break
    rng.shuffle(ready)
    return ready


class Chunks:
    """Chunks one after the other, the next one made by another process while this one is trained on."""

    def __init__(self, tokenizer_dir: Path, curriculum: Curriculum) -> None:
        self._curriculum = curriculum
        # Spawned, not forked: this process runs threads of its own.
        self._maker = ProcessPoolExecutor(1, get_context("spawn"), _begin, (tokenizer_dir,))
        self._ahead: dict[int, Future[bytes]] = {}

    def take(self, index: int) -> list[Batch]:
        """Chunk `index`; the two after it are begun."""
        for wanted in range(index, index + 3):
            if wanted not in self._ahead:
                self._ahead[wanted] = self._maker.submit(_made, self._curriculum, wanted)
        made: list[Batch] = pickle.loads(self._ahead.pop(index).result())  # noqa: S301 (our own process wrote it)
        return made

    def close(self) -> None:
        self._maker.shutdown(cancel_futures=True)


_encoders: list[Encoder] = []  # of the process that makes chunks


def _begin(tokenizer_dir: Path) -> None:
    torch.set_num_threads(1)
    _encoders.append(Encoder(PreTrainedTokenizerFast.from_pretrained(tokenizer_dir)))


def _made(curriculum: Curriculum, index: int) -> bytes:
    return pickle.dumps(chunk(_encoders[0], curriculum, index))


def _batch(rows: list[Encoded], length: int, side: int, rng: Random) -> Batch:
    """The action's tokens are asked for with `ACTION`, and `side` tokens of the prompt with `SIDE`."""
    ids = torch.zeros(len(rows), length, dtype=torch.long)
    positions: list[int] = []
    labels: list[int] = []
    weights: list[float] = []
    decisions: list[int] = []
    choices: list[tuple[int, ...]] = []
    for row, encoded in enumerate(rows):
        tokens, start = encoded.ids, encoded.start
        ids[row, : len(tokens)] = torch.tensor(tokens)
        asked = [(at, ACTION) for at in range(start, len(tokens))]
        asked += [(at, SIDE) for at in rng.sample(range(1, start), min(side, start - 1))]
        for at, weight in asked:
            among = encoded.choices[at - start] if at >= start else ()
            if len(among) > 1:
                choices.append(among)
                decisions.append(len(positions))
            positions.append(row * length + at - 1)
            labels.append(tokens[at])
            weights.append(weight)
    return Batch(
        ids, torch.tensor(positions), torch.tensor(labels), torch.tensor(weights), torch.tensor(decisions),
        choice_pairs(choices),
    )  # fmt: skip
