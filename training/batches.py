"""Rows of tokens laid out as tensors: shared prefixes computed once, little padding, no row seeing another.

Attempts at the same task meet the same pages, so many rows begin alike. Rows that share a long prefix
become one *tree*: the prefix is laid out once, what follows branches off it, a mask lets each token
see its own ancestors only, and positions count from the root (the idea of tree attention, as in
SpecInfer, arXiv 2305.09781, turned to training). A tree of one row is an ordinary causal sequence.
Trees are padded on the right into micro-batches of about equal length.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.types import ImageRef, TrainingRow
from core.vision import Pictures, Pixels

_SHORTEST_SHARED = 24
_LONGEST_TREE = 640


@dataclass
class Tree:
    """Rows with a common prefix: `tokens` in depth-first order, `paths[i]` the places of row i's tokens."""

    tokens: list[int] = field(default_factory=list)
    paths: list[tuple[int, list[int]]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.tokens)

    def graft(self, index: int, ids: Sequence[int], shared: int) -> None:
        """Add row `index`, whose first `shared` tokens are those of the row added last."""
        start = len(self.tokens)
        held = self.paths[-1][1][:shared] if shared else []
        self.tokens += ids[shared:]
        self.paths.append((index, held + list(range(start, start + len(ids) - shared))))


@dataclass(frozen=True)
class Batch:
    """One micro-batch. B sequences of T tokens, N trained tokens; `mask` is None where plain causality does.

    `source` indexes the flattened (B·T) hidden states that predict the trained tokens `targets`.
    """

    input_ids: Tensor  # (B, T) int64
    position_ids: Tensor | None  # (B, T) int64
    mask: Tensor | None  # (B, 1, T, T) bool, True where attended
    source: Tensor  # (N,) int64
    targets: Tensor  # (N,) int64
    temperatures: Tensor  # (N,)
    rollout: Tensor  # (N,) log-probabilities when sampled
    advantages: Tensor  # (N,)
    rows: Tensor  # (N,) int64, the row that each trained token belongs to
    turns: Tensor  # (N,) int64, the turn that each trained token belongs to, counted from 0 through all rows
    choices: tuple[Tensor, Tensor] | None = None  # (K,), (K,) int64: trained token and a token that it may be
    counts: Tensor | None = None  # (B, T) int64, 0 for padding; for models that see, as what follows
    images: tuple[ImageRef, ...] = ()  # of all sequences, in order
    pixels: Pixels | None = None

    @property
    def tokens(self) -> int:
        return len(self.targets)

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""
        moved: dict[str, Any] = {n: v.to(device) for n, v in vars(self).items() if isinstance(v, Tensor)}
        choices = None if self.choices is None else (self.choices[0].to(device), self.choices[1].to(device))
        pixels = None if self.pixels is None else Pixels(*(each.to(device) for each in self.pixels))
        return replace(self, **moved, choices=choices, pixels=pixels)

    def shown(self, pictures: Pictures | None) -> Batch:
        """The same with what a model that sees gets of its pictures; raises `ModelFault` for one that is gone."""
        return self if pictures is None else replace(self, pixels=pictures.pixels(self.images))


def check(rows: Sequence[TrainingRow], vocabulary: int) -> None:
    """Refuse rows that cannot be trained as they are; raises `ValueError` with the reason."""
    for row in rows:
        length = len(row.input_ids)
        if not length == len(row.loss_mask) == len(row.rollout_logprobs or row.input_ids) == len(row.advantages):
            raise ValueError(f"the per-token fields of a row of rollout '{row.rollout_id}' differ in length")
        if row.loss_mask and row.loss_mask[0]:
            raise ValueError(f"a row of rollout '{row.rollout_id}' trains its first token, which nothing precedes")
        if list(row.turns) != sorted(set(row.turns)):
            raise ValueError(f"the turns of a row of rollout '{row.rollout_id}' are out of order")
        if row.choices and len(row.choices) != length:
            raise ValueError(f"the per-token fields of a row of rollout '{row.rollout_id}' differ in length")
        if row.input_ids and not 0 <= min(row.input_ids) <= max(row.input_ids) < vocabulary:
            raise ValueError(f"a row of rollout '{row.rollout_id}' holds a token outside the model's {vocabulary}")
        if row.temperature <= 0:
            raise ValueError(f"a row of rollout '{row.rollout_id}' has temperature {row.temperature}")


def micro_batches(rows: Sequence[TrainingRow], budget: int, *, share: bool = True) -> list[Batch]:
    """All trained tokens of `rows`, in micro-batches of at most `budget` tokens with padding (one tree at least).

    `share=False` lays every row out on its own, for models whose attention is not plain full attention.
    """
    return [_collate(trees, rows) for trees in _packs(rows, budget, share)]


