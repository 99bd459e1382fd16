"""Texts as vectors, to find proposals that say again what was said before."""

from __future__ import annotations

import math
import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol

_WORD = re.compile(r"[^\W_]+")
_GRAMS = 0.15  # share of the n-grams; the rest are words
_POINTED, _CONTENT, _IDLE = 1.5, 1.0, 0.15  # numbers, names, negations; other words; those that only ask
_COUNTED = _WORD.findall("two three four five six seven eight nine ten")
_NUMBERS = {name: str(number) for number, name in enumerate(_COUNTED, 2)}
_NEGATIONS = frozenset({"off", "no", "not", "without", "never"})
_ASKING = frozenset(
    _WORD.findall(
        "a an and are as at be by can could do does find for from give go have i in into is it its kindly let like me "
        "my need now of on out please show so tell that the then there this to us want was were what which who will "
        "with would you your"
    )
)


class Embedder(Protocol):
    """Turns texts into vectors of one length; similar meanings have a cosine near 1."""

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector for each text, in order."""
        ...


class HashingEmbedder:
    """Words and character n-grams, hashed into `size` cells with a sign (Weinberger et al. 2009), of length 1.

    Content words count most, and numbers, names and negations more than others: what differs in one of them is
    another task. Of words that say how something is asked for, and of n-grams, which forgive a misspelling, less is
    left. It knows spelling, not meaning: other words for the same wish are far apart.
    """

    def __init__(self, size: int = 2048, lengths: Sequence[int] = (3, 4)) -> None:
        self.size = size
        self.lengths = tuple(lengths)

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector for each text; all zeros for a text without letters or digits."""
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        words = _WORD.findall(unicodedata.normalize("NFKC", text))
        line = f" {' '.join(word.casefold() for word in words)} "
        grams: Counter[str] = Counter(
            line[at : at + length] for length in self.lengths for at in range(len(line) - length + 1)
        )
        parts = ((_GRAMS, grams if words else {}), (1 - _GRAMS, _weighed(words)))
        return _unit([sum(cells) for cells in zip(*(self._hashed(share, part) for share, part in parts), strict=True)])

    def _hashed(self, share: float, features: Mapping[str, float]) -> list[float]:
        """The features as a vector of which the square of the length is `share`."""
        cells = [0.0] * self.size
        for name, weight in features.items():
            # Not `hash`, which differs from process to process.
            code = zlib.crc32(name.encode("utf-8", "replace"))
            cells[(code >> 1) % self.size] += weight if code & 1 else -weight
        return [cell * math.sqrt(share) for cell in _unit(cells)]


def _weighed(words: Sequence[str]) -> dict[str, float]:
    """What is said, by how much it matters, each once; "from" and "to" go with what follows them."""
    found: dict[str, float] = {}
    way = ""
    for at, word in enumerate(words):
        plain = word.casefold()
        plain = _NUMBERS.get(plain, plain)
        if plain in ("from", "to"):
            way = plain
        weight = _IDLE if plain in _ASKING else _CONTENT
        if plain.isdigit() or plain in _NEGATIONS or (at and word[0].isupper() and weight == _CONTENT):
            weight = _POINTED
        stem = plain[:-1] if len(plain) > 3 and plain.endswith("s") and not plain.endswith("ss") else plain
        found[f"word {stem}"] = weight
        if way and weight > _IDLE:
            found[f"{way} {stem}"] = _CONTENT
            way = ""
    return found


def _unit(cells: list[float]) -> list[float]:
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

    def remove(self, text: str) -> None:
        """Forget a text that was named; the last time that it was."""
        at = len(self._texts) - 1 - self._texts[::-1].index(text)
        del self._texts[at], self._vectors[at]

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
