"""Views: everything is shown as the grammar quotes it, and a budget keeps what the instruction speaks of."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.actions import parse, target_of
from core.types import Element, Observation
from core.views import render, shown, sources, words

TOKEN = re.compile(r"[A-Za-z]{1,5}|\d|[^\sA-Za-z\d]")


def page(*elements: Element, **fields: object) -> Observation:
    return Observation.model_validate({"url": "http://x/", "title": "Shop", "elements": elements, **fields})


def element(role: str, name: str, number: int = 1, **fields: object) -> Element:
    interactive = role not in ("heading", "text", "cell", "definition", "alert", "status")
    return Element.model_validate(
        {"id": f"e{number}", "role": role, "name": name, "interactive": interactive, **fields}
    )


def size(text: str) -> int:
    return len(TOKEN.findall(text))


def test_every_part_of_an_element_is_shown() -> None:
    seen = page(
        element("heading", "Mugs"),
        element(
            "combobox", "Sort by", 2, value="Price", options=("Price", 'By "name"'), states=("required", "covered")
        ),
        element("checkbox", "In stock", 3, states=("checked",), nth=2),
        element("cell", "4.50", 4, row="Blue mug", column="Price", row_index=1),
        element("button", "Add", 5, row="Blue mug", row_index=1),
        tabs=("a", "b"),
        active_tab=1,
    )
    assert render(seen).splitlines() == [
        'page "Shop"',
        "tabs 2 active 2",
        'heading "Mugs"',
        r'combobox "Sort by" = "Price" required of "Price" | "By \"name\""',
        'checkbox "In stock" #2 checked',
        'row "Blue mug"',
        'cell "Price" = "4.50"',
        'button "Add"',
    ]
    assert '[e5] button "Add"' in render(seen, ids=True)
    assert "[e1]" not in render(seen, ids=True)


def test_hidden_elements_are_not_shown() -> None:
    assert "Secret" not in render(page(element("button", "Secret", states=("hidden",))))


@given(st.text(max_size=79), st.integers(1, 20))
def test_a_shown_target_can_be_copied_into_an_action(name: str, nth: int) -> None:
    line = render(page(element("button", name, nth=nth))).splitlines()[1]
    target = target_of(parse(f"click {line}"))
    assert target is not None
    assert (target.role, target.name, target.nth) == ("button", " ".join(name.split()), nth)


names = st.sampled_from(["Blue mug", "Red lamp", "Order 1001", "Checkout", "Help", "Total", "a" * 200])
roles = st.sampled_from(["button", "link", "textbox", "heading", "text", "cell", "alert"])
pages = st.lists(
    st.builds(
        lambda role, name, row: element(role, name, row=row), roles, names, st.sampled_from(["", "", "R1", "R2"])
    ),
    max_size=30,
).map(lambda elements: page(*elements))


@given(pages, st.text(max_size=40), st.integers(0, 400))
def test_a_budget_is_kept_and_only_leaves_out(seen: Observation, instruction: str, budget: int) -> None:
    whole = render(seen, instruction=instruction).splitlines()
    pruned = render(seen, instruction=instruction, budget=budget).splitlines()
    assert size("\n".join(pruned[1:])) <= budget
    remaining = iter(whole)
    assert all(line in remaining for line in pruned)  # a subsequence: same lines, same order


@given(pages, st.text(max_size=40))
def test_a_large_budget_leaves_nothing_out(seen: Observation, instruction: str) -> None:
    assert render(seen, instruction=instruction, budget=10**6) == render(seen, instruction=instruction)


def test_what_the_instruction_names_survives_pruning_wherever_it_stands() -> None:
    elements = [element("link", f"Item number {n}", n) for n in range(200)]
    elements[173] = element("link", "Velvet armchair", 173)
    shown = render(page(*elements), instruction="Open the velvet armchairs", budget=60)
    assert 'link "Velvet armchair"' in shown
    assert size(shown) < 80


def test_a_row_is_kept_or_dropped_as_a_whole() -> None:
    rows = [
        unit
        for n in range(40)
        for unit in (
            element("cell", f"{n}.99", row=f"Thing {n}", row_index=n, column="Price"),
            element("button", "Add", row=f"Thing {n}", row_index=n, nth=n + 1),
        )
    ]
    shown = render(page(*rows), instruction="Add thing 31 to the cart", budget=50)
    assert 'row "Thing 31"\ncell "Price" = "31.99"\nbutton "Add" #32' in shown


def test_alerts_always_come_first() -> None:
    elements = [element("button", f"Blue mug {n}", n) for n in range(50)] + [element("alert", "Payment failed", 99)]
    assert 'alert "Payment failed"' in render(page(*elements), instruction="blue mug", budget=30)


def test_of_many_options_those_the_instruction_names_are_shown() -> None:
    options = (*(f"Country {n}" for n in range(60)), "Norway")
    shown = render(page(element("combobox", "Country", options=options)), instruction="Ship it to Norway")
    assert '"Norway"' in shown
    assert shown.count(" | ") == 7


@pytest.mark.parametrize("text", ["Mugs", "mug", "MUG!"])
def test_words_fold_case_and_plurals(text: str) -> None:
    assert words(text) == {"mug"}
    assert words("glass gas 12b") == {"glass", "gas", "12", "b"}


def test_an_answer_can_cite_values_and_names_but_no_running_text() -> None:
    view = """page "Oslo trams - Guide"
link "Home"
text "Trams run all day."
status "Saved"
row "Line 12"
link "Line 12"
cell "First" = "05:10"
cell "Note" = ""
text "Every 10 minutes"
button "Follow"
heading "About"
text "Since 1894"
definition "Owner" = "City of Oslo"
textbox "Stop" = "Aker brygge"
textbox "Comment"
checkbox "Night" checked"""
    assert dict(sources(shown(view))) == {
        'link "Home"': "Home",
        'row "Line 12"': "Line 12",
        'row "Line 12" cell "First" = "05:10"': "05:10",
        'row "Line 12" text "Every 10 minutes"': "Every 10 minutes",
        'heading "About"': "About",
        'definition "Owner" = "City of Oslo"': "City of Oslo",
        'textbox "Stop" = "Aker brygge"': "Aker brygge",
    }
    assert all(parse(f"answer {source}").arguments["text"] == text for source, text in sources(shown(view)))
