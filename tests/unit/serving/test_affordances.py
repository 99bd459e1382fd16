"""What may be written is what the page allows: no more, and every action of it."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from core import actions
from core.errors import ActionError
from core.views import shown
from serving import EMBEDDED
from serving.affordances import Affordances

PROMPT = "\n".join(
    (
        'task Put the "Copper Kettle" in the basket, code CAMP15, 5 or $12.50 for "page "\'s sake.',
        'did click link "Secret place"',
        'error there is no link "Hidden"',
        'page "shop - basket"',
        'link "Basket (8)"',
        'link "Basket" #2',
        'textbox "The \\"real\\" name" = "a b" required',
        'textbox "Note" #2',
        'combobox "Sort by" = "Name" of "Price, low to high" | "Newest (2)"',
        'combobox "Town"',
        'checkbox "Gift" #3 checked',
        'row "Kettle"',
        'cell "Price" = "$7.25"',
        'definition "Weight" = "1.2 kg"',
        'heading "Left over"',
        'text "Only 250 left, gone by noon"',
    )
)
POSSIBLE = (
    'click link "Basket (8)"', 'click link "Basket" #2', 'click checkbox "Gift" #3', 'click textbox "Note" #2',
    'type textbox "The \\"real\\" name" "camp15" enter', 'type textbox "Note" #2 "copper kettle"',
    'type combobox "Town" "in the basket"', 'select combobox "Sort by" "Newest (2)"', 'answer "done"', 'answer "1"',
    'answer "8"', 'type textbox "Note" #2 "77"', 'answer row "Kettle"', 'answer row "Kettle" cell "Price" = "$7.25"',
    'answer definition "Weight" = "1.2 kg"', 'answer link "Basket (8)"',
    'answer textbox "The \\"real\\" name" = "a b"', 'answer "250"', 'answer "gone by noon"', "back", "scroll down",
    'press "Enter"',
)  # fmt: skip
IMPOSSIBLE = (
    'click link "Basket"', 'click link "Basket (8)" #2', 'click link "Secret place"', 'click link "Hidden"',
    'click cell "Price"', 'click definition "Weight"', 'type combobox "Sort by" "camp15"',
    'type textbox "Note" "camp15"', 'select combobox "Town" "Kettle"', 'select combobox "Sort by" "Newest"',
    'answer "camp"', 'answer "per kettle"', 'answer "kettle"', 'answer "kettle copper"', 'answer "$7.25"',
    'answer row "Kettle" = "$7.25"', 'answer row "Kettle" cell "Price"', 'answer definition "Price" = "1.2 kg"',
    'answer definition "Weight" = "$7.25"', 'answer "secret place"', 'goto "http://elsewhere.example"',
    'answer "100"', 'answer "12"', 'answer "7.25"', 'use_skill buy {}', 'give_up "no"',
)  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(EMBEDDED)


@pytest.fixture(scope="module")
def affordances(tokenizer: Any) -> Affordances:
    return Affordances(tokenizer)


def admits(affordances: Affordances, tokenizer: Any, prompt: str, line: str) -> bool:
    """Whether every token of the line, as the model learnt to write it, is among the choices."""
    walk = affordances.walk(prompt)
    for token in tokenizer(f"{line}<|end|>")["input_ids"]:
        among = walk.choices()
        if among and token not in among:
            return False
        walk.advance(token)
    return True


@pytest.mark.parametrize("line", POSSIBLE)
def test_what_the_page_allows_can_be_written(affordances: Affordances, tokenizer: Any, line: str) -> None:
    assert admits(affordances, tokenizer, PROMPT, line)


@pytest.mark.parametrize("line", IMPOSSIBLE)
def test_what_the_page_does_not_allow_cannot(affordances: Affordances, tokenizer: Any, line: str) -> None:
    assert not admits(affordances, tokenizer, PROMPT, line)


@pytest.mark.parametrize(
    ("line", "cited"),
    [
        ('answer "1.2 KG"', 'answer definition "Weight" = "1.2 kg"'),
        ('answer "kettle"', 'answer row "Kettle"'),
        ('answer "250"', 'answer "250"'),
        ('answer "done"', 'answer "done"'),
        ('answer row "Kettle"', 'answer row "Kettle"'),
        ('click link "Basket (8)"', 'click link "Basket (8)"'),
        ("not an action", "not an action"),
    ],
)
def test_an_answer_is_given_its_source(affordances: Affordances, tokenizer: Any, line: str, cited: str) -> None:
    assert affordances.cited(PROMPT, line) == cited


def test_of_two_places_with_the_text_the_one_that_was_asked_for_is_cited(affordances: Affordances) -> None:
    page = '\npage "Trams"\ndefinition "First" = "05:10"\ndefinition "Repaired" = "05:10"'
    for label in ("First", "Repaired"):
        line = affordances.cited(f"task When is the {label.lower()} one?{page}", 'answer "05:10"')
        assert line == f'answer definition "{label}" = "05:10"'


def test_a_skill_can_be_called_where_one_is_offered(affordances: Affordances, tokenizer: Any) -> None:
    offered = PROMPT.replace('\npage "shop', '\nskill "buy" of "thing"\npage "shop')
    assert admits(affordances, tokenizer, offered, 'use_skill buy {"thing": "kettle"}')
    assert not admits(affordances, tokenizer, offered, "call_tool buy {}")


def test_chance_writes_nothing_but_valid_actions_on_what_is_shown(affordances: Affordances, tokenizer: Any) -> None:
    names = {(one.role, one.name.lower().replace(" ", ""), one.nth) for one in shown(PROMPT)}
    rng = random.Random(0)
    seen = set()
    for _ in range(400):
        walk = affordances.walk(PROMPT)
        ids: list[int] = []
        while not ids or ids[-1] != tokenizer.eos_token_id:
            assert len(ids) < 80
            ids.append(rng.choice(walk.choices()))
            walk.advance(ids[-1])
        action = actions.parse(tokenizer.decode(ids, skip_special_tokens=True).strip())
        target = actions.target_of(action)
        if target is not None:
            assert (target.role, target.name.replace(" ", ""), target.nth) in names
        seen.add(action.name)
    assert seen == {"click", "type", "select", "press", "scroll", "back", "wait", "answer"}


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=30), st.text(max_size=30), st.integers(0, 2**32))
def test_no_name_on_a_page_and_no_instruction_leads_outside_the_grammar(name: str, said: str, seed: int) -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(EMBEDDED)
    prompt = f"task {said}\npage {actions.quote(name)}\nlink {actions.quote(name)}\ntextbox {actions.quote(name)}"
    walk, rng = Affordances(tokenizer).walk(prompt), random.Random(seed)
    ids: list[int] = []
    while not ids or ids[-1] != tokenizer.eos_token_id:
        ids.append(rng.choice(walk.choices()))
        walk.advance(ids[-1])
    try:
        actions.parse(tokenizer.decode(ids, skip_special_tokens=True).strip())
    except ActionError as error:
        pytest.fail(f"{error}: {tokenizer.decode(ids)!r}")


def written(affordances: Affordances, tokenizer: Any, avoided: list[str], seed: int) -> str:
    """A line of chance that leaves out what is avoided: whole lines end in a newline."""
    walk, rng = affordances.walk(PROMPT), random.Random(seed)
    ids: list[int] = []
    walk.avoid(tokenizer(line.replace("\n", "<|end|>"))["input_ids"] for line in avoided)
    while not ids or ids[-1] != tokenizer.eos_token_id:
        ids.append(rng.choice(walk.choices()))
        walk.advance(ids[-1])
    return str(tokenizer.decode(ids[:-1]))


def test_what_is_avoided_is_not_written_and_all_else_can_be(affordances: Affordances, tokenizer: Any) -> None:
    def lines(*avoided: str) -> set[str]:
        return {written(affordances, tokenizer, list(avoided), seed) for seed in range(600)}

    def spelled(line: str) -> str:
        return str(tokenizer.decode(tokenizer(line)["input_ids"]))

    free = lines()
    click, typed = 'click link "Basket (8)"', 'type textbox "Note" #2'
    assert spelled(click) in free
    assert any(line.startswith(spelled(typed)) for line in free)
    left = lines(f"{click}\n", typed, "answer")
    assert spelled(click) not in left
    assert not any(line.startswith((spelled(typed), "answer")) for line in left)
    assert spelled('click link "Basket" #2') in left
    assert spelled('click textbox "Note" #2') in left
    assert lines('answer "nowhere on this page"\n') == free, "what cannot be written anyway changes nothing"


def test_where_everything_is_avoided_the_last_thing_stays(affordances: Affordances, tokenizer: Any) -> None:
    prompt = 'task Go on.\npage "A"\nbutton "B"'
    seen = set()
    for seed in range(300):
        walk, rng = affordances.walk(prompt), random.Random(seed)
        ids: list[int] = []
        walk.avoid(tokenizer(word)["input_ids"] for word in ("click", "answer", "type", "select", "press", "scroll"))
        while not ids or ids[-1] != tokenizer.eos_token_id:
            ids.append(rng.choice(walk.choices()))
            walk.advance(ids[-1])
        seen.add(str(tokenizer.decode(ids[:-1])))
    assert seen
    assert not any(line.startswith(("click", "answer")) for line in seen)
    walk = affordances.walk(prompt)
    everything = [[token] for token in walk.choices()]
    walk.avoid(everything)
    assert len(walk.choices()) == 1
