"""The exploring proposer: finds tasks on a site it has never seen, proves them, proposes what is half-learned."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agents.explorer import drafts, expedition, hindsight, mastery, pages, phrasing
from agents.explorer.collecting import Collector, without
from agents.explorer.composer import Composer, given_away, pointed
from agents.explorer.crawler import Progress, silent
from agents.explorer.drafts import Proven
from agents.explorer.expedition import Findings
from agents.explorer.hindsight import Achieved
from agents.explorer.manners import Pace
from agents.explorer.pieces import Pieces
from agents.explorer.sitemap import SiteMap
from core.checks import AnswerCheck
from core.config import ActorConfig, ExploreConfig, ProposerConfig
from core.errors import StorageFault, TaskFileError
from core.protocols import EnvironmentPool
from core.types import Action, Observation, Task, Trajectory

TASKS_FILE = "proposals.jsonl"
MAP_FILE = "sitemap.json"
_NEW_FAMILIES = 2
_TASKS_EACH = 12
_COMPOSE_SHARE = 0.04  # of the seconds of exploration, each time


class ExploringProposer:
    """A `core.protocols.Proposer` that needs no language model.

    `urls` are absolute; `resettable` says whether every reset of the pool's environments puts the site
    back as it was: if not, only tasks that change nothing are proposed. `view_tokens` is how much of a page the
    actor will see: what a task needs is within that. With a `directory`, what was
    found is kept there, and a proposer made again over the same directory does not explore again.
    """

    def __init__(
        self,
        pool: EnvironmentPool,
        urls: Sequence[str],
        *,
        explore: ExploreConfig | None = None,
        steering: ProposerConfig | None = None,
        resettable: bool,
        view_tokens: int = ActorConfig().observation_tokens,
        obey_robots: bool = True,
        directory: Path | None = None,
        progress: Progress = silent,
    ) -> None:
        self.pool = pool
        self.urls = tuple(urls)
        self.config = explore or ExploreConfig()
        self.steering = steering or ProposerConfig()
        self.resettable = resettable
        self.view_tokens = view_tokens
        self.obey_robots = obey_robots
        self.directory = directory
        self.progress = progress
        self.site: SiteMap | None = None
        self.proven: list[Proven] = []
        self.findings = Findings()
        self._excluded: list[Task] = []
        self._composed: dict[str, int] = {}
        self._pieces: Pieces | None = None
        self._proposed: Counter[str] = Counter()

    async def explore(self) -> Findings:
        """Find and prove tasks, or read what was found before; raises `EnvironmentFault` when no page can be read."""
        if self._load():
            return self.findings
        self.site, self.proven, self.findings = await expedition.explore(
            self.pool,
            self.urls,
            self.config,
            resettable=self.resettable,
            view_tokens=self.view_tokens,
            obey_robots=self.obey_robots,
            excluded=self._excluded,
            progress=self.progress,
        )
        self._save()
        return self.findings

    async def propose(self, count: int, *, mastery: Mapping[str, float], seed: int) -> list[Task]:
        """Up to `count` different proven tasks. Explores first if that has not happened."""
        if self.site is None:
            await self.explore()
        await self._compose(mastery)
        rng = random.Random(seed)
        waiting: dict[str, list[Task]] = {}
        for one in self.proven:
            waiting.setdefault(one.task.family, []).append(one.task)
        for tasks in waiting.values():
            # Those proposed least come first; chance decides among equals.
            tasks.sort(key=lambda task: (-self._proposed[task.id], rng.random()))
        chosen: list[Task] = []
        while waiting and len(chosen) < count:
            share = self._weights(list(waiting), mastery)
            family = rng.choices(list(waiting), [share[one] for one in waiting])[0]
            chosen.append(waiting[family].pop())
            if not waiting[family]:
                del waiting[family]
        self._proposed.update(task.id for task in chosen)
        return chosen

    def exclude(self, tasks: Sequence[Task]) -> int:
        """Never propose what coincides with these (held-out) tasks; returns how many proven ones that removed."""
        self._excluded += tasks
        before = len(self.proven)
        self.proven = without(self.proven, self._excluded)
        return before - len(self.proven)

    def demonstrations(self) -> dict[str, tuple[Action, ...]]:
        """The actions that solve each proven task, by task id, the closing answer included."""
        return {one.task.id: one.actions() for one in self.proven}

    def replays(self) -> dict[str, tuple[Observation, ...]]:
        """What the last replay of each task showed, by task id; nothing of what was read from a file."""
        return {one.task.id: one.seen for one in self.proven if one.seen}

    def retold(self) -> dict[str, tuple[str, ...]]:
        """The instruction of each proven task in other words, by task id."""
        return {one.task.id: one.retold for one in self.proven}

    def questions(self, observation: Observation, count: int, *, seed: int) -> list[tuple[str, str]]:
        """Up to `count` questions that a page answers, with the lines that answer them; never one that is held out."""
        pieces, rng = self._known_pieces(), random.Random(seed)
        if pieces is None:
            return []
        page = pages.read(observation, frozenset(pieces.site.crowded))
        asked = [*pieces.lookups(page), *pieces.compares(page)]
        found: list[tuple[str, str]] = []
        for piece in rng.sample(asked, len(asked)):
            instruction = phrasing.instruction(pointed(piece.clauses, rng), rng)
            if instruction and not given_away(piece.answer, instruction):
                if not self._is_held_out(instruction, observation.url, piece.answer):
                    found.append((instruction, piece.lines[0]))
                if len(found) == count:
                    break
        return found

    def hindsight(self, trajectory: Trajectory, *, seed: int) -> Achieved | None:
        """What a failed episode would have been right for; None where that cannot be told, or is held out."""
        pieces = self._known_pieces()
        if pieces is None or not trajectory.steps:
            return None
        found = hindsight.achieved(trajectory, pieces, random.Random(seed))
        if found is None:
            return None
        start = trajectory.steps[found.first].observation.url
        return None if self._is_held_out(found.instruction, start, trajectory.answer or "") else found

    def _known_pieces(self) -> Pieces | None:
        if self.site is not None and (self._pieces is None or self._pieces.site is not self.site):
            self._pieces = Pieces(self.site, random.Random(0))
        return self._pieces

    def _is_held_out(self, instruction: str, url: str, answer: str) -> bool:
        start = expedition.localiser(self.urls)(url)
        asked = Task(id="asked", instruction=instruction, start_url=start, check=AnswerCheck(equals=answer))
        return any(drafts.same_task(asked, one) for one in self._excluded)

    def save(self, path: Path) -> None:
        """Write the proven tasks as a task file with demonstrations; raises `StorageFault`."""
        drafts.save(self.proven, path)

    def state(self) -> dict[str, Any]:
        """What is needed to go on, beside the files in `directory`."""
        return {"composed": dict(self._composed), "proposed": dict(self._proposed)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from `state()`."""
        self._composed = {str(family): int(times) for family, times in dict(state.get("composed", {})).items()}
        self._proposed = Counter({str(name): int(times) for name, times in dict(state.get("proposed", {})).items()})

    def _weights(self, families: list[str], rates: Mapping[str, float]) -> dict[str, float]:
        return mastery.weights(families, rates, mastered=self.steering.mastered)

    async def _compose(self, rates: Mapping[str, float]) -> None:
        """Join families that go well into longer ones, a few at a time, and prove tasks of these."""
        assert self.site is not None
        present = Counter(one.task.family for one in self.proven)
        wanted = [
            family
            for family in mastery.compositions(rates, above=self.steering.compose_above)
            if family not in self._composed and present[family] < _TASKS_EACH // 2
        ][:_NEW_FAMILIES]
        if not wanted:
            return
        collector = Collector(
            Composer(self.site, seed=self.config.seed, resettable=self.resettable),
            expedition.prover_of(
                self.pool, self.site, self.config, Pace(self.config.delay, self.urls), self.view_tokens
            ),
            kept=self.proven,
            excluded=self._excluded,
            progress=self.progress,
        )
        self.proven += await collector.collect(
            dict.fromkeys(wanted, 1.0),
            _TASKS_EACH * len(wanted),
            self.config.seconds * _COMPOSE_SHARE,
            salt=len(self._composed) + 1,
        )
        self._composed |= {family: collector.proven[family] for family in wanted}
        self._save()

    def _save(self) -> None:
        if self.directory is None or self.site is None:
            return
        drafts.save(self.proven, self.directory / TASKS_FILE)
        path = self.directory / MAP_FILE
        try:
            partial = path.with_suffix(".part")
            partial.write_text(self.site.model_dump_json(exclude_defaults=True), encoding="utf-8")
            partial.replace(path)
        except OSError as error:
            raise StorageFault(f"the site map could not be written to {path}: {error}") from error

    def _load(self) -> bool:
        """Read an earlier exploration from the directory; False when there is none."""
        if self.directory is None or not (self.directory / MAP_FILE).exists():
            return False
        path = self.directory / MAP_FILE
        try:
            self.site = SiteMap.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValidationError) as error:
            raise TaskFileError(f"'{path}' is no site map; delete it to explore anew") from error
        self.proven = without(drafts.load(self.directory / TASKS_FILE), self._excluded)
        return True
