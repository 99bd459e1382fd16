"""Which element an action means, and what is said when there is none."""

from __future__ import annotations

import pytest

from core.actions import Target
from core.errors import ActionError
from core.types import Element
from environments.web.targets import closest, resolve

LONG = "a very long name " * 8

PAGE = (
    Element(id="e1", role="button", name="Add to cart", nth=1, interactive=True),
    Element(id="e2", role="button", name="add  to Cart", nth=2, interactive=True),
    Element(id="e3", role="link", name="Cart (3)", interactive=True),
    Element(id="e4", role="textbox", name="", interactive=True),
    Element(id="e5", role="link", name=LONG.strip(), interactive=True),
)


@pytest.mark.parametrize(
    ("target", "element"),
    [
        (Target(id="e3"), "e3"),
        (Target(role="button", name="ADD TO CART"), "e1"),
        (Target(role="button", name="Add to  cart", nth=2), "e2"),
        (Target(role="textbox", name=""), "e4"),
        (Target(role="link", name=LONG[:80].strip()), "e5"),
    ],
)
def test_elements_are_found_by_id_or_by_role_and_name(target: Target, element: str) -> None:
    assert resolve(target, PAGE).id == element


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (Target(id="e9"), "no element [e9]"),
        (Target(role="button", name="Add a thing"), '"Add to cart"'),
        (Target(role="button", name="Add to cart", nth=3), "are only 2 button"),
        (Target(role="checkbox", name="Cart (3)"), '"Cart (3)" is a link'),
        (Target(role="slider", name="Volume"), "nor any other slider"),
    ],
)
def test_the_nearest_are_named_when_there_is_none(target: Target, words: str) -> None:
    with pytest.raises(ActionError) as caught:
        resolve(target, PAGE)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("target", "element"),
    [
        (Target(role="button", name="Add to card"), "e1"),
        (Target(role="button", name="Cart (3)"), "e3"),
        (Target(role="link", name="cart (8)"), "e3"),
    ],
)
def test_a_name_or_role_that_is_nearly_right_is_understood(target: Target, element: str) -> None:
    assert resolve(target, PAGE).id == element


def test_what_is_close_to_two_names_means_neither() -> None:
    pair = (
        Element(id="e1", role="button", name="Remove lamp A", interactive=True),
        Element(id="e2", role="button", name="Remove lamp B", interactive=True),
    )
    with pytest.raises(ActionError):
        resolve(Target(role="button", name="Remove lamp"), pair)
    assert closest("remove lamp", ["Remove lamp A", "Remove lamp B"]) is None
    assert closest("campfire down west", ["Campfire Down Vest", "Summit Door Mat"]) == 0
    assert closest("vest", ["Campfire Down Vest"]) is None
    assert closest("x", []) is None


def test_only_what_can_be_acted_on_is_meant() -> None:
    page = (Element(id="e1", role="link", name="Add to cart"), Element(id="e2", role="heading", name="Carts"))
    with pytest.raises(ActionError):
        resolve(Target(role="link", name="Add to card"), page)
