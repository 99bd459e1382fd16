"""A language model's tasks beside proven ones: shares, faults, what is remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from agents.explorer.sitemap import SiteMap
from agents.llm.fence import Fence
from agents.llm.grounded import GroundedProposer
from agents.llm.proposer import LanguageProposer
from agents.proposer import ExploringProposer
from core.checks import AnswerCheck
from core.config import LanguageProposerConfig
from core.errors import BudgetSpent, ModelFault
from core.protocols import Proposer
from core.types import Task
from tests.unit.agents.test_llm_proposer import BRIEF, SITE, Scripted, batch, said


class Found(ExploringProposer):
    """An explorer that has explored already and proven `number` tasks."""

    def __init__(self, number: int) -> None:
        self.site: SiteMap | None = None
        self.number = number
        self.explored = 0
        self.told: Mapping[str, Any] = {}

    async def explore(self) -> Any:
        self.explored += 1
        self.site = SITE

    async def propose(self, count: int, *, mastery: Mapping[str, float], seed: int) -> list[Task]:
        return [task(f"proven-{at}") for at in range(min(count, self.number))]

    def exclude(self, tasks: Sequence[Task]) -> int:
        return 0

    def state(self) -> dict[str, Any]:
        return {"number": self.number}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.told = dict(state)


def task(name: str, instruction: str = "") -> Task:
    return Task(id=name, instruction=instruction or name, start_url="/", check=AnswerCheck(equals="4.50"))


def grounded(model: Scripted, proven: int = 0, **settings: Any) -> GroundedProposer:
    config = LanguageProposerConfig(fruitless_rounds=1, **settings)

    def ask(site: SiteMap) -> LanguageProposer:
        return LanguageProposer(model, site, BRIEF, config=config, resettable=True, fence=lambda: Fence("f00d"))

    return GroundedProposer(Found(proven), ask, config=config)


def several(first: int, number: int) -> dict[str, Any]:
    words = ("kettle", "lantern", "saddle", "violin", "harbour", "notebook", "window", "glacier", "pepper", "curtain")
    return batch(*(said(f"Tell me what is said about the {words[at]}") for at in range(first, first + number)))


def kinds(tasks: list[Task]) -> list[str]:
    return ["proven" if one.id.startswith("proven") else "asked" for one in tasks]


async def test_it_explores_once_and_gives_each_kind_its_share() -> None:
    made = grounded(Scripted(several(0, 6), several(6, 3)), proven=10, tasks=6)
    assert isinstance(made, Proposer)
    first = await made.propose(8, mastery={}, seed=0)
    assert kinds(first) == ["asked"] * 4 + ["proven"] * 4
    second = await made.propose(8, mastery={}, seed=1)
    assert kinds(second) == ["asked"] * 4 + ["proven"] * 4
    assert "pepper" in second[0].instruction, "the newest come first"
    assert isinstance(made.explorer, Found)
    assert made.explorer.explored == 1


async def test_what_one_kind_lacks_the_other_makes_up_for() -> None:
    few_proven = await grounded(Scripted(several(0, 6)), proven=1, tasks=6).propose(6, mastery={}, seed=0)
    assert kinds(few_proven) == ["asked"] * 5 + ["proven"]
    few_asked = await grounded(Scripted(several(0, 1)), proven=9, tasks=6).propose(6, mastery={}, seed=0)
    assert kinds(few_asked) == ["asked"] + ["proven"] * 5


async def test_a_model_that_does_not_answer_is_a_failure_only_where_there_is_nothing_else() -> None:
    made = grounded(Scripted(ModelFault("it is down"), several(0, 2), ModelFault("again")), proven=2)
    assert kinds(await made.propose(4, mastery={}, seed=0)) == ["proven"] * 2
    assert made.fault == "it is down"
    assert kinds(await made.propose(4, mastery={}, seed=1)) == ["asked"] * 2 + ["proven"] * 2
    assert made.fault == ""
    assert kinds(await made.propose(4, mastery={}, seed=2)) == ["asked"] * 2 + ["proven"] * 2
    with pytest.raises(ModelFault, match="it is down"):
        await grounded(Scripted(ModelFault("it is down"))).propose(4, mastery={}, seed=0)
    with pytest.raises(BudgetSpent):
        await grounded(Scripted(BudgetSpent("spent")), proven=5).propose(4, mastery={}, seed=0)


async def test_it_goes_on_from_its_state_and_never_proposes_what_is_held_out() -> None:
    made = grounded(Scripted(several(0, 3)), proven=2)
    before = await made.propose(6, mastery={}, seed=0)
    model = Scripted(several(0, 4))
    again = grounded(model, proven=2)
    again.restore(made.state())
    assert again.state() == made.state(), "before it knows the site's map, too"
    held_out = task("held", "Tell me what is said about the violin")
    again.exclude([held_out])
    after = await again.propose(6, mastery={}, seed=1)
    assert {one.id for one in before} == {one.id for one in after}, "the fourth is held out, the others are old"
    assert isinstance(again.explorer, Found)
    assert again.explorer.told == {"number": 2}
