"""Whether a proposed task can be done, by doing it: the language model acts for one episode, and the check decides.

Attempts of the policy would tell more of what it can learn, but one that has just begun fails nearly everything, and
a task is not worth a group of attempts before it is known to be possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from agents.actor import Actor
from agents.llm.episodes import held
from agents.llm.fence import Fence
from core.config import ActorConfig
from core.errors import InfrastructureError, ModelFault
from core.protocols import ChatModel, EnvironmentPool
from core.types import Completion, Message, Sampling, Task, Trajectory

_SAMPLING = Sampling(temperature=0.0, max_tokens=512)


class Speaking:
    """A `ChatModel` as a `core.protocols.Policy`. Its completions have no tokens, so nothing can be trained on them."""

    version = 0

    def __init__(self, model: ChatModel) -> None:
        self._model = model

    async def generate(self, messages: Sequence[Message], *, sampling: Sampling) -> Completion:
        """The model's reply; raises `ModelFault`."""
        text = await self._model.complete(messages, sampling=sampling)
        return Completion(prompt_ids=(), output_ids=(), rollout_logprobs=(), text=text, sampling=sampling)

    async def publish(self, weights_dir: Path, *, kind: Literal["adapter", "full"], version: int) -> None:
        """A chat model's weights are not ours to change."""

    async def close(self) -> None:
        """Nothing is open: the client is its owner's."""


class SolvedFeasibility:
    """A `Feasibility`: a task is kept if the model, shown pages in words, does it in one episode.

    Its check has to be false on the first page and true at the end. Each episode takes an environment of the pool.
    """

    def __init__(self, model: ChatModel, pool: EnvironmentPool, *, page_tokens: int, seconds: float) -> None:
        self._pool = pool
        self._actor = Actor(
            Speaking(model), ActorConfig(prompt="full", observation_tokens=page_tokens, episode_seconds=seconds)
        )

    async def reason_against(self, task: Task, criterion: str, fence: Fence) -> str:  # noqa: ARG002 - as the protocol has it
        """See `Feasibility`; raises `ModelFault` where the episode broke, which says nothing about the task."""
        if task.check is None:
            return "it has no check, by which an attempt could be decided"
        episode = await self._attempt(task)
        if episode.error:
            raise ModelFault(f"the solver's episode broke: {episode.error}")
        if held(task.check, episode, 0) is not False:
            return "its check holds on the first page already, or cannot be decided there"
        if held(task.check, episode, len(episode.steps)) is not True:
            return f"a solver did not manage it in {len(episode.steps)} steps ({episode.stop_reason.value})"
        return ""

    async def _attempt(self, task: Task) -> Trajectory:
        try:
            environment = await self._pool.acquire()
        except InfrastructureError as fault:
            raise ModelFault(f"the solver got no environment: {fault}") from fault
        broken = True
        try:
            episode, _ = await self._actor.run(
                task, environment, trajectory_id=f"solver-{task.id}", role="verify", sampling=_SAMPLING
            )
            broken = bool(episode.error)
        finally:
            with suppress(InfrastructureError):
                await self._pool.release(environment, broken=broken)
        return episode
