"""What failed episodes achieved all the same, as rows to learn from beside those of the groups, and as tasks.

With `training.hindsight` above 0, the proposer says what a failed attempt would have been right for: the exploring one
at once, for look-ups (`agents.explorer.hindsight`), the language one by asking its model (`agents.llm.relabelling`).
Those steps are put before the policy again under that instruction, with the tokens that it would have had to write, and
get the advantage `training.hindsight`. Nobody sampled them so, hence they have no log-probabilities: the trainer takes
its own, and their ratio starts at one. A model's findings are tasks as well, which the proposer is told of next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from agents import prompting
from agents.explorer.hindsight import Achieved
from agents.llm.relabelling import Relabelling
from core import actions
from core.config import ActorConfig
from core.errors import ConfigError, ModelFault
from core.protocols import Policy, Proposer
from core.types import Sampling, TrainingRow, Trajectory
from discovery import achievements
from discovery.practice import Group
from discovery.rundirectory import RunDirectory
from discovery.seeds import derive
from discovery.warmstart import Spells
from memory.trajectories import TrajectoryStore
from training.rows import pack_unsampled

_SUFFIX = "+hindsight"


@runtime_checkable
class Relabels(Proposer, Protocol):
    """A proposer that tells what an episode achieved, as the exploring one does."""

    def hindsight(self, trajectory: Trajectory, *, seed: int) -> Achieved | None: ...


@runtime_checkable
class AsksToRelabel(Proposer, Protocol):
    """A proposer that asks a model what episodes achieved, as the language one does; it raises no `ModelFault`."""

    async def relabel(self, episodes: Sequence[Trajectory], *, seed: int) -> Relabelling: ...


class Hindsight:
    """Relabels failed attempts; raises `ConfigError` at once where policy or proposer cannot take part.

    `notice` is told what people should know. What a model was asked is kept in `directory`.
    """

    def __init__(
        self,
        proposer: Proposer,
        policy: Policy,
        store: TrajectoryStore,
        actor: ActorConfig,
        *,
        directory: RunDirectory,
        notice: Callable[[str], None],
        weight: float,
        seed: int,
    ) -> None:
        spells, asks = isinstance(policy, Spells), isinstance(proposer, AsksToRelabel)
        if not asks and not (spells and isinstance(proposer, Relabels)):
            raise ConfigError(
                "training.hindsight needs a policy that is trained here and a proposer that relabels: "
                "set policy.kind to 'local' and proposer.kind to 'exploring' or 'language', or training.hindsight to 0"
            )
        if not spells:
            notice(
                "hindsight: this policy cannot tell how it would write a line (policy.kind = 'local' can), so what "
                "failed attempts achieved becomes tasks alone, and training.hindsight gives no rows to learn from"
            )
        self._proposer = proposer
        self._model: Spells | None = policy if isinstance(policy, Spells) else None
        self._store = store
        self._actor = actor
        self._directory = directory
        self._notice = notice
        self._weight = weight
        self._seed = seed

    async def rows(self, iteration: int, groups: Sequence[Group]) -> tuple[list[TrainingRow], list[str]]:
        """Rows of relabelled attempts and their ids as such, one attempt for each task and answer."""
        await self._proposer.propose(0, mastery={}, seed=0)  # after a restart it has yet to read what it found
        failed = await asyncio.to_thread(self._failed, groups)
        found = await asyncio.to_thread(self._told, failed)
        found |= await self._asked(iteration, [one for one in failed if one.id not in found])
        return await asyncio.to_thread(self._rows, failed, found)

    def _failed(self, groups: Sequence[Group]) -> list[Trajectory]:
        distinct: dict[tuple[str, str], Trajectory] = {}
        for member in (member for group in groups for member in group.members if member.value == 0.0):
            trajectory = self._store.get(member.id)
            last = trajectory.steps[-1].action.arguments if trajectory.steps else {}
            distinct.setdefault((trajectory.task.id, str(last.get("source"))), trajectory)
        return list(distinct.values())

    def _told(self, failed: Sequence[Trajectory]) -> dict[str, Achieved]:
        """By episode, what the proposer tells without a model."""
        if self._model is None or not isinstance(self._proposer, Relabels):
            return {}
        proposer = self._proposer
        told = ((one.id, proposer.hindsight(one, seed=derive(self._seed, "hindsight", one.id))) for one in failed)
        return {name: found for name, found in told if found is not None}

    async def _asked(self, iteration: int, failed: Sequence[Trajectory]) -> dict[str, Achieved]:
        """By episode, what a model found, now or before a restart."""
        if not isinstance(self._proposer, AsksToRelabel):
            return {}
        known = achievements.kept(self._directory, iteration)
        if known is not None:
            return known
        answer = await self._proposer.relabel(failed, seed=derive(self._seed, "relabel", iteration))
        if answer.fault:
            self._notice(f"hindsight: some failed attempts could not be asked about: {answer.fault}")
        found = {one.id: done for one, done in zip(failed, answer.achieved, strict=True) if done is not None}
        achievements.keep(self._directory, iteration, found)
        return found

    def _rows(self, failed: Sequence[Trajectory], found: dict[str, Achieved]) -> tuple[list[TrainingRow], list[str]]:
        rows: list[TrainingRow] = []
        ids: list[str] = []
        for trajectory in failed:
            if trajectory.id in found and (made := self._relabelled(trajectory, found[trajectory.id])):
                rows += made
                ids.append(f"{trajectory.id}{_SUFFIX}")
        return rows, ids

    def _relabelled(self, trajectory: Trajectory, found: Achieved) -> list[TrainingRow]:
        """No rows where a step came to nothing, which is not to be learned, or cannot be written so."""
        steps = trajectory.steps[found.first : found.until]
        if self._model is None or _stumbles(trajectory, found):
            return []
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


def _stumbles(trajectory: Trajectory, found: Achieved) -> bool:
    """Whether any of its steps was no action, or was answered with an error."""
    after = [*(step.observation for step in trajectory.steps[1:]), trajectory.final_observation]
    return any(
        step.action.name not in actions.ACTION_NAMES or (seen is not None and bool(seen.last_action_error))
        for step, seen in list(zip(trajectory.steps, after, strict=True))[found.first : found.until]
    )
