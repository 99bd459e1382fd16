"""The time budget: what is kept for the end, and when to stop beginning things."""

from __future__ import annotations

import pytest

from discovery.budget import Budget


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


def test_without_a_limit_everything_fits() -> None:
    budget = Budget(None, 0.25, clock=Clock())
    budget.iterated(1e9, updating=1e8)
    assert budget.fits_another()
    assert budget.left() is budget.measurement_deadline() is budget.final_deadline() is budget.practice_deadline()
    assert budget.exploration_seconds(60) == 60


def test_the_reserve_follows_what_the_first_measurement_cost() -> None:
    budget = Budget(10, 0.25, clock=Clock())
    assert budget.reserve() == 150, "its whole share while the cost is unknown"
    budget.measured(20)
    assert budget.reserve() == 50
    budget.measured(500)
    assert budget.reserve() == 150, "never more than its share"
    budget.measured(0)
    assert budget.reserve() == 0, "nothing to measure"


def test_an_iteration_begins_only_if_most_of_it_fits() -> None:
    clock = Clock()
    budget = Budget(10, 0.25, clock=clock)
    budget.measured(20)
    budget.iterated(100, updating=30)
    clock.now = 50 + 600 - 12 - 50 - 30 - 43  # 0.6 of the 70 seconds that practice takes, and one to spare
    assert budget.fits_another()
    clock.now += 2
    assert not budget.fits_another()
    deadline = budget.practice_deadline()
    assert deadline is not None
    assert deadline == 50 + 600 - 12 - 50 - 30, "the update after practice must fit, too"


def test_two_arms_fit_the_share_when_one_ends_at_its_deadline() -> None:
    clock = Clock()
    budget = Budget(10, 0.25, clock=clock)
    deadline = budget.measurement_deadline()
    assert deadline is not None
    budget.measured(deadline - clock.now)
    assert budget.reserve() == pytest.approx(150)


def test_earlier_sessions_count() -> None:
    clock = Clock()
    budget = Budget(10, 0.25, spent=200.0, clock=clock)
    assert budget.left() == 400
    clock.now += 500
    assert budget.left() == 0
    assert budget.elapsed() == 700


def test_exploration_takes_no_more_than_its_share() -> None:
    assert Budget(1, 0.25, clock=Clock()).exploration_seconds(60) == 9
