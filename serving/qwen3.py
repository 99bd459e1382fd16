"""A Qwen3 model's forward pass in a few lines, with fused weights: transformers' numbers, several times faster.

For models of a few million parameters most of transformers' time on a CPU goes into the dispatch of small
operations. Here a layer is a dozen of them. `hidden` is for training (it compiles), `Qwen3Decoder` for decoding.
Tests hold both to transformers' own implementation.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from transformers import Qwen3Config, Qwen3ForCausalLM

from serving.decoder import left_padded


class Weights(NamedTuple):
    """A model's weights, fused where they multiply the same input."""

    embedding: Tensor
    layers: list[dict[str, Tensor]]
    last_norm: Tensor
    head: Tensor


def fuse(model: Qwen3ForCausalLM, dtype: torch.dtype = torch.float32) -> Weights:
    """The weights in `dtype`; gradients flow back to the model's own parameters."""
    layers = []
    for layer in model.model.layers:
        a, m = layer.self_attn, layer.mlp
        parts = {
            "qkv": torch.cat([a.q_proj.weight, a.k_proj.weight, a.v_proj.weight]),
            "out": a.o_proj.weight,
            "up": torch.cat([m.gate_proj.weight, m.up_proj.weight]),
            "down": m.down_proj.weight,
            "norm1": layer.input_layernorm.weight,
            "norm2": layer.post_attention_layernorm.weight,
            "norm_q": a.q_norm.weight,
            "norm_k": a.k_norm.weight,
        }
        layers.append({key: part.to(dtype) for key, part in parts.items()})
    embedding = model.model.embed_tokens.weight.to(dtype)
    head = embedding if model.config.tie_word_embeddings else model.lm_head.weight.to(dtype)
    return Weights(embedding, layers, model.model.norm.weight.to(dtype), head)


def supported(config: object) -> bool:
    """Whether this architecture is plain enough: as many key-value heads as heads, no bias, no sliding window."""
    return (
        isinstance(config, Qwen3Config)
        and config.num_key_value_heads == config.num_attention_heads
        and not config.attention_bias
        and not config.use_sliding_window
        and (config.rope_parameters or {}).get("rope_type", "default") == "default"
    )


