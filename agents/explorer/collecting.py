"""Turning drafts into a balanced collection of proven tasks within a budget of time."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from agents.explorer import phrasing
from agents.explorer.composer import Composer
from agents.explorer.crawler import Progress, silent
from agents.explorer.drafts import Draft, Proven, normal, same_task
from agents.explorer.prover import FAULT, OUT_OF_VIEW, Prover
from core.types import Task

_ALIKE = 0.9
_DEADLY = 3
_HOPELESS_TRIES = 8
_JOINED_TRIES = 3
_HOPELESS_SHARE = 0.1
_MOST_SKIPPED = 400


class Collector:
    """Picks the family that is furthest behind its share, proves its next draft, and keeps what is new.

    A topic that failed repeatedly without ever succeeding is passed over, and so is a family whose drafts hardly
    ever hold. `excluded` tasks, and whatever coincides with them, never enter.
    """

    def __init__(
        self,
        composer: Composer,
        prover: Prover,
        *,
        kept: Sequence[Proven] = (),
        excluded: Sequence[Task] = (),
        progress: Progress = silent,
    ) -> None:
        self.composer = composer
        self.prover = prover
        self.kept = list(kept)
        self.excluded = tuple(excluded)
        self.progress = progress
        self.tried: Counter[str] = Counter()
        self.proven: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._succeeded: Counter[str] = Counter()
        self._wordings = {normal(task.instruction) for task in (*self.excluded, *(one.task for one in kept))}
        self._contents: dict[str, list[frozenset[str]]] = {}
        self._solutions: set[tuple[str, ...]] = set()
        for one in kept:
            self._remember(one.task.family, one.task.instruction)
            self._solutions.add((one.task.start_url, *one.demonstration))

    async def collect(self, shares: Mapping[str, float], count: int, seconds: float, *, salt: int = 0) -> list[Proven]:
        """Up to `count` newly proven tasks, in proportion to `shares`, within `seconds`."""
        deadline = time.monotonic() + seconds
        sources = {family: self.composer.drafts(family, salt=salt) for family in shares}
        under_way: Counter[str] = Counter()
        found: list[Proven] = []

        def behind(family: str) -> tuple[float, str]:
            return (under_way[family] + sum(one.task.family == family for one in found)) / shares[family], family

        async def work() -> None:
            while sources and len(found) + sum(under_way.values()) < count and time.monotonic() < deadline:
                family = min(sources, key=behind)
                draft = None if self._is_hopeless(family) else self._next(sources[family])
                if draft is None:
                    del sources[family]
                    continue
                under_way[family] += 1
                self.tried[family] += 1
                try:
                    proof = await self.prover.prove(draft)
                finally:
                    under_way[family] -= 1
                if isinstance(proof, str):
                    # What cannot be shown once will not be shown elsewhere; what was out of view may be in view.
                    self._failed[draft.topic] += 1 if proof in (OUT_OF_VIEW, FAULT) else _DEADLY
                    continue
                self._succeeded[draft.topic] += 1
                if not any(same_task(proof.task, one) for one in self.excluded):
                    proof = retold_without(proof, self.excluded)
                    self.proven[family] += 1
                    found.append(proof)
                    self.kept.append(proof)
                    self.progress("prove", len(found), count)

        workers = [asyncio.create_task(work()) for _ in range(self.prover.pool.size)]
        try:
            await asyncio.wait(workers, timeout=max(0.0, seconds))
        finally:
            for worker in workers:
                worker.cancel()
            results = await asyncio.gather(*workers, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result
        return found

    def _is_hopeless(self, family: str) -> bool:
        """Whether a family, or one that it is joined of, hardly ever gave a task."""
        kinds = family.split("+")
        if len(kinds) > 1 and any(self.tried[kind] > 1 and not self.proven[kind] for kind in kinds):
            return True
        if self.tried[family] >= _JOINED_TRIES and not self.proven[family] and len(kinds) > 1:
            return True
        parts = {family, *kinds} - {"lookup", "compare"}
        return any(
            tried >= _HOPELESS_TRIES and self.proven[part] < _HOPELESS_SHARE * tried
            for part, tried in ((part, self.tried[part]) for part in parts)
        )

    def _next(self, drafts: Iterator[Draft]) -> Draft | None:
        """The next draft worth proving; None when there is none (near)."""
        for _, draft in zip(range(_MOST_SKIPPED), drafts, strict=False):
            if self._failed[draft.topic] >= _DEADLY and not self._succeeded[draft.topic]:
                continue
            solution = (draft.start_url, *draft.lines)
            if solution in self._solutions or normal(draft.instruction) in self._wordings:
                continue
            words = phrasing.content(draft.instruction)
            if any(phrasing.similarity(words, one) >= _ALIKE for one in self._contents.get(draft.family, ())):
                continue
            self._solutions.add(solution)
            self._wordings.add(normal(draft.instruction))
            self._remember(draft.family, draft.instruction)
            return draft
        return None

    def _remember(self, family: str, instruction: str) -> None:
        self._contents.setdefault(family, []).append(phrasing.content(instruction))


def without(proven: Iterable[Proven], excluded: Sequence[Task]) -> list[Proven]:
    """Those that coincide with no excluded task: neither in words, retold ones included, nor in check and start."""
    kept = (one for one in proven if not any(same_task(one.task, task) for task in excluded))
    return [retold_without(one, excluded) for one in kept]


def retold_without(one: Proven, excluded: Sequence[Task]) -> Proven:
    """The same without the wordings of excluded tasks among its retellings."""
    taken = {normal(task.instruction) for task in excluded}
    retold = tuple(said for said in one.retold if normal(said) not in taken)
    return one if len(retold) == len(one.retold) else one.model_copy(update={"retold": retold})
