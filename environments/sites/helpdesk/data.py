"""The help desk's seeded records: about 300 tickets in six queues, and the people who work on them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta

from environments.sites.helpdesk import wording
from environments.sites.helpdesk.records import (
    PRIORITIES,
    QUEUES,
    RESOLUTIONS,
    STATUSES,
    UNASSIGNED,
    Agent,
    Comment,
    Macro,
    SavedFilter,
    Ticket,
)
from environments.sites.tags import slug

TICKETS = {"accounts": 57, "hardware": 53, "software": 48, "network": 46, "facilities": 55, "security": 41}
FIRST_NUMBER = 1001
FIRST_DAY = date(2026, 1, 5)


@dataclass(frozen=True)
class Dataset:
    """Everything a fresh session starts from; each mapping's key is the readable key of its records."""

    tickets: dict[str, Ticket]
    agents: dict[str, Agent]
    filters: dict[str, SavedFilter]
    macros: dict[str, Macro]


def build(seed: int) -> Dataset:
    """The dataset of `seed`; the same seed gives the same records on every machine."""
    rng = random.Random(f"helpdesk {seed}")
    agents = [_agent(rng, row) for row in wording.AGENTS]
    filters = [SavedFilter(slug(row[0]), *row) for row in wording.FILTERS]
    macros = [Macro(slug(row[0]), *row) for row in wording.MACROS]
    return Dataset(
        tickets={str(ticket.number): ticket for ticket in _tickets(rng)},
        agents={agent.slug: agent for agent in agents},
        filters={saved.key: saved for saved in filters},
        macros={macro.slug: macro for macro in macros},
    )


def _agent(rng: random.Random, row: tuple[str, str, str]) -> Agent:
    name, team, shift = row
    return Agent(
        slug=slug(name),
        name=name,
        team=team,
        extension=str(rng.randrange(2000, 9999)),
        email=f"{slug(name).replace('-', '.')}@office.example",
        floor=rng.choice(wording.FLOORS),
        shift=shift,
        since=str(rng.randrange(2012, 2026)),
    )


def _tickets(rng: random.Random) -> list[Ticket]:
    """Tickets numbered by date, the queues mixed; no two have the same title."""
    order = [queue for queue, count in TICKETS.items() for _ in range(count)]
    rng.shuffle(order)
    titles: set[str] = set()
    day = FIRST_DAY
    tickets = []
    for index, queue in enumerate(order):
        day += timedelta(days=rng.choice((0, 0, 1)))
        tickets.append(_ticket(rng, FIRST_NUMBER + index, queue, day, titles))
    return tickets


def _ticket(rng: random.Random, number: int, queue: str, day: date, titles: set[str]) -> Ticket:
    while True:
        words, kind, area, tags = rng.choice(wording.TROUBLES[queue])
        blank = _blank(rng, kind)
        title = words.format(blank)
        if title not in titles:
            break
    titles.add(title)
    status = rng.choices(STATUSES, (40, 22, 16, 22))[0]
    worker = _worker(rng, queue)
    return Ticket(
        number=number,
        title=title,
        requester=f"{rng.choice(wording.FIRST_NAMES)} {rng.choice(wording.LAST_NAMES)}",
        created=day.isoformat(),
        queue=queue,
        area=area,
        location=f"Floor {_floor(rng, kind, blank)}",
        priority=rng.choices(PRIORITIES, (25, 40, 22, 13))[0],
        status=status,
        assignee=UNASSIGNED if status == "Open" and rng.random() < 0.55 else worker,
        description=rng.choice(wording.OPENERS).format(day=rng.choice(wording.DAYS)),
        tags=tags,
        comments=_comments(rng, worker, day, queue),
        resolution=rng.choice(RESOLUTIONS) if status == "Closed" else "",
    )


def _worker(rng: random.Random, queue: str) -> str:
    """Somebody of the queue's own team, or now and then anybody."""
    team = [name for name, team, _ in wording.AGENTS if team in (QUEUES[queue], "Service desk")]
    return rng.choice(team if rng.random() < 0.8 else [name for name, _, _ in wording.AGENTS])


def _comments(rng: random.Random, author: str, day: date, queue: str) -> tuple[Comment, ...]:
    texts = rng.sample((*wording.REPLIES[queue], *wording.ANY_REPLIES), rng.choice((0, 0, 1, 1, 2, 3)))
    comments = []
    for text in texts:
        day += timedelta(days=rng.randrange(1, 3))
        comments.append(Comment(author, day.isoformat(), text, rng.choice(("Public", "Internal"))))
    return tuple(comments)


def _floor(rng: random.Random, kind: str, blank: str) -> str:
    """The floor that the place in the title is on."""
    if kind in ("room", "floor"):
        return blank[0]
    return str(wording.DESK_ROWS.index(blank[0]) % 6 + 1) if kind == "desk" else rng.choice(wording.FLOORS)


def _blank(rng: random.Random, kind: str) -> str:
    match kind:
        case "system":
            return rng.choice(wording.SYSTEMS)
        case "department":
            return rng.choice(wording.DEPARTMENTS)
        case "app":
            return rng.choice(wording.APPS)
        case "host":
            return rng.choice(wording.HOSTS)
        case "room":
            return rng.choice(wording.ROOMS)
        case "floor":
            return rng.choice(wording.FLOORS)
    return f"{rng.choice(wording.DESK_ROWS)}{rng.randrange(10, 60)}"
