"""Sessions: a cookie names one, a request without a known one gets a new one, and old ones are forgotten."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from environments.sites.site import Site
from environments.sites.state import SiteState

COOKIE = "autotelic_session"
STATIC = "/static/"


class Session:
    """A visitor of any of the served sites.

    Browsers send a host's cookies to all of its ports, so that one session may meet several sites: each
    has a state of its own, made when the session first comes to it.
    """

    def __init__(self) -> None:
        self.id = secrets.token_urlsafe(18)
        self._states: dict[str, SiteState] = {}

    def state(self, site: Site) -> SiteState:
        """The session's state on `site`."""
        if site.name not in self._states:
            self._states[site.name] = site.new_state()
        return self._states[site.name]

    def begin(self, site: Site, user: str | None) -> None:
        """Start afresh on `site`, signed in as `user`."""
        self._states[site.name] = site.new_state(user)


class SessionStore:
    """At most `limit` sessions; the one unused for longest goes first."""

    def __init__(self, limit: int = 4096) -> None:
        self._limit = limit
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sessions)

    def create(self) -> Session:
        session = Session()
        self._sessions[session.id] = session
        while len(self._sessions) > self._limit:
            self._sessions.popitem(last=False)
        return session

    def get(self, session_id: str) -> Session | None:
        session = self._sessions.get(session_id)
        if session is not None:
            self._sessions.move_to_end(session_id)
        return session

    def delete(self, session_id: str) -> bool:
        """Forget a session; whether there was one."""
        return self._sessions.pop(session_id, None) is not None


class SessionMiddleware:
    """Puts the session's state into `request.state.site_state` and sets the cookie of a new session."""

    def __init__(self, app: ASGIApp, site: Site, store: SessionStore) -> None:
        self.app, self.site, self.store = app, site, store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(STATIC):
            await self.app(scope, receive, send)
            return
        known = self.store.get(_cookie(Headers(scope=scope).get("cookie", "")))
        session = known or self.store.create()
        scope.setdefault("state", {})["site_state"] = session.state(self.site)

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.append("Set-Cookie", f"{COOKIE}={session.id}; Path=/; HttpOnly; SameSite=Lax")
            await send(message)

        await self.app(scope, receive, send if known else send_with_cookie)


def _cookie(header: str) -> str:
    try:
        morsel = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""
