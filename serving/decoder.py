"""Batched next-token logits with a key-value cache: what a policy needs of a model, and a version for any causal LM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor


class Decoder(Protocol):
    """One batch in flight. Every row ends at the same place; what a row lacks in front does not count."""

    def prefill(self, prompts: Sequence[Sequence[int]], room: int) -> Tensor:
        """Begin with these prompts, expecting `room` columns to be added by `step`. Returns the next logits."""
        ...

    def step(self, runs: Sequence[Sequence[int]]) -> Tensor:
        """Append a run of tokens to each row, as many columns as the longest has; returns logits (rows, vocabulary)."""
        ...

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows (indices) only."""
        ...


def left_padded(runs: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """The runs as (rows, longest) with zeros in front, and how many of these each row got."""
    length = max(map(len, runs))
    padding = torch.tensor([length - len(run) for run in runs])
    return torch.tensor([[0] * (length - len(run)) + list(run) for run in runs]), padding


class TransformersDecoder:
    """Any Hugging Face causal language model, with its own cache."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.cache: Any = None

    def prefill(self, prompts: Sequence[Sequence[int]], room: int) -> Tensor:  # noqa: ARG002 (the cache grows by itself)
        self.cache = None
        self.mask = torch.zeros(len(prompts), 0, dtype=torch.long)
        return self.step(prompts)

    def step(self, runs: Sequence[Sequence[int]]) -> Tensor:
        ids, padding = left_padded(runs)
        length = ids.shape[1]
        self.mask = torch.cat([self.mask, (torch.arange(length)[None] >= padding[:, None]).long()], 1)
        positions = (self.mask.cumsum(1) - 1).clamp(min=0)[:, -length:]
        out = self.model(
            input_ids=ids, attention_mask=self.mask, position_ids=positions,
            past_key_values=self.cache, use_cache=True, logits_to_keep=1,
        )  # fmt: skip
        self.cache = out.past_key_values
        logits: Tensor = out.logits[:, -1]
        return logits

    def keep(self, rows: Tensor) -> None:
        self.mask = self.mask[rows]
        self.cache.batch_select_indices(rows)
