"""Wishes from labels that name a thing, tell what to do with one, or ask for something new."""

import pytest

from agents import wishes


@pytest.mark.parametrize(
    ("label", "value", "said", "unsaid"),
    [
        ("Set priority", "High", "change the priority to {value}", "set the set"),
        ("Assign to", "Yuki Tanabe", "assign it to {value}", "the assign"),
        ("Assign to", "Yuki Tanabe", "hand it to {value}", "assign to"),
        ("Review every", "6 months", "review it every {value}", "the review every"),
        ("Move to queue", "Facilities", "move it to the queue {value}", "move to queue"),
        ("New tag", "spare", "add the tag {value}", "new tag"),
        ("New section", "Sales", "change the section to {value}", "new section"),
        ("New name for Open hardware", "Free work", "rename Open hardware to {value}", "open hardware"),
        ("Quantity of Tote Bag", "4", "change the quantity of Tote Bag to {value}", "tote bag"),
    ],
)
def test_a_label_that_tells_what_to_do_is_said_as_doing_it(label: str, value: str, said: str, unsaid: str) -> None:
    made = wishes.changes(label, value)
    assert said in made
    assert not any(unsaid in one for one in made)
    assert all("{value}" in one for one in made)


def test_what_is_no_deed_is_not_said_as_one() -> None:
    assert all(" it " not in one for one in wishes.changes("Signed in", "Ada Vale"))
    assert wishes.changes("Due on", "2030-01-01") == () or all(
        "due it" not in one for one in wishes.changes("Due on", "x")
    )
    assert wishes.details("Assign to", "Ada Vale") == ()
    assert "with the tag {value}" in wishes.details("New tag", "spare")


def test_sending_is_said_by_what_the_button_makes() -> None:
    assert "publish a review" in wishes.submission("Publish review")
    assert "register a return" in wishes.submission("Register return")
    assert wishes.submission("Confirm") == ()
    assert wishes.submission("Add to cart") == ()
