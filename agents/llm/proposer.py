"""The proposer that asks a language model, told of the site and of what the agent can do (PAE, arXiv 2412.13194)."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.explorer.sitemap import SiteMap
from agents.llm import context
from agents.llm.context import Brief
from agents.llm.embedding import Embedder, HashingEmbedder, Nearness
from agents.llm.feasibility import Feasibility, JudgedFeasibility
from agents.llm.fence import Fence
from agents.llm.screening import Dropped, Screen, Screened
from agents.llm.suggestion import Batch, Suggestion, Unusable
from core.config import LanguageProposerConfig
from core.errors import ModelFault
from core.protocols import ChatModel
from core.types import Message, Record, Sampling, Task


class Past(Record):
    """A task proposed before, as far as it is needed to go on."""

    id: str
    instruction: str
    expected_steps: int
    criterion: str = ""


class Report(Record):
    """What one call of `propose` went through; `faults` are requests that the model did not answer."""

    requests: int = 0
    fruitless: int = 0
    faults: int = 0
    dropped: tuple[Dropped, ...] = ()

    def reasons(self) -> dict[str, int]:
        """How many suggestions were dropped, by reason."""
        return dict(Counter(one.reason for one in self.dropped))


@dataclass
class _Call:
    """One call of `propose` under way; nothing of it counts as proposed before it returns."""

    near: Nearness
    found: list[Screened] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    requests: int = 0
    fruitless: int = 0
    faults: int = 0
    last_fault: ModelFault | None = None

    def failed(self, fault: ModelFault) -> None:
        self.faults += 1
        self.last_fault = fault

    def report(self) -> Report:
        return Report(requests=self.requests, fruitless=self.fruitless, faults=self.faults, dropped=tuple(self.dropped))


class LanguageProposer:
    """A `core.protocols.Proposer` that asks `model` for tasks on a site whose map is known.

    `brief` may be replaced between calls, as failures and goals become known. `judge` answers the feasibility
    question and is best another model; without one it is `model`. `feasibility` takes the place of both. A site that is
    not `resettable` gets no tasks that change it, as far as the model says which do. Given the answers and the seed,
    the same is proposed; `fence` makes each request's delimiter, which is random and has no part in that.
    """

    def __init__(
        self,
        model: ChatModel,
        site: SiteMap,
        brief: Brief,
        *,
        config: LanguageProposerConfig | None = None,
        resettable: bool,
        embedder: Embedder | None = None,
        judge: ChatModel | None = None,
        feasibility: Feasibility | None = None,
        fence: Callable[[], Fence] = Fence,
    ) -> None:
        self.model = model
        self.site = site
        self.brief = brief
        self.config = config or LanguageProposerConfig()
        self.report = Report()
        self.drops: Counter[str] = Counter()
        if feasibility is None and self.config.feasibility == "judge":
            feasibility = JudgedFeasibility(model if judge is None else judge, site, map_tokens=self.config.map_tokens)
        self._feasibility = feasibility
        self._embedder = embedder or HashingEmbedder()
        self._fence = fence
        self._screen = Screen(
            site,
            brief.urls,
            resettable=resettable,
            free_text=self.config.free_text,
            duplicate=self.config.duplicate,
            max_steps=self.config.max_steps,
        )
        self._past: dict[str, Past] = {}
        self._excluded: list[Task] = []

    async def propose(self, count: int, *, mastery: Mapping[str, float], seed: int) -> list[Task]:
        """Up to `count` new tasks, fewer after `fruitless_rounds` requests without one; see `report` for why.

        A request that fails is such a round; raises the last `ModelFault` where nothing at all was proposed.
        """
        call = _Call(near=self._nearness())
        try:
            while len(call.found) < count and call.fruitless < self.config.fruitless_rounds:
                before = len(call.found)
                await self._round(call, count - before, mastery, seed)
                call.fruitless += len(call.found) == before
        finally:
            self.report = call.report()
            self.drops.update(self.report.reasons())
        if not call.found and call.last_fault is not None:
            raise call.last_fault
        for one in call.found:
            self._past[one.task.id] = Past(
                id=one.task.id,
                instruction=one.task.instruction,
                expected_steps=one.expected_steps,
                criterion=one.criterion,
            )
        return [one.task for one in call.found]

    def exclude(self, tasks: Sequence[Task]) -> int:
        """Never propose what coincides with, or is near to, these (held-out) tasks; forgets none, so returns 0."""
        self._excluded += tasks
        return 0

    def criteria(self) -> dict[str, str]:
        """The criterion for a judge, by task id, of each proposed task that has no check."""
        return {one.id: one.criterion for one in self._past.values() if one.criterion}

    def expected_steps(self) -> dict[str, int]:
        """How many actions the model expects each proposed task to take, by task id; nobody has proven it."""
        return {one.id: one.expected_steps for one in self._past.values()}

    def state(self) -> dict[str, Any]:
        """What is needed to go on, as JSON; the site map, the brief and what is excluded come from the caller."""
        return {"past": [one.model_dump(mode="json") for one in self._past.values()], "drops": dict(self.drops)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from `state()`."""
        past = [Past.model_validate(one) for one in state.get("past", ())]
        self._past = {one.id: one for one in past}
        self.drops = Counter({str(reason): int(times) for reason, times in dict(state.get("drops", {})).items()})

    def _nearness(self) -> Nearness:
        near = Nearness(self._embedder)
        near.add([*(one.instruction for one in self._past.values()), *(one.instruction for one in self._excluded)])
        return near

    async def _round(self, call: _Call, lacking: int, mastery: Mapping[str, float], seed: int) -> None:
        """One request, and what becomes of its suggestions."""
        turns = self._messages(call, min(lacking, self.config.batch), mastery)
        sampling = Sampling(
            temperature=self.config.temperature,
            max_tokens=self.config.max_tokens,
            # A round's own, or a server that heeds seeds would give the same answer to much the same question.
            seed=zlib.crc32(f"{seed}/{call.requests}".encode()) & 0x7FFFFFFF,
        )
        call.requests += 1
        try:
            batch = await self.model.complete_as(turns, Batch, sampling=sampling)
        except ModelFault as fault:
            call.failed(fault)
            return
        left = lacking
        for suggestion in batch.tasks:
            if left == 0:
                said = suggestion.instruction if isinstance(suggestion, Suggestion) else ""
                call.dropped.append(Dropped(reason="surplus", detail="more than were asked for", instruction=said))
                continue
            result = await self._judged(call, suggestion)
            if isinstance(result, Dropped):
                call.dropped.append(result)
            else:
                call.found.append(result)
                call.near.add([result.task.instruction])
                left -= 1

    def _messages(self, call: _Call, count: int, mastery: Mapping[str, float]) -> tuple[Message, ...]:
        instructions = [one.instruction for one in self._past.values()]
        return context.messages(
            self.brief,
            self.site,
            count,
            mastery=mastery,
            before=[*instructions, *(one.task.instruction for one in call.found)],
            rejected=[
                f"{one.instruction or 'a task that could not be read'} -- {one.reason}: {one.detail}"
                for one in call.dropped
                if one.reason not in ("surplus", "unjudged")  # no fault of theirs
            ],
            fence=self._fence(),
            config=self.config,
        )

    async def _judged(self, call: _Call, suggestion: Suggestion | Unusable) -> Screened | Dropped:
        """What the screen says, and then, since it costs a request, what the judge says."""
        result = self._screen.screen(suggestion, call.near, self._excluded)
        if self._feasibility is None or isinstance(result, Dropped):
            return result
        try:
            against = await self._feasibility.reason_against(result.task, result.criterion, self._fence())
        except ModelFault as fault:
            call.failed(fault)
            return Dropped(reason="unjudged", detail=str(fault), instruction=result.task.instruction)
        if against:
            call.near.add([result.task.instruction])  # nobody pays for the same question twice
            return Dropped(reason="infeasible", detail=against, instruction=result.task.instruction)
        return result