def portion(
    rows: Sequence[TrainingRow], budget: int, rank: int, processes: int, *, share: bool = True
) -> list[tuple[Batch, bool]]:
    """One process's part of the micro-batches of `rows`, and whether each counts.

    Every process gets equally many, of about the same number of tokens. Where that cannot be, one that is another's
    is among them and does not count.
    """
    fair = math.ceil(sum(map(len, _trees(rows, share))) / processes)
    packs = _packs(rows, min(budget, fair), share, longest=min(_LONGEST_TREE, fair))
    while len(packs) % processes and any(len(pack) > 1 for pack in packs):
        largest = max((pack for pack in packs if len(pack) > 1), key=_cost)
        packs.remove(largest)
        packs += [largest[: len(largest) // 2], largest[len(largest) // 2 :]]
    packs.sort(key=_cost, reverse=True)
    found: list[tuple[Batch, bool]] = []
    for turn, first in enumerate(range(0, len(packs), processes)):
        dealt = packs[first : first + processes]
        place = processes - 1 - rank if turn % 2 else rank  # to and fro, or one would always get the largest
        counts = place < len(dealt)
        found.append((_collate(dealt[place if counts else -1], rows), counts))
    return found


def _cost(pack: Sequence[Tree]) -> int:
    """Tokens with padding."""
    return len(pack) * max(len(tree) for tree in pack)


def _packs(rows: Sequence[TrainingRow], budget: int, share: bool, longest: int = _LONGEST_TREE) -> list[list[Tree]]:
    """The trees of each micro-batch."""
    trees = sorted(_trees(rows, share, longest), key=lambda tree: (len(tree.paths) > 1, len(tree)), reverse=True)
    packs: list[list[Tree]] = []
    pending: list[Tree] = []
    for tree in trees:
        full = bool(pending) and len(pending[0]) * (len(pending) + 1) > budget
        if full or (pending and (len(pending[0].paths) > 1) != (len(tree.paths) > 1)):
            packs.append(pending)
            pending = []
        pending.append(tree)
    if pending:
        packs.append(pending)
    return packs


def _trees(rows: Sequence[TrainingRow], share: bool, longest: int = _LONGEST_TREE) -> list[Tree]:
    """In lexicographic order the row before shares the longest prefix, so one pass finds what is common."""
    spans = {index: row.input_ids[: _needed(row)] for index, row in enumerate(rows) if any(row.loss_mask)}
    trees: list[Tree] = []
    previous: tuple[int, ...] = ()
    for index in sorted(spans, key=lambda i: (spans[i], i)):
        ids = spans[index]
        shared = _common(previous, ids) if share and trees else 0
        worthwhile = shared >= max(_SHORTEST_SHARED, len(ids) // 4)
        if not worthwhile or len(trees[-1]) + len(ids) - shared > longest:
            trees.append(Tree())
            shared = 0
        trees[-1].graft(index, ids, shared)
        previous = ids
    return trees


def _needed(row: TrainingRow) -> int:
    """Up to the last trained token, itself left out: it is only ever a target."""
    return max(place for place, trained in enumerate(row.loss_mask) if trained)


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    length = min(len(a), len(b))
    differing = np.flatnonzero(np.asarray(a[:length]) != np.asarray(b[:length]))
    return int(differing[0]) if len(differing) else length


def _collate(trees: Sequence[Tree], rows: Sequence[TrainingRow]) -> Batch:
    width = max(len(tree) for tree in trees)
    branching = any(len(tree.paths) > 1 for tree in trees)
    ids = np.zeros((len(trees), width), dtype=np.int64)
    positions = np.zeros((len(trees), width), dtype=np.int64)
    counts = np.zeros((len(trees), width), dtype=np.int64)
    mask = np.zeros((len(trees), 1, width, width), dtype=np.bool_) if branching else None
    source: list[int] = []
    trained: list[tuple[int, int]] = []
    for b, tree in enumerate(trees):
        ids[b, : len(tree)] = tree.tokens
        counts[b, : len(tree)] = 1
        if mask is not None:
            mask[b, 0] = np.eye(width, dtype=np.bool_)  # a padding token sees itself: a row of no keys would be NaN
        done = 0
        for index, path in tree.paths:
            new = next((depth for depth, place in enumerate(path) if place >= done), len(path))
            if new < len(path):
                branch = slice(path[new], path[-1] + 1)
                positions[b, branch] = np.arange(new, len(path))
                if mask is not None:
                    mask[b, 0, branch, path[:new]] = True
                    mask[b, 0, branch, branch] = np.tri(len(path) - new, dtype=np.bool_)
            done = max(done, path[-1] + 1)
            for place, is_trained in enumerate(rows[index].loss_mask):
                if is_trained:
                    source.append(b * width + path[place - 1])
                    trained.append((index, place))
    choices = [rows[i].choices[t] if rows[i].choices else () for i, t in trained]
    return Batch(
        input_ids=torch.from_numpy(ids),
        position_ids=torch.from_numpy(positions) if branching else None,
        mask=torch.from_numpy(mask) if mask is not None else None,
        source=torch.tensor(source),
        targets=torch.tensor([rows[i].input_ids[t] for i, t in trained]),
        temperatures=torch.tensor([rows[i].temperature for i, _ in trained], dtype=torch.float32),
        rollout=torch.tensor([rows[i].rollout_logprobs[t] for i, t in trained], dtype=torch.float32),
        advantages=torch.tensor([rows[i].advantages[t] for i, t in trained], dtype=torch.float32),
        rows=torch.tensor([i for i, _ in trained]),
        turns=_turns([(i, turn_of(rows[i], t)) for i, t in trained]),
        choices=choice_pairs(choices) if any(choices) else None,
        counts=torch.from_numpy(counts),
        images=tuple(image for tree in trees for index, _ in tree.paths for image in rows[index].images),
    )


def turn_of(row: TrainingRow, place: int) -> int:
    """Which of its row's turns a trained token belongs to, in the order of the turns."""
    return bisect_right(row.turns, place)


def _turns(named: Sequence[tuple[int, int]]) -> Tensor:
    numbers: dict[tuple[int, int], int] = {}
    return torch.tensor([numbers.setdefault(name, len(numbers)) for name in named])


def choice_pairs(among: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """The pairs of a token's index and a token that it may be, (K,) int64 each; none for a token that may be any."""
    counts = torch.tensor([len(one) for one in among])
    return torch.repeat_interleave(counts), torch.tensor([token for one in among for token in one])
