"""Wordings: many, brief, with every name and value as on the site."""

import random
import re

import pytest

from agents.explorer import phrasing
from agents.explorer.clauses import CHOSEN, TICKED, Clause

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
            named = [clause.slots[key] for key in ("name", "query", "record", "value") if key in clause.slots]
            for value in [*named, *(value for _, value in clause.pairs)]:
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


@pytest.mark.parametrize(
    ("clauses", "said"),
    [
        (
            [Clause("fact", {"term": "Weight", "record": "Blue Door", "value": "2 kg"})],
            "How heavy is Blue Door?",
        ),
        ([Clause("here_fact", {"term": "Owner", "value": "Mia", "noun": "article"})], "Who owns this article?"),
        (
            [Clause("open", {"name": "Blue Door"}), Clause("its_fact", {"term": "Weight", "value": "2 kg"})],
            "Find Blue Door and tell me how heavy it is.",
        ),
        (
            [Clause("find_same", {"name": "Blue Door"}), Clause("press", {"button": "Add to cart", "here": ""})],
            "Find Blue Door and put it in the cart.",
        ),
        ([Clause("press", {"button": "Add to cart", "here": "", "noun": "tent"})], "Put this tent in the cart."),
        (
            [Clause("press_for", {"button": "Add to wish list", "record": "Blue Door"})],
            "Put Blue Door on the wish list.",
        ),
        ([Clause("press", {"button": "Remove Blue Door", "of": "Blue Door"})], "Take Blue Door out."),
        ([Clause("low_price", {"column": "Price", "noun": "tent"})], "Which tent costs the least?"),
        ([Clause("count", {"column": "Status", "value": "Closed", "noun": "ticket"})], "How many tickets are closed?"),
        (
            [Clause("sort", {"control": "Sort", "option": "Price, low to high"})],
            "Sort the list by price, cheapest first.",
        ),
        ([Clause("filter", {"control": "Category", "option": "Hardware"})], "Show only Hardware."),
        ([Clause("tick", {"control": "In stock only", "option": "In stock only"})], "Show only the ones in stock."),
        ([Clause("change", {"submit": "Save"}, (("Phone", "555 0199"),))], "Change my phone number to 555 0199."),
        ([Clause("change", {"submit": "Save", "here": ""}, (("Title", "Red"),))], "Rename this to Red."),
        ([Clause("pick", {"submit": "Save"}, (("Compact lists", TICKED),))], "Turn on compact lists."),
        ([Clause("fill", {"submit": "Send", "here": ""}, (("Comment", "It leaks"),))], "Comment on this: It leaks."),
        (
            [Clause("fill", {"submit": "Create ticket"}, (("Message", "It leaks"), ("Priority", "High")))],
            "Create a ticket with the priority High, saying It leaks.",
        ),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_it_is_said_as_people_say_it(clauses: list[Clause], said: str) -> None:
    assert said in wordings(clauses, 1500)


def test_about_half_is_natural_and_most_names_are_bare() -> None:
    clauses = [Clause("fact", {"term": "Weight", "record": "Fell Lite 2 (green)", "value": "2 kg"})]
    found = [phrasing.instruction(clauses, random.Random(seed)) for seed in range(400)]
    assert 120 < sum("eight" not in text for text in found) < 280
    assert 180 < sum('"Fell' not in text and "'" not in text for text in found) < 300


def test_what_only_labels_tell_apart_is_said_by_its_label() -> None:
    clauses = [Clause("fact", {"term": "Price", "record": "Blue Door", "value": "$2", "plain": "yes"})]
    assert all("price" in text.casefold() for text in wordings(clauses, 200))


def test_without_a_record_in_sight_a_button_is_named() -> None:
    assert all("add to cart" in text.casefold() for text in wordings([Clause("press", {"button": "Add to cart"})], 200))
    led = [Clause("open", {"name": "Tents"}), Clause("press", {"button": "Add to cart"})]
    assert all("add to cart" in text.casefold() for text in wordings(led, 200))


def test_marks_that_would_be_mistaken_for_the_sentence_are_quoted() -> None:
    for name in ("Who am I?", "Stop!", "End.", "One; two"):
        for text in wordings([Clause("open", {"name": name})], 100):
            assert f'"{name}"' in text or f"'{name}'" in text


def test_a_long_value_among_others_is_quoted() -> None:
    pairs = (("Summary", "Tea and cake with jam"), ("Priority", "High"))
    for text in wordings([Clause("fill", {"submit": "Create ticket"}, pairs)], 200):
        assert '"Tea and cake with jam"' in text or "'Tea and cake with jam'" in text


def test_a_button_for_the_record_is_said_with_the_options_that_were_chosen() -> None:
    slots = {"submit": "Add to basket", "here": "", "noun": "door", "owner": "Blue Door"}
    clauses = [Clause("fill", slots, (("Size", "M"), ("Navy", CHOSEN), ("Quantity", "4")))]
    found = wordings(clauses, 300)
    natural = {text for text in found if "Add to basket" not in text}
    assert any("Blue Door" in text for text in natural)
    assert any("this door" in text for text in natural)
    assert any("in Navy" in text for text in natural)
    for text in found:
        for value in ("M", "Navy", "4"):
            assert value in re.findall(r"\w+", text)
