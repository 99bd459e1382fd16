"""What a bundled website is: records built once from a seed, pages over them, and the truth about a session.

The evidence of a session has one format for all sites, read by `core.checks.FunctionalCheck`:

    {"changed": [sorted names of the collections that differ from the start],
     "changed_keys": {collection: [sorted keys of the records that differ]},
     collection: {key: record, or null when it was removed},          # changed records of changed collections only
     "user": who is signed in, or null,
     "page": {"route": name, ...path parameters, "query": {...}}}     # the last page served; empty values left out

All strings in it, keys too, are in lower case with white space folded (`core.checks.fold`), because people
and small policies type without regard to case. A check can thus ask for an effect and for nothing else:
`{"changed": ["cart"], "changed_keys": {"cart": ["…"]}, "cart": {"…": {"quantity": 2}}}`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute

from core.errors import UserError
from environments.sites.state import SiteState, evident

FRAMEWORK = Path(__file__).parent
_LONGEST_FIELD = 2000


class Site(ABC):
    """A website. A subclass builds its records in `__init__` and never changes them afterwards.

    `folder` is the site's package folder, holding `templates/` (which extend `base.html`), `static/`
    (served below `/static/<name>/`) and `tasks/`. `users` are the names that `new_state` accepts.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    folder: ClassVar[Path]
    users: ClassVar[tuple[str, ...]] = ()

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.templates = Environment(
            loader=FileSystemLoader([self.folder / "templates", FRAMEWORK / "templates"]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self.templates.globals["site"] = self

    @abstractmethod
    def routes(self) -> Sequence[BaseRoute]:
        """Starlette routes with async handlers; pages answer through `render`, changes through `redirect`."""

    @property
    @abstractmethod
    def base(self) -> Mapping[str, Mapping[str, Any]]:
        """The collections that a session may change, as they are at the start: name -> key -> record."""

    def new_state(self, user: str | None = None) -> SiteState:
        """A fresh state, signed in as `user`; costs microseconds. Raises `UserError` for an unknown user."""
        if user is not None and user not in self.users:
            known = ", ".join(self.users) or "nobody"
            raise UserError(f"the site '{self.name}' has no user '{user}'; it knows {known}")
        return SiteState(self.base, user)

    def evidence(self, state: SiteState) -> dict[str, Any]:
        """The ground truth of a session in the format above."""
        differences = state.differences()
        return {
            **differences,
            "changed": list(differences),
            "changed_keys": {name: list(records) for name, records in differences.items()},
            "user": evident(state.user),
            "page": evident(state.page),
        }

    def shared_context(self, state: SiteState) -> dict[str, Any]:  # noqa: ARG002
        """What every template of the site needs, such as the number of things in a cart."""
        return {}

    def render(
        self, request: Request, template: str, /, *, page: str = "", status: int = 200, **context: Any
    ) -> HTMLResponse:
        """Answer with a page and record it as the last one served; `page` defaults to the handler's name."""
        state = state_of(request)
        state.page = {
            "route": page or request.scope["endpoint"].__name__,
            **request.path_params,
            "query": _query(request),
        }
        html = self.templates.get_template(template).render(
            request=request,
            state=state,
            messages=state.take_messages(),
            here=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
            **self.shared_context(state),
            **context,
        )
        return HTMLResponse(html, status_code=status, headers={"Cache-Control": "no-store"})

    def fragment(self, request: Request, template: str, /, **context: Any) -> HTMLResponse:
        """Answer a script's request with a piece of HTML; the last page served stays what it was."""
        state = state_of(request)
        html = self.templates.get_template(template).render(
            request=request, state=state, **self.shared_context(state), **context
        )
        return HTMLResponse(html, headers={"Cache-Control": "no-store"})


def state_of(request: Request) -> SiteState:
    """The state of the request's session."""
    state: SiteState = request.scope["state"]["site_state"]
    return state


def redirect(path: str) -> Response:
    """Go and see `path`, a path of this site, after a change; anything else leads to the site's front page."""
    local = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return RedirectResponse(path if local else "/", status_code=303)


def field(form: FormData | Mapping[str, Any], name: str) -> str:
    """A submitted text: outer white space removed, at most 2,000 characters, empty when it is not there."""
    value = form.get(name, "")
    return value.strip()[:_LONGEST_FIELD] if isinstance(value, str) else ""


def _query(request: Request) -> dict[str, Any]:
    query: dict[str, Any] = {}
    for name in request.query_params:
        values = [value for value in request.query_params.getlist(name) if value.strip()]
        if values:
            query[name] = values[0] if len(values) == 1 else sorted(values)
    return query
