"""How many tokens a text has where no tokenizer is at hand."""

from __future__ import annotations

_BYTES_PER_TOKEN = 4


def estimate(text: str) -> int:
    """By rule of thumb: a token in 4 bytes, rounded up."""
    return -(-len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN)
