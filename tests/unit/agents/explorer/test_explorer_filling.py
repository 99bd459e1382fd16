"""Filling in forms: plausible, varied values; no secrets; nothing that means nothing."""

import random
import re

import pytest

from agents.explorer import filling
from agents.explorer.pages import Form
from agents.explorer.values import invent, is_fillable
from core.types import Element


def field(name: str, role: str = "textbox", **more: object) -> Element:
    return Element.model_validate({"id": name, "role": role, "name": name, "interactive": True, **more})


@pytest.mark.parametrize(
    ("given", "pattern"),
    [
        (field("E-mail"), r".+@example\.org"),
        (field("Contact", input_type="email"), r".+@example\.org"),
        (field("Quantity", role="spinbutton"), r"\d"),
        (field("Starts", input_type="date"), r"20\d\d-\d\d-\d\d"),
        (field("Postcode"), r"\d{5}"),
        (field("Comment"), r"The \w+ \w+ \w+"),
        (field("Title"), r"[A-Z]\w+ [\w ]+"),
    ],
)
def test_values_suit_their_fields_and_vary(given: Element, pattern: str) -> None:
    values = {invent(given, random.Random(seed)) for seed in range(30)}
    assert len(values) > 3
    for value in values:
        assert re.fullmatch(pattern, value)


def test_secrets_are_neither_filled_nor_sent() -> None:
    assert not is_fillable(field("Password", input_type="password"))
    assert filling.needs_secret(Form(group="", fields=(field("User"), field("Password", input_type="password"))))
    assert not filling.needs_secret(Form(group="", fields=(field("User"),)))


def test_options_that_mean_nothing_or_nothing_new_are_not_chosen() -> None:
    choice = field("Kind", "combobox", options=("Choose one", "", "Red", "Blue", "Any colour"), value="Red")
    assert filling.real_options(choice) == ["Blue"]
    assert [filling.line(one) for one in filling.fill([choice], random.Random(1))] == ['select combobox "Kind" "Blue"']


def test_one_radio_of_a_group_is_chosen() -> None:
    fields = [field(name, "radio", group="Size") for name in ("S", "M", "L")] + [field("Gift", "checkbox")]
    filled = filling.fill(fields, random.Random(0))
    assert sorted(one.field.role for one in filled) == ["checkbox", "radio"]
    assert all(filling.line(one).startswith("click ") for one in filled)


def test_required_fields_are_what_is_needed() -> None:
    form = Form(
        group="", fields=(field("A", states=("required",)), field("B"), field("C", states=("required",), value="x"))
    )
    assert [one.name for one in filling.needed(form)] == ["A"]
    assert [one.name for one in filling.needed(Form(group="", fields=(field("A"), field("B", value="x"))))] == ["A"]
