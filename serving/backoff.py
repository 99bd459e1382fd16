"""How long to wait before a request is tried again."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from time import time

FIRST = 0.5  # seconds


class Backoff:
    """Pauses that double, with full jitter above one half; what the server asks for in `Retry-After` is the least.

    `longest` (seconds) bounds the pauses of our own choice. `now` is the Unix time in seconds.
    """

    def __init__(
        self, longest: float, *, chance: Callable[[], float] = random.random, now: Callable[[], float] = time
    ) -> None:
        self.longest = longest
        self._chance = chance
        self._now = now

    def pause(self, attempt: int, asked: float = 0.0) -> float:
        """Seconds to wait after try number `attempt` (from 1), if the server asked for at least `asked` seconds."""
        own: float = min(self.longest, FIRST * 2.0 ** (attempt - 1)) * (1 + self._chance()) / 2
        # Added, not the larger of the two: clients that were told the same must not come back together.
        return asked + own * 0.2 if asked > own else own

    def asked(self, header: str | None) -> float:
        """The seconds that a `Retry-After` header asks for, be it a number or an HTTP date; 0 if it says nothing."""
        if header is None:
            return 0.0
        try:
            seconds = float(header)
        except ValueError:
            try:
                seconds = parsedate_to_datetime(header).timestamp() - self._now()
            except (ValueError, TypeError, OverflowError):
                return 0.0
        return max(0.0, seconds) if math.isfinite(seconds) else 0.0
