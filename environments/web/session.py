"""Fresh state for every episode on a site that keeps one per session, and the ground truth of that session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from environments.sites.process import TruthClient
from environments.web.places import origin_of

COOKIE = "autotelic_session"
Cookie = dict[str, Any]
"""A cookie in Playwright's words: name, value, url, and whatever else it takes."""


class SessionSource(Protocol):
    """Begins sessions on sites and reads what became of them; both raise `EnvironmentFault`."""

    async def create(self, site_url: str) -> Cookie:
        """A fresh state of the site; the cookie that selects it."""
        ...

    async def read(self, site_url: str, cookie: Cookie) -> dict[str, Any]:
        """The evidence: the state of the site as that session sees it."""
        ...

    async def end(self, site_url: str, cookie: Cookie) -> None:
        """Forget the session."""
        ...


class TruthSessions:
    """Sessions of the bundled sites, through the interface that no browser reaches.

    `urls` maps names of sites to their base URLs; `user_of` says who is signed in when an episode begins
    (None: nobody, or the site's own choice).
    """

    def __init__(
        self, truth: TruthClient, urls: Mapping[str, str], user_of: Callable[[str], str | None] | None = None
    ) -> None:
        self._truth = truth
        self._names = {origin_of(url): name for name, url in urls.items()}
        self._user_of = user_of or (lambda _name: None)

    def _name(self, site_url: str) -> str:
        return self._names[origin_of(site_url)]

    async def create(self, site_url: str) -> Cookie:
        name = self._name(site_url)
        session = await self._truth.create(name, self._user_of(name))
        return {"name": COOKIE, "value": session, "url": site_url, "httpOnly": True, "sameSite": "Lax"}

    async def read(self, site_url: str, cookie: Cookie) -> dict[str, Any]:
        return await self._truth.read(self._name(site_url), str(cookie["value"]))

    async def end(self, site_url: str, cookie: Cookie) -> None:
        await self._truth.delete(self._name(site_url), str(cookie["value"]))
