"""Texts as vectors, to find proposals that say again what was said before."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import Protocol

from core.checks import fold


class Embedder(Protocol):
    """Turns texts into vectors of one length; similar meanings have a cosine near 1."""

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector for each text, in order."""
        ...


class HashingEmbedder:
    """Counts of character n-grams, hashed into `size` cells with a sign (Weinberger et al. 2009), of length 1.

    It knows spelling, not meaning: other words for the same wish are far apart.
    """

    def __init__(self, size: int = 1024, lengths: Sequence[int] = (3, 4)) -> None:
        self.size = size
        self.lengths = tuple(lengths)

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector for each text; all zeros for a text without letters or digits."""
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        words = "".join(c if c.isalnum() else " " for c in fold(text)).split()
        cells = [0.0] * self.size
        if words:
            line = f" {' '.join(words)} "
            for length in self.lengths:
                for at in range(len(line) - length + 1):
                    # Not `hash`, which differs from process to process.
                    code = zlib.crc32(line[at : at + length].encode("utf-8", "replace"))
                    cells[(code >> 1) % self.size] += 1.0 if code & 1 else -1.0
        norm = math.sqrt(sum(cell * cell for cell in cells))
        return [cell / norm for cell in cells] if norm else cells


class Nearness:
    """Which of the texts named so far is nearest to another."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._texts: list[str] = []
        self._vectors: list[Sequence[float]] = []

    def add(self, texts: Sequence[str]) -> None:
        """Name texts."""
        if texts:
            self._vectors += self._embedder.embed(texts)
            self._texts += texts

    def nearest(self, text: str) -> tuple[str, float]:
        """The nearest text and its cosine; ("", 0) where none is named."""
        if not self._texts:
            return "", 0.0
        vector = self._embedder.embed([text])[0]
        best = max(range(len(self._texts)), key=lambda at: cosine(vector, self._vectors[at]))
        return self._texts[best], cosine(vector, self._vectors[best])


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """The cosine of two vectors' angle, 0 where one of them has no direction."""
    norms = math.sqrt(sum(a * a for a in one)) * math.sqrt(sum(b * b for b in other))
    return sum(a * b for a, b in zip(one, other, strict=True)) / norms if norms else 0.0
