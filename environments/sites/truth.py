"""The truth listener: sessions are begun and their evidence read here, with a token that no browser has."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from core.errors import UserError
from environments.sites.sessions import Session, SessionStore
from environments.sites.site import Site


def truth_app(sites: Mapping[str, Site], store: SessionStore, token: str) -> Starlette:
    """`POST /sessions {site, user}`, `GET` and `DELETE /sessions/{site}/{id}`, `GET /health`; bearer token needed."""

    def find(request: Request) -> tuple[Site, Session] | None:
        site = sites.get(request.path_params["site"])
        session = store.get(request.path_params["id"])
        return (site, session) if site is not None and session is not None else None

    async def create(request: Request) -> Response:
        try:
            asked = await request.json()
        except (json.JSONDecodeError, UnicodeDecodeError):
            return _refused(400, "the body is not JSON")
        name = str(asked.get("site")) if isinstance(asked, dict) else ""
        if name not in sites:
            return _refused(404, f"there is no site '{name}' here; served: {', '.join(sites)}")
        try:
            session = store.create()
            session.begin(sites[name], asked.get("user"))
        except UserError as error:
            return _refused(422, str(error))
        return JSONResponse({"session": session.id}, status_code=201)

    async def read(request: Request) -> Response:
        found = find(request)
        if found is None:
            return _refused(404, "there is no such site or session")
        site, session = found
        return JSONResponse(site.evidence(session.state(site)))

    async def delete(request: Request) -> Response:
        if find(request) is None:
            return _refused(404, "there is no such site or session")
        store.delete(request.path_params["id"])
        return JSONResponse({})

    async def health(_: Request) -> Response:
        return JSONResponse({"sites": list(sites), "sessions": len(store)})

    return Starlette(
        routes=[
            Route("/sessions", create, methods=["POST"]),
            Route("/sessions/{site}/{id}", read, methods=["GET"]),
            Route("/sessions/{site}/{id}", delete, methods=["DELETE"]),
            Route("/health", health),
        ],
        middleware=[Middleware(_BearerToken, token=token)],
    )


class _BearerToken:
    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app, self.wanted = app, f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = dict(scope.get("headers", ())).get(b"authorization", b"")
        if scope["type"] != "http" or hmac.compare_digest(given, self.wanted):
            await self.app(scope, receive, send)
        else:
            await _refused(401, "a bearer token is needed")(scope, receive, send)


def _refused(status: int, reason: str) -> JSONResponse:
    body: dict[str, Any] = {"error": reason}
    return JSONResponse(body, status_code=status)
