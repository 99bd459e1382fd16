"""Packing: every sampled token is trained exactly once, in the context that it was sampled in."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ModelFault
from core.types import Action, Completion, ImageRef, Observation, Sampling, Step, Task, TrainingRow, Trajectory
from training.rows import pack

Initiator = Literal["policy", "skill", "human"]
INITIATORS: list[Initiator] = ["policy", "policy", "policy", "skill", "human"]
TASK = Task(id="t", instruction="do it", start_url="/")


def step(
    prompt: list[int], output: list[int], *, initiator: Initiator = "policy", version: int = 0, temperature: float = 1
) -> Step:
    completion = Completion(
        prompt_ids=tuple(prompt),
        output_ids=tuple(output),
        rollout_logprobs=tuple(-0.5 - token / 100 for token in output),
        policy_version=version,
        sampling=Sampling(temperature=temperature),
    )
    return Step(
        observation=Observation(url="/"), completion=completion, action=Action(name="wait"), initiator=initiator
    )


def episode(*steps: Step) -> Trajectory:
    return Trajectory(id="rollout", task=TASK, steps=steps)


def test_a_conversation_that_grows_is_one_row() -> None:
    rows = pack(episode(step([1, 2], [3, 4]), step([1, 2, 3, 4, 5], [6])), 0.5)
    assert len(rows) == 1
    assert rows[0].input_ids == (1, 2, 3, 4, 5, 6)
    assert rows[0].loss_mask == (False, False, True, True, False, True)
    assert rows[0].rollout_logprobs == (0, 0, -0.53, -0.54, 0, -0.56)
    assert rows[0].advantages == (0, 0, 0.5, 0.5, 0, 0.5)
    assert rows[0].rollout_id == "rollout"


def test_a_token_that_was_the_only_one_allowed_is_context() -> None:
    turn = step([1, 2], [3, 4, 5])
    assert turn.completion is not None
    held = turn.completion.model_copy(update={"choices": ((3, 9), (4,), ())})
    (row,) = pack(episode(turn.model_copy(update={"completion": held})), 0.5)
    assert row.input_ids == (1, 2, 3, 4, 5)
    assert row.loss_mask == (False, False, True, False, True)
    assert row.advantages == (0.0, 0.0, 0.5, 0.0, 0.5)
    assert row.rollout_logprobs == (0.0, 0.0, -0.53, 0.0, -0.55)
    assert row.choices == ((), (), (3, 9), (), ())


def test_choices_of_another_length_are_refused() -> None:
    turn = step([1, 2], [3, 4, 5])
    assert turn.completion is not None
    held = turn.completion.model_copy(update={"choices": ((3, 9), (4,))})
    with pytest.raises(ModelFault, match="sets of choices"):
        pack(episode(turn.model_copy(update={"completion": held})), 0.5)


def test_a_template_that_rewrites_the_past_starts_a_new_row() -> None:
    rows = pack(episode(step([1, 2], [3, 4]), step([1, 2, 3, 5], [6])), 1.0)
    assert [row.input_ids for row in rows] == [(1, 2, 3, 4), (1, 2, 3, 5, 6)]


def test_a_shorter_prompt_starts_a_new_row() -> None:
    rows = pack(episode(step([1, 2], [3, 4]), step([1, 2, 3], [4])), 1.0)
    assert [row.input_ids for row in rows] == [(1, 2, 3, 4), (1, 2, 3, 4)]


def test_another_temperature_or_policy_version_starts_a_new_row() -> None:
    grown = [1, 2, 3, 4]
    assert len(pack(episode(step([1, 2], [3, 4]), step(grown, [6], temperature=0.7)), 1.0)) == 2
    rows = pack(episode(step([1, 2], [3, 4], version=7), step(grown, [6], version=8)), 1.0)
    assert [row.policy_version for row in rows] == [7, 8]


def shown(turn: Step, *names: str) -> Step:
    """The step with these pictures in its prompt."""
    assert turn.completion is not None
    images = tuple(ImageRef(sha256=name, width=8, height=8) for name in names)
    return turn.model_copy(update={"completion": turn.completion.model_copy(update={"images": images})})


def test_a_row_that_goes_on_has_the_pictures_of_its_longest_prompt() -> None:
    rows = pack(
        episode(
            shown(step([1, 9], [3]), "a"),
            shown(step([1, 9, 3, 9], [4]), "a", "b"),
            step([7], [8]),
            step([7, 8, 9], [5]),
        ),
        0.5,
    )
    assert [[image.sha256 for image in row.images] for row in rows] == [["a", "b"], []]


@pytest.mark.parametrize("second", [(), ("b",), ("b", "a")])
def test_other_pictures_start_a_new_row_even_where_the_tokens_go_on(second: tuple[str, ...]) -> None:
    rows = pack(episode(shown(step([1, 9], [3]), "a"), shown(step([1, 9, 3, 9], [4]), *second)), 0.5)
    assert [[image.sha256 for image in row.images] for row in rows] == [["a"], list(second)]


def test_steps_of_skills_and_humans_are_context_only() -> None:
    rows = pack(episode(step([1], [2]), step([1, 2], [3], initiator="skill"), step([1, 2, 3, 4], [5])), 1.0)
    assert len(rows) == 1
    assert rows[0].input_ids == (1, 2, 3, 4, 5)
    assert rows[0].loss_mask == (False, True, False, False, True)
    assert pack(episode(step([1], [2], initiator="human")), 1.0) == []


def test_step_advantages_are_added() -> None:
    rows = pack(episode(step([1], [2]), step([1, 2], [3])), 1.0, [0.25, -2.0])
    assert rows[0].advantages == (0, 1.25, -1.0)
    with pytest.raises(ValueError, match="1 step advantages for 2 steps"):
        pack(episode(step([1], [2]), step([1, 2], [3])), 1.0, [0.25])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"prompt_ids": ()}, "no prompt tokens"),
        ({"rollout_logprobs": (-1.0,)}, "2 tokens but 1 log-prob"),
        ({"rollout_logprobs": (-1.0, float("-inf"))}, "not finite"),
        ({"sampling": Sampling(temperature=0)}, "greedily"),
    ],
)
def test_unusable_completions_are_refused(change: dict[str, Any], reason: str) -> None:
    good = step([1], [2, 3])
    assert good.completion is not None
    bad = good.model_copy(update={"completion": good.completion.model_copy(update=change)})
    with pytest.raises(ModelFault, match=reason):
        pack(episode(bad), 1.0)


@st.composite
def trajectories(draw: st.DrawFn) -> Trajectory:
    """Several turns; a turn's prompt grows from what came before, or drifts: cut, changed in the middle, or fresh.

    Every sampled token is unique (from 1000 up), so that it can be found again wherever it was put.
    """
    token = st.integers(0, 9)
    held: list[int] = draw(st.lists(token, min_size=1, max_size=6))
    steps: list[Step] = []
    fresh = 1000
    for _ in range(draw(st.integers(0, 7))):
        drift = draw(st.sampled_from(["grow", "grow", "cut", "change", "fresh"]))
        if drift == "cut":
            held = held[: draw(st.integers(1, len(held)))]
        elif drift == "change":
            place = draw(st.integers(0, len(held) - 1))
            held = [*held[:place], draw(token), *held[place + 1 :]]
        elif drift == "fresh":
            held = draw(st.lists(token, min_size=1, max_size=6))
        prompt = held + draw(st.lists(token, max_size=4))
        output = list(range(fresh, fresh + draw(st.integers(0, 4))))
        fresh += len(output)
        initiator: Initiator = draw(st.sampled_from(INITIATORS))
        version, temperature = draw(st.sampled_from([(0, 1.0), (0, 1.0), (1, 1.0), (0, 0.5)]))
        steps.append(step(prompt, output, initiator=initiator, version=version, temperature=temperature))
        held = prompt + output
    return episode(*steps)


@given(trajectories(), st.floats(-2, 2))
def test_every_sampled_token_is_trained_exactly_once_in_its_own_context(
    trajectory: Trajectory, advantage: float
) -> None:
    rows = pack(trajectory, advantage)
    trained: dict[int, tuple[TrainingRow, int]] = {}
    for row in rows:
        assert not row.loss_mask[0]
        for place, on in enumerate(row.loss_mask):
            if on:
                assert row.input_ids[place] not in trained
                trained[row.input_ids[place]] = (row, place)
            else:
                assert row.rollout_logprobs[place] == row.advantages[place] == 0
    expected = 0
    for taken in trajectory.steps:
        if taken.initiator != "policy" or taken.completion is None:
            continue
        for index, token in enumerate(taken.completion.output_ids):
            row, place = trained[token]
            assert row.input_ids[:place] == taken.completion.prompt_ids + taken.completion.output_ids[:index]
            assert row.rollout_logprobs[place] == taken.completion.rollout_logprobs[index]
            assert row.advantages[place] == advantage
            assert row.temperature == taken.completion.sampling.temperature
            assert row.policy_version == taken.completion.policy_version
            expected += 1
    assert len(trained) == expected
