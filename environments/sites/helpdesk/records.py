"""The nouns of the help desk: tickets, comments, agents, saved filters, macros, and the words they may use."""

from __future__ import annotations

from dataclasses import dataclass

QUEUES = {
    "accounts": "Accounts",
    "hardware": "Hardware",
    "software": "Software",
    "network": "Network",
    "facilities": "Facilities",
    "security": "Security",
}
STATUSES = ("Open", "In progress", "Waiting", "Closed")
PRIORITIES = ("Low", "Normal", "High", "Urgent")
RESOLUTIONS = ("Fixed", "Duplicate", "Workaround", "Not reproducible", "Declined")
VISIBILITIES = ("Public", "Internal")
NOTIFY = ("All tickets", "My tickets", "Never")
UNASSIGNED = "Unassigned"


@dataclass(frozen=True)
class Comment:
    """A remark on a ticket; internal ones are for agents only. `date` is ISO."""

    author: str
    date: str
    text: str
    visibility: str = "Public"


@dataclass(frozen=True)
class Ticket:
    """One request. `queue` is a key of `QUEUES`, `assignee` an agent's name or `UNASSIGNED`, `created` an ISO date."""

    number: int
    title: str
    requester: str
    created: str
    queue: str
    area: str
    location: str
    priority: str
    status: str
    assignee: str
    description: str
    tags: tuple[str, ...] = ()
    comments: tuple[Comment, ...] = ()
    resolution: str = ""
    resolution_note: str = ""
    followed: bool = False


@dataclass(frozen=True)
class Agent:
    """Somebody who works on tickets."""

    slug: str
    name: str
    team: str
    extension: str
    email: str
    floor: str
    shift: str
    since: str
    away: bool = False


@dataclass(frozen=True)
class SavedFilter:
    """A named view over all tickets; an empty field means any."""

    key: str
    name: str
    queue: str = ""
    status: str = ""
    priority: str = ""
    assignee: str = ""


@dataclass(frozen=True)
class Macro:
    """A ready-made reply."""

    slug: str
    name: str
    category: str
    text: str
    used: int = 0


@dataclass(frozen=True)
class Settings:
    """The signed-in agent's own settings."""

    signature: str = "The service desk team"
    default_queue: str = "hardware"
    notify: str = "My tickets"
    compact: bool = False
    reminders: bool = True
