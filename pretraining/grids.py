"""Tables with two keys on the information pages of a made-up website: prices by size and season, timetables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pretraining import lexicon
from pretraining.records import Grid

if TYPE_CHECKING:
    from pretraining.website import Website


def grid(site: Website) -> Grid:
    """A table with two keys."""
    rng = site.rng
    if rng.random() < 0.3:
        return _timetable(site)
    rows = [*dict.fromkeys(_key(site, ("size", "level", "")) for _ in range(rng.randint(2, 5)))]
    columns = tuple(dict.fromkeys(_key(site, ("often", "status", "")) for _ in range(rng.randint(2, 4))))
    kind = rng.choice(("money", "count", "period", "word", "kg"))
    shape = rng.randrange(4)
    title = rng.choice(("Price", "Limit", "Fee", "Rates", "Allowance", "Waiting time", lexicon.name(rng, 0.4, 2)))
    values = {
        row: tuple(lexicon.of_kind(rng, kind, site.pseudo, shape) for _ in columns) for row in rows
    }  # fmt: skip
    return Grid(title, columns, values)


def _timetable(site: Website) -> Grid:
    """Days, and what happens at what time: columns are verbs."""
    rng = site.rng
    days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    usual = rng.choice((("opens", "closes"), ("starts", "ends"), ("begins", "stops"), ("departs", "arrives")))
    verbs = usual if rng.random() < 0.5 else tuple(lexicon.plural(lexicon.pseudo_word(rng)) for _ in range(2))
    columns = tuple(verb.capitalize() for verb in dict.fromkeys(verbs))
    rows = rng.sample(days, rng.randint(2, 6))
    values = {day: tuple(lexicon.of_kind(rng, "time") for _ in columns) for day in rows}
    return Grid("", columns, values)


def _key(site: Website, kinds: Sequence[str]) -> str:
    kind = site.rng.choice(kinds)
    made = lexicon.of_kind(site.rng, kind) if kind else lexicon.name(site.rng, site.pseudo, 2)
    return made[:1].upper() + made[1:]
