"""Visiting pages nobody has described: breadth-first, new templates first, within a budget of pages and seconds."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from agents.explorer import lines, pages
from agents.explorer.manners import Pace, Robots, canonical, is_loopback, may_follow, origin
from agents.explorer.session import Session, session
from agents.explorer.sitemap import SiteMap
from core.config import ExploreConfig
from core.errors import ActionError, InfrastructureError
from core.protocols import EnvironmentPool
from core.types import Observation

_CROWD = 5
_ARRANGED = 3  # as often are pages without a query visited
Progress = Callable[[str, int, int], None]


def silent(_phase: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


class Crawler:
    """Crawls sites with all of a pool's environments at once.

    The next page is the waiting one whose URL shape was visited least, then the one fewest clicks away,
    so that one of each kind of page is seen before the hundredth of the same kind.
    """

    def __init__(
        self,
        pool: EnvironmentPool,
        urls: Sequence[str],
        config: ExploreConfig,
        *,
        resettable: bool,
        obey_robots: bool = True,
        pace: Pace | None = None,
        progress: Progress = silent,
    ) -> None:
        self.pool = pool
        self.urls = tuple(urls)
        self.config = config
        self.resettable = resettable
        self.obey_robots = obey_robots
        self.pace = pace or Pace(config.delay, self.urls)
        self.progress = progress
        self.faults: list[str] = []
        self._origins = frozenset(origin(url) for url in self.urls)
        self._robots: dict[str, Robots] = {}
        self._pages: dict[str, pages.Page] = {}
        self._known: set[str] = set()
        self.observations: dict[str, Observation] = {}
        self._visits: Counter[str] = Counter()
        self._waiting: dict[str, int] = {}
        self._children: dict[str, set[str]] = {}
        self._busy = 0

    async def crawl(self, seconds: float) -> SiteMap:
        """The pages found within `seconds` and `config.pages`; faults on the way are kept in `faults`.

        One page is waited for even beyond `seconds`, as far as the environment itself waits.
        """
        deadline = time.monotonic() + seconds
        await self._read_robots()
        for url in self.urls:
            self._add(url, "", 0)
        workers = [asyncio.create_task(self._work(deadline)) for _ in range(self.pool.size)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        crowded = self._crowded()
        for url, observation in self.observations.items():
            self._pages[url] = pages.read(observation, crowded)
        return SiteMap(start_urls=self.urls, crowded=tuple(sorted(crowded)), pages=self._pages)

    def _crowded(self) -> frozenset[str]:
        """Paths below which so many names are known that they must be those of records."""
        return frozenset(path for path, names in self._children.items() if len(names) > _CROWD and path != "/")

    async def _work(self, deadline: float) -> None:
        while not self._finished(deadline):
            try:
                async with session(self.pool, self.pace) as at:
                    await self._visit_many(at, deadline)
            except InfrastructureError as fault:
                self.faults.append(str(fault))
                if len(self.faults) > 2 * self.pool.size + self.config.pages // 4:
                    return

    async def _visit_many(self, at: Session, deadline: float) -> None:
        while not self._finished(deadline):
            if not self._waiting:
                await asyncio.sleep(0.02)  # other workers are about to find more
                continue
            url = self._next()
            depth = self._waiting.pop(url)
            self._busy += 1
            try:
                await self._visit(at, url, depth)
            finally:
                self._busy -= 1

    async def _visit(self, at: Session, url: str, depth: int) -> None:
        self._visits[pages.shape(url, self._crowded())] += 1
        if at.seen and origin(at.now.url) == origin(url):
            try:
                observation = await at.do(lines.goto(url))
            except ActionError as error:
                self.faults.append(f"{url}: {error}")
                return
        else:
            observation = await at.visit(url)
        page = pages.read(observation)
        arrived = canonical(page.url, "")
        if origin(arrived) not in self._origins or not page.text.strip():
            return
        self._known.add(arrived)
        if arrived not in self._pages and len(self._pages) < self.config.pages:
            self._pages[arrived] = page
            self.observations[arrived] = observation
            self.progress("crawl", len(self._pages), self.config.pages)
        for link in page.links:
            self._add(link.url, link.name, depth + 1)

    def _add(self, url: str, name: str, depth: int) -> None:
        url = canonical(url, "")
        if url in self._known or not may_follow(name, url, self._origins, resettable=self.resettable):
            return
        robots = self._robots.get(origin(url))
        if robots is not None and not robots.allow(url):
            return
        self._known.add(url)
        path, name = pages.parent(url)
        self._children.setdefault(path, set()).add(name)
        self._waiting[url] = depth

    def _next(self) -> str:
        """The waiting URL whose shape was visited least; the first found among equals, so breadth-first.

        A URL with a query mostly shows again what others show, so it waits longer.
        """
        crowded = self._crowded()

        def turn(url: str) -> tuple[int, int]:
            visits = self._visits[pages.shape(url, crowded)]
            return visits * (_ARRANGED if urlsplit(url).query else 1), self._waiting[url]

        return min(self._waiting, key=turn)

    def _finished(self, deadline: float) -> bool:
        return (
            len(self._pages) >= self.config.pages
            or (time.monotonic() >= deadline and bool(self._pages))
            or (not self._waiting and self._busy == 0)
        )

    async def _read_robots(self) -> None:
        """Outside loopback, read each origin's robots.txt through the browser; none there means all is allowed."""
        if not self.obey_robots:
            return
        for url in self.urls:
            place = origin(url)
            if is_loopback(url) or place in self._robots:
                continue
            with contextlib.suppress(InfrastructureError):
                async with session(self.pool, self.pace) as at:
                    text = (await at.visit(f"{place}/robots.txt")).text
                    self._robots[place] = Robots(url, text)
                    self.pace.delay = max(self.pace.delay, self._robots[place].delay())
