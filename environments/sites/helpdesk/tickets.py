"""One ticket: reading it, changing its fields, tags and comments, closing it, and filing a new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from environments.sites.helpdesk.records import (
    PRIORITIES,
    QUEUES,
    RESOLUTIONS,
    STATUSES,
    UNASSIGNED,
    VISIBILITIES,
    Ticket,
)
from environments.sites.site import Site, field, redirect, state_of
from environments.sites.state import SiteState
from environments.sites.tags import edited, slug

TODAY = "2026-06-01"
MOST_COMMENTS = 8
MOST_TICKETS = 400
# What an agent may do next, by status: (button, new status). Closing goes through its own dialog.
MOVES = {
    "Open": (("Start work", "In progress"), ("Wait for requester", "Waiting")),
    "In progress": (("Wait for requester", "Waiting"), ("Stop work", "Open")),
    "Waiting": (("Start work", "In progress"), ("Stop waiting", "Open")),
    "Closed": (("Reopen ticket", "Open"),),
}


@dataclass(frozen=True)
class NewComment:
    """A comment written in this session; its key is the ticket's number and a count, as in `1042-1`."""

    ticket: str
    author: str
    date: str
    text: str
    visibility: str


class TicketPages:
    """Handlers of single tickets."""

    def __init__(self, site: Site) -> None:
        self.site = site

    async def ticket(self, request: Request) -> Response:
        return self._page(request, {}, "")

    def _page(self, request: Request, errors: dict[str, str], draft: str) -> Response:
        state = state_of(request)
        ticket = _found(request, state)
        return self.site.render(
            request,
            "ticket.html",
            page="ticket",
            status=422 if errors else 200,
            ticket=ticket,
            comments=[*ticket.comments, *_added(state, ticket)],
            moves=MOVES[ticket.status],
            priorities=PRIORITIES,
            resolutions=RESOLUTIONS,
            visibilities=VISIBILITIES,
            assignees=[UNASSIGNED, *sorted(agent.name for agent in state["agents"].values())],
            errors=errors,
            draft=draft,
        )

    async def change(self, request: Request) -> Response:
        """Set priority, queue, assignee, status or following; values outside the vocabulary are refused."""
        state, form = state_of(request), await request.form()
        ticket = _found(request, state)
        changed, told = _changed(ticket, {name: value for name in form if (value := field(form, name))}, state)
        if changed is None:
            state.tell("Choose one of the values offered.", "alert")
        else:
            state["tickets"][str(ticket.number)] = changed
            state.tell(told)
        return redirect(f"/tickets/{ticket.number}")

    async def comment(self, request: Request) -> Response:
        state, form = state_of(request), await request.form()
        ticket = _found(request, state)
        text, visibility = field(form, "text"), field(form, "visibility")
        mine = _added(state, ticket)
        if not text:
            return self._page(request, {"text": "Write a comment first."}, text)
        if visibility not in VISIBILITIES:
            return self._page(request, {"visibility": "Choose who may read it."}, text)
        if len(mine) >= MOST_COMMENTS:
            return self._page(request, {"text": "This ticket takes no more comments today."}, text)
        author = self.site.shared_context(state)["me"]
        state["comments"][f"{ticket.number}-{len(mine) + 1}"] = NewComment(
            str(ticket.number), author, TODAY, text, visibility
        )
        state.tell(f"{visibility} comment added")
        return redirect(f"/tickets/{ticket.number}")

    async def tag(self, request: Request) -> Response:
        """Add the tag `add`, or remove the tag `remove`."""
        state, form = state_of(request), await request.form()
        ticket = _found(request, state)
        tags = edited(ticket.tags, form, state, "ticket")
        state["tickets"][str(ticket.number)] = replace(ticket, tags=tags)
        return redirect(f"/tickets/{ticket.number}")

    async def close(self, request: Request) -> Response:
        state, form = state_of(request), await request.form()
        ticket = _found(request, state)
        resolution = field(form, "resolution")
        if resolution not in RESOLUTIONS:
            state.tell("Choose a resolution to close the ticket.", "alert")
        elif ticket.status == "Closed":
            state.tell("The ticket is closed already.", "alert")
        else:
            state["tickets"][str(ticket.number)] = replace(
                ticket, status="Closed", resolution=resolution, resolution_note=field(form, "note")
            )
            state.tell(f"Ticket closed as {resolution}")
        return redirect(f"/tickets/{ticket.number}")

    async def new_ticket(self, request: Request) -> Response:
        return self._form(request, {}, {})

    def _form(self, request: Request, values: dict[str, str], errors: dict[str, str]) -> Response:
        return self.site.render(
            request,
            "new_ticket.html",
            page="new_ticket",
            status=422 if errors else 200,
            values={"title": "", "requester": "", "queue": "", "priority": "Normal", "description": "", **values},
            errors=errors,
            priorities=PRIORITIES,
        )

    async def create(self, request: Request) -> Response:
        state, form = state_of(request), await request.form()
        values = {name: field(form, name) for name in ("title", "requester", "queue", "priority", "description")}
        errors = {}
        if len(values["title"]) < 5:
            errors["title"] = "Give a title of five letters or more."
        if not values["requester"]:
            errors["requester"] = "Say who asks for it."
        if values["queue"] not in QUEUES:
            errors["queue"] = "Choose a queue."
        if values["priority"] not in PRIORITIES:
            errors["priority"] = "Choose a priority."
        if len(state["tickets"]) >= MOST_TICKETS:
            errors["title"] = "The desk takes no more tickets today."
        if errors:
            return self._form(request, values, errors)
        number = max(ticket.number for ticket in state["tickets"].values()) + 1
        state["tickets"][str(number)] = Ticket(
            number=number,
            title=values["title"],
            requester=values["requester"],
            queue=values["queue"],
            priority=values["priority"],
            description=values["description"],
            created=TODAY,
            area="Not sorted yet",
            location="Not known",
            status=STATUSES[0],
            assignee=UNASSIGNED,
        )
        state.tell(f"Ticket {number} created")
        return redirect(f"/tickets/{number}")


def _found(request: Request, state: SiteState) -> Ticket:
    ticket: Ticket | None = state["tickets"].get(str(request.path_params["number"]))
    if ticket is None:
        raise HTTPException(404)
    return ticket


def _added(state: SiteState, ticket: Ticket) -> list[NewComment]:
    return [comment for comment in state["comments"].values() if comment.ticket == str(ticket.number)]


def _changed(ticket: Ticket, form: Mapping[str, str], state: SiteState) -> tuple[Ticket | None, str]:
    """The ticket with the one field that `form` names changed, and what to tell; None for a value not on offer."""
    match next(iter(form.items()), ("", "")):
        case ("priority", value) if value in PRIORITIES:
            return replace(ticket, priority=value), f"Priority is now {value}"
        case ("queue", value) if value in QUEUES:
            return replace(ticket, queue=value), f"Moved to {QUEUES[value]}"
        case ("assignee", value) if value == UNASSIGNED or slug(value) in state["agents"]:
            return replace(ticket, assignee=value), f"Assigned to {value}"
        case ("status", value) if value in [status for _, status in MOVES[ticket.status]]:
            return replace(ticket, status=value, resolution="", resolution_note=""), f"Status is now {value}"
        case ("follow", _):
            told = "You no longer follow this ticket" if ticket.followed else "You follow this ticket"
            return replace(ticket, followed=not ticket.followed), told
    return None, ""
