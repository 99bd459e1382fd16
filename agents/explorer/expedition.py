"""One exploration from nothing: crawl, try, compose, prove; each phase hands what it leaves of its time to the next."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from pydantic import Field

from agents.explorer.collecting import Collector
from agents.explorer.composer import JOINED, SINGLE, Composer
from agents.explorer.crawler import Crawler, Progress, silent
from agents.explorer.drafts import Proven
from agents.explorer.manners import Pace
from agents.explorer.prover import Prover
from agents.explorer.sitemap import SiteMap
from agents.explorer.trials import Trials
from core.config import ExploreConfig
from core.errors import EnvironmentFault
from core.protocols import EnvironmentPool
from core.types import Observation, Record, Task

PHASES = ("crawl", "try", "prove")
CRAWL_UNTIL, TRY_UNTIL = 0.2, 0.4  # shares of the time
_SHARES = {"open": 1.5, "lookup": 2.5, "search": 1.2, "form": 2.0, "edit": 2.0, "toggle": 1.5, "disclose": 0.3}
_JOINED_SHARE = 0.5


class Findings(Record):
    """What an exploration cost and gave: drafts tried and proven by family, why the others fell, seconds by phase."""

    pages: int = 0
    templates: int = 0
    effects: dict[str, int] = Field(default_factory=dict)
    tried: dict[str, int] = Field(default_factory=dict)
    proven: dict[str, int] = Field(default_factory=dict)
    reasons: dict[str, int] = Field(default_factory=dict)
    seconds: dict[str, float] = Field(default_factory=dict)
    faults: tuple[str, ...] = ()


def localiser(urls: Sequence[str]) -> Callable[[str], str]:
    """Makes URLs below the first site relative to it, so that a task outlives a change of host or port."""
    home = urls[0].partition("?")[0].rstrip("/") + "/"

    def localise(url: str) -> str:
        if url == urls[0]:
            return "/"
        return "/" + url.removeprefix(home) if url.startswith(home) else url

    return localise


async def explore(
    pool: EnvironmentPool,
    urls: Sequence[str],
    config: ExploreConfig,
    *,
    resettable: bool,
    view_tokens: int,
    obey_robots: bool = True,
    excluded: Sequence[Task] = (),
    progress: Progress = silent,
) -> tuple[SiteMap, list[Proven], Findings]:
    """Explore sites within `config.seconds`; raises `EnvironmentFault` when not one page could be read."""
    began = time.monotonic()
    clock = [0.0]

    def left(until: float) -> float:
        return max(0.5, until * config.seconds - (time.monotonic() - began))

    pace = Pace(config.delay, tuple(urls))
    crawler = Crawler(pool, urls, config, resettable=resettable, obey_robots=obey_robots, pace=pace, progress=progress)
    site = await crawler.crawl(left(CRAWL_UNTIL))
    clock.append(time.monotonic() - began)
    if not site.pages:
        why = crawler.faults[0] if crawler.faults else "nothing was shown there"
        raise EnvironmentFault(f"no page of {urls[0]} could be read: {why}")
    trials = Trials(pool, resettable=resettable, pace=pace, seed=config.seed, progress=progress)
    site = await trials.run(site, left(TRY_UNTIL))
    clock.append(time.monotonic() - began)
    collector = Collector(
        Composer(site, seed=config.seed, resettable=resettable),
        prover_of(pool, site, config, pace, view_tokens, crawler.observations),
        excluded=excluded,
        progress=progress,
    )
    shares = {family: _SHARES.get(family, 1.0) for family in SINGLE} | dict.fromkeys(JOINED, _JOINED_SHARE)
    proven = await collector.collect(shares, config.tasks, left(1.0))
    clock.append(time.monotonic() - began)
    findings = Findings(
        pages=len(site.pages),
        templates=len(site.templates()),
        effects=dict(Counter(effect.kind for effect in site.effects)),
        tried=dict(collector.tried),
        proven=dict(collector.proven),
        reasons=dict(collector.prover.reasons),
        seconds={phase: round(end - start, 2) for phase, (start, end) in zip(PHASES, pairwise(clock), strict=True)},
        faults=tuple((*crawler.faults, *trials.faults)[:20]),
    )
    return site, proven, findings


def prover_of(
    pool: EnvironmentPool,
    site: SiteMap,
    config: ExploreConfig,
    pace: Pace,
    view_tokens: int,
    known: Mapping[str, Observation] | None = None,
) -> Prover:
    """The prover of tasks on an explored site, for a policy that sees `view_tokens` of a page.

    `known` are pages as they were seen while crawling.
    """
    return Prover(
        pool,
        replays=config.replays,
        pristine=tuple(site.texts()),
        pace=pace,
        localise=localiser(site.start_urls),
        known=known,
        view_tokens=view_tokens,
    )
