"""The explorer on the bundled sites in a real browser: what it proposes can be done, what it must not touch stays."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agents.explorer import pages
from agents.explorer.composer import Composer
from agents.explorer.evidence import holds_after
from agents.explorer.manners import Pace
from agents.explorer.prover import Prover
from agents.explorer.session import session
from agents.explorer.sitemap import SiteMap
from agents.explorer.trials import Trials
from agents.proposer import ExploringProposer
from core.checks import AllCheck, EnteredCheck
from core.config import ExploreConfig, validate
from environments.sites.process import SitesProcess
from environments.sites.registry import site_class
from environments.sites.tasks import load_split
from environments.web.pool import BrowserPool
from environments.web.session import TruthSessions


class WatchedSessions(TruthSessions):
    """Remembers what every session had changed when it ended."""

    changed: set[str]

    async def end(self, site_url: str, cookie: Any) -> None:
        self.changed |= set((await self.read(site_url, cookie))["changed"])
        await super().end(site_url, cookie)


@asynccontextmanager
async def browsing(name: str, contexts: int = 2) -> AsyncIterator[tuple[BrowserPool, str, WatchedSessions]]:
    config = validate({"browser": {"screenshots": "off", "contexts": contexts}})
    users = site_class(name).users
    async with await SitesProcess.start([name]) as sites:
        sessions = WatchedSessions(sites.truth, sites.urls, lambda _: next(iter(users), None))
        sessions.changed = set()
        async with BrowserPool(config, site_urls=[sites.urls[name]], sessions=sessions) as pool:
            yield pool, sites.urls[name] + "/", sessions


async def explored(pool: BrowserPool, url: str, *, resettable: bool = True, **budget: Any) -> ExploringProposer:
    proposer = ExploringProposer(pool, [url], explore=ExploreConfig(**budget), resettable=resettable)
    await proposer.explore()
    return proposer


async def fails_at_once_and_works_when_done(pool: BrowserPool, proposer: ExploringProposer, number: int) -> None:
    """Replays some of the proven tasks as they were saved, with relative start URLs."""
    environment = await pool.acquire()
    for one in proposer.proven[:number]:
        task, answer = one.task, None
        assert task.check is not None
        assert task.start_url.startswith("/")
        seen = [await environment.reset(task)]
        assert not holds_after(task.check, seen, "done"), task.instruction
        for action in one.actions():
            seen.append((await environment.step(action)).observation)
            answer = action.arguments.get("text") if action.name == "answer" else None
        assert holds_after(task.check, seen, answer), task.instruction
    await pool.release(environment)


@pytest.mark.timeout(300)
@pytest.mark.slow
async def test_tasks_on_the_handbook_can_be_done_and_are_false_at_first() -> None:
    async with browsing("kb") as (pool, url, _):
        # It is over when the tasks are found, in a few seconds; the rest of the time is for a busy machine.
        proposer = await explored(pool, url, pages=8, tasks=12, seconds=150)
        assert len({one.task.family for one in proposer.proven}) >= 4
        await fails_at_once_and_works_when_done(pool, proposer, 6)


@pytest.mark.slow
async def test_dialogs_edits_in_place_and_silent_forms_are_found_out_and_proven() -> None:
    async with browsing("helpdesk") as (pool, url, _):
        pace, known = Pace(0, (url,)), {}
        for path in ("tickets/1290", "filters", "settings"):
            async with session(pool, pace) as at:
                page = pages.read(await at.visit(url + path), frozenset({"/tickets"}))
                known[page.url] = page
        trials = Trials(pool, resettable=True, pace=pace, seed=0)
        site = await trials.run(SiteMap(start_urls=(url,), pages=known), 60)
        assert trials.faults == []
        found = {(effect.kind, effect.target.name): effect for effect in site.effects}
        closing = found["form", "Confirm"]  # in the dialog that "Close ticket" opens
        assert closing.prefix == ('click button "Close ticket"',)
        assert any("closed" in text.casefold() for text in closing.revealed)
        assert found[
            "toggle", "Assign to me"
        ].changes_state  # though it stands behind a field like the button of a form
        assert len(found["edit", "Assign to"].filled[0].field.options) > 2

        prover = Prover(pool, replays=2, pristine=tuple(site.texts()), pace=pace, view_tokens=288)
        composer = Composer(site, seed=0, resettable=True)
        drafts = list(composer.drafts("edit"))
        renaming = [draft for draft in drafts if "Rename" in draft.lines[0]]
        assert len({draft.lines[0] for draft in renaming}) > 2  # on other records than the one that was tried
        proof = await prover.prove(renaming[-1])
        assert not isinstance(proof, str), proof
        signing = next(draft for draft in drafts if "Signature" in draft.topic)
        proof = await prover.prove(signing)
        assert not isinstance(proof, str), proof
        assert isinstance(proof.task.check, AllCheck)
        assert any(isinstance(part, EnteredCheck) for part in proof.task.check.of)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["shop", "helpdesk", "kb"])
async def test_every_site_affords_a_variety_of_tasks(name: str) -> None:
    async with browsing(name, 4) as (pool, url, _):
        proposer = await explored(pool, url, tasks=100, seconds=240)
        families = {one.task.family for one in proposer.proven}
        assert {"open", "lookup", "search", "filter", "form", "toggle"} <= families
        assert sum("+" in family for family in families) >= 4
        await fails_at_once_and_works_when_done(pool, proposer, 40)
        proposer.exclude(load_split(name, "test"))
        said = {one.task.instruction.casefold() for one in proposer.proven}
        assert not said & {task.instruction.casefold() for task in load_split(name, "test")}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["shop", "helpdesk", "kb"])
async def test_a_site_that_cannot_be_reset_is_not_changed(name: str) -> None:
    async with browsing(name) as (pool, url, sessions):
        proposer = await explored(pool, url, resettable=False, tasks=40, seconds=100)
        assert {"open", "lookup"} <= {one.task.family for one in proposer.proven}
        await pool.close()
        assert sessions.changed == set()
