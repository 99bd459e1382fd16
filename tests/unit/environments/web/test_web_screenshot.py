"""Numbered marks are drawn on the picture, around what can be acted on, inside the picture."""

from __future__ import annotations

from PIL import Image, ImageChops

from core.types import Element
from environments.web.screenshot import mark

WHITE = (255, 255, 255)


def changed(*elements: Element) -> tuple[int, int, int, int] | None:
    blank = Image.new("RGB", (200, 100), WHITE)
    return ImageChops.difference(mark(blank.copy(), elements), blank).getbbox()


def button(**more: object) -> Element:
    return Element.model_validate({"id": "e7", "role": "button", "interactive": True, **more})


def test_a_mark_is_near_its_element() -> None:
    box = changed(button(bounds=(50, 40, 30, 20)))
    assert box is not None
    assert box[0] == 50
    assert 15 <= box[1] < 40, "the label stands above"
    assert box[2:] == (81, 61)


def test_marks_stay_inside_the_picture() -> None:
    for bounds in ((-10, -10, 20, 15), (190, 90, 40, 40), (0, 0, 200, 100)):
        image = mark(Image.new("RGB", (200, 100), WHITE), [button(bounds=bounds)])
        colours = {pixel for _, pixel in image.getcolors(10_000) or []}
        assert (200, 30, 60) in colours, bounds


def test_only_what_can_be_acted_on_and_seen_is_marked() -> None:
    assert changed(Element(id="e1", role="text", bounds=(5, 40, 9, 9))) is None
    assert changed(button()) is None
    assert changed(button(bounds=(5, 40, 9, 9), states=("covered",))) is None
    assert changed(button(bounds=(5, 40, 9, 9), states=("offscreen",))) is None
