"""Made-up exercises are solvable, reproducible, and show what their targets point at."""

from collections import Counter
from itertools import islice
from random import Random

import pytest

from core import actions
from pretraining.environment import made
from pretraining.examples import Difficulty, episode, stream
from pretraining.tasks import FAMILIES

FULL = Difficulty()


def test_the_stream_is_the_same_from_any_point_and_differs_by_seed() -> None:
    whole = list(islice(stream(3, 0, FULL), 60))
    first = len(episode(Random("3/0"), FULL))
    assert list(islice(stream(3, 1, FULL), 60 - first)) == whole[first:]
    assert list(islice(stream(4, 0, FULL), 60)) != whole


def test_the_expert_finishes_every_exercise() -> None:
    families: Counter[str] = Counter()
    for seed in range(300):
        site, exercise = made(seed, seed, FULL)
        for _ in range(24):
            action = exercise.goal(site)
            assert action is not None
            if action.name == "answer":
                break
            before = site.error
            site.act(action)
            assert site.error == before == "", (exercise.instruction, actions.render(action), site.error)
        else:
            raise AssertionError(f"not finished: {exercise.instruction}")
        families[exercise.family] += 1
    assert set(families) == {*FAMILIES, "compose"}


def test_targets_are_actions_of_the_grammar_whose_elements_the_prompt_shows() -> None:
    for example in islice(stream(5, 0, FULL), 500):
        action = actions.parse(example.target)
        assert actions.render(action) == example.target
        target = actions.target_of(action)
        if target is not None:
            assert f"\n{target}" in example.prompt
        assert example.prompt.startswith("task ")


@pytest.mark.slow
def test_skills_and_tools_are_offered_and_called() -> None:
    verbs = Counter(actions.parse(e.target).name for e in islice(stream(6, 0, FULL), 3000))
    assert verbs["use_skill"] > 5
    assert verbs["call_tool"] > 5
    assert {"click", "type", "select", "answer"} <= set(verbs)


def test_small_difficulty_means_small_pages() -> None:
    def mean(difficulty: Difficulty) -> float:
        prompts = [e.prompt for e in islice(stream(7, 0, difficulty), 400)]
        return sum(map(len, prompts)) / len(prompts)

    assert mean(Difficulty(scale=0.3, budget=120)) < 0.75 * mean(FULL)


@pytest.mark.slow
def test_the_expert_goes_on_from_any_detour() -> None:
    lost = Difficulty(detour=0.4)
    assert all(len(episode(Random(f"lost/{index}"), lost)) <= 14 for index in range(1500))
