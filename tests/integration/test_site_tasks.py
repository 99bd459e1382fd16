"""Every held-out task of the bundled sites, in real Chromium: false at its start, not had for nothing, and feasible."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from core.actions import parse
from core.checks import AllCheck, AnswerCheck, Check, fold, holds
from core.config import Config
from core.protocols import Environment
from core.types import Observation, Task
from environments.sites.process import SitesProcess
from environments.sites.registry import SITES, default_user
from environments.sites.tasks import SPLITS, Solution, Split, load_solutions, load_split
from environments.web.pool import BrowserPool
from environments.web.session import TruthSessions

pytestmark = pytest.mark.asyncio(loop_scope="module")

SAMPLE = 22  # one task in so many in the default run, from each site and split; all of them in the slow one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sites() -> AsyncIterator[SitesProcess]:
    async with await SitesProcess.start(list(SITES)) as process:
        yield process


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def environment(sites: SitesProcess) -> AsyncIterator[Environment]:
    config = Config.model_validate({"browser": {"contexts": 1, "screenshots": "off"}})
    sessions = TruthSessions(sites.truth, sites.urls, default_user)
    async with BrowserPool(config, site_urls=list(sites.urls.values()), sessions=sessions) as pool:
        yield await pool.acquire()


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("site", SITES)
async def test_a_sample_of_the_tasks(site: str, split: Split, sites: SitesProcess, environment: Environment) -> None:
    offset = sum(map(ord, site + split)) % SAMPLE
    await _prove(environment, sites.urls[site], load_split(site, split)[offset::SAMPLE], load_solutions(site, split))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("site", SITES)
async def test_every_task(site: str, split: Split, sites: SitesProcess, environment: Environment) -> None:
    await _prove(environment, sites.urls[site], load_split(site, split), load_solutions(site, split))


async def _prove(environment: Environment, url: str, tasks: list[Task], solutions: dict[str, Solution]) -> None:
    assert tasks
    faults = []
    for relative in tasks:
        task = relative.model_copy(update={"start_url": url + relative.start_url})
        faults += [f"{task.id}: {fault}" for fault in await _faults(environment, task, solutions[task.id])]
    assert not faults, "\n".join(faults)


async def _faults(environment: Environment, task: Task, solution: Solution) -> list[str]:
    assert task.check is not None
    first = await environment.reset(task)
    if await _holds(environment, task, first, None) is not False:
        return ["its check is not false at the start"]
    stopped = await environment.step(parse('answer ""'))
    if await _holds(environment, task, stopped.observation, "") is not False:
        return ["an agent that stops at once satisfies its check"]
    seen = await environment.reset(task)
    if await _holds(environment, task, seen, None) is not False:
        return ["a second session does not start where the first did"]
    answer = None
    for line in solution.actions:
        action = parse(line)
        if action.name == "answer":
            answer = action.arguments["text"]
            if _wants_answer(task.check) and fold(answer) not in fold(seen.text):
                return [f"the page does not show the answer '{answer}'"]
        result = await environment.step(action)
        if result.observation.last_action_error:
            return [f"{line}: {result.observation.last_action_error}"]
        seen = result.observation
    if await _holds(environment, task, seen, answer) is not True:
        truth = await environment.collect_evidence(task)
        return [f"its solution does not satisfy the check: {truth.evidence if truth else None}"]
    return []


async def _holds(environment: Environment, task: Task, seen: Observation, answer: str | None) -> bool | None:
    assert task.check is not None
    truth = await environment.collect_evidence(task)
    assert truth is not None
    return holds(task.check, answer=answer, url=seen.url, page_text=seen.text, evidence=truth.evidence)


def _wants_answer(check: Check) -> bool:
    if isinstance(check, AllCheck):
        return any(_wants_answer(part) for part in check.of)
    return isinstance(check, AnswerCheck)
