"""What a further attempt may not do again: wrong answers everywhere, and any failed action where it parts."""

from __future__ import annotations

from collections import Counter

import pytest

from core import actions
from core.checks import AnswerCheck, Check, PageCheck
from core.types import Completion, Observation, Step, Task, Trajectory
from discovery import branching

PAGE = PageCheck(contains=("Saved",))


def failure(check: Check, *lines: str, start: int = 0) -> Trajectory:
    """An episode whose prompts are numbered from `start`."""
    steps = tuple(
        Step(
            observation=Observation(url=""),
            completion=Completion(prompt_ids=(start + at,), output_ids=(1,), rollout_logprobs=(0.0,)),
            action=actions.parse(line),
        )
        for at, line in enumerate(lines)
    )
    return Trajectory(id="t", task=Task(id="t", instruction="do it", start_url="/", check=check), steps=steps)


def test_wrong_answers_are_not_given_again_in_the_same_situation() -> None:
    failures = [failure(AnswerCheck(equals="7"), 'click link "A"', f'answer "{wrong}"') for wrong in ("5", "6", "5")]
    for seed in range(20):
        found = branching.avoided(failures, seed=seed)
        assert found[(1,)] == ('answer "5"\n', 'answer "6"\n')


def test_where_an_answer_is_asked_for_the_way_to_it_stays_open() -> None:
    found = branching.avoided([failure(AnswerCheck(equals="7"), 'click link "A"', 'answer "5"')], seed=0)
    assert found.keys() == {(1,)}


def test_where_no_answer_was_asked_for_all_answers_are_the_same() -> None:
    found = branching.avoided([failure(PAGE, 'click link "A"', 'answer "done"')], seed=0)
    assert found[(1,)] == ("answer",)


def test_an_attempt_parts_at_one_step_early_more_often_than_late() -> None:
    lines = ('type textbox "Note" "x"', 'click button "B"', 'select combobox "C" "d"')
    failures = [failure(PAGE, *lines), failure(PAGE, 'click link "Z"', start=0)]
    parted: Counter[tuple[int, ...]] = Counter()
    for seed in range(700):
        found = branching.avoided(failures, seed=seed)
        assert len(found) == 1
        parted.update(found.keys())
        if (0,) in found:
            assert found[(0,)] == ('click link "Z"\n', 'type textbox "Note"'), "what any of them did there"
    assert parted[(0,)] / 700 == pytest.approx(0.5 + 0.5 * 4 / 7, abs=0.05)
    assert parted[(1,)] > parted[(2,)] > 0


def test_the_seed_decides_and_nothing_is_avoided_without_failures_to_part_from() -> None:
    failures = [failure(PAGE, *[f'click link "{at}"' for at in range(5)])]
    assert branching.avoided(failures, seed=3) == branching.avoided(failures, seed=3)
    assert branching.avoided([failure(PAGE)], seed=0) == {}
