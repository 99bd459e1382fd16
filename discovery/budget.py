"""The time budget of a run: what is left, what must be kept for the final measurement, what still fits.

Everything counts: exploration, the first held-out measurement, training, the final measurement of two
arms (final and control weights). The first measurement tells what the last will cost.
"""

from __future__ import annotations

import time
from collections.abc import Callable

_MARGIN = 1.25  # the final measurement may be slower than twice the first by this much
_CLOSING_SHARE = 0.03  # for the episodes that the deadline finds under way, closing and the report …
_CLOSING_SECONDS = 12.0  # … and no more than this
_WORTHWHILE = 0.6  # practice ends at its deadline in any case; less than this share of it is not begun
_EXPLORATION_SHARE = 0.15


class Budget:
    """`minutes` None means no limit. `spent` are seconds used by earlier sessions of the same run.

    `share` bounds the part kept for the final measurement; `clock` returns monotonic seconds.
    """

    def __init__(
        self, minutes: float | None, share: float, *, spent: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._began = clock() - spent
        self._share = share
        self._final_cost: float | None = None
        self._iteration_cost = 0.0
        self._update_cost = 0.0
        self.total = None if minutes is None else minutes * 60.0

    def now(self) -> float:
        """The clock that deadlines are given on."""
        return self._clock()

    def elapsed(self) -> float:
        """Seconds that the run has taken, over all of its sessions."""
        return self._clock() - self._began

    def left(self) -> float | None:
        """Seconds until the end of the budget, at least 0; None without one."""
        return None if self.total is None else max(0.0, self.total - self.elapsed())

    def exploration_seconds(self, wanted: float) -> float:
        """How long the first exploration may take: as asked, but no more than its share of the budget."""
        return wanted if self.total is None else min(wanted, self.total * _EXPLORATION_SHARE)

    def measurement_deadline(self) -> float | None:
        """When a one-armed measurement must start no more episodes: two arms must fit the final's share."""
        if self.total is None:
            return None
        return min(self._clock() + self.total * self._share / (2 * _MARGIN), self._end())

    def final_deadline(self) -> float | None:
        """When the final measurement must start no more episodes."""
        return None if self.total is None else self._end()

    def training_deadline(self) -> float | None:
        """When the last iteration must be over, so that the final measurement fits."""
        return None if self.total is None else self._end() - self.reserve()

    def practice_deadline(self) -> float | None:
        """When practice must start no more episodes, so that the update still fits, too."""
        deadline = self.training_deadline()
        return None if deadline is None else deadline - self._update_cost

    def reserve(self) -> float:
        """Seconds kept for the final measurement: twice what the first cost with a margin, or its whole share."""
        if self.total is None or self._final_cost == 0.0:
            return 0.0
        most = self.total * self._share
        return most if self._final_cost is None else min(most, self._final_cost)

    def measured(self, seconds: float) -> None:
        """A one-armed measurement took this long; 0 when there is nothing to measure."""
        self._final_cost = 2 * _MARGIN * seconds

    def iterated(self, seconds: float, *, updating: float) -> None:
        """An iteration took this long in all, and its update so much of it; recent ones weigh most."""
        self._iteration_cost = max(seconds, 0.5 * (self._iteration_cost + seconds))
        self._update_cost = max(updating, 0.5 * (self._update_cost + updating))

    def fits_another(self) -> bool:
        """Whether most of one more iteration fits before the final measurement (practice is cut to fit)."""
        deadline = self.practice_deadline()
        if deadline is None:
            return True
        return self._clock() + _WORTHWHILE * (self._iteration_cost - self._update_cost) < deadline

    def _end(self) -> float:
        assert self.total is not None
        return self._began + self.total - min(_CLOSING_SECONDS, _CLOSING_SHARE * self.total)
