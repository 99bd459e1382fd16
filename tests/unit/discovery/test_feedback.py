"""What the record of an iteration says to a proposer, and which episodes give rows in hindsight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from agents.explorer.hindsight import Achieved
from agents.explorer.sitemap import SiteMap
from agents.llm.grounded import GroundedProposer
from agents.llm.relabelling import Relabelling
from agents.llm.solver import SolvedFeasibility
from core import actions
from core.checks import UrlCheck
from core.config import ActorConfig, ProposerConfig, validate
from core.errors import ConfigError
from core.types import Action, Completion, Message, Observation, Sampling, Step, StopReason, Task, Trajectory, Verdict
from discovery import achievements, builders, proposers
from discovery.accounts import Accounts
from discovery.feedback import feedback, require_heed
from discovery.hindsight import Hindsight
from discovery.practice import Group
from discovery.rundirectory import RunDirectory
from memory.trajectories import TrajectoryStore
from serving.scripted import ScriptedPolicy
from tests.integration import loop_worker

HOME, END = Observation(url="http://site.test/"), Observation(url="http://site.test/end")
TASK = Task(id="t", instruction="press it", start_url="/", family="press", check=UrlCheck(matches="/never$"))
PRESS = actions.parse('click button "alpha"')


def step(action: Action = PRESS, seen: Observation = HOME) -> Step:
    return Step(observation=seen, action=action)


def trajectory(name: str, *steps: Step, final: Observation = END, **changed: Any) -> Trajectory:
    given = {"id": name, "task": TASK, "steps": steps or (step(),), "final_observation": final, "iteration": 1}
    return Trajectory.model_validate(given | {"stop_reason": StopReason.MAX_STEPS} | changed)


def recorded(store: TrajectoryStore, *attempts: tuple[Trajectory, float | None, str]) -> Group:
    for one, value, said in attempts:
        store.add(one, None, Verdict(value=value, explanation=said))
    return Group("g", TASK, tuple(store.summaries()))


def test_causes_are_stop_reason_last_error_and_verdict_each_once_and_short(tmp_path: Path) -> None:
    wrong = HOME.model_copy(update={"last_action_error": "no such button " + "x" * 500})
    with TrajectoryStore(tmp_path) as store:
        group = recorded(
            store,
            (trajectory("g-0", step(), step(seen=wrong)), 0.0, "the url check does not hold"),
            (trajectory("g-1", step(), step(seen=wrong)), 0.0, "the url check does not hold"),
            (trajectory("g-2"), 1.0, "the url check holds"),
            (trajectory("g-3"), None, "broke"),
        )
        unscored = Group("h", TASK, group.members[3:])
        told = feedback(1, [group, unscored], store, achieved=[TASK, TASK], config=ProposerConfig(), goal="")
    (one,) = told.attempts
    assert (one.scored, one.successes) == (3, 1)
    (cause,) = one.causes
    assert cause.startswith("max_steps; no such button xxx")
    assert cause.endswith("; the url check does not hold")
    assert len(cause) < 350
    assert told.achieved == (TASK,)


def test_configured_goals_come_before_the_one_set_on_the_way_and_none_twice(tmp_path: Path) -> None:
    config = ProposerConfig(goals=("Buy mugs", "Return mugs"), rules=("Never pay.",))
    with TrajectoryStore(tmp_path) as store:
        told = feedback(0, [], store, achieved=[], config=config, goal="Return mugs")
        more = feedback(0, [], store, achieved=[], config=config, goal="Sell mugs")
    assert [goal.text for goal in told.goals] == ["Buy mugs", "Return mugs"]
    assert [goal.text for goal in more.goals] == ["Buy mugs", "Return mugs", "Sell mugs"]
    assert {goal.source for goal in more.goals} == {"user"}
    assert told.rules == ("Never pay.",)


def test_wishes_that_nobody_would_read_are_refused() -> None:
    require_heed(loop_worker.Proposals(), ProposerConfig())
    for wishes in ({"goals": ("Buy",)}, {"rules": ("Never pay.",)}):
        with pytest.raises(ConfigError, match="'exploring' does not read"):
            require_heed(loop_worker.Proposals(), ProposerConfig(**wishes))


class Asking(loop_worker.Proposals):
    """Says what its table has for an episode; counts how often it is asked."""

    def __init__(self, found: Mapping[str, Achieved], fault: str = "") -> None:
        super().__init__()
        self.found, self.fault = found, fault
        self.asked: list[str] = []

    async def relabel(self, episodes: Sequence[Trajectory], *, seed: int) -> Relabelling:
        self.asked += [one.id for one in episodes]
        return Relabelling([self.found.get(one.id) for one in episodes], {}, self.fault)


class Both(Asking):
    def hindsight(self, trajectory: Trajectory, *, seed: int) -> Achieved | None:
        return Achieved("told at once", 0) if trajectory.id == "g-0" else None


class Spelling(ScriptedPolicy):
    def __init__(self) -> None:
        super().__init__({})
        self.spelled: list[tuple[str, str]] = []

    def spell(self, messages: Sequence[Message], line: str, *, sampling: Sampling) -> Completion:
        self.spelled.append((messages[-1].content.splitlines()[0], line))
        return Completion(prompt_ids=(1,), output_ids=(2,), rollout_logprobs=(0.0,), text=line, sampling=sampling)


class Run:
    """Failed attempts of an iteration in a run directory, and who relabels them."""

    def __init__(self, root: Path, *episodes: Trajectory) -> None:
        self.store = TrajectoryStore(root)
        self.directory = RunDirectory(root)
        self.policy = Spelling()
        self.notices: list[str] = []
        self.groups = [recorded(self.store, *((one, 0.0, "") for one in episodes))]

    async def rows(self, proposer: Any, policy: Any = None) -> tuple[int, list[str]]:
        hindsight = Hindsight(
            proposer,
            policy or self.policy,
            self.store,
            ActorConfig(),
            directory=self.directory,
            notice=self.notices.append,
            weight=0.5,
            seed=0,
        )
        rows, ids = await hindsight.rows(1, self.groups)
        return len(rows), ids


def other(name: str, *steps: Step, **changed: Any) -> Trajectory:
    return trajectory(name, *steps, task=TASK.model_copy(update={"id": f"t-{name}"}), **changed)


async def test_only_what_the_proposer_cannot_tell_is_asked_and_nothing_twice(tmp_path: Path) -> None:
    run = Run(tmp_path, trajectory("g-0"), other("g-1", step(), step(actions.parse("wait"))), other("g-2"))
    proposer = Both({"g-1": Achieved("asked for", 0, 1, TASK)}, fault="it is down")
    assert await run.rows(proposer) == (2, ["g-0+hindsight", "g-1+hindsight"])
    assert proposer.asked == ["g-1", "g-2"]
    assert run.policy.spelled == [(f"task {said}", 'click button "alpha"') for said in ("told at once", "asked for")]
    assert any("it is down" in notice for notice in run.notices)
    again = Both({})
    assert await run.rows(again) == (2, ["g-0+hindsight", "g-1+hindsight"])
    assert again.asked == []
    assert achievements.kept(run.directory, 1) == {"g-1": Achieved("asked for", 0, 1, TASK)}


@pytest.mark.parametrize(
    "steps",
    [
        (step(Action(name="invalid", raw_text="I did it")), step()),
        (step(), step(seen=HOME.model_copy(update={"last_action_error": "no such button"}))),
    ],
)
async def test_a_way_that_stumbled_gives_no_rows(steps: tuple[Step, ...], tmp_path: Path) -> None:
    run = Run(tmp_path, trajectory("g-0", *steps))
    assert await run.rows(Asking({"g-0": Achieved("press it all", 0)})) == (0, [])
    assert achievements.kept(run.directory, 1), "what was achieved is a task all the same"


async def test_a_stumble_after_what_was_achieved_does_no_harm(tmp_path: Path) -> None:
    run = Run(tmp_path, trajectory("g-0", step(), step(Action(name="invalid", raw_text="I did it"))))
    assert await run.rows(Asking({"g-0": Achieved("press it", 0, 1)})) == (1, ["g-0+hindsight"])


async def test_a_policy_that_does_not_spell_is_said_so(tmp_path: Path) -> None:
    run = Run(tmp_path, trajectory("g-0"))
    assert await run.rows(Both({"g-0": Achieved("press it", 0)}), ScriptedPolicy({})) == (0, [])
    assert "becomes tasks alone" in run.notices[0]
    with pytest.raises(ConfigError, match="policy that is trained here"):
        await run.rows(loop_worker.Proposals())


async def test_a_solver_is_made_with_an_account_of_its_own(tmp_path: Path) -> None:
    config = validate(
        {
            "proposer": {"kind": "language"},
            "endpoint": {"base_url": "http://127.0.0.1:9/v1", "model": "m"},
            "language_proposer": {"feasibility": "solver"},
        }
    )
    accounts = Accounts(config, RunDirectory(tmp_path))
    place = builders.Place(loop_worker.Pool(1), urls=("http://site.test/",))
    made = proposers.language(builders.Context(config, tmp_path, 1.0, accounts), place)
    assert isinstance(made, GroundedProposer)
    made.explorer.site = SiteMap(start_urls=place.urls, pages={})
    asking = await made._over_the_map()
    assert isinstance(asking._feasibility, SolvedFeasibility)
    assert {client.role for client in accounts._clients} == {"proposer", "solver"}
    await accounts.close()
