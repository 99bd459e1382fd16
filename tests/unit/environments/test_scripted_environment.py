"""The scripted environment walks its graph, keeps values and facts, and fails where it is told to."""

from __future__ import annotations

import asyncio

import pytest

from core import actions
from core.errors import EnvironmentFault
from core.protocols import Environment, EnvironmentPool
from core.types import GroundTruth, Task
from environments.scripted import ORIGIN, Page, ScriptedEnvironment, ScriptedPool, element

TASK = Task(id="t", instruction="order a lamp", start_url="/")
SHOP = {
    "/": Page(
        "Shop",
        elements=(element("searchbox", "Find"), element("button", "Search"), element("button", "Buy")),
        moves={'click button "Search"': "/found"},
        facts={'click button "Buy"': {"orders": 1}},
    ),
    "/found": Page("Found", text="One lamp"),
}


async def test_actions_move_change_values_and_make_facts() -> None:
    env = ScriptedEnvironment(SHOP)
    await env.reset(TASK)
    result = await env.step(actions.parse('type searchbox "find" "lamp"'))
    assert result.observation.elements[0].value == "lamp"
    await env.step(actions.parse("click [e3]"))
    assert await env.collect_evidence(TASK) == GroundTruth(evidence={"orders": 1})
    result = await env.step(actions.parse('click button "search"'))
    assert (result.observation.url, result.observation.title) == (ORIGIN + "/found", "Found")
    assert "One lamp" in result.observation.text
    assert (await env.step(actions.parse("back"))).observation.title == "Shop"
    result = await env.step(actions.parse('click button "Sell"'))
    assert result.observation.last_action_error == 'there is no button "Sell" on this page'
    assert (await env.step(actions.parse('answer "1"'))).terminated
    assert (await env.reset(TASK)).elements[0].value == ""
    assert await env.collect_evidence(TASK) == GroundTruth()


async def test_faults_are_raised_where_they_are_scripted() -> None:
    env = ScriptedEnvironment(SHOP, fail_on=frozenset({'click button "Buy"', "/broken"}))
    await env.reset(TASK)
    with pytest.raises(EnvironmentFault):
        await env.step(actions.parse('click button "Buy"'))
    for start in ("/broken", "/nowhere"):
        with pytest.raises(EnvironmentFault):
            await env.reset(TASK.model_copy(update={"start_url": start}))


async def test_the_pool_lends_no_more_than_its_size_and_replaces_broken_ones() -> None:
    pool = ScriptedPool(SHOP, size=2)
    assert isinstance(pool, EnvironmentPool)
    first, second = await pool.acquire(), await pool.acquire()
    assert isinstance(first, Environment)
    third = asyncio.ensure_future(pool.acquire())
    await asyncio.sleep(0)
    assert not third.done()
    await pool.release(first, broken=True)
    assert await third is not first
    await pool.release(second)
    assert await pool.acquire() is second
    assert pool.made == 3
    await pool.close()
