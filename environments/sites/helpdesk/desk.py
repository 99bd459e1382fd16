"""The desk itself: its agents, its macros, and the signed-in agent's settings."""

from __future__ import annotations

from dataclasses import replace

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from environments.sites.helpdesk.records import NOTIFY, QUEUES, Macro, Settings
from environments.sites.site import Site, field, redirect, state_of
from environments.sites.tags import slug

CATEGORIES = ("General", *QUEUES.values())
MOST_MACROS = 12
LONGEST_SIGNATURE = 80


class DeskPages:
    """Handlers of agents, macros and settings."""

    def __init__(self, site: Site) -> None:
        self.site = site

    async def agents(self, request: Request) -> Response:
        return self.site.render(request, "agents.html", agents=list(state_of(request)["agents"].values()))

    async def agent(self, request: Request) -> Response:
        state = state_of(request)
        agent = state["agents"].get(request.path_params["agent"])
        if agent is None:
            raise HTTPException(404)
        tickets = [
            ticket
            for ticket in state["tickets"].values()
            if ticket.assignee == agent.name and ticket.status == "In progress"
        ]
        return self.site.render(request, "agent.html", agent=agent, tickets=tickets[::-1][:5], busy=len(tickets))

    async def set_away(self, request: Request) -> Response:
        state, key = state_of(request), request.path_params["agent"]
        if key not in state["agents"]:
            raise HTTPException(404)
        agent = replace(state["agents"][key], away=not state["agents"][key].away)
        state["agents"][key] = agent
        state.tell(f"{agent.name} is {'away' if agent.away else 'available'}")
        return redirect(f"/agents/{key}")

    async def macros(self, request: Request) -> Response:
        return self._macros(request, {}, {})

    def _macros(self, request: Request, values: dict[str, str], errors: dict[str, str]) -> Response:
        return self.site.render(
            request,
            "macros_list.html",
            page="macros",
            status=422 if errors else 200,
            macros=list(state_of(request)["macros"].values()),
            categories=CATEGORIES,
            values={"name": "", "category": "General", "text": "", **values},
            errors=errors,
        )

    async def create_macro(self, request: Request) -> Response:
        state, form = state_of(request), await request.form()
        values = {name: field(form, name) for name in ("name", "category", "text")}
        errors = _macro_errors(values)
        key = slug(values["name"][:60])
        if key in state["macros"]:
            errors["name"] = "There is a macro of that name already."
        elif len(state["macros"]) >= MOST_MACROS:
            errors["name"] = f"There is room for {MOST_MACROS} macros."
        if errors:
            return self._macros(request, values, errors)
        state["macros"][key] = Macro(key, values["name"], values["category"], values["text"])
        state.tell(f"Macro {values['name']} created")
        return redirect("/macros")

    async def macro(self, request: Request) -> Response:
        return self._macro(request, {}, {})

    def _macro(self, request: Request, values: dict[str, str], errors: dict[str, str]) -> Response:
        macro = state_of(request)["macros"].get(request.path_params["macro"])
        if macro is None:
            raise HTTPException(404)
        shown = {"name": macro.name, "category": macro.category, "text": macro.text, **values}
        return self.site.render(
            request,
            "macro.html",
            page="macro",
            status=422 if errors else 200,
            macro=macro,
            values=shown,
            errors=errors,
            categories=CATEGORIES,
        )

    async def save_macro(self, request: Request) -> Response:
        state, form, key = state_of(request), await request.form(), request.path_params["macro"]
        if key not in state["macros"]:
            raise HTTPException(404)
        values = {name: field(form, name) for name in ("name", "category", "text")}
        errors = _macro_errors(values)
        if errors:
            return self._macro(request, values, errors)
        state["macros"][key] = replace(state["macros"][key], **values)
        state.tell(f"Macro {values['name']} saved")
        return redirect(f"/macros/{key}")

    async def settings(self, request: Request) -> Response:
        state = state_of(request)
        return self._settings(request, state["settings"][state.user or ""], {})

    def _settings(self, request: Request, settings: Settings, errors: dict[str, str]) -> Response:
        return self.site.render(
            request,
            "settings.html",
            page="settings",
            status=422 if errors else 200,
            settings=settings,
            notify=NOTIFY,
            errors=errors,
        )

    async def save_settings(self, request: Request) -> Response:
        state, form = state_of(request), await request.form()
        settings = Settings(
            signature=field(form, "signature"),
            default_queue=field(form, "default_queue"),
            notify=field(form, "notify"),
            compact=bool(field(form, "compact")),
            reminders=bool(field(form, "reminders")),
        )
        errors = {}
        if not 1 <= len(settings.signature) <= LONGEST_SIGNATURE:
            errors["signature"] = f"Write a signature of 1 to {LONGEST_SIGNATURE} characters."
        if settings.default_queue not in QUEUES:
            errors["default_queue"] = "Choose a queue."
        if settings.notify not in NOTIFY:
            errors["notify"] = "Choose when to send mail."
        if errors:
            return self._settings(request, settings, errors)
        state["settings"][state.user or ""] = settings
        state.tell("Settings saved")
        return redirect("/settings")


def _macro_errors(values: dict[str, str]) -> dict[str, str]:
    errors = {}
    if not slug(values["name"]):
        errors["name"] = "Give the macro a name."
    if values["category"] not in CATEGORIES:
        errors["category"] = "Choose a category."
    if not values["text"]:
        errors["text"] = "Write the reply."
    return errors
