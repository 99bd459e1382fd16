"""What an iteration asks of a model endpoint, at most and typically, and what that costs.

At most: every request is as long as its settings allow, every answer needs its turn of repair, and all rounds are used
up. Typically: every suggestion is usable, lists are half full, answers are as long as their form. Typical figures are
rules of thumb, not measurements; tokens are those of `core/tokens`. Answers out of the cache are not taken off.
"""

from __future__ import annotations

import math

from core.config import Config, EndpointConfig
from core.tokens import estimate
from core.types import Record

_LISTS = 13  # in a request for tasks (agents/llm/context)
_FRAME = 300  # tokens around what a setting bounds: instructions, fences, the schema
_SCHEMA = 1500  # tokens of the longest form, where it is told in words
_REPAIR = 2  # requests for a structured answer, at most
_TASK, _OPINION, _ACTION, _ACCOUNT = 130, 70, 60, 120  # typical tokens of an answer
_JUDGED, _SOLVED, _RELABELLED = 512, 512, 768  # longest answers (agents/llm/feasibility, solver, relabelling)
_STEPS = 5  # typical, of a solver's episode


class Amount(Record):
    """Requests, their tokens, and currency units."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def and_also(self, other: Amount) -> Amount:
        return Amount(
            requests=self.requests + other.requests,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            cost=self.cost + other.cost,
        )


class Expenses(Record):
    """Of one iteration."""

    most: Amount
    typical: Amount


def of_iteration(config: Config) -> Expenses | None:
    """None where no model is asked. What proposers of other distributions ask is not known here."""
    if config.proposer.kind != "language":
        return None
    return Expenses(most=_most(config), typical=_typical(config))


def iterations(amount: Amount, *, cost: float | None, tokens: int | None) -> int | None:
    """How many whole iterations of this amount the limits allow; None without a limit that it counts towards."""
    allowed = []
    if cost is not None and amount.cost:
        allowed.append(cost / amount.cost)
    if tokens is not None and amount.tokens:
        allowed.append(tokens / amount.tokens)
    return int(min(allowed)) if allowed else None


def _most(config: Config) -> Amount:
    asked = config.language_proposer
    wanted = min(asked.tasks, config.explore.tasks)
    rounds = wanted + asked.fruitless_rounds - 1  # each but the fruitless ones brings a task at least
    prompt = _FRAME + _SCHEMA + asked.map_tokens + _LISTS * asked.list_tokens
    total = _amount(config.endpoint, _REPAIR * rounds, prompt, asked.max_tokens, repaired=True)
    questions = rounds * asked.batch
    if asked.feasibility == "judge":
        prompt = _FRAME + _SCHEMA + asked.map_tokens
        total = total.and_also(_amount(config.endpoint, _REPAIR * questions, prompt, _JUDGED, repaired=True))
    if asked.feasibility == "solver":
        requests = questions * asked.max_steps
        total = total.and_also(_amount(config.endpoint, requests, _FRAME + _acted(config), _SOLVED))
    if config.training.hindsight:
        requests = _REPAIR * 2 * asked.relabels
        prompt = _FRAME + _SCHEMA + asked.episode_tokens
        total = total.and_also(_amount(config.endpoint, requests, prompt, _RELABELLED, repaired=True))
    return total


def _typical(config: Config) -> Amount:
    asked = config.language_proposer
    wanted = min(asked.tasks, config.explore.tasks)
    rounds = math.ceil(wanted / asked.batch)
    prompt = _FRAME + asked.map_tokens + _LISTS * asked.list_tokens // 2
    total = _amount(config.endpoint, rounds, prompt, _TASK * min(asked.batch, wanted))
    if asked.feasibility == "judge":
        total = total.and_also(_amount(config.endpoint, wanted, _FRAME + asked.map_tokens, _OPINION))
    if asked.feasibility == "solver":
        total = total.and_also(_amount(config.endpoint, wanted * _STEPS, _FRAME + _acted(config), _ACTION))
    if config.training.hindsight:
        prompt = _FRAME + asked.episode_tokens
        total = total.and_also(_amount(config.endpoint, asked.relabels * 3 // 2, prompt, _ACCOUNT))
    return total


def _acted(config: Config) -> int:
    """What a solver is shown of a page and of what it did."""
    return config.language_proposer.solver_tokens + config.actor.history * estimate("x" * 160)


def _amount(endpoint: EndpointConfig, requests: int, prompt: int, completion: int, *, repaired: bool = False) -> Amount:
    """So many requests; where half of them repair an answer, these are shown it as well."""
    prompts = requests * prompt + (requests // 2 * completion if repaired else 0)
    completions = requests * completion
    cost = (prompts * endpoint.price_prompt + completions * endpoint.price_completion) / 1e6
    return Amount(requests=requests, prompt_tokens=prompts, completion_tokens=completions, cost=cost)
