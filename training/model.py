"""A Hugging Face causal language model as the trainer sees it: log-probabilities of the trained tokens.

The transformer runs over every token, the vocabulary head only where a trained token is predicted, and over a
bounded number of these at a time: logits over a large vocabulary are what fills a GPU first.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from core.errors import ConfigError
from core.loading import ALONE
from core.vision import FAMILIES, is_vision, positions, unwritable
from training import losses
from training.batches import Batch

NEVER = -1e9  # not -inf, whose product with a probability of 0 is no number
_LOGITS = 2**25  # at once: 128 MiB in float32, of which a backward pass needs a few


class TokenStatistics(NamedTuple):
    """Per trained token, in the batch's order: log-probability at its temperature, and entropy in nats there."""

    logprobs: Tensor
    entropy: Tensor


def load(folder: Path, *, dtype: torch.dtype = torch.float32) -> Any:
    """The model of a Hugging Face folder with dropout off; raises `ConfigError`.

    Of a vision-language model the vision tower stays as it is: what it sees is not what is learned here.
    """
    if not (folder / "config.json").is_file():
        raise ConfigError(f"'{folder}' is not a model folder: it has no config.json")
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText
    from transformers.utils import logging

    sees = is_vision(folder)
    kind: Any = AutoModelForImageTextToText if sees else AutoModelForCausalLM

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        with ALONE:
            model = kind.from_pretrained(folder, dtype=dtype, attn_implementation="sdpa", local_files_only=True)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        name = "vision-language" if sees else "causal language"
        raise ConfigError(f"'{folder}' cannot be loaded as a {name} model: {error}") from error
    if not hasattr(model, "model") or not hasattr(model, "lm_head"):
        raise ConfigError(f"'{folder}' is a {type(model).__name__}; trained are models with `model` and `lm_head`")
    if sees:
        model.model.visual.requires_grad_(False)
    model.eval()
    return model


def sees(model: Any) -> bool:
    """Whether this is a vision-language model."""
    return model.config.model_type in FAMILIES


def recompute_activations(model: Any) -> None:
    """Keep each block's input alone for the backward pass, and compute the rest again: less memory, more time.

    Transformers does so in training mode only, which would also turn dropout on.
    """
    model.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})
    model.train()
    for module in model.modules():
        for name in ("p", "attention_dropout", "dropout"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)


def can_share_prefixes(model: Any) -> bool:
    """Whether a mask of our own means what it says: every layer is full attention, and places are a mere count."""
    if sees(model):
        return False
    kinds = getattr(model.config, "layer_types", None)
    if kinds:
        return all(kind == "full_attention" for kind in kinds)
    return not getattr(model.config, "sliding_window", None)


def token_statistics(model: Any, batch: Batch, *, entropy_gradient: bool = False) -> TokenStatistics:
    """Log-probability and entropy of each trained token; the entropy is detached unless asked for."""
    hidden = _hidden(model, batch).flatten(0, 1)[batch.source]
    never = unwritable(model.config) if sees(model) else ()

    def read(first: int, last: int) -> TokenStatistics:
        logits = model.lm_head(hidden[first:last]).float() / batch.temperatures[first:last, None]
        if never:
            logits = logits.index_fill(1, torch.tensor(never, device=logits.device), NEVER)
        if batch.choices is not None:
            rows, tokens = batch.choices
            here = (rows >= first) & (rows < last)
            logits = logits.masked_fill(excluded((rows[here] - first, tokens[here]), logits), NEVER)
        chosen = logits.gather(1, batch.targets[first:last, None]).squeeze(1)
        logprobs = chosen - logits.logsumexp(dim=-1)
        with torch.set_grad_enabled(entropy_gradient and torch.is_grad_enabled()):
            return TokenStatistics(logprobs, losses.entropy(logits))

    step = max(1, _LOGITS // model.config.get_text_config().vocab_size)
    if batch.tokens <= step:
        return read(0, batch.tokens)
    # Not kept until the backward pass, which computes them again, a part at a time.
    parts = [
        checkpoint(read, first, min(first + step, batch.tokens), use_reentrant=False)
        for first in range(0, batch.tokens, step)
    ]
    return TokenStatistics(*(torch.cat(columns) for columns in zip(*parts, strict=True)))


def _hidden(model: Any, batch: Batch) -> Tensor:
    """(B, T, hidden width): what the transformer says at each token."""
    settings: dict[str, Any] = {"attention_mask": batch.mask, "position_ids": batch.position_ids}
    if sees(model):
        assert batch.counts is not None
        pixels = batch.pixels
        where, _ = positions(model, batch.input_ids, batch.counts, None if pixels is None else pixels.grid)
        settings = {"attention_mask": batch.counts, "position_ids": where}
        if pixels is not None:
            settings |= {"pixel_values": pixels.patches, "image_grid_thw": pixels.grid}
    hidden: Tensor = model.model(input_ids=batch.input_ids, use_cache=False, **settings).last_hidden_state
    return hidden


def excluded(choices: tuple[Tensor, Tensor], logits: Tensor) -> Tensor:
    """True where a token could not have been drawn; rows without choices could draw any."""
    rows, tokens = choices
    out = torch.zeros_like(logits, dtype=torch.bool)
    out[rows] = True
    out[rows, tokens] = False
    return out


def token_logprobs(model: Any, batch: Batch) -> Tensor:
    """(N,) natural log-probabilities of the batch's trained tokens at their recorded temperatures."""
    return token_statistics(model, batch).logprobs
