"""The update of an iteration: rows from what was practised, new weights, permanent before the policy acts with them.

With `training.asynchronous` it goes on beside the next iteration's practice, and is settled before the next one begins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.config import Config
from core.loading import weights_kind
from core.protocols import Policy
from discovery import achievements, learning, rehearsal
from discovery.after import After, commit
from discovery.budget import Budget
from discovery.builders import Parts
from discovery.practice import Group
from discovery.resting import resting
from discovery.rundirectory import RunDirectory
from discovery.steering import Steering
from memory.trajectories import TrajectoryStore

if TYPE_CHECKING:
    from discovery.hindsight import Hindsight
    from discovery.warmstart import WarmStart


@dataclass(frozen=True)
class Ahead:
    """An update under way beside practice: its iteration, the state after it but for the weights, when that began."""

    number: int
    after: After
    began: float
    work: asyncio.Task[float]


class Updating:
    """Makes updates and publishes them. `warm_start` is asked for when the first iteration imitates.

    `hindsight`, where there is one, adds what failed attempts achieved.
    """

    def __init__(
        self,
        config: Config,
        directory: RunDirectory,
        store: TrajectoryStore,
        steering: Steering,
        budget: Budget,
        parts: Parts,
        policy: Policy,
        *,
        warm_start: Callable[[], WarmStart],
        hindsight: Hindsight | None,
    ) -> None:
        self._config = config
        self._directory = directory
        self._store = store
        self._steering = steering
        self._budget = budget
        self._trainer = parts.trainer
        self._policy = policy
        self._warm_start = warm_start
        self._hindsight = hindsight
        self._published = policy.version
        self._ahead: Ahead | None = None

    def before(self, number: int) -> After:
        """The state that iteration `number` starts from; all but its weights while the update before is under way."""
        ahead = self._ahead
        return ahead.after if ahead and ahead.number == number - 1 else After.read(self._directory, number - 1)

    async def update(self, number: int, groups: list[Group], standing: After) -> None:
        """One update from these groups, made permanent as iteration `number` together with `standing`."""
        trainer = self._trainer
        metrics: dict[str, float] = {}
        told: dict[str, float] = {}
        if warms_up(self._config, number):
            name = learning.batch_id(number, [member.id for group in groups for member in group.members])
            metrics = await asyncio.to_thread(self._warm_start().imitate, groups, batch_id=name)
        else:
            rows, ids = learning.batch(groups, self._store, self._config.training)
            if self._hindsight is not None:
                # A model may be asked, which takes as long as it likes.
                more, relabelled = await self._steering.unless_stopped(self._hindsight.rows(number, groups))
                rows, ids = rows + more, ids + relabelled
                told["relabelled"] = len(relabelled)
                if (achieved := achievements.kept(self._directory, number)) is not None:
                    told["achieved"] = len(achieved)
            if self._config.training.rehearsal and trainer is not None:
                more, rehearsed = await asyncio.to_thread(
                    rehearsal.rehearse, self._store, number, self._config.training, seed=self._config.run.seed
                )
                rows, ids = rows + more, ids + rehearsed
                told["rehearsed"] = len(rehearsed)
            name = learning.batch_id(number, ids) if ids else ""
            if trainer is not None and rows:
                async with resting(self._policy):
                    metrics = await asyncio.to_thread(trainer.update, rows, batch_id=name)
        version = standing.policy_version if trainer is None else trainer.version
        line = standing.line | learning.account(groups, metrics) | told
        after = replace(
            standing,
            policy_version=version,
            batch_id=name,
            wall_s=self._budget.elapsed(),
            line=line | {"policy_version": version},
        )
        await asyncio.to_thread(commit, self._directory, trainer, number, after)

    def begin(self, number: int, groups: list[Group], standing: After, *, began: float) -> None:
        """Begin that update, and let it go on until `wait`; `began` is when the iteration did."""
        assert self._ahead is None, "the update before has to be settled"

        async def work() -> float:
            started = self._budget.now()
            await self.update(number, groups, standing)
            await self.publish(number, After.read(self._directory, number).policy_version)
            return self._budget.now() - started

        self._ahead = Ahead(number, standing, began, asyncio.create_task(work()))

    def is_ahead(self, number: int) -> bool:
        """Whether the update of this iteration is under way."""
        return self._ahead is not None and self._ahead.number == number

    async def wait(self) -> tuple[Ahead, float] | None:
        """The update that was under way, now permanent and acted with, and the seconds it took; raises its fault."""
        if self._ahead is None:
            return None
        ahead, self._ahead = self._ahead, None
        try:
            return ahead, await ahead.work
        finally:
            await _cancel(ahead.work)

    async def abandon(self) -> None:
        """Leave the update under way to a later session, which begins it again."""
        if self._ahead is not None:
            await _cancel(self._ahead.work)

    async def publish(self, number: int, version: int) -> None:
        """Let the policy act with the weights of a permanent iteration, unless it does already."""
        if self._trainer is not None and self._published != version:
            weights = self._directory.weights(number)
            await self._policy.publish(weights, kind=weights_kind(weights), version=version)
            self._published = version


def warms_up(config: Config, number: int) -> bool:
    """Whether an iteration imitates demonstrations instead of practising."""
    return config.training.warm_start and number == 1


async def _cancel(task: asyncio.Task[float]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
