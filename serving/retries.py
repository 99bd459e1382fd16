"""Trying again: which failures allow it, how often, and after what pause."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from typing import TypeVar

from core.errors import ModelFault
from serving.backoff import Backoff

PASSING = frozenset({408, 409, 429})  # HTTP statuses below 500 that may be gone at the next try

_T = TypeVar("_T")


class Failed(ModelFault):
    """One attempt failed; `again` says whether another may succeed.

    `asked` is for how many seconds the server wants to be left alone; `status` and `said` are its HTTP status and its
    whole error, 0 and empty without a response.
    """

    def __init__(
        self, sentence: str, *, again: bool = False, asked: float = 0.0, status: int = 0, said: str = ""
    ) -> None:
        super().__init__(sentence)
        self.again = again
        self.asked = asked
        self.status = status
        self.said = said


async def persist(
    attempt: Callable[[], Awaitable[_T]],
    *,
    attempts: int,
    backoff: Backoff,
    longest: float,
    sleep: Callable[[float], Awaitable[None]],
) -> _T:
    """What `attempt` brings, tried up to `attempts` times where its `Failed` allows it; raises the last one.

    A server that asks for a pause of more than `longest` seconds is given up at once: it would refuse an earlier try.
    """
    for number in itertools.count(1):
        try:
            return await attempt()
        except Failed as failure:
            failed = failure
        if not failed.again:
            raise failed
        if number == attempts:
            raise ModelFault(f"{failed}, at the last of {number} attempts")
        if failed.asked > longest:
            raise ModelFault(f"{failed}, and asks for a pause of {failed.asked:.0f} s, more than max_wait allows")
        await sleep(backoff.pause(number, failed.asked))
    raise AssertionError  # the count has no end
