"""The account: sums, limits, and going on from what was written down."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.errors import BudgetSpent, InfrastructureError, RunDirectoryError, UserError
from serving.ledger import Ledger


def spent() -> Ledger:
    ledger = Ledger(budget=1.0)
    ledger.answered("judge", 10, 5, 0.25, estimated=False)
    ledger.answered("judge", 10, 5, 0.25, estimated=True)
    ledger.answered("proposer", 1, 1, 0.125, estimated=False)
    ledger.remembered("judge")
    ledger.failed("proposer")
    return ledger


def test_each_role_has_its_account_and_the_whole_is_their_sum() -> None:
    ledger = spent()
    assert ledger.roles["judge"].model_dump() == {
        "calls": 2,
        "prompt_tokens": 20,
        "completion_tokens": 10,
        "cached": 1,
        "failures": 0,
        "estimated": 1,
        "cost": 0.5,
    }
    assert ledger.roles["proposer"].failures == 1
    assert (ledger.cost, ledger.tokens) == (0.625, 32)


def test_either_limit_stops_and_neither_kind_of_handler_swallows_that() -> None:
    ledger = spent()
    ledger.check()
    ledger.answered("chat", 0, 0, 0.375, estimated=False)
    with pytest.raises(BudgetSpent, match="budget of 1 "):
        ledger.check()
    ledger.budget, ledger.token_budget = None, 33
    ledger.check()
    ledger.token_budget = 32
    with pytest.raises(BudgetSpent, match="32 tokens"):
        ledger.check()
    assert not issubclass(BudgetSpent, UserError | InfrastructureError)


def test_the_state_survives_json_and_the_limits_are_not_part_of_it() -> None:
    other = Ledger(budget=0.5)
    other.restore(json.loads(json.dumps(spent().state())))
    assert other.state() == spent().state()
    with pytest.raises(BudgetSpent):
        other.check()


@pytest.mark.parametrize(
    "state", [{}, {"roles": 3}, {"roles": {"judge": {"calls": -1}}}, {"roles": {"judge": {"cost": float("nan")}}}]
)
def test_a_damaged_state_changes_nothing(state: dict[str, Any]) -> None:
    ledger = spent()
    with pytest.raises(RunDirectoryError, match="damaged"):
        ledger.restore(state)
    assert ledger.cost == 0.625
