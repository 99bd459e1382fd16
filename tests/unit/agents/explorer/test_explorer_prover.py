"""Proving: what the replays accept, and each way in which a draft falls."""

import asyncio
import re
from typing import Any

import pytest

from agents.explorer.drafts import Draft, Proven
from agents.explorer.manners import Pace
from agents.explorer.prover import FAULT, OUT_OF_VIEW, Prover, in_view
from core.checks import AnswerCheck, PageCheck
from core.errors import EnvironmentFault
from core.types import Element, Observation, Task


def prover(pool: Any, **more: Any) -> Prover:
    return Prover(pool, replays=2, pace=Pace(0, ()), **{"view_tokens": 288, **more})


def draft(home: str, path: str, *lines: str, **more: Any) -> Draft:
    return Draft(family="x", instruction="Do it.", start_url=home.rstrip("/") + path, lines=lines, **more)


async def test_a_change_is_proven_by_what_it_shows(library: Any, home: str) -> None:
    proof = await prover(library).prove(
        draft(home, "/book/8", 'click button "Reserve"', wanted=("Brass Compass",), changes=True)
    )
    assert isinstance(proof, Proven)
    assert isinstance(proof.task.check, PageCheck)
    assert proof.task.check.contains == ("Brass Compass is reserved for you",)
    assert proof.task.check.url is not None
    assert re.search(proof.task.check.url, f"{home}book/8")
    assert proof.demonstration == ('click button "Reserve"', 'answer "done"')
    assert proof.task.changes_state
    assert library.log.count("press Reserve") == 2
    assert library.borrowed == 0


async def test_an_answer_is_proven_where_it_can_be_read(library: Any, home: str) -> None:
    proof = await prover(library).prove(draft(home, "/book/8", 'answer "Ivo Lund"', answer="Ivo Lund"))
    assert isinstance(proof, Proven)
    assert proof.task.check == AnswerCheck(equals="Ivo Lund")
    assert proof.demonstration == ('answer "Ivo Lund"',)
    assert await prover(library).prove(draft(home, "/book/8", 'answer "Nobody"', answer="Nobody")) == OUT_OF_VIEW


async def test_what_the_crawl_has_seen_is_foreseen_and_replayed_once(library: Any, home: str) -> None:
    environment = await library.acquire()
    known = {}
    for path in ("/shelf/travel-2", "/book/8"):
        seen = await environment.reset(Task(id="t", instruction="", start_url=path))
        known[seen.url] = seen
    await library.release(environment)
    ways = ('click link "Brass Compass"', 'answer "Ivo Lund"')
    for pages, visits in ((known, 1), ({}, 2)):
        library.log.clear()
        proof = await prover(library, known=pages).prove(draft(home, "/shelf/travel-2", *ways, answer="Ivo Lund"))
        assert isinstance(proof, Proven)
        assert sum("/book/8" in line for line in library.log) == visits
        assert [one.url for one in proof.seen] == [f"{home}shelf/travel-2", f"{home}book/8", f"{home}book/8"]
    asked = draft(home, "/shelf/travel-2", 'click link "Brass Compass"', wanted=("Gone",))
    assert await prover(library, known=known).prove(asked) == "no telling check"


async def test_what_the_page_refuses_falls(library: Any, home: str) -> None:
    asked = draft(home, "/book/8", 'click button "Reserve" #2')
    assert await prover(library).prove(asked) == OUT_OF_VIEW
    assert await prover(library, view_tokens=10_000).prove(
        draft(home, "/", 'select searchbox "Search the library" "x"')
    )


async def test_nothing_new_means_no_check(library: Any, home: str) -> None:
    assert await prover(library).prove(draft(home, "/contact", 'type textbox "Subject" "Hi"')) == "no telling check"
    assert library.borrowed == 0


async def test_a_change_that_any_page_shows_anyway_is_not_proven(library: Any, home: str) -> None:
    pristine = [(home + "book/8", "Brass Compass is reserved for you")]
    proof = await prover(library, pristine=pristine).prove(
        draft(home, "/book/8", 'click button "Reserve"', changes=True)
    )
    assert proof == "no telling check"


async def test_a_foil_that_ends_alike_is_rejected(library: Any, home: str) -> None:
    foil = ('type textbox "Subject" "Other"', 'type textbox "Message" "m"', 'click button "Send message"')
    lines = ('type textbox "Subject" "Blue"', 'type textbox "Message" "m"', 'click button "Send message"')
    proof = await prover(library).prove(draft(home, "/contact", *lines, changes=True, foils=(foil,)))
    assert isinstance(proof, Proven)
    assert isinstance(proof.task.check, PageCheck)
    assert proof.task.check.contains == ("We received: Blue",)
    same = await prover(library).prove(draft(home, "/contact", *lines, changes=True, foils=(lines,)))
    assert same == "no telling check"


async def test_without_a_reset_the_second_replay_tells(library_forever: Any, home: str) -> None:
    steps = ('type textbox "Nickname" "Brisk"', 'click button "Save profile"')
    asked = draft(home, "/profile", *steps, wanted=("Brisk",), changes=True)
    assert await prover(library_forever).prove(asked) == "true too early"


async def test_the_map_saves_a_replay(library: Any, home: str) -> None:
    empty = Observation(url=home, title="Empty")
    asked = draft(home, "/", 'click link "Contact"')
    assert await prover(library, known={home: empty}).prove(asked) == OUT_OF_VIEW
    assert not library.log


async def test_a_fault_is_counted_and_the_environment_given_back_as_broken(library: Any, home: str) -> None:
    class Broken:
        async def reset(self, task: object) -> None:
            raise EnvironmentFault("gone")

    async def acquire() -> Broken:
        library.borrowed += 1
        return Broken()

    library.acquire = acquire
    assert await prover(library).prove(draft(home, "/", 'click link "Contact"')) == FAULT
    assert (library.borrowed, library.broken) == (0, 1)


async def test_a_page_that_hangs_is_a_fault(library: Any, home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hanging:
        async def reset(self, task: object) -> None:
            await asyncio.sleep(60)

    async def acquire() -> Hanging:
        return Hanging()

    library.acquire = acquire
    monkeypatch.setattr("agents.explorer.session.STEP_SECONDS", 0.01)
    assert await prover(library).prove(draft(home, "/", 'click link "Contact"')) == FAULT


def test_a_view_shows_a_target_only_by_its_full_name_and_number() -> None:
    elements = tuple(
        Element(id=f"e{at}", role="button", name=name, nth=nth, interactive=True)
        for at, (name, nth) in enumerate([("Save", 1), ("Save", 2), ("Save all", 1)])
    )
    here = Observation(url="http://x/", title="T", elements=elements)
    for line in ('click button "Save"', 'click button "save" #2', 'click button "Save all"'):
        assert in_view(here, line, "", 100)
    for line in ('click button "Sav"', 'click button "Save" #3', 'click link "Save"'):
        assert not in_view(here, line, "", 100)
    assert not in_view(here, 'click button "Save all"', "", 6)
