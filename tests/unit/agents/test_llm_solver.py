"""The solver: a language model acts for one episode, and the check says whether the task can be done."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agents.llm.fence import Fence
from agents.llm.proposer import LanguageProposer
from agents.llm.solver import SolvedFeasibility, Speaking
from core.checks import AnswerCheck, Check, PageCheck, UrlCheck
from core.errors import BudgetSpent, EnvironmentFault, ModelFault
from core.protocols import Policy
from core.types import Action, GroundTruth, Observation, Sampling, StepResult, Task
from tests.unit.agents.episode_fixtures import CART, HOME, PAGES
from tests.unit.agents.test_llm_proposer import BRIEF, SITE, Scripted, batch, said
from training.rows import pack


class Shop:
    """Goes to the page that an action names; `broken` raises instead."""

    def __init__(self, broken: Exception | None = None) -> None:
        self.broken = broken
        self.at = HOME

    async def reset(self, task: Task) -> Observation:
        return PAGES[HOME]

    async def step(self, action: Action) -> StepResult:
        if self.broken is not None:
            raise self.broken
        self.at = action.arguments["url"] if action.name == "goto" else self.at
        return StepResult(observation=PAGES[self.at])

    async def collect_evidence(self, task: Task) -> GroundTruth | None:
        return None

    async def close(self) -> None:
        pass


class Shops:
    """A pool of `size`; counts how many are lent at once, and remembers which came back broken."""

    def __init__(self, size: int = 1, broken: Exception | None = None, empty: Exception | None = None) -> None:
        self.size = size
        self.free = asyncio.Semaphore(size)
        self.broken, self.empty = broken, empty
        self.returned: list[bool] = []

    async def acquire(self) -> Shop:
        if self.empty is not None:
            raise self.empty
        await self.free.acquire()
        return Shop(self.broken)

    async def release(self, environment: Any, *, broken: bool = False) -> None:
        self.returned.append(broken)
        self.free.release()

    async def close(self) -> None:
        pass


def task(check: Check | None) -> Task:
    return Task(id="t", instruction="Open the cart", start_url="/", check=check, max_steps=3)


def solver(model: Any, pool: Shops) -> SolvedFeasibility:
    return SolvedFeasibility(model, pool, page_tokens=300, seconds=20.0)


async def tried(check: Check | None, *answers: Any, pool: Shops | None = None) -> str:
    return await solver(Scripted(*answers), pool or Shops()).reason_against(task(check), "", Fence())


async def test_a_task_that_the_model_does_is_kept_and_the_environment_given_back() -> None:
    pool = Shops()
    answers = (f'I open the cart.\ngoto "{CART}"', 'answer "done"')
    assert await tried(PageCheck(contains=("Red mug added",)), *answers, pool=pool) == ""
    assert pool.returned == [False]


@pytest.mark.parametrize(
    ("check", "answers", "reason"),
    [
        (UrlCheck(matches="/cart$"), ('answer "done"',), "did not manage it in 1 steps (answered)"),
        (UrlCheck(matches="/cart$"), ("wait", "wait", "wait"), "did not manage it in 3 steps (max_steps)"),
        (UrlCheck(matches="/cart$"), ("Done! It is in the cart.", "success", "yes"), "(repeated_invalid)"),
        (UrlCheck(matches="/cart$"), ('give_up "cannot"',), "(gave_up)"),
        (AnswerCheck(equals="4.50"), ('answer "5.00"',), "did not manage it"),
        (UrlCheck(matches="shop"), (f'goto "{CART}"', 'answer "done"'), "holds on the first page already"),
        (None, (), "it has no check"),
    ],
)
async def test_a_task_that_it_does_not_do_is_dropped(check: Check | None, answers: Any, reason: str) -> None:
    assert reason in await tried(check, *answers)


@pytest.mark.parametrize(
    ("answers", "pool"),
    [
        ((ModelFault("it is down"),), Shops()),
        (("wait",), Shops(broken=EnvironmentFault("the browser went away"))),
        ((), Shops(empty=EnvironmentFault("no browser"))),
    ],
)
async def test_an_episode_that_breaks_says_nothing_about_the_task(answers: Any, pool: Shops) -> None:
    with pytest.raises(ModelFault, match="solver"):
        await tried(UrlCheck(matches="/cart$"), *answers, pool=pool)
    assert pool.returned in ([True], [])


async def test_a_spent_budget_passes_through_and_gives_the_environment_back() -> None:
    pool = Shops()
    with pytest.raises(BudgetSpent):
        await tried(UrlCheck(matches="/cart$"), BudgetSpent("all used up"), pool=pool)
    assert pool.returned == [True]


async def test_it_sees_the_full_prompt_and_is_not_told_the_check() -> None:
    model = Scripted('answer "4.50"')
    await solver(model, Shops()).reason_against(task(AnswerCheck(equals="4.50")), "", Fence())
    assert [turn.role for turn in model.asked[0][0]] == ["system", "user"]
    assert "You operate a web browser" in model.prompt(0)
    assert "4.50" not in model.prompt(0)
    assert model.asked[0][1] is not None
    assert model.asked[0][1].temperature == 0


async def test_what_it_writes_can_never_be_trained() -> None:
    speaking = Speaking(Scripted("wait"))
    assert isinstance(speaking, Policy)
    completion = await speaking.generate([], sampling=Sampling())
    assert (completion.text, completion.prompt_ids, completion.output_ids) == ("wait", (), ())
    episode = await solver(Scripted('answer "x"'), Shops())._attempt(task(UrlCheck(matches="/cart$")))
    assert episode.role == "verify"
    assert pack(episode, 1.0) == []


async def test_a_proposer_tries_several_tasks_at_once_as_far_as_the_pool_goes() -> None:
    class Acts(Scripted):
        def __init__(self) -> None:
            super().__init__()
            self.acting = self.most = 0

        async def complete(self, messages: Any, **options: Any) -> str:
            self.acting += 1
            self.most = max(self.most, self.acting)
            await asyncio.sleep(0)
            self.acting -= 1
            text = messages[1].content
            return f'goto "{CART}"' if "cart" in text and "nothing yet" in text else 'answer "done"'

    words = ("first", "second", "third")
    tasks = [said(f"Open the {word} cart", success={"kind": "url", "matches": "/cart$"}) for word in words]
    tasks.append(said("Open the list of the mugs", success={"kind": "url", "matches": "/mugs$"}))
    pool, model = Shops(2), Acts()
    made = LanguageProposer(Scripted(batch(*tasks)), SITE, BRIEF, resettable=True, feasibility=solver(model, pool))
    made.config = made.config.model_copy(update={"fruitless_rounds": 1})
    found = await made.propose(4, mastery={}, seed=0)
    assert [one.instruction.split()[2] for one in found] == list(words)
    assert made.report.reasons() == {"infeasible": 1}
    assert model.most == 2
    assert pool.returned == [False] * 4
