"""A language model's tasks on a site that was explored first, beside tasks that the exploration has proven."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agents.explorer.hindsight import Achieved
from agents.explorer.sitemap import SiteMap
from agents.llm.experience import Experience
from agents.llm.proposer import LanguageProposer
from agents.llm.relabelling import Relabelling
from agents.proposer import ExploringProposer
from core.config import LanguageProposerConfig
from core.errors import ModelFault
from core.types import Feedback, Task, Trajectory

_KEPT = 400  # tasks of the model that are offered again; older ones are forgotten, their instructions are not


class GroundedProposer:
    """A `core.protocols.Attentive` proposer: explores, then asks a model that is shown the map.

    A call brings up to `config.tasks` new tasks of the model, and offers them with its earlier ones, newest first, and
    with `config.proven_share` of proven tasks; where either kind falls short the other makes up for it. `ask` makes the
    proposer of a map. A model that does not answer is no failure while there are tasks: its sentence is `fault` then,
    which is empty otherwise.
    """

    def __init__(
        self,
        explorer: ExploringProposer,
        ask: Callable[[SiteMap], LanguageProposer],
        *,
        config: LanguageProposerConfig | None = None,
    ) -> None:
        self.explorer = explorer
        self.config = config or LanguageProposerConfig()
        self.fault = ""
        self._ask = ask
        self._asking: LanguageProposer | None = None
        self._asked: list[Task] = []
        self._excluded: list[Task] = []
        self._restored: Mapping[str, Any] = {}

    async def propose(self, count: int, *, mastery: Mapping[str, float], seed: int) -> list[Task]:
        """Up to `count` tasks, the model's first; raises the model's `ModelFault` where there is none at all.

        Explores first if that has not happened; raises `EnvironmentFault` when no page can be read.
        """
        asking = await self._over_the_map()
        proven = await self.explorer.propose(count, mastery=mastery, seed=seed)
        self.fault = ""
        try:
            new = await asking.propose(min(count, self.config.tasks), mastery=mastery, seed=seed)
        except ModelFault as fault:
            if not proven and not self._asked:
                raise
            self.fault, new = str(fault), []
        self._asked = [*self._asked, *new][-_KEPT:]
        room = count - min(len(proven), round(self.config.proven_share * count))
        asked = self._asked[::-1][:room]
        return [*asked, *proven[: count - len(asked)]]

    def observe(self, feedback: Feedback) -> None:
        """See `core.protocols.Attentive`; it is the model that is told."""
        if self._asking is not None:
            self._asking.observe(feedback)
            return
        known = Experience.model_validate(self._restored.get("experience", {}))
        self._restored = {**self._restored, "experience": known.after(feedback).model_dump(mode="json")}

    def hindsight(self, trajectory: Trajectory, *, seed: int) -> Achieved | None:
        """What a failed look-up would have been right for, as the exploration tells without the model."""
        return self.explorer.hindsight(trajectory, seed=seed)

    async def relabel(self, episodes: Sequence[Trajectory], *, seed: int) -> Relabelling:
        """What failed episodes achieved all the same, as the model tells; see `LanguageProposer.relabel`."""
        return await (await self._over_the_map()).relabel(episodes, seed=seed)

    def exclude(self, tasks: Sequence[Task]) -> int:
        """Never propose what coincides with these (held-out) tasks; returns how many proven ones that removed."""
        self._excluded += tasks
        if self._asking is not None:
            self._asking.exclude(tasks)
        return self.explorer.exclude(tasks)

    def state(self) -> dict[str, Any]:
        """What is needed to go on, as JSON, beside the explorer's files."""
        asking = self._restored if self._asking is None else self._asking.state()
        return {
            "explorer": self.explorer.state(),
            "asking": dict(asking),
            "asked": [task.model_dump(mode="json") for task in self._asked],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from `state()`."""
        self.explorer.restore(state.get("explorer", {}))
        self._asked = [Task.model_validate(task) for task in state.get("asked", ())]
        self._restored = dict(state.get("asking", {}))
        if self._asking is not None:
            self._asking.restore(self._restored)

    async def _over_the_map(self) -> LanguageProposer:
        """The proposer of the site's map, once that is known."""
        if self.explorer.site is None:
            await self.explorer.explore()
        if self._asking is None:
            assert self.explorer.site is not None
            self._asking = self._ask(self.explorer.site)
            self._asking.exclude(self._excluded)
            self._asking.restore(self._restored)
        return self._asking
