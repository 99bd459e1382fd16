"""Wordings: many, brief, with every name and value as on the site."""

import random

import pytest

from agents.explorer import phrasing
from agents.explorer.phrasing import CHOSEN, TICKED, Clause

CLAUSES = [
    [Clause("open", {"name": "Blue Door"})],
    [Clause("open2", {"name": "Blue Door", "via": "Doors"})],
    [Clause("find", {"query": "door", "name": "Blue Door"})],
    [Clause("fact", {"term": "Weight", "record": "Blue Door"})],
    [Clause("open", {"name": "Doors"}), Clause("low_price", {"column": "Price"})],
    [Clause("fill", {"submit": "Send"}, (("Title", "Quiet river"), ("Kind", "Bug")))],
    [Clause("change", {"submit": "Save"}, (("Nickname", "brisk"),))],
    [Clause("press_for", {"button": "Reserve", "record": "Blue Door"})],
    [Clause("count", {"column": "Status", "value": "Open"})],
]


def wordings(clauses: list[Clause], number: int = 60) -> set[str]:
    return {phrasing.instruction(clauses, random.Random(seed)) for seed in range(number)}


@pytest.mark.parametrize("clauses", CLAUSES, ids=lambda clauses: "+".join(clause.kind for clause in clauses))
def test_every_wording_names_everything_and_is_brief(clauses: list[Clause]) -> None:
    found = wordings(clauses)
    assert len(found) >= 8
    for text in found:
        assert 2 <= len(text.split()) <= phrasing.LONGEST
        assert text[0] == text[0].upper()
        assert text[-1] in ".?!"
        assert "{" not in text
        for clause in clauses:
            named = [
                clause.slots[key] for key in ("name", "query", "record", "button", "submit") if key in clause.slots
            ]
            for value in [*named, *(part for pair in clause.pairs for part in pair)]:
                assert value.casefold() in text.casefold()


def test_questions_and_commands_and_quotes_vary() -> None:
    found = wordings(CLAUSES[3], 200)
    assert any(text.endswith("?") for text in found)
    assert any(text.endswith(".") for text in found)
    assert any('"Blue Door"' in text for text in found)
    assert any('"' not in text and "'" not in text for text in found)


def test_the_same_seed_says_the_same() -> None:
    assert wordings(CLAUSES[5], 5) == wordings(CLAUSES[5], 5)


def test_what_cannot_be_said_briefly_is_not_said() -> None:
    pairs = tuple((f"A rather long field name {at}", "with a long value of many words") for at in range(5))
    assert phrasing.instruction([Clause("fill", {"submit": "Send"}, pairs)], random.Random(0)) == ""


def test_ticks_have_no_value() -> None:
    pairs = (("Title", "Quiet river"), ("Urgent", TICKED), ("Weekly", CHOSEN))
    for text in wordings([Clause("fill", {"submit": "Send"}, pairs)]):
        assert "icked" in text
        assert "with ticked" not in text


def test_similarity_ignores_filler() -> None:
    one, other = phrasing.content('Please open "Blue Door".'), phrasing.content("Go to the page Blue Door")
    assert phrasing.similarity(one, other) == 1
    assert phrasing.similarity(one, phrasing.content("Open Red Door")) < 0.6
