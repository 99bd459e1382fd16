"""Text that spells one of a model's special tokens, taken apart before it is tokenised.

Pages, and whoever writes on them, are not to end a turn, begin another or show pictures of their own: the tokenizers
of most models make a special token of its spelling wherever it stands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any


class Disarm:
    """Puts a blank into every spelling of a special token: `<|end|>` becomes `< |end|>`."""

    def __init__(self, special: Iterable[str]) -> None:
        longest_first = sorted((token for token in special if len(token) > 1), key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    @classmethod
    def of(cls, folder: Path) -> Disarm:
        """What the tokenizer in a model's folder makes special tokens of; none where its files do not tell."""
        listed: list[Any] = _json(folder / "tokenizer.json").get("added_tokens") or []
        decoder: dict[str, Any] = _json(folder / "tokenizer_config.json").get("added_tokens_decoder") or {}
        return cls(one["content"] for one in [*listed, *decoder.values()] if one.get("special"))

    def __call__(self, text: str) -> str:
        return self._special.sub(lambda found: f"{found[0][:1]} {found[0][1:]}", text)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # whoever loads the tokenizer says what is wrong
    return found if isinstance(found, dict) else {}
