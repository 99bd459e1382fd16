"""Wordings fit together: slots are filled, what people say leads to what the page says, records stay unambiguous."""

import re
import string
from collections import Counter
from itertools import chain
from random import Random

import pytest

from pretraining import concepts, lexicon, wordings
from pretraining.environment import made
from pretraining.examples import Difficulty
from pretraining.tasks import FAMILIES
from pretraining.website import Website, amount


def _slots(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_wordings_of_concepts_name_the_record_or_the_value() -> None:
    for concept in chain(concepts.NUMERIC, concepts.TEXTUAL, concepts.ENTRIES):
        assert all("x" in _slots(ask) <= {"x", "n"} and ask.endswith("?") for ask in concept.asks)
        assert all("v" in _slots(change) <= {"x", "v"} for change in concept.changes)
        assert not any(_slots(text) for text in (*concept.labels, *concept.words, *concept.most, *concept.least))
    assert all(bool(concept.most) == bool(concept.least) for concept in concepts.NUMERIC)


def test_wordings_of_buttons_name_the_record_and_say_something_else_than_their_label() -> None:
    for (on, off), (ons, offs) in lexicon.SWITCHES.items():
        assert ons, on
        assert all(_slots(text) == {"x"} for text in (*ons, *offs)), (on, off)
    for _, label, _, says in lexicon.QUICK:
        assert label in lexicon.QUICK_KINDS
        assert all(_slots(text) == {"x", "v"} for text in says)


@pytest.mark.parametrize("kind", sorted({c.kind for c in (*concepts.NUMERIC, *concepts.TEXTUAL, *concepts.ENTRIES)}))
def test_every_kind_of_value_can_be_made_up_and_fits_on_a_line(kind: str) -> None:
    made = [lexicon.of_kind(Random(i), kind, 0.4, i % 4) for i in range(40)]
    assert all(made)
    assert max(map(len, made)) <= 160
    assert len(set(made)) > 3


def test_days_and_measures_are_sorted_by_what_they_say() -> None:
    assert amount("2024-05-12") < amount("2024-11-02")
    assert amount("12.5 m²") == 12.5
    assert amount("€3.95") < amount("4 kg")


def test_a_record_is_never_called_what_another_one_is_called_too() -> None:
    for seed in range(200):
        rng = Random(seed)
        site = Website(rng, pseudo=0.4)
        index = rng.randrange(len(site.records))
        called = wordings.mention(site, index, rng)
        words = set(called.query.lower().split())
        assert called.query in called.text or called.query.lower() in called.text.lower()
        others = [r for i, r in enumerate(site.records) if i != index and words <= set(r.name.lower().split())]
        assert not others or called.query == site.records[index].name


def test_instructions_have_no_seams_and_mostly_no_quotes() -> None:
    quoted: list[bool] = []
    for seed in range(600):
        _, exercise = made(seed, seed, Difficulty())
        assert not re.search(r"[{}]|\?\.|\.\.|\b(the|my) (the|my) |  ", exercise.instruction), exercise.instruction
        quoted.append('"' in exercise.instruction)
    assert sum(quoted) < 0.35 * len(quoted)


def test_every_family_has_its_share() -> None:
    families = Counter(made(seed, seed, Difficulty())[1].family for seed in range(1500))
    assert set(families) == {*FAMILIES, "compose"}
    assert min(families.values()) > 0.03 * 1500
    assert max(families.values()) < 0.3 * 1500
