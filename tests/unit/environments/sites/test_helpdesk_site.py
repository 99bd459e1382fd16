"""The help desk: its records, its log-in, and that each change is exactly what the evidence tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from starlette.testclient import TestClient

from environments.sites.app import site_app
from environments.sites.helpdesk.records import PRIORITIES, QUEUES, STATUSES, UNASSIGNED, Ticket
from environments.sites.helpdesk.site import HelpDesk
from environments.sites.sessions import COOKIE, Session, SessionStore

SITE = HelpDesk(0)


class Visit:
    """One session in a client, and what the ground truth says about it."""

    def __init__(self, user: str | None = "agent", store: SessionStore | None = None) -> None:
        store = store or SessionStore()
        self.session: Session = store.create()
        self.session.begin(SITE, user)
        self.client = TestClient(site_app(SITE, store), cookies={COOKIE: self.session.id}, follow_redirects=True)

    def get(self, path: str) -> str:
        return self.client.get(path).text

    def post(self, path: str, **form: str) -> str:
        return self.client.post(path, data=form).text

    @property
    def truth(self) -> dict[str, Any]:
        return SITE.evidence(self.session.state(SITE))


def any_ticket(**fields: str) -> Ticket:
    return next(t for t in SITE.data.tickets.values() if all(getattr(t, k) == v for k, v in fields.items()))


def test_the_records_are_what_they_should_be() -> None:
    tickets = list(SITE.data.tickets.values())
    assert len(tickets) == 300
    assert len({ticket.title for ticket in tickets}) == 300
    assert {ticket.queue for ticket in tickets} == set(QUEUES)
    assert {ticket.status for ticket in tickets} == set(STATUSES)
    assert {ticket.priority for ticket in tickets} == set(PRIORITIES)
    assert [ticket.created for ticket in tickets] == sorted(ticket.created for ticket in tickets)
    names = {agent.name for agent in SITE.data.agents.values()} | {UNASSIGNED}
    assert {ticket.assignee for ticket in tickets} <= names
    assert all((ticket.status == "Closed") == bool(ticket.resolution) for ticket in tickets)


def test_only_the_log_in_page_is_open_to_everybody() -> None:
    visit = Visit(user=None)
    for path in ("/", "/tickets", "/tickets/1001", "/settings", "/reports/status"):
        assert "Demo accounts" in visit.get(path)
    assert "Demo accounts" in visit.post("/tickets/1001/change", priority="Urgent")
    assert visit.truth["changed"] == []
    assert visit.truth["user"] is None


def test_logging_in_leads_to_the_page_asked_for() -> None:
    visit = Visit(user=None)
    assert "is wrong" in visit.post("/login", username="agent", password="guess")
    assert visit.truth["user"] is None
    assert "is wrong" in visit.post("/login", username="nobody", password="")
    page = visit.post("/login?next=/macros", username="Agent", password="welcome")
    assert "<h1>Macros</h1>" in page
    assert visit.truth["user"] == "agent"
    assert visit.truth["page"]["route"] == "macros"
    assert "Demo accounts" in visit.post("/logout")
    assert visit.truth["user"] is None


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_logging_in_never_leads_elsewhere(target: str) -> None:
    visit = Visit(user=None)
    answer = visit.client.post(
        "/login", params={"next": target}, data={"username": "agent", "password": "welcome"}, follow_redirects=False
    )
    assert answer.headers["location"] == "/"


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"priority": "Urgent"}, {"priority": "urgent"}),
        ({"queue": "security"}, {"queue": "security"}),
        ({"assignee": "Leila Haddad"}, {"assignee": "leila haddad"}),
        ({"assignee": UNASSIGNED}, {"assignee": "unassigned"}),
        ({"status": "Waiting"}, {"status": "waiting"}),
        ({"follow": "turn"}, {"followed": True}),
    ],
)
def test_a_ticket_changes_in_the_field_sent_and_nowhere_else(
    form: dict[str, str], expected: Mapping[str, object]
) -> None:
    ticket = any_ticket(status="Open", priority="Normal", queue="network", assignee="Leila Haddad")
    if form.get("assignee") == "Leila Haddad":
        ticket = any_ticket(status="Open", assignee=UNASSIGNED)
    visit = Visit()
    visit.get(f"/tickets/{ticket.number}")
    visit.post(f"/tickets/{ticket.number}/change", **form)
    truth = visit.truth
    assert truth["changed"] == ["tickets"]
    assert truth["changed_keys"] == {"tickets": [str(ticket.number)]}
    assert truth["tickets"][str(ticket.number)].items() >= dict(expected).items()
    assert truth["page"] == {"route": "ticket", "number": ticket.number, "query": {}}


@pytest.mark.parametrize(
    "form",
    [{"priority": "Enormous"}, {"queue": ""}, {"assignee": "Somebody"}, {"status": "Closed"}, {"title": "x"}, {}],
)
def test_a_value_that_is_not_offered_changes_nothing(form: dict[str, str]) -> None:
    ticket, visit = any_ticket(status="Open"), Visit()
    assert 'role="alert"' in visit.post(f"/tickets/{ticket.number}/change", **form)
    assert visit.truth["changed"] == []


def test_what_is_undone_counts_as_unchanged() -> None:
    ticket, visit = any_ticket(status="Open"), Visit()
    for _ in range(2):
        visit.post(f"/tickets/{ticket.number}/change", follow="turn")
    assert visit.truth["changed"] == []


def test_closing_needs_a_resolution_and_reopening_forgets_it() -> None:
    ticket, visit = any_ticket(status="Open"), Visit()
    address = f"/tickets/{ticket.number}"
    visit.post(f"{address}/close", resolution="", note="x")
    assert visit.truth["changed"] == []
    visit.post(f"{address}/close", resolution="Workaround", note="Used  the SPARE")
    closed = visit.truth["tickets"][str(ticket.number)]
    assert (closed["status"], closed["resolution"], closed["resolution_note"]) == (
        "closed",
        "workaround",
        "used the spare",
    )
    assert "Reopen ticket" in visit.get(address)
    visit.post(f"{address}/change", status="Open")
    assert visit.truth["changed"] == []


def test_comments_are_kept_with_who_may_read_them() -> None:
    ticket, visit = any_ticket(status="Open"), Visit()
    address = f"/tickets/{ticket.number}/comment"
    assert "Write a comment first" in visit.post(address, text="", visibility="Public")
    assert "Choose who may read it" in visit.post(address, text="hello", visibility="World")
    assert visit.truth["changed"] == []
    page = visit.post(address, text="<b>Bold</b> words", visibility="Internal")
    assert "&lt;b&gt;Bold&lt;/b&gt; words" in page
    assert visit.truth["comments"] == {
        f"{ticket.number}-1": {
            "ticket": str(ticket.number),
            "author": "marta velasco",
            "date": "2026-06-01",
            "text": "<b>bold</b> words",
            "visibility": "internal",
        }
    }


def test_tags_are_added_once_and_removed() -> None:
    ticket, visit = any_ticket(queue="hardware"), Visit()
    address, key = f"/tickets/{ticket.number}/tags", str(ticket.number)
    visit.post(address, add="On Loan")
    assert visit.truth["tickets"][key]["tags"] == [*ticket.tags, "on-loan"]
    assert "has that tag already" in visit.post(address, add="on loan")
    visit.post(address, remove="on-loan")
    assert visit.truth["changed"] == []
    assert "needs letters" in visit.post(address, add="!!")
    for number in range(20):
        visit.post(address, add=f"tag {number}")
    assert len(visit.truth["tickets"][key]["tags"]) == 8


def test_a_new_ticket_is_checked_before_it_is_kept() -> None:
    visit = Visit()
    page = visit.post("/tickets/new", title="Abc", requester="", queue="", priority="Normal")
    assert all(f'id="{name}-problem"' in page for name in ("title", "requester", "queue"))
    assert 'value="Abc"' in page
    assert visit.truth["changed"] == []
    visit.post("/tickets/new", title="Lamp is dark", requester="Ines Gallo", queue="facilities", priority="High")
    truth = visit.truth
    assert truth["changed_keys"] == {"tickets": ["1301"]}
    assert truth["tickets"]["1301"]["title"] == "lamp is dark"
    assert "Lamp is dark" in visit.get("/queues/facilities")


def test_filters_are_made_renamed_applied_and_deleted() -> None:
    visit = Visit()
    assert "of that name already" in visit.post("/filters", name="nobody YET")
    assert "Give the filter a name" in visit.post("/filters", name=" ")
    assert visit.truth["changed"] == []
    page = visit.post("/filters", name="Slow lane", queue="", status="Waiting", priority="Low")
    assert 'href="/tickets?status=Waiting&amp;priority=Low"' in page
    visit.post("/filters/slow-lane/rename", name="Snail")
    assert visit.truth["filters"]["slow-lane"]["name"] == "snail"
    visit.post("/filters/slow-lane/delete")
    assert visit.truth["changed"] == []
    visit.post("/filters/open-hardware/delete")
    assert visit.truth["filters"] == {"open-hardware": None}


def test_a_list_is_filtered_searched_and_sorted() -> None:
    visit = Visit()
    wanted = [t for t in SITE.data.tickets.values() if t.queue == "network" and t.status == "Waiting"]
    page = visit.get("/queues/network?status=Waiting&sort=title")
    assert f"{len(wanted)} ticket" in page
    first, last = min(wanted, key=lambda t: t.title.lower()), max(wanted, key=lambda t: t.title.lower())
    assert page.index(first.title) < page.index(last.title)
    ticket = any_ticket(queue="security")
    assert ticket.title in visit.get(f"/tickets?q={ticket.number}")
    assert ticket.title in visit.get(f"/tickets?q={ticket.requester.upper()}")
    assert "No ticket matches" in visit.get("/tickets?q=zzzzzz")


def test_reports_count_what_is_there_now() -> None:
    visit = Visit()
    ticket = any_ticket(status="Open", queue="security", priority="Low")
    count = sum(t.queue == "security" and t.priority == "Low" for t in SITE.data.tickets.values())
    row = '<th scope="row">Security</th><td class="number">{}</td>'
    assert row.format(count) in visit.get("/reports/priority")
    visit.post(f"/tickets/{ticket.number}/change", priority="High")
    assert row.format(count - 1) in visit.get("/reports/priority")


def test_macros_settings_and_presence_change_as_asked() -> None:
    visit = Visit()
    visit.post("/agents/leila-haddad")
    visit.post("/macros/visit-booked", name="Visit booked", category="Facilities", text="At noon")
    visit.post("/settings", signature="Me", default_queue="network", notify="Never", compact="on")
    truth = visit.truth
    assert truth["changed"] == ["agents", "macros", "settings"]
    assert truth["agents"]["leila-haddad"]["away"] is True
    assert truth["macros"]["visit-booked"]["text"] == "at noon"
    assert truth["settings"]["agent"] == {
        "signature": "me",
        "default_queue": "network",
        "notify": "never",
        "compact": True,
        "reminders": False,
    }
    assert "Choose a queue" in visit.post("/settings", signature="Me", default_queue="x", notify="Never")
    assert "Write the reply" in visit.post("/macros", name="Empty", category="General", text="")


def test_sessions_do_not_see_each_other() -> None:
    store = SessionStore()
    one, other = Visit(store=store), Visit(user="lead", store=store)
    ticket = any_ticket(status="Open", assignee=UNASSIGNED)
    one.post(f"/tickets/{ticket.number}/change", assignee="Marta Velasco")
    assert one.truth["changed"] == ["tickets"]
    assert other.truth["changed"] == []
    assert "Signed in as Stellan Ekberg" in other.get(f"/tickets/{ticket.number}")
    assert SITE.data.tickets[str(ticket.number)].assignee == UNASSIGNED
