"""The help desk as a site: its collections, its users, the log-in, and which handler answers which path."""

from __future__ import annotations

import functools
import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from environments.sites.helpdesk.data import Dataset, build
from environments.sites.helpdesk.desk import DeskPages
from environments.sites.helpdesk.records import QUEUES, Settings
from environments.sites.helpdesk.tickets import TicketPages
from environments.sites.helpdesk.views import ViewPages
from environments.sites.listing import pairs
from environments.sites.site import Site, field, redirect, state_of
from environments.sites.state import SiteState

Handler = Callable[[Request], Awaitable[Response]]

# Demo accounts, shown on the log-in page: user name -> (password, name of the agent).
ACCOUNTS = {"agent": ("welcome", "Marta Velasco"), "lead": ("evening", "Stellan Ekberg")}


class HelpDesk(Site):
    """Office IT and facilities requests in six queues; everything but the log-in page needs a signed-in agent."""

    name: ClassVar[str] = "helpdesk"
    title: ClassVar[str] = "Deskline"
    folder: ClassVar[Path] = Path(__file__).parent
    users: ClassVar[tuple[str, ...]] = tuple(ACCOUNTS)

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.templates.filters["pairs"] = pairs
        self.templates.filters["given"] = lambda fields: {name: value for name, value in fields.items() if value}
        self.data: Dataset = build(seed)
        self._base: dict[str, dict[str, Any]] = {
            "tickets": dict(self.data.tickets),
            "comments": {},
            "agents": dict(self.data.agents),
            "filters": dict(self.data.filters),
            "macros": dict(self.data.macros),
            "settings": {user: Settings() for user in ACCOUNTS},
        }

    @property
    def base(self) -> Mapping[str, Mapping[str, Any]]:
        return self._base

    def shared_context(self, state: SiteState) -> dict[str, Any]:
        return {"me": agent_name(state), "queues": QUEUES}

    def routes(self) -> Sequence[BaseRoute]:
        tickets, views, desk = TicketPages(self), ViewPages(self), DeskPages(self)
        pages: list[tuple[str, Handler]] = [
            ("/", views.home),
            ("/queues/{queue}", views.queue),
            ("/tickets", views.tickets),
            ("/tickets/new", tickets.new_ticket),
            ("/tickets/{number:int}", tickets.ticket),
            ("/filters", views.filters),
            ("/reports", views.reports),
            ("/reports/{kind}", views.report),
            ("/agents", desk.agents),
            ("/agents/{agent}", desk.agent),
            ("/macros", desk.macros),
            ("/macros/{macro}", desk.macro),
            ("/settings", desk.settings),
        ]
        changes: list[tuple[str, Handler]] = [
            ("/tickets/new", tickets.create),
            ("/tickets/{number:int}/comment", tickets.comment),
            ("/tickets/{number:int}/change", tickets.change),
            ("/tickets/{number:int}/tags", tickets.tag),
            ("/tickets/{number:int}/close", tickets.close),
            ("/filters", views.create_filter),
            ("/filters/{key}/rename", views.rename_filter),
            ("/filters/{key}/delete", views.delete_filter),
            ("/agents/{agent}", desk.set_away),
            ("/macros", desk.create_macro),
            ("/macros/{macro}", desk.save_macro),
            ("/settings", desk.save_settings),
            ("/logout", self.logout),
        ]
        return [
            Route("/login", self.login, methods=["GET"]),
            Route("/login", self.sign_in, methods=["POST"]),
            *(Route(path, signed_in(handler), methods=["GET"]) for path, handler in pages),
            *(Route(path, signed_in(handler), methods=["POST"]) for path, handler in changes),
        ]

    async def login(self, request: Request) -> Response:
        return self.render(request, "login.html", accounts=ACCOUNTS, username="", wrong=False)

    async def sign_in(self, request: Request) -> Response:
        form = await request.form()
        username = field(form, "username").lower()
        password, _ = ACCOUNTS.get(username, ("", ""))
        if not password or not hmac.compare_digest(field(form, "password").lower().encode(), password.encode()):
            return self.render(
                request, "login.html", page="login", status=422, accounts=ACCOUNTS, username=username, wrong=True
            )
        state = state_of(request)
        state.user = username
        state.tell(f"Signed in as {agent_name(state)}")
        return redirect(request.query_params.get("next", "/"))

    async def logout(self, request: Request) -> Response:
        state_of(request).user = None
        return redirect("/login")


def agent_name(state: SiteState) -> str:
    """The name of the signed-in agent, empty when nobody is."""
    return ACCOUNTS[state.user][1] if state.user else ""


def signed_in(handler: Handler) -> Handler:
    """`handler` for signed-in agents; anybody else is sent to the log-in page first."""

    @functools.wraps(handler)
    async def guarded(request: Request) -> Response:
        if state_of(request).user is None:
            wanted = request.url.path if request.method == "GET" else "/"
            return redirect(f"/login?next={quote(wanted)}")
        return await handler(request)

    return guarded
