"""A Hugging Face causal language model as the trainer sees it: log-probabilities of the trained tokens.

The transformer runs over every token, the vocabulary head only where a trained token is predicted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from torch import Tensor

from core.errors import ConfigError
from core.loading import ALONE
from training import losses
from training.batches import Batch

NEVER = -1e9  # not -inf, whose product with a probability of 0 is no number


class TokenStatistics(NamedTuple):
    """Per trained token, in the batch's order: log-probability at its temperature, and entropy in nats there."""

    logprobs: Tensor
    entropy: Tensor


def load(folder: Path) -> Any:
    """The model of a Hugging Face folder in float32 with dropout off; raises `ConfigError`."""
    if not (folder / "config.json").is_file():
        raise ConfigError(f"'{folder}' is not a model folder: it has no config.json")
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        with ALONE:
            model = AutoModelForCausalLM.from_pretrained(
                folder, dtype=torch.float32, attn_implementation="sdpa", local_files_only=True
            )
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise ConfigError(f"'{folder}' cannot be loaded as a causal language model: {error}") from error
    if not hasattr(model, "model") or not hasattr(model, "lm_head"):
        raise ConfigError(f"'{folder}' is a {type(model).__name__}; trained are models with `model` and `lm_head`")
    model.eval()  # type: ignore[no-untyped-call]
    return model


def can_share_prefixes(model: Any) -> bool:
    """Whether a mask of our own means what it says: every layer is full attention."""
    kinds = getattr(model.config, "layer_types", None)
    if kinds:
        return all(kind == "full_attention" for kind in kinds)
    return not getattr(model.config, "sliding_window", None)


def token_statistics(model: Any, batch: Batch, *, entropy_gradient: bool = False) -> TokenStatistics:
    """Log-probability and entropy of each trained token; the entropy is detached unless asked for."""
    hidden = model.model(
        input_ids=batch.input_ids,
        attention_mask=batch.mask,
        position_ids=batch.position_ids,
        use_cache=False,
    ).last_hidden_state
    logits = model.lm_head(hidden.flatten(0, 1)[batch.source]) / batch.temperatures[:, None]
    if batch.choices is not None:
        logits = logits.masked_fill(excluded(batch.choices, logits), NEVER)
    chosen = logits.gather(1, batch.targets[:, None]).squeeze(1)
    logprobs = chosen - logits.logsumexp(dim=-1)
    with torch.set_grad_enabled(entropy_gradient and torch.is_grad_enabled()):
        return TokenStatistics(logprobs, losses.entropy(logits))


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
