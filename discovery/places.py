"""The built-in place to practise, for `site.environment = "web"`: websites in a real browser."""

from __future__ import annotations

from contextlib import AsyncExitStack

from core.config import Config
from core.errors import ConfigError
from core.types import Task
from discovery.builders import Context, Place


async def web(context: Context) -> Place:
    """Start the bundled sites where they are asked for, and a pool of browser contexts.

    Raises `UserError` for a site that does not exist and for a missing browser, `EnvironmentFault` when
    one does not start.
    """
    from environments.sites.process import SitesProcess
    from environments.sites.registry import default_user
    from environments.web.pool import BrowserPool
    from environments.web.session import SessionSource, TruthSessions
    from memory.screenshots import ScreenshotStore

    config = context.config
    names = _bundled(config)
    async with AsyncExitStack() as stack:
        urls = config.site.urls
        sessions: SessionSource | None = None
        if names:
            sites = await SitesProcess.start(names, seed=config.site.seed)
            stack.push_async_callback(sites.close)
            urls = tuple(sites.urls[name] for name in names)
            sessions = TruthSessions(sites.truth, sites.urls, default_user)
        pictured = config.actor.sees or config.browser.screenshots != "off"
        store = ScreenshotStore(context.run_dir / "screenshots").put if pictured else None
        pool = BrowserPool(config, site_urls=urls, sessions=sessions, store=store)
        stack.push_async_callback(pool.close)
        tasks, split = _heldout(names, config.site.seed)
        return Place(
            pool=pool,
            urls=urls,
            resettable=bool(names or config.site.reset),
            heldout=tasks,
            split=split,
            close=stack.pop_all().aclose,
        )


def _bundled(config: Config) -> list[str]:
    """The names among the sites; raises `ConfigError` when there are both names and URLs."""
    names = [url for url in config.site.urls if "://" not in url]
    if names and len(names) < len(config.site.urls):
        raise ConfigError("site.urls mixes bundled sites and URLs; a run takes either")
    return names


def _heldout(names: list[str], seed: int) -> tuple[list[Task], str]:
    """The test split of the first bundled site: relative start URLs begin there. It holds for seed 0 alone."""
    from environments.sites.tasks import load_split

    if not names or seed != 0:
        return [], ""
    return load_split(names[0], "test"), f"{names[0]}/test"
