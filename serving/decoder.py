"""Batched next-token logits with a key-value cache: what a policy needs of a model, and a version for any causal LM."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor


class Decoder(Protocol):
    """One batch in flight. Rows are left-padded, so that all of them end at the same place."""

    def prefill(self, ids: Tensor, padding: Tensor, room: int) -> Tensor:
        """Begin with prompts `ids` (rows, length), of which the first `padding` (rows,) tokens do not count.

        `room` is how many tokens will be added at most. Returns logits (rows, vocabulary) of the next token.
        """
        ...

    def step(self, tokens: Tensor) -> Tensor:
        """Append one token a row, `tokens` (rows,); returns the next logits."""
        ...

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows (indices) only."""
        ...


class TransformersDecoder:
    """Any Hugging Face causal language model, with its own cache."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def prefill(self, ids: Tensor, padding: Tensor, room: int) -> Tensor:  # noqa: ARG002 (the cache grows by itself)
        length = ids.shape[1]
        self.mask = (torch.arange(length)[None] >= padding[:, None]).long()
        positions = (self.mask.cumsum(1) - 1).clamp(min=0)
        out = self.model(
            input_ids=ids, attention_mask=self.mask, position_ids=positions, use_cache=True, logits_to_keep=1
        )
        self.cache = out.past_key_values
        logits: Tensor = out.logits[:, -1]
        return logits

    def step(self, tokens: Tensor) -> Tensor:
        self.mask = torch.cat([self.mask, torch.ones_like(self.mask[:, :1])], 1)
        positions = self.mask.sum(1, keepdim=True) - 1
        out = self.model(
            input_ids=tokens[:, None], attention_mask=self.mask, position_ids=positions,
            past_key_values=self.cache, use_cache=True,
        )  # fmt: skip
        logits: Tensor = out.logits[:, -1]
        return logits

    def keep(self, rows: Tensor) -> None:
        self.mask = self.mask[rows]
        self.cache.batch_select_indices(rows)
