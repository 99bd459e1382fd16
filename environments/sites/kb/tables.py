"""The table that each section's articles carry: allowances, limits, settings, hours, targets, sizes."""

from __future__ import annotations

import random
from collections.abc import Callable

from environments.sites.kb.records import Table
from environments.sites.kb.wording import PEOPLE


def table_for(section: str, rng: random.Random) -> Table:
    """The table of one article of `section`."""
    return _MAKERS[section](rng)


def _pairs(caption: str, rows: dict[str, object]) -> Table:
    return Table(caption, ("Item", "Value"), tuple((name, str(value)) for name, value in rows.items()))


def _leave(rng: random.Random) -> Table:
    return _pairs(
        "Allowances",
        {
            "Days a year": rng.randrange(1, 31),
            "Notice in weeks": rng.randrange(1, 9),
            "Longest stretch": f"{rng.randrange(2, 26)} days",
            "Paid share": f"{rng.randrange(50, 101, 5)}%",
            "Approved by": rng.choice(("Team lead", "Manager", "People team", "Director")),
        },
    )


def _expenses(rng: random.Random) -> Table:
    low = rng.randrange(12, 95)
    return _pairs(
        "Limits",
        {
            "Daily limit": f"€{low}",
            "Yearly limit": f"€{low * rng.randrange(8, 40)}",
            "Receipt above": f"€{rng.randrange(3, 11)}",
            "Paid back within": f"{rng.randrange(5, 31)} days",
            "Approved by": rng.choice(("Team lead", "Finance", "Director", "Nobody")),
        },
    )


def _engineering(rng: random.Random) -> Table:
    return _pairs(
        "Default settings",
        {
            "Timeout": f"{rng.randrange(5, 120)} s",
            "Retries": rng.randrange(1, 10),
            "Memory": f"{rng.choice((128, 256, 384, 512, 768, 1024, 1536))} MB",
            "Reviewers": rng.randrange(1, 5),
            "Owner channel": rng.choice(("build-help", "platform", "core-services", "release-desk", "tooling")),
        },
    )


def _oncall(rng: random.Random) -> Table:
    return _pairs(
        "Response",
        {
            "First reply": f"{rng.randrange(3, 45)} minutes",
            "Escalate after": f"{rng.randrange(15, 120, 5)} minutes",
            "Shift length": f"{rng.choice((8, 12, 24, 48, 72))} hours",
            "Handover at": f"{rng.randrange(7, 19):02d}:{rng.choice(('00', '15', '30', '45'))}",
            "Pager code": rng.randrange(100, 1000),
        },
    )


def _security(rng: random.Random) -> Table:
    return _pairs(
        "Rules",
        {
            "Renew every": f"{rng.randrange(30, 400, 15)} days",
            "Minimum length": rng.randrange(8, 25),
            "Lock after": f"{rng.randrange(2, 16)} minutes",
            "Records kept": f"{rng.randrange(1, 11)} years",
            "Exceptions by": rng.choice([name for name, _, _ in PEOPLE]),
        },
    )


def _workplace(rng: random.Random) -> Table:
    rows = []
    for day in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"):
        opens, closes = rng.randrange(6, 11), rng.randrange(14, 21)
        rows.append((day, f"{opens:02d}:{rng.choice(('00', '30'))}", f"{closes}:{rng.choice(('00', '30'))}"))
    return Table("Contact hours", ("Day", "Opens", "Closes"), tuple(rows))


def _support(rng: random.Random) -> Table:
    rows = []
    for plan, factor in (("Basic", 4), ("Plus", 2), ("Premier", 1)):
        reply, fix = rng.randrange(1, 7) * factor, rng.randrange(2, 8) * factor
        rows.append((plan, f"{reply} {'hour' if reply == 1 else 'hours'}", f"{fix} days"))
    return Table("Targets by plan", ("Plan", "First reply", "Fix within"), tuple(rows))


def _data(rng: random.Random) -> Table:
    return _pairs(
        "Source",
        {
            "Refreshed at": f"{rng.randrange(0, 12):02d}:{rng.choice(('05', '20', '35', '50'))}",
            "Rows": rng.randrange(1_000, 90_000),
            "Kept for": f"{rng.randrange(3, 61)} months",
            "Columns": rng.randrange(6, 80),
            "Queue": rng.choice(("fast", "nightly", "weekly", "manual")),
        },
    )


def _sales(rng: random.Random) -> Table:
    seats, percent = sorted(rng.sample(range(5, 400, 5), 4)), sorted(rng.sample(range(2, 45), 4))
    names = ("Small", "Medium", "Large", "Huge")
    rows = tuple((n, str(s), f"{p}%") for n, s, p in zip(names, seats, percent, strict=True))
    return Table("Tiers", ("Tier", "From seats", "Discount"), rows)


def _design(rng: random.Random) -> Table:
    rows = tuple(
        (size, f"{base + rng.randrange(0, 5)} px", f"{rng.randrange(2, 33)} px")
        for size, base in (("Compact", 20), ("Regular", 32), ("Roomy", 48), ("Poster", 72))
    )
    return Table("Sizes", ("Size", "Height", "Padding"), rows)


_MAKERS: dict[str, Callable[[random.Random], Table]] = {
    "leave": _leave,
    "expenses": _expenses,
    "engineering": _engineering,
    "oncall": _oncall,
    "security": _security,
    "workplace": _workplace,
    "support": _support,
    "data": _data,
    "sales": _sales,
    "design": _design,
}
