"""Judges: facts decide, and what cannot be decided is unscored, never failed."""

from __future__ import annotations

import importlib.metadata
from typing import Any

import pytest

import evals.judges
from core.checks import AllCheck, AnswerCheck, AnyCheck, Check, FunctionalCheck, PageCheck, UrlCheck
from core.errors import ConfigError
from core.protocols import Evaluator
from core.types import GroundTruth, Observation, StopReason, Task, Trajectory, Verdict
from evals.judges import build
from evals.judges.checks import ChecksJudge
from evals.judges.functional import FunctionalJudge

FINAL = Observation(url="http://127.0.0.1/orders/7", text="Thank  you\nfor order 7")
CART = FunctionalCheck(expect={"orders": 1})
TRUE = GroundTruth(evidence={"orders": 1, "visits": 9})
FALSE = GroundTruth(evidence={"orders": 0})
BOTH = [ChecksJudge(), FunctionalJudge()]


def episode(check: Check | None, **fields: Any) -> Trajectory:
    given = {"answer": "7.0", "stop_reason": StopReason.ANSWERED, "final_observation": FINAL, **fields}
    return Trajectory(id="e", task=Task(id="t", instruction="Order", start_url="/", check=check), **given)


@pytest.mark.parametrize("judge", BOTH)
@pytest.mark.parametrize(
    ("check", "value"),
    [
        (AnswerCheck(equals="7"), 1.0),
        (AnswerCheck(equals="8"), 0.0),
        (UrlCheck(matches=r"/orders/\d+$"), 1.0),
        (UrlCheck(matches="/cart"), 0.0),
        (PageCheck(contains=("thank you for",)), 1.0),
        (PageCheck(contains=("thank you",), url="/cart"), 0.0),
        (AllCheck(of=(AnswerCheck(equals="7"), PageCheck(contains=("sorry",)))), 0.0),
    ],
)
async def test_visible_facts_decide(judge: Evaluator, check: Check, value: float) -> None:
    verdict = await judge(episode(check), None)
    assert verdict.value == value
    assert verdict.evaluator == judge.name
    assert check.kind in verdict.explanation


@pytest.mark.parametrize("judge", BOTH)
@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"error": "EnvironmentFault: the browser died", "stop_reason": StopReason.ERROR}, "the browser died"),
        ({"error": "EnvironmentFault: gone"}, "gone"),
        ({"stop_reason": StopReason.ERROR}, "broke"),
        ({"stop_reason": StopReason.CANCELLED}, "cut off"),
        ({"final_observation": None}, "final page"),
    ],
)
async def test_what_broke_is_unscored_even_when_the_check_would_hold(
    judge: Evaluator, fields: dict[str, Any], why: str
) -> None:
    verdict = await judge(episode(AnswerCheck(equals="7"), **fields), TRUE)
    assert verdict.value is None
    assert why in verdict.explanation


@pytest.mark.parametrize("judge", BOTH)
async def test_a_task_without_a_check_is_unscored(judge: Evaluator) -> None:
    assert (await judge(episode(None), TRUE)).value is None


async def test_only_the_functional_judge_reads_ground_truth() -> None:
    for truth, value in ((TRUE, 1.0), (FALSE, 0.0)):
        assert (await FunctionalJudge()(episode(CART), truth)).value == value
        assert (await ChecksJudge()(episode(CART), truth)).value is None


async def test_missing_evidence_is_unscored_unless_the_rest_decides() -> None:
    judge = FunctionalJudge()
    verdict = await judge(episode(CART), None)
    assert verdict.value is None
    assert "evidence that is missing" in verdict.explanation
    holding, failing = AnswerCheck(equals="7"), AnswerCheck(equals="8")
    assert (await judge(episode(AllCheck(of=(holding, CART))), None)).value is None
    assert (await judge(episode(AllCheck(of=(failing, CART))), None)).value == 0.0
    assert (await judge(episode(AnyCheck(of=(holding, CART))), None)).value == 1.0
    assert (await judge(episode(AnyCheck(of=(failing, CART))), None)).value is None


async def test_evidence_without_the_named_key_is_a_failure_not_a_gap() -> None:
    assert (await FunctionalJudge()(episode(CART), GroundTruth(evidence={}))).value == 0.0


async def test_a_pattern_that_would_take_years_is_unscored() -> None:
    final = Observation(url="http://127.0.0.1/" + "a" * 400)
    verdict = await ChecksJudge()(episode(UrlCheck(matches="(.*a){20}b"), final_observation=final), None)
    assert verdict.value is None
    assert "in time" in verdict.explanation


def test_judges_are_found_by_name() -> None:
    assert isinstance(build("checks"), ChecksJudge)
    assert isinstance(build("functional"), FunctionalJudge)
    assert all(isinstance(build(name), Evaluator) for name in ("checks", "functional"))
    with pytest.raises(ConfigError, match=r"no judge 'functionl'; did you mean 'functional'\?"):
        build("functionl")
    with pytest.raises(ConfigError, match="there are checks, functional"):
        build("zzz")


class Strict:
    """A judge of somebody else's."""

    name = "strict"

    async def __call__(self, trajectory: Trajectory, truth: GroundTruth | None) -> Verdict:
        return Verdict(value=0.0, evaluator=self.name)


class Broken:
    def __init__(self) -> None:
        raise RuntimeError("no licence")


def test_judges_of_other_distributions_are_found_and_their_faults_named(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        importlib.metadata.EntryPoint(name, f"{__name__}:{value}", evals.judges.GROUP)
        for name, value in (("strict", "Strict"), ("broken", "Broken"), ("absent", "Absent"), ("wrong", "episode"))
    ]
    monkeypatch.setattr(evals.judges, "entry_points", lambda group: points)
    assert build("strict").name == "strict"
    with pytest.raises(ConfigError, match="no licence"):
        build("broken")
    for name in ("absent", "wrong"):
        with pytest.raises(ConfigError, match=f"the judge '{name}'"):
            build(name)
