"""Episodes on one shared site: changers alone, lookers together, the site restored whenever it was empty."""

from __future__ import annotations

import asyncio

import pytest

from core.errors import EnvironmentFault
from environments.web.gate import Gate


class Log:
    def __init__(self) -> None:
        self.restored = 0
        self.fail = False

    async def restore(self) -> None:
        await asyncio.sleep(0)
        if self.fail:
            raise EnvironmentFault("no reset")
        self.restored += 1


async def test_episodes_that_change_state_never_overlap() -> None:
    log = Log()
    gate = Gate(log.restore)
    inside = most = 0

    async def episode() -> None:
        nonlocal inside, most
        await gate.enter(alone=True)
        inside += 1
        most = max(most, inside)
        for _ in range(5):
            await asyncio.sleep(0)
        inside -= 1
        await gate.leave(alone=True)

    await asyncio.gather(*(episode() for _ in range(6)))
    assert most == 1
    assert log.restored == 6


async def test_lookers_enter_together_after_one_restoration() -> None:
    log = Log()
    gate = Gate(log.restore)
    await asyncio.gather(*(gate.enter(alone=False) for _ in range(4)))
    assert log.restored == 1
    changer = asyncio.ensure_future(gate.enter(alone=True))
    await asyncio.sleep(0)
    late = asyncio.ensure_future(gate.enter(alone=False))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not changer.done()
    assert not late.done(), "a looker overtook one who waits to be alone"
    for _ in range(4):
        await gate.leave(alone=False)
    await changer
    assert not late.done()
    await gate.leave(alone=True)
    await late
    assert log.restored == 3


async def test_a_failed_restoration_leaves_nobody_inside() -> None:
    log = Log()
    gate = Gate(log.restore)
    log.fail = True
    for alone in (True, False):
        with pytest.raises(EnvironmentFault):
            await gate.enter(alone=alone)
    log.fail = False
    await gate.enter(alone=True)


async def test_somebody_who_stops_waiting_blocks_nobody() -> None:
    gate = Gate(Log().restore)
    await gate.enter(alone=False)
    waiting = asyncio.ensure_future(gate.enter(alone=True))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.wait_for(gate.enter(alone=False), 5)


async def test_a_stream_of_changers_keeps_no_looker_waiting() -> None:
    log = Log()
    gate = Gate(log.restore)
    await gate.enter(alone=True)
    looker = asyncio.ensure_future(gate.enter(alone=False))
    await asyncio.sleep(0)
    changer = asyncio.ensure_future(gate.enter(alone=True))
    await gate.leave(alone=True)
    await asyncio.wait_for(looker, 5)
    assert not changer.done()
    await gate.leave(alone=False)
    await asyncio.wait_for(changer, 5)
    assert gate.restored == log.restored == 3
