"""What failed episodes achieved all the same, as rows to learn from beside those of the groups.

With `training.hindsight` above 0, a proposer that relabels says what a failed attempt would have been right
for (`agents.explorer.hindsight`). Those steps are put before the policy again under that instruction, with
the tokens that it would have had to write, and get the advantage `training.hindsight`. Nobody sampled
them so, hence they have no log-probabilities: the trainer takes its own, and their ratio starts at one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from agents import prompting
from agents.explorer.hindsight import Achieved
from core import actions
from core.config import ActorConfig
from core.errors import ConfigError, ModelFault
from core.protocols import Policy, Proposer
from core.types import Sampling, TrainingRow, Trajectory
from discovery.practice import Group
from discovery.seeds import derive
from discovery.warmstart import Spells
from memory.trajectories import TrajectoryStore
from training.rows import pack_unsampled

_SUFFIX = "+hindsight"


@runtime_checkable
class Relabels(Proposer, Protocol):
    """A proposer that tells what an episode achieved, as the exploring one does."""

    def hindsight(self, trajectory: Trajectory, *, seed: int) -> Achieved | None: ...


class Hindsight:
    """Relabels failed attempts; raises `ConfigError` at once where policy or proposer cannot take part."""

    def __init__(
        self,
        proposer: Proposer,
        policy: Policy,
        store: TrajectoryStore,
        actor: ActorConfig,
        *,
        weight: float,
        seed: int,
    ) -> None:
        if not isinstance(policy, Spells) or not isinstance(proposer, Relabels):
            raise ConfigError(
                "training.hindsight needs a policy that is trained here and a proposer that relabels: "
                "set policy.kind to 'local' and proposer.kind to 'exploring', or training.hindsight to 0"
            )
        self._proposer: Relabels = proposer
        self._model: Spells = policy
        self._store = store
        self._actor = actor
        self._weight = weight
        self._seed = seed

    async def rows(self, groups: Sequence[Group]) -> tuple[list[TrainingRow], list[str]]:
        """Rows of relabelled attempts and their ids as such, one attempt for each task and answer."""
        await self._proposer.propose(0, mastery={}, seed=0)  # after a restart it has yet to read what it found
        return await asyncio.to_thread(self._rows, groups)

    def _rows(self, groups: Sequence[Group]) -> tuple[list[TrainingRow], list[str]]:
        rows: list[TrainingRow] = []
        ids: list[str] = []
        seen: set[tuple[str, str]] = set()
        for member in (member for group in groups for member in group.members if member.value == 0.0):
            trajectory = self._store.get(member.id)
            last = trajectory.steps[-1].action.arguments if trajectory.steps else {}
            key = (trajectory.task.id, str(last.get("source")))
            if key in seen:
                continue
            seen.add(key)
            if made := self._relabelled(trajectory):
                rows += made
                ids.append(f"{member.id}{_SUFFIX}")
        return rows, ids

    def _relabelled(self, trajectory: Trajectory) -> list[TrainingRow]:
        found = self._proposer.hindsight(trajectory, seed=derive(self._seed, "hindsight", trajectory.id))
        if found is None:
            return []
        steps = trajectory.steps[found.first :]
        told = []
        for index, step in enumerate(steps):
            shown = prompting.messages(found.instruction, steps[:index], step.observation, self._actor)
            sampling = step.completion.sampling if step.completion else Sampling()
            try:
                completion = self._model.spell(shown, actions.render(step.action), sampling=sampling)
            except ModelFault:  # the view under the new instruction does not hold what was used
                return []
            told.append(step.model_copy(update={"completion": completion}))
        relabelled = trajectory.model_copy(update={"id": f"{trajectory.id}{_SUFFIX}", "steps": tuple(told)})
        return pack_unsampled(relabelled, self._weight)
