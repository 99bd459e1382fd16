"""The action grammar: what was rendered is read back, and whatever a model writes ends as an action or a sentence."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core import actions
from core.actions import Target, parse, quote, render, target_of
from core.errors import ActionError
from core.types import Action

# Texts as the grammar means them: white space folded, none outside.
texts = st.text(max_size=40).map(lambda text: " ".join(text.split()))
by_id = st.from_regex(r"\A\w+\Z").map(lambda name: Target(id=name))
by_name = st.builds(
    Target, role=st.sampled_from(["button", "link", "textbox", "cell"]), name=texts, nth=st.integers(1, 9999)
)
targets = st.one_of(by_id, by_name).map(lambda target: target.model_dump(exclude_defaults=True))
names = st.from_regex(r"\A[\w.\-/]+\Z")
plain = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), texts)
objects = st.dictionaries(texts, st.one_of(plain, st.lists(plain, max_size=3)), max_size=3)


def an(name: str, **arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Action]:
    return st.fixed_dictionaries(arguments).map(lambda given: Action(name=name, arguments=given))


roles = st.sampled_from(["row", "cell", "definition", "textbox", "row_header"])
sources = st.builds(actions.source, roles, texts, st.one_of(st.none(), texts), st.one_of(st.none(), texts))

every_action = st.one_of(
    an("click", target=targets),
    an("hover", target=targets),
    an("type", target=targets, text=texts, enter=st.booleans()),
    an("select", target=targets, option=texts),
    an("press", key=texts),
    an("press", target=targets, key=texts),
    an("scroll", direction=st.sampled_from(["up", "down"])),
    *(an(name) for name in actions.BARE),
    an("switch_tab", tab=st.integers(1, 999)),
    an("goto", url=texts),
    an("answer", text=texts),
    sources.map(lambda source: parse(f"answer {source}").model_copy(update={"raw_text": ""})),
    an("give_up", reason=texts),
    an("use_skill", skill=names, arguments=objects),
    an("call_tool", tool=names, arguments=objects),
)


@given(every_action)
def test_what_is_rendered_is_read_back(action: Action) -> None:
    line = render(action)
    assert len(line.splitlines()) == 1
    assert parse(line) == action.model_copy(update={"raw_text": line})


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ('link "Copper Kettle"', "Copper Kettle"),
        ('definition "Weight" = "1.2 kg"', "1.2 kg"),
        ('row "Copper Kettle" cell "Weight" = "1.2 kg"', "1.2 kg"),
        ('row "Copper Kettle" text "$12.50"', "$12.50"),
        ('row "Copper Kettle"', "Copper Kettle"),
        ('textbox "Note" = ""', ""),
        ('cell "12\\" pan" = "5 \\"x\\""', '5 "x"'),
    ],
)
def test_an_answer_may_name_where_it_stands(source: str, text: str) -> None:
    action = parse(f"answer  {source} ")
    assert action.arguments == {"text": text, "source": source}
    assert render(action) == f"answer {source}"


@pytest.mark.parametrize("rest", ['row "A" "B"', 'row "A" cell "B" = 5', 'row "A" row "B" row "C"', "definition", "5"])
def test_an_answer_without_text_or_place_is_refused(rest: str) -> None:
    with pytest.raises(ActionError, match="answer"):
        parse(f"answer {rest}")


@given(every_action, st.text(max_size=60))
def test_thoughts_on_earlier_lines_change_nothing(action: Action, thought: str) -> None:
    line = render(action)
    read = parse(f"{thought}\n{line}\n \n")
    assert (read.name, read.arguments) == (action.name, action.arguments)


def test_every_action_name_is_in_the_round_trip() -> None:
    assert set(actions.ACTION_NAMES) == {
        "click", "hover", "type", "select", "press", "scroll", "back", "forward", "wait", "close_tab",
        "switch_tab", "goto", "answer", "give_up", "use_skill", "call_tool",
    }  # fmt: skip


near_misses = st.builds(
    lambda verb, rest: f"{verb} {rest}",
    st.sampled_from([*actions.ACTION_NAMES, "Click", "clik", "eval", ""]),
    st.one_of(
        st.text(max_size=60),
        st.text(alphabet='"\\[]{}#: \tabe1٣', max_size=30),
        st.lists(
            st.sampled_from(['button "a"', '"x"', "[e1]", "#2", "#0", "enter", "{}", '{"a":1}', "s", "\\", '"']),
            max_size=5,
        ).map(" ".join),
    ),
)


@given(st.one_of(st.text(), near_misses))
@example("")
@example("\n\n \x85\u2028")
@example("click")
@example('click button "a')
@example('click button "a\\"')
@example("press")
@example('press "Enter" "Enter"')
@example("switch_tab 0099" + "9" * 5000)
@example('use_skill x {"n": ' + "1" * 5000 + "}")
@example("use_skill x " + '{"a":' * 5000 + "1" + "}" * 5000)
@example('use_skill x {"a": "\\ud800"}')
@example("use_skill x {1: 2}")
@example("use_skill x {}{}")
@example("\ud800")
@example('type [e1] "a" enter enter')
@example("answer \"__import__('os').system('x')\"")
def test_whatever_is_written_is_an_action_or_a_sentence(text: str) -> None:
    try:
        action = parse(text)
    except ActionError as refusal:
        said = str(refusal)
    else:
        said = ""
    assert len(said) < 200
    if said:
        return
    assert action.name in actions.ACTION_NAMES
    assert action.raw_text == text
    again = parse(render(action))
    assert render(again) == render(action)


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ('click button "Save"', "click", {"target": {"role": "button", "name": "Save"}}),
        ('click button "Save" #2', "click", {"target": {"role": "button", "name": "Save", "nth": 2}}),
        ('click button "Save" #1', "click", {"target": {"role": "button", "name": "Save"}}),
        ("click [e12]", "click", {"target": {"id": "e12"}}),
        ('type [e1] "Ann" enter', "type", {"target": {"id": "e1"}, "text": "Ann", "enter": True}),
        ('type [e1] "Ann"', "type", {"target": {"id": "e1"}, "text": "Ann", "enter": False}),
        (r'answer "a \"b\" \\ c"', "answer", {"text": r'a "b" \ c'}),
        ('press "Enter"', "press", {"key": "Enter"}),
        ('press textbox "Q" "Enter"', "press", {"target": {"role": "textbox", "name": "Q"}, "key": "Enter"}),
        ("I think.\nback\n\n", "back", {}),
        ("switch_tab 2", "switch_tab", {"tab": 2}),
        ("use_skill log-in", "use_skill", {"skill": "log-in", "arguments": {}}),
        ('call_tool a/b {"q": [1]}', "call_tool", {"tool": "a/b", "arguments": {"q": [1]}}),
    ],
)  # fmt: skip
def test_examples(text: str, name: str, arguments: dict[str, object]) -> None:
    assert parse(text) == Action(name=name, arguments=arguments, raw_text=text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("clik button", "'clik' is not an action; did you mean 'click'?"),
        ("", "'' is not an action"),
        ("click Save", 'click needs a target, as in click button "Save"'),
        ('click button "Save" now', "nothing may follow the arguments of click"),
        ('click button "Save" #0', "nothing may follow"),
        ("answer 5", "answer needs a text in double quotes"),
        ('type textbox "Name"', "type needs a text in double quotes"),
        ("scroll left", "scroll goes up or down"),
        ("switch_tab 0", "switch_tab needs a tab's number from 1"),
        ("switch_tab ٣", "switch_tab needs a tab's number from 1"),
        ("switch_tab 1000", "switch_tab needs a tab's number from 1"),
        ("use_skill", "use_skill needs a name"),
        ("use_skill a {b}", "the arguments of use_skill are not JSON"),
        ("back now", "nothing may follow the arguments of back"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    with pytest.raises(ActionError) as caught:
        parse(text)
    assert said in str(caught.value)


def test_targets() -> None:
    assert target_of(parse("back")) is None
    assert target_of(parse('hover link "A  b" #3')) == Target(role="link", name="A  b", nth=3)
    assert str(Target(role="link", name='say "hi"', nth=2)) == r'link "say \"hi\"" #2'


@given(st.text())
def test_quoting_keeps_to_one_line(text: str) -> None:
    assert len(f"x{quote(text)}x".splitlines()) == 1


def test_arguments_of_skills_are_data(tmp_path: object) -> None:
    text = "use_skill s " + json.dumps({"code": "import os"})
    assert parse(text).arguments["arguments"] == {"code": "import os"}
