"""Attempts that part from the ones that failed: how a group in which every probe failed is gone on with.

A policy that is sure of itself makes the same mistake eight times, and a group of equal failures teaches
nothing. So the further attempts at such a task are sampled without replacement, as far as that goes: none
gives an answer again that was wrong in the same situation, and, where no answer is asked for, each may not
do, at one situation drawn from the failed attempts, what any of them did there. What remains is drawn as
ever. The policy samples from, and is trained on, the distribution over what was left to it, so the gradient
is exact for that distribution; drawing a group without replacement to learn more from it goes back to Kool
et al. 2019 ("Buy 4 REINFORCE samples, get a baseline for free").

A situation is a prompt: the instruction, what was done so far, and the page.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from core import actions
from core.checks import needs_answer
from core.protocols import Policy
from core.types import Action, Completion, Message, Sampling, Step, Trajectory

Situation = tuple[int, ...]


@runtime_checkable
class Avoids(Policy, Protocol):
    """A policy that honours `Sampling.excluded`, as the local one does where it is held to the page."""

    constrained: bool

    def encode(self, messages: Sequence[Message]) -> list[int]: ...


def able(policy: Policy) -> Avoids | None:
    """The policy if it can leave out what failed, else None."""
    return policy if isinstance(policy, Avoids) and policy.constrained else None


def avoided(failures: Sequence[Trajectory], *, seed: int) -> dict[Situation, tuple[str, ...]]:
    """What one further attempt may not write, by situation, as in `Sampling.excluded`.

    Where an answer is asked for, it merely gives another one. Else it parts at the step d (from 0) of one of the
    failures with a probability that halves with each d, because what follows a wrong turn is seldom worth another try.
    """
    done: dict[Situation, list[Action]] = {}
    for trajectory in failures:
        for step in trajectory.steps:
            if step.completion is not None:
                done.setdefault(step.completion.prompt_ids, []).append(step.action)
    generator = random.Random(seed)
    asked = any(one.task.check is None or needs_answer(one.task.check) for one in failures)
    parting = None if asked else _parting(generator.choice(failures), generator)
    found: dict[Situation, tuple[str, ...]] = {}
    for situation, taken in done.items():
        here = parting is not None and parting.completion is not None and parting.completion.prompt_ids == situation
        lines = (_beginning(action, asked=asked) for action in taken if here or action.name == "answer")
        if wrong := tuple(sorted({line for line in lines if line})):
            found[situation] = wrong
    return found


def _parting(trajectory: Trajectory, generator: random.Random) -> Step | None:
    weights = [2.0**-at for at in range(len(trajectory.steps))]
    return generator.choices(trajectory.steps, weights)[0] if weights else None


def _beginning(action: Action, *, asked: bool) -> str:
    """The line of an action, or what all lines begin with that come to the same.

    These are all that type anything into the same field, and all answers where nothing was `asked`.
    """
    if action.name not in actions.ACTION_NAMES:
        return ""
    if action.name == "answer" and not asked:
        return "answer"
    if action.name == "type":
        return f"type {actions.target_of(action)}"
    return f"{actions.render(action)}\n"


class Avoiding:
    """A policy that leaves out what is `avoided` in a situation; a `Policy` itself."""

    def __init__(self, policy: Avoids, avoided: Mapping[Situation, tuple[str, ...]]) -> None:
        self._policy = policy
        self._avoided = avoided

    @property
    def version(self) -> int:
        return self._policy.version

    async def generate(self, messages: Sequence[Message], *, sampling: Sampling) -> Completion:
        wrong = self._avoided.get(tuple(self._policy.encode(messages)))
        if wrong:
            sampling = sampling.model_copy(update={"excluded": wrong})
        return await self._policy.generate(messages, sampling=sampling)

    async def publish(self, weights_dir: Path, *, kind: Literal["adapter", "full"], version: int) -> None:
        await self._policy.publish(weights_dir, kind=kind, version=version)

    async def close(self) -> None:
        """Nothing of its own to free."""