def rotary(config: Qwen3Config, length: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the rotary embedding (Su et al. 2021), each of shape (length, head_dim)."""
    size = config.head_dim
    parameters: Any = config.rope_parameters
    base: float = parameters["rope_theta"]
    angles = torch.arange(length)[:, None] * (base ** (-torch.arange(0, size, 2) / size))[None]
    angles = torch.cat([angles, angles], -1)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def hidden(ids: Tensor, weights: Weights, cos: Tensor, sin: Tensor, mask: Tensor, eps: float) -> Tensor:
    """Last hidden states of rows `ids` (rows, length) → (rows, length, hidden); `mask` is added to the scores."""
    x = F.embedding(ids, weights.embedding)
    for w in weights.layers:
        q, k, v = _project(x, w, cos, sin, eps)
        # Written out, since the fused kernel's backward pass is slow on a CPU.
        scores = torch.softmax((q @ k.transpose(-1, -2)) * q.shape[-1] ** -0.5 + mask, -1)
        x = _mix(x, w, scores @ v, eps)
    return F.rms_norm(x, (x.shape[-1],), weights.last_norm, eps)


def _project(x: Tensor, w: dict[str, Tensor], cos: Tensor, sin: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values, each (rows, heads, length, head_dim)."""
    rows, length, width = x.shape
    size = cos.shape[-1]
    fused = F.linear(F.rms_norm(x, (width,), w["norm1"], eps), w["qkv"])
    q, k, v = fused.view(rows, length, 3, -1, size).permute(2, 0, 3, 1, 4).unbind(0)
    return (
        _rotate(F.rms_norm(q, (size,), w["norm_q"], eps), cos, sin),
        _rotate(F.rms_norm(k, (size,), w["norm_k"], eps), cos, sin),
        v,
    )


def _mix(x: Tensor, w: dict[str, Tensor], attended: Tensor, eps: float) -> Tensor:
    """What attention brought (rows, heads, length, head_dim) and the gated feed-forward part, with their residuals."""
    rows, length, width = x.shape
    x = x + F.linear(attended.transpose(1, 2).reshape(rows, length, -1), w["out"])
    gate, up = F.linear(F.rms_norm(x, (width,), w["norm2"], eps), w["up"]).chunk(2, -1)
    return x + F.linear(F.silu(gate) * up, w["down"])


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin


_SPARE = 16


class PrefixCache:
    """Keys, values and next logits of prompts seen before: attempts at the same task meet the same pages.

    Holds `limit` bytes at most, the prompts used last. Belongs to one set of weights.
    """

    def __init__(self, limit: int = 128 * 2**20) -> None:
        self.limit = limit
        self.hits = self.misses = self.bytes = 0
        self._kept: OrderedDict[tuple[int, ...], tuple[Tensor, Tensor]] = OrderedDict()

    def get(self, prompt: tuple[int, ...]) -> tuple[Tensor, Tensor] | None:
        """The block (2, layers, heads, length, head_dim) of keys and values and the logits (vocabulary,)."""
        found = self._kept.get(prompt)
        if found is None:
            self.misses += 1
            return None
        self.hits += 1
        self._kept.move_to_end(prompt)
        return found

    def put(self, prompt: tuple[int, ...], block: Tensor, logits: Tensor) -> None:
        if prompt in self._kept:
            return
        self._kept[prompt] = (block, logits)
        self.bytes += block.nbytes + logits.nbytes
        while self.bytes > self.limit and len(self._kept) > 1:
            _, (block, logits) = self._kept.popitem(last=False)
            self.bytes -= block.nbytes + logits.nbytes


class Qwen3Decoder:
    """A batch in flight (`serving.decoder.Decoder`), with keys and values in one block; a prompt is read once."""

    def __init__(
        self, weights: Weights, config: Qwen3Config, table: tuple[Tensor, Tensor], cache: PrefixCache | None = None
    ) -> None:
        self.weights, self.config, self.table = weights, config, table
        self.cache = cache or PrefixCache()
        self.used = 0
        self.padding = torch.zeros(0, dtype=torch.long)  # columns of each row that do not count
        self.blocks = torch.zeros(0)  # (2, layers, rows, heads, columns, head_dim): keys and values
        self.blocked = torch.zeros(0)  # (rows, 1, 1, columns): minus infinity where a row has nothing

    def prefill(self, prompts: Sequence[Sequence[int]], room: int) -> Tensor:
        keys = [tuple(prompt) for prompt in prompts]
        found = {key: self.cache.get(key) for key in dict.fromkeys(keys)}
        new = [key for key, known in found.items() if known is None]
        if new:
            for key, block, logits in self._read(new):
                found[key] = (block, logits)
                self.cache.put(key, block, logits)
        read = [known for key in keys if (known := found[key]) is not None]
        self.used = max(map(len, keys))
        self.padding = torch.tensor([self.used - len(key) for key in keys])
        self._allocate(len(keys), self.used + room)
        for row, (block, _) in enumerate(read):
            begin = self.used - block.shape[3]
            self.blocks[:, :, row, :, begin : self.used] = block
            self.blocks[:, :, row, :, :begin] = 0.0  # weighs nothing, but must be a number
            self.blocked[row, ..., :begin] = float("-inf")
        return torch.stack([logits for _, logits in read])

    def step(self, runs: Sequence[Sequence[int]]) -> Tensor:
        ids, padding = left_padded(runs)
        start, length = self.used, ids.shape[1]
        if (lacking := start + length - self.blocked.shape[-1]) > 0:
            self.blocks = F.pad(self.blocks, (0, 0, 0, lacking + _SPARE))
            self.blocked = F.pad(self.blocked, (0, lacking + _SPARE))
        places = torch.arange(length)[None]
        absent = places < padding[:, None]
        self.blocked[:, 0, 0, start : start + length].masked_fill_(absent, float("-inf"))
        positions = (start - self.padding[:, None] + places - padding[:, None]).clamp(min=0)
        mask = self.blocked[..., : start + length].expand(-1, -1, length, -1).clone()
        mask[..., start:] += torch.full((length, length), float("-inf")).triu(1)
        # A column that does not count may look at itself, or its softmax would be of nothing.
        mask[..., start:].masked_fill_(torch.eye(length, dtype=torch.bool), 0.0)
        self.padding = self.padding + padding
        return self._forward(ids, positions, mask)

    def keep(self, rows: Tensor) -> None:
        self.blocks = self.blocks[:, :, rows]
        self.blocked, self.padding = self.blocked[rows], self.padding[rows]

    def _read(self, prompts: Sequence[tuple[int, ...]]) -> Iterator[tuple[tuple[int, ...], Tensor, Tensor]]:
        """Each prompt with its block of keys and values and its next logits; computed together."""
        self.used = 0
        self.padding = torch.zeros(len(prompts), dtype=torch.long)
        self._allocate(len(prompts), max(map(len, prompts)))
        logits = self.step(prompts)
        for row, prompt in enumerate(prompts):
            yield prompt, self.blocks[:, :, row, :, self.used - len(prompt) :].clone(), logits[row]

    def _allocate(self, rows: int, length: int) -> None:
        heads, size = self.config.num_attention_heads, self.config.head_dim
        shape = (2, len(self.weights.layers), rows, heads, length, size)
        self.blocks = torch.empty(shape, dtype=self.weights.embedding.dtype)
        self.blocked = torch.zeros(rows, 1, 1, length)

    def _forward(self, ids: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        eps = self.config.rms_norm_eps
        cos, sin = (part[positions][:, None] for part in self.table)
        x = F.embedding(ids, self.weights.embedding)
        end = self.used + ids.shape[1]
        for keys, values, w in zip(*self.blocks, self.weights.layers, strict=True):
            q, k, v = _project(x, w, cos, sin, eps)
            keys[:, :, self.used : end], values[:, :, self.used : end] = k, v
            attended = F.scaled_dot_product_attention(q, keys[:, :, :end], values[:, :, :end], attn_mask=mask)
            x = _mix(x, w, attended, eps)
        self.used = end
        last = F.rms_norm(x[:, -1], (x.shape[-1],), self.weights.last_norm, eps)
        return F.linear(last, self.weights.head)
