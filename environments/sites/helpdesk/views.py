"""Lists over tickets: the queues, one queue, all tickets, saved filters, and reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from core.checks import fold
from environments.sites.helpdesk.records import PRIORITIES, QUEUES, STATUSES, UNASSIGNED, SavedFilter, Ticket
from environments.sites.listing import has_words, list_records
from environments.sites.site import Site, field, redirect, state_of
from environments.sites.tags import slug

MOST_FILTERS = 12
COLUMNS: dict[str, Callable[[Ticket], Any]] = {
    "title": lambda ticket: (fold(ticket.title), ticket.number),
    "priority": lambda ticket: (PRIORITIES.index(ticket.priority), ticket.number),
    "status": lambda ticket: (STATUSES.index(ticket.status), ticket.number),
    "assignee": lambda ticket: (fold(ticket.assignee), ticket.number),
    "created": lambda ticket: (ticket.created, ticket.number),
}
REPORTS = {"status": "By status", "priority": "By priority", "agents": "By agent"}


class ViewPages:
    """Handlers of the lists."""

    def __init__(self, site: Site) -> None:
        self.site = site

    async def home(self, request: Request) -> Response:
        tickets = list(state_of(request)["tickets"].values())
        rows = [
            {
                "key": key,
                "name": name,
                "open": _count(tickets, queue=key, status="Open"),
                "urgent": _count(tickets, queue=key, priority="Urgent"),
                "total": _count(tickets, queue=key),
            }
            for key, name in QUEUES.items()
        ]
        return self.site.render(request, "home.html", rows=rows)

    async def queue(self, request: Request) -> Response:
        key = request.path_params["queue"]
        if key not in QUEUES:
            raise HTTPException(404)
        return self._tickets(request, f"{QUEUES[key]} queue", "queue", fixed_queue=key)

    async def tickets(self, request: Request) -> Response:
        asked = request.query_params.get("q", "").strip()
        return self._tickets(request, f"Tickets matching “{asked}”" if asked else "All tickets", "tickets")

    def _tickets(self, request: Request, heading: str, page: str, fixed_queue: str = "") -> Response:
        state, asked = state_of(request), request.query_params
        queue = fixed_queue or asked.get("queue", "")
        fields = {"status": asked.get("status"), "priority": asked.get("priority"), "assignee": asked.get("assignee")}
        wanted = {name: value for name, value in {**fields, "queue": queue}.items() if value}
        words = asked.get("q", "")
        found = [
            ticket
            for ticket in state["tickets"].values()
            if all(getattr(ticket, name) == value for name, value in wanted.items())
            and has_words(f"{ticket.title} {ticket.number} {ticket.requester} {' '.join(ticket.tags)}", words)
        ]
        return self.site.render(
            request,
            "tickets.html",
            page=page,
            heading=heading,
            fixed_queue=fixed_queue,
            listing=list_records(request, found, COLUMNS, default="-created"),
            statuses=STATUSES,
            priorities=PRIORITIES,
            assignees=[UNASSIGNED, *sorted(agent.name for agent in state["agents"].values())],
        )

    async def filters(self, request: Request) -> Response:
        return self._filters(request, {}, "")

    def _filters(self, request: Request, errors: dict[str, str], name: str) -> Response:
        return self.site.render(
            request,
            "filters.html",
            page="filters",
            status=422 if errors else 200,
            saved=list(state_of(request)["filters"].values()),
            statuses=STATUSES,
            priorities=PRIORITIES,
            errors=errors,
            name=name,
        )

    async def create_filter(self, request: Request) -> Response:
        state, form = state_of(request), await request.form()
        name, key = field(form, "name")[:60], slug(field(form, "name")[:60])
        if not key:
            return self._filters(request, {"name": "Give the filter a name."}, name)
        if key in state["filters"]:
            return self._filters(request, {"name": "There is a filter of that name already."}, name)
        if len(state["filters"]) >= MOST_FILTERS:
            return self._filters(request, {"name": f"There is room for {MOST_FILTERS} filters; delete one."}, name)
        state["filters"][key] = SavedFilter(
            key=key,
            name=name,
            queue=_one_of(field(form, "queue"), QUEUES),
            status=_one_of(field(form, "status"), STATUSES),
            priority=_one_of(field(form, "priority"), PRIORITIES),
        )
        state.tell(f"Filter {name} saved")
        return redirect("/filters")

    async def rename_filter(self, request: Request) -> Response:
        state, key = state_of(request), request.path_params["key"]
        name = field(await request.form(), "name")[:60]
        if key not in state["filters"]:
            raise HTTPException(404)
        if name:
            state["filters"][key] = replace(state["filters"][key], name=name)
            state.tell(f"Filter renamed to {name}")
        else:
            state.tell("A filter needs a name.", "alert")
        return redirect("/filters")

    async def delete_filter(self, request: Request) -> Response:
        state, key = state_of(request), request.path_params["key"]
        if key not in state["filters"]:
            raise HTTPException(404)
        state.tell(f"Filter {state['filters'][key].name} deleted")
        del state["filters"][key]
        return redirect("/filters")

    async def reports(self, request: Request) -> Response:
        return self.site.render(request, "reports.html", reports=REPORTS)

    async def report(self, request: Request) -> Response:
        kind = request.path_params["kind"]
        if kind not in REPORTS:
            raise HTTPException(404)
        state = state_of(request)
        tickets = list(state["tickets"].values())
        if kind == "agents":
            head, columns = "Agent", ("Open", "In progress", "Waiting", "Closed")
            names = [agent.name for agent in state["agents"].values()]
            rows = [(name, [_count(tickets, assignee=name, status=status) for status in columns]) for name in names]
        else:
            head, columns = "Queue", STATUSES if kind == "status" else PRIORITIES
            rows = [
                (name, [_count(tickets, queue=key, **{kind: value}) for value in columns])
                for key, name in QUEUES.items()
            ]
        rows = [(name, [*counts, sum(counts)]) for name, counts in rows]
        return self.site.render(
            request, "report.html", title=REPORTS[kind], head=head, columns=(*columns, "Total"), rows=rows
        )


def _count(tickets: Iterable[Ticket], **fields: str) -> int:
    counted = Counter(all(getattr(ticket, name) == value for name, value in fields.items()) for ticket in tickets)
    return counted[True]


def _one_of(value: str, known: Iterable[str]) -> str:
    return value if value in known else ""
