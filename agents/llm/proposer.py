"""The proposer that asks a language model, told of the site and of what the agent can do (PAE, arXiv 2412.13194)."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.explorer.sitemap import SiteMap
from agents.llm import context
from agents.llm.context import Brief
from agents.llm.embedding import Embedder, HashingEmbedder, Nearness
from agents.llm.experience import Experience
from agents.llm.feasibility import Feasibility, JudgedFeasibility
from agents.llm.fence import Fence
from agents.llm.relabelling import Relabeller, Relabelling
from agents.llm.screening import Dropped, Screen, Screened
from agents.llm.suggestion import Batch, Suggestion, Unusable
from agents.llm.together import together
from core.config import LanguageProposerConfig
from core.errors import ConfigError, ModelFault
from core.protocols import ChatModel
from core.types import Feedback, Message, Record, Sampling, Task, Trajectory


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
    """A `core.protocols.Attentive` proposer that asks `model` for tasks on a site whose map is known.

    `brief` is what is known from the start; failures, missing skills and goals come by `observe`. `judge` answers the
    feasibility question, confirms what was relabelled, and is best another model; without one it is `model`.
    `feasibility` takes its place for the first of these; raises `ConfigError` where that is to be a solver and none is
    given. A site that is not `resettable` gets no tasks that change it, as far as the model says which do. Given the
    answers and the seed, the same is proposed; `fence` makes each request's delimiter, which is random and has no part
    in that.
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
        if feasibility is None and self.config.feasibility == "solver":
            raise ConfigError(
                "language_proposer.feasibility = 'solver' needs a pool of environments; use 'judge' or 'none'"
            )
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
        self._relabeller = Relabeller(
            model, model if judge is None else judge, self._screen, self._embedder, config=self.config, fence=fence
        )
        self._past: dict[str, Past] = {}
        self._excluded: list[Task] = []
        self._experience = Experience()

    async def propose(self, count: int, *, mastery: Mapping[str, float], seed: int) -> list[Task]:
        """Up to `count` new tasks, fewer after `fruitless_rounds` requests without one; see `report` for why.

        What failed episodes did all the same comes first, up to half of them. A request that fails is a fruitless
        round; raises the last `ModelFault` where nothing at all was proposed.
        """
        call = _Call(near=self._nearness())
        waiting = self._begin_with_achieved(call, -(-count // 2))
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
        self._experience = self._experience.model_copy(update={"waiting": waiting})
        return [one.task for one in call.found]

    def observe(self, feedback: Feedback) -> None:
        """See `core.protocols.Attentive`."""
        self._experience = self._experience.after(feedback)

    async def relabel(self, episodes: Sequence[Trajectory], *, seed: int) -> Relabelling:
        """What failed episodes achieved all the same; raises nothing where the model fails or the budget is spent."""
        families = sorted({*self.brief.families, *self._experience.profile.skills})
        return await self._relabeller.relabel(episodes, families=families, excluded=self._excluded, seed=seed)

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
        return {
            "past": [one.model_dump(mode="json") for one in self._past.values()],
            "drops": dict(self.drops),
            "experience": self._experience.model_dump(mode="json"),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from `state()`."""
        past = [Past.model_validate(one) for one in state.get("past", ())]
        self._past = {one.id: one for one in past}
        self.drops = Counter({str(reason): int(times) for reason, times in dict(state.get("drops", {})).items()})
        self._experience = Experience.model_validate(state.get("experience", {}))

    def _nearness(self) -> Nearness:
        near = Nearness(self._embedder)
        near.add([*(one.instruction for one in self._past.values()), *(one.instruction for one in self._excluded)])
        return near

    def _begin_with_achieved(self, call: _Call, room: int) -> tuple[Task, ...]:
        """Up to `room` of the tasks that failed episodes did, unless they were proposed already; the rest waits."""
        waiting = list(self._experience.waiting)
        while waiting and len(call.found) < room:
            task = waiting.pop(0)
            if task.id not in self._past and not self._screen.repeats(task, call.near, self._excluded):
                call.found.append(Screened(task=task, expected_steps=task.steps))
                call.near.add([task.instruction])
        return tuple(waiting)

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
        waiting = iter(batch.tasks)
        enough = len(call.found) + lacking
        while len(call.found) < enough and (some := self._screened(call, waiting, enough - len(call.found))):
            for result, unanswered in await together(map(self._judged, some)):
                if unanswered is not None:
                    call.failed(unanswered)
                    call.near.remove(result.instruction)  # nothing is known of it, it may come again
                if isinstance(result, Dropped):
                    call.dropped.append(result)
                else:
                    call.found.append(result)
        for suggestion in waiting:
            said = suggestion.instruction if isinstance(suggestion, Suggestion) else ""
            call.dropped.append(Dropped(reason="surplus", detail="more than were asked for", instruction=said))

    def _screened(
        self, call: _Call, waiting: Iterator[Suggestion | Unusable], lacking: int
    ) -> list[Screened | Dropped]:
        """What the screen says of the next suggestions, until `lacking` have passed: no more would be judged in vain.

        Those that passed count as said before, so that nobody pays for the same question twice.
        """
        some: list[Screened | Dropped] = []
        for suggestion in waiting:
            result = self._screen.screen(suggestion, call.near, self._excluded)
            some.append(result)
            if isinstance(result, Screened):
                call.near.add([result.instruction])
                lacking -= 1
                if not lacking:
                    break
        return some

    def _messages(self, call: _Call, count: int, mastery: Mapping[str, float]) -> tuple[Message, ...]:
        instructions = [one.instruction for one in self._past.values()]
        return context.messages(
            self._experience.told(self.brief),
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

    async def _judged(self, screened: Screened | Dropped) -> tuple[Screened | Dropped, ModelFault | None]:
        """What passed the screen after the feasibility question, and why that was not answered."""
        if self._feasibility is None or isinstance(screened, Dropped):
            return screened, None
        try:
            against = await self._feasibility.reason_against(screened.task, screened.criterion, self._fence())
        except ModelFault as fault:
            return Dropped(reason="unjudged", detail=str(fault), instruction=screened.instruction), fault
        if against:
            return Dropped(reason="infeasible", detail=against, instruction=screened.instruction), None
        return screened, None
