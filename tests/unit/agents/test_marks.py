"""Marks on pictures: inside them, apart from each other, on what can be used and seen, and always the same."""

from __future__ import annotations

import io
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw

from agents.marks import Ink, Mark, mark, place
from core.errors import EnvironmentFault
from core.types import Element

WHITE = (255, 255, 255)
Bounds = tuple[int, int, int, int]


def button(bounds: Bounds | None, number: int = 7, **more: object) -> Element:
    return Element.model_validate({"id": f"e{number}", "role": "button", "interactive": True, "bounds": bounds, **more})


def page(width: int = 400, height: int = 300, *texts: tuple[int, int, str]) -> bytes:
    image = Image.new("RGB", (width, height), WHITE)
    for x, y, text in texts:
        ImageDraw.Draw(image).text((x, y), text, fill=(0, 0, 0))
    written = io.BytesIO()
    image.save(written, "WEBP", lossless=True)
    return written.getvalue()


def placed(elements: list[Element], width: int = 400, height: int = 300) -> list[Mark]:
    return place(elements, Ink(Image.new("RGB", (width, height), WHITE)))


def overlap(a: Bounds, b: Bounds) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def test_marks_are_on_what_can_be_used_and_seen() -> None:
    there = (50, 40, 60, 20)
    elements = [
        button(there, 1),
        button(there, 2, interactive=False),
        button(None, 3),
        button((50, 90, 60, 1), 4),
        button((500, 40, 60, 20), 5),
        button((50, -30, 60, 20), 6),
        *(button(there, 10 + n, states=(s,)) for n, s in enumerate(("covered", "offscreen", "hidden", "disabled"))),
    ]
    assert mark(page(), elements, width=400).ids == ("e1",)


def test_a_label_is_by_its_element() -> None:
    (one,) = placed([button((50, 40, 60, 20))])
    assert one.box == (48, 38, 112, 62)
    assert one.label[3] == one.box[1], "right above it"
    assert one.label[0] == one.box[0]


def test_a_label_hides_no_words_where_it_need_not() -> None:
    data = page(400, 300, (50, 22, "Name of the field"))
    with Image.open(io.BytesIO(data)) as image:
        ink = Ink(image)
    (one,) = place([button((50, 40, 200, 20))], ink)
    assert ink((50, 22, 150, 36)) > 0
    assert ink(one.label) == 0


def test_no_labels_overlap_on_a_page_of_eighty_elements() -> None:
    for wide, high in ((100, 40), (60, 18), (20, 15)):
        columns = [(x, y) for y in range(10) for x in range(8)]
        elements = [button((12 + x * 120, 14 + y * 68, wide, high), n) for n, (x, y) in enumerate(columns)]
        marks = placed(elements, 1024, 720)
        assert len(marks) == 80
        assert not any(overlap(a.label, b.label) for a, b in itertools.combinations(marks, 2))


def test_no_labels_overlap_in_a_dense_list_of_eighty_links() -> None:
    elements = [button((20 + 330 * (n // 27), 10 + 22 * (n % 27), 150, 16), n) for n in range(80)]
    marks = placed(elements, 1024, 720)
    assert len(marks) == 80
    assert not any(overlap(a.label, b.label) for a, b in itertools.combinations(marks, 2))


def test_who_finds_no_place_for_a_label_has_no_mark() -> None:
    crowd = [button((10, 10, 20, 10), number) for number in range(400)]
    marks = placed(crowd, 200, 100)
    assert 10 < len(marks) < 100
    assert not any(overlap(a.label, b.label) for a, b in itertools.combinations(marks, 2))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(-50, 450), st.integers(-50, 350), st.integers(0, 10**7), st.integers(0, 500)),
        max_size=40,
    )
)
def test_every_mark_lies_inside_the_picture(bounds: list[Bounds]) -> None:
    marks = placed([button(one, number) for number, one in enumerate(bounds)])
    for box in (box for one in marks for box in (one.box, one.label)):
        assert 0 <= box[0] < box[2] <= 400
        assert 0 <= box[1] < box[3] <= 300
    assert not any(overlap(a.label, b.label) for a, b in itertools.combinations(marks, 2))


def test_the_picture_is_scaled_with_its_marks() -> None:
    element = button((600, 400, 100, 50))
    marked = mark(page(1200, 900), [element], width=400)
    assert (marked.width, marked.height) == (400, 300)
    with Image.open(io.BytesIO(marked.data)) as image:
        assert image.size == (400, 300)
        left, top, right, bottom = ImageChops.difference(
            image.convert("L").point(lambda grey: 255 if grey < 160 else 0), Image.new("L", image.size)
        ).getbbox() or (0, 0, 0, 0)
    assert (left, right) == (198, 235)
    assert 115 < top < 131
    assert 151 <= bottom <= 152


def test_a_small_picture_is_not_enlarged() -> None:
    marked = mark(page(300, 200), [], width=1024)
    assert (marked.width, marked.height) == (300, 200)


def test_the_same_picture_and_elements_give_the_same_bytes() -> None:
    elements = [button((5 + 40 * (n % 9), 20 + 50 * (n // 9), 30, 12), n) for n in range(40)]
    data = page(400, 300, (40, 40, "words"))
    assert mark(data, elements, width=350).data == mark(data, list(elements), width=350).data


def test_what_is_no_picture_is_a_fault() -> None:
    with pytest.raises(EnvironmentFault, match="cannot be read"):
        mark(b"no picture", [], width=400)
