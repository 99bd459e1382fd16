"""Speech: natural wordings by the meaning of a label and the shape of a value, with the promised slots only."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import speech, wishes

LABELS = st.one_of(st.text(max_size=30), st.sampled_from([word for one in speech.MEANINGS for word in one.words]))
VALUES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["2 kg", "$12.50", "3 May 2024", "18:00", "Yes", "Mia Berg", "12", "90 min", "Open", "8 %"]),
)
KINDS = ("low", "high", "early", "late", "low_price", "high_price", "fewest", "most")


def slots(templates: tuple[str, ...]) -> set[str]:
    """The slots of templates; every brace belongs to one."""
    found = set(re.findall(r"\{(\w+)\}", " ".join(templates)))
    for template in templates:
        template.format(**dict.fromkeys(found, "x"))
    return found


@pytest.mark.parametrize(
    ("term", "value", "question"),
    [
        ("Weight", "2 kg", "how heavy is {record}?"),
        ("Price", "$4.00", "how much does {record} cost?"),
        ("Made in", "Italy", "in which country is {record} made?"),
        ("Owner", "Mia Berg", "who owns {record}?"),
        ("Assigned to", "Mia Berg", "who takes care of {record}?"),
        ("Created", "2024-05-01", "when was {record} created?"),
        ("Due date", "3 May 2024", "when is {record} due?"),
        ("Checked on", "3 May 2024", "when was {record} checked?"),
        ("Published", "2020", "in which year was {record} published?"),
        ("Written by", "Mia Berg", "who wrote {record}?"),
        ("Last checked by", "Mia Berg", "who last checked {record}?"),
        ("Last seen", "3 May 2024", "when was {record} last seen?"),
        ("Tested by", "Mia Berg", "who tested {record}?"),
        ("Length", "90 min", "how long does {record} take?"),
        ("Length", "2 m", "how long is {record}?"),
        ("Closes", "18:00", "at what time does {record} close?"),
        ("Stock", "12", "how many of {record} are left?"),
        ("Dishwasher safe", "Yes", "is {record} dishwasher safe?"),
        ("Accountant", "Mia Berg", "who is the accountant of {record}?"),
        ("Deposit", "$20", "how much is the deposit of {record}?"),
        ("Next service", "3 May 2024", "when is the next service of {record}?"),
        ("Colour", "Red", "what colour is {record}?"),
    ],
)
def test_facts_are_asked_for_by_their_meaning(term: str, value: str, question: str) -> None:
    assert question in speech.questions(term, value)


def test_a_narrower_fact_keeps_its_own_name() -> None:
    asked = speech.questions("Shipping cost", "$3")
    assert asked
    assert all("shipping cost" in one for one in asked)


def test_what_fits_nothing_is_not_asked() -> None:
    assert speech.questions("SKU", "AB-1") == ()
    assert speech.questions("Order number", "12") == ()
    assert speech.questions("Created", "by hand") == ()


def test_the_record_of_the_page_is_this() -> None:
    assert "how heavy is this one?" in speech.here_questions("Weight", "2 kg")
    assert "who owns this article?" in speech.here_questions("Owner", "Mia Berg", "article")
    assert "who is this assigned to?" in speech.here_questions("Assignee", "Mia Berg")


@pytest.mark.parametrize(
    ("term", "kind", "question"),
    [
        ("Price", "low_price", "which {noun} costs the least?"),
        ("Weight", "high", "which {noun} is the heaviest?"),
        ("Created", "late", "which {noun} is the newest?"),
        ("Checked", "early", "which {noun} was checked first?"),
        ("Due", "early", "which {noun} is due first?"),
        ("Seats", "most", "which {noun} has room for the most people?"),
        ("Distance", "low", "what is the nearest {noun}?"),
    ],
)
def test_extremes_have_words_of_their_own(term: str, kind: str, question: str) -> None:
    assert question in speech.extremes(term, kind)


def test_questions_go_into_sentences() -> None:
    assert speech.indirect("how heavy is {record}?") == "how heavy {record} is"
    assert speech.indirect("how much does {record} cost?") == "how much {record} costs"
    assert speech.indirect("who is {record} assigned to?") == "who {record} is assigned to"
    assert speech.indirect("who owns {record}?") == "who owns {record}"
    assert speech.indirect("is {record} vegetarian?") == ""


def test_labels_that_mean_the_same_are_alike() -> None:
    assert speech.alike("Price", "Cost")
    assert not speech.alike("Price", "Weight")
    assert not speech.alike("Widgets", "Widgets")


def test_labels_that_are_no_nouns_are_not_called_so() -> None:
    assert wishes.changes("I agree to the terms", "ticked") == ()
    assert "show" not in " ".join(wishes.changes("Show compact lists", "ticked"))
    assert all("due by" not in one for one in wishes.changes("Due by", "2028-01-01"))


def test_unknown_columns_have_no_extremes() -> None:
    assert speech.extremes("Widgets", "low") == ()


def test_counts_follow_the_column() -> None:
    assert "how many {nouns} are {value}?" in speech.counts("Status", "Closed")
    assert "how many {nouns} belong to {value}?" in speech.counts("Department", "Sales")
    assert speech.counts("Widgets", "Blue") == ()


@pytest.mark.parametrize(
    ("label", "command", "here"),
    [
        ("Add to cart", "put {record} in the cart", "put this in the cart"),
        ("Save to wish list", "add {record} to my wish list", "add it to my wish list"),
        ("Add to my list", "put {record} on the list", "put it on the list"),
        ("Watch", "keep an eye on {record}", "keep an eye on it"),
        ("Remove", "take {record} out", "take it out"),
        ("Remove from basket", "take {record} out of the basket", "take this out of the basket"),
        ("Cancel order", "call off the order {record}", "call off this order"),
        ("Mark as helpful", "mark {record} as helpful", "mark this as helpful"),
        ("Assign to me", "give {record} to me", "give it to me"),
        ("Start work", "start work on {record}", "start work on this"),
        ("Show details", "show me the details of {record}", "show me the details of this"),
        ("Close ticket", "the ticket {record} is done, close it", "close this ticket"),
        ("Save for later", "keep {record} for later", "keep it for later"),
        ("Set as default", "make {record} the default", "make this the default"),
    ],
)
def test_buttons_become_requests(label: str, command: str, here: str) -> None:
    assert command in speech.requests(label)
    assert here in speech.here_requests(label)


@pytest.mark.parametrize(
    "label", ["Log in", "Save changes", "Move to top", "Add to compare", "Show more", "View cart", "Frobnicate", ""]
)
def test_buttons_that_do_nothing_with_a_record_have_no_request(label: str) -> None:
    assert speech.requests(label) == ()


def test_fields_become_wishes() -> None:
    assert "make {value} the owner" in wishes.changes("Owner", "Mia Berg")
    assert "rename it to {value}" in wishes.changes("Title", "Red door")
    assert "change my phone number to {value}" in wishes.changes("Phone", "555 0199")
    assert "turn on compact lists" in wishes.changes("Compact lists", "ticked")
    assert "no newsletter" in wishes.changes("Newsletter", "unticked")
    assert "saying {value}" in wishes.details("Comment", "Well done")
    assert "with the colour {value}" in wishes.details("Colour", "Red")


def test_submissions_name_what_is_made() -> None:
    assert "create a ticket" in wishes.submission("Create ticket")
    assert "place an order" in wishes.submission("Place order")
    for label in ("Save changes", "Send", "Add to cart", "Sign up"):
        assert wishes.submission(label) == ()


@pytest.mark.parametrize(
    ("option", "order"),
    [
        ("Price, low to high", "by price, cheapest first"),
        ("Price: High to Low", "by price, most expensive first"),
        ("Newest first", "newest on top"),
        ("Name (A–Z)", "by name, from A to Z"),  # noqa: RUF001
        ("Name", "by name"),
        ("Most popular", "most popular first"),
        ("Lowest price first", "by price, cheapest first"),
        ("Distance: nearest first", "by distance, nearest first"),
        ("Alphabetical", "from A to Z"),
        ("Weight ascending", "by weight, lightest first"),
    ],
)
def test_orders_say_what_comes_first(option: str, order: str) -> None:
    assert order in speech.orders(option)


def test_opposite_orders_are_never_the_same() -> None:
    for low, high in (("Price, low to high", "Price, high to low"), ("Oldest first", "Newest first"), ("A-Z", "Z-A")):
        assert speech.orders(low)
        assert not set(speech.orders(low)) & set(speech.orders(high))


def test_filters_say_what_is_left() -> None:
    assert "the ones in stock" in speech.only("In stock only", "")
    assert "the ones that are {option}" in speech.only("Status", "Closed")
    assert "the ones by {option}" in speech.only("Brand", "Acme")
    assert speech.only("Status", "All") == ()


def test_nouns_come_from_headings() -> None:
    assert tuple(speech.nouns(["All tickets", "Books", "News", "Welcome to the shop", "Categories"])) == (
        "ticket",
        "book",
        "category",
    )
    assert speech.plural("entry") == "entries"
    assert speech.plural("box") == "boxes"


@given(LABELS, VALUES)
def test_only_the_promised_slots(label: str, value: str) -> None:
    assert slots(speech.questions(label, value)) <= {"record"}
    assert slots(speech.here_questions(label, value, "thing")) == set()
    assert slots(speech.requests(label)) <= {"record"}
    assert slots(speech.here_requests(label)) == set()
    assert slots(wishes.changes(label, value)) <= {"value"}
    assert slots(wishes.details(label, value)) <= {"value"}
    assert slots(speech.only(label, value)) <= {"option"}
    assert slots(speech.orders(label)) == set()
    assert slots(wishes.submission(label)) == set()
    assert slots(speech.counts(label, value)) <= {"nouns", "value"}
    for kind in KINDS:
        assert slots(speech.extremes(label, kind)) <= {"noun"}


@given(LABELS, VALUES)
def test_every_question_names_its_record(label: str, value: str) -> None:
    assert all(one.count("{record}") == 1 for one in speech.questions(label, value))
    assert all("{record}" in one for one in speech.requests(label))
