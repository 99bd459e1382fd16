"""A site as a web application: its routes behind sessions, static files from memory, security headers."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from environments.sites.sessions import STATIC, SessionMiddleware, SessionStore
from environments.sites.site import FRAMEWORK, Site

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; form-action 'self'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


def site_app(site: Site, store: SessionStore) -> Starlette:
    """The application that serves `site` to the sessions of `store`."""
    files = _read(FRAMEWORK / "static", "") | _read(site.folder / "static", f"{site.name}/")

    async def static(request: Request) -> Response:
        found = files.get(request.path_params["path"])
        if found is None:
            return Response("not found", status_code=404)
        body, media_type = found
        return Response(body, media_type=media_type, headers={"Cache-Control": "max-age=600"})

    async def not_found(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        if status != 404:
            return Response(getattr(error, "detail", ""), status_code=status)
        return site.render(request, "not_found.html", page="not_found", status=404)

    return Starlette(
        routes=[*site.routes(), Route(STATIC + "{path:path}", static)],
        middleware=[Middleware(_SecurityHeaders), Middleware(SessionMiddleware, site=site, store=store)],
        exception_handlers={HTTPException: not_found},
    )


class _SecurityHeaders:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        await self.app(scope, receive, send_with_headers)


def _read(folder: Path, prefix: str) -> dict[str, tuple[bytes, str]]:
    """The files of a folder by the path they are served at, with their media types."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            found[prefix + path.relative_to(folder).as_posix()] = (path.read_bytes(), media_type)
    return found
