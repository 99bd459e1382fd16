"""How well the threshold for duplicates tells the same task in other words from another task in nearly the same words.

`instruction_pairs.tsv` has two splits of pairs made by hand: the embedder's weights and the threshold were chosen on
`fit`; `check` was written afterwards and only looked at. At 0.95, no pair that differs in an argument or more counts as
the same (0 of 40 and 0 of 16, so at most about one in twenty), and of rewordings 9 of 20 and 3 of 8 are caught.
Rewordings with other words for the same thing are not; a single word among twenty or more may be overlooked.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.llm.embedding import HashingEmbedder, cosine
from core.config import LanguageProposerConfig

THRESHOLD = LanguageProposerConfig().duplicate
PAIRS = [
    line.split("\t")
    for line in Path(__file__).with_name("instruction_pairs.tsv").read_text(encoding="utf-8").splitlines()
]


def counted(split: str, kind: str) -> tuple[int, int]:
    """How many pairs of a kind count as the same, and how many there are."""
    texts = [(one, other) for its_split, its_kind, one, other in PAIRS if (its_split, its_kind) == (split, kind)]
    vectors = [HashingEmbedder().embed(pair) for pair in texts]
    return sum(cosine(*pair) >= THRESHOLD for pair in vectors), len(texts)


@pytest.mark.parametrize("split", ["fit", "check"])
@pytest.mark.parametrize("kind", ["argument", "different"])
def test_what_differs_in_an_argument_or_more_is_another_task(split: str, kind: str) -> None:
    assert counted(split, kind) == (0, 20 if split == "fit" else 8)


def test_of_rewordings_the_plain_ones_are_caught() -> None:
    assert counted("fit", "same") == (9, 20)
    assert counted("check", "same") == (3, 8)


def test_no_pair_is_listed_twice() -> None:
    assert len({(one, other) for _, _, one, other in PAIRS}) == len(PAIRS) == 84
