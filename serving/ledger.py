"""What the model endpoints were asked and what that cost, by role, held to a budget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, ValidationError

from core.errors import BudgetSpent, RunDirectoryError
from core.types import Record


class Usage(Record):
    """One role's account. Tokens of `estimated` calls are a guess, as the server did not count them."""

    calls: int = Field(0, ge=0, description="answers of the server, the useless ones included")
    prompt_tokens: int = Field(0, ge=0)
    completion_tokens: int = Field(0, ge=0)
    cached: int = Field(0, ge=0, description="answers that no request was needed for")
    failures: int = Field(0, ge=0, description="attempts without an answer, and answers that could not be used")
    estimated: int = Field(0, ge=0)
    cost: float = Field(0.0, ge=0, allow_inf_nan=False, description="currency units")


class Ledger:
    """The account that several clients share, by role ("proposer", "judge", ...).

    `budget` is in currency units and `token_budget` in tokens, prompt and completion together; None: no limit.
    """

    def __init__(self, *, budget: float | None = None, token_budget: int | None = None) -> None:
        self.budget = budget
        self.token_budget = token_budget
        self._roles: dict[str, Usage] = {}

    @property
    def roles(self) -> dict[str, Usage]:
        """The account of each role that asked anything."""
        return dict(self._roles)

    @property
    def cost(self) -> float:
        """Currency units spent by all roles."""
        return sum(usage.cost for usage in self._roles.values())

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens of all roles."""
        return sum(usage.prompt_tokens + usage.completion_tokens for usage in self._roles.values())

    def check(self) -> None:
        """Raise `BudgetSpent` if a limit is reached. Answers still under way are paid for beyond it."""
        if self.budget is not None and self.cost >= self.budget:
            raise BudgetSpent(f"the budget of {self.budget:g} for model endpoints is used up ({self.cost:.4g} spent)")
        if self.token_budget is not None and self.tokens >= self.token_budget:
            raise BudgetSpent(
                f"the budget of {self.token_budget} tokens for model endpoints is used up ({self.tokens} used)"
            )

    def answered(self, role: str, prompt_tokens: int, completion_tokens: int, cost: float, *, estimated: bool) -> None:
        """Note an answer of a server and its price in currency units."""
        self._add(
            role,
            calls=1,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            cost=cost,
            estimated=int(estimated),
        )

    def remembered(self, role: str) -> None:
        """Note an answer that needed no request of its own."""
        self._add(role, cached=1)

    def failed(self, role: str) -> None:
        """Note an attempt that brought nothing of use."""
        self._add(role, failures=1)

    def state(self) -> dict[str, Any]:
        """The accounts as JSON values; the limits are the configuration's."""
        return {"roles": {role: usage.model_dump() for role, usage in self._roles.items()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`; raises `RunDirectoryError`, and changes nothing, if it is damaged."""
        try:
            self._roles = {str(role): Usage.model_validate(usage) for role, usage in state["roles"].items()}
        except (KeyError, AttributeError, TypeError, ValidationError) as error:
            raise RunDirectoryError(f"the account of the model endpoints is damaged: {error}") from error

    def _add(self, role: str, **amounts: float) -> None:
        usage = self._roles.get(role, Usage())
        self._roles[role] = usage.model_copy(
            update={name: getattr(usage, name) + amount for name, amount in amounts.items()}
        )
