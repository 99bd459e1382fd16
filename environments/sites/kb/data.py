"""The handbook's seeded records: 200 articles in ten sections, their owners, and a glossary."""

from __future__ import annotations

import random
import tomllib
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from environments.sites.kb import wording
from environments.sites.kb.records import AUDIENCES, REVIEWS, STATUSES, Article, Comment, Person, Revision, Term
from environments.sites.kb.tables import table_for
from environments.sites.tags import slug

FIRST_DAY = date(2024, 2, 1)


@dataclass(frozen=True)
class Dataset:
    """Everything a fresh session starts from; each mapping's key is the readable key of its records."""

    sections: dict[str, str]
    articles: dict[str, Article]
    people: dict[str, Person]
    terms: dict[str, Term]


def build(seed: int) -> Dataset:
    """The dataset of `seed`; the same seed gives the same records on every machine."""
    rng = random.Random(f"kb {seed}")
    with Path(__file__).with_name("titles.toml").open("rb") as file:
        titles = tomllib.load(file)
    people = [_person(rng, row) for row in wording.PEOPLE]
    days = iter(rng.sample(range(240, 960), sum(len(section["titles"]) for section in titles.values())))
    articles = [_article(rng, key, title, next(days)) for key, section in titles.items() for title in section["titles"]]
    return Dataset(
        sections={key: section["name"] for key, section in titles.items()},
        articles={article.slug: article for article in articles},
        people={person.slug: person for person in people},
        terms={slug(name): Term(slug(name), name, meaning) for name, meaning in wording.TERMS},
    )


def _person(rng: random.Random, row: tuple[str, str, str]) -> Person:
    name, team, city = row
    return Person(
        slug(name), name, team, str(rng.randrange(300, 999)), city, rng.choice(wording.HOURS),
        str(rng.randrange(2009, 2026)),
    )  # fmt: skip


def _article(rng: random.Random, section: str, title: str, day: int) -> Article:
    """`day` counts from `FIRST_DAY` to the last update; no two articles share one, so that newest means one."""
    names = [name for name, _, _ in wording.PEOPLE]
    owner = names[wording.OWNERS[section]] if rng.random() < 0.55 else rng.choice(names)
    summary, body = rng.choice(wording.SUMMARIES[section]), _body(rng)
    updated = FIRST_DAY + timedelta(days=day)
    remarks = rng.sample(wording.REMARKS, rng.choice((0, 0, 1, 2)))
    return Article(
        slug=slug(title),
        title=title,
        section=section,
        owner=owner,
        updated=updated.isoformat(),
        review=rng.choice(REVIEWS),
        status=rng.choices(STATUSES, (60, 25, 15))[0],
        audience=rng.choice(AUDIENCES),
        minutes=rng.randrange(2, 16),
        summary=summary,
        body=body,
        table=table_for(section, rng),
        tags=tuple(sorted(rng.sample(wording.TAGS[section], 2))),
        revisions=_revisions(rng, names, updated, summary, body),
        comments=tuple(
            Comment(rng.choice(names), (updated + timedelta(days=n + 1)).isoformat(), text)
            for n, text in enumerate(remarks)
        ),
        votes=rng.randrange(0, 60),
        watched=rng.random() < 0.04,
    )


def _body(rng: random.Random) -> str:
    first, second = rng.sample(wording.HOW, 2)
    steps = rng.sample(wording.STEPS, 3)
    return "\n".join([first, "# Steps", *(f"- {step}" for step in steps), "# Questions", second])


def _revisions(rng: random.Random, names: list[str], updated: date, summary: str, body: str) -> tuple[Revision, ...]:
    """Two to five versions, the last one the article's text as it stands."""
    count = rng.randrange(2, 6)
    notes = rng.sample(wording.NOTES, count)
    earlier = [rng.choice(wording.EARLIER) for _ in range(count - 1)]
    return tuple(
        Revision(
            number=n + 1,
            date=(updated - timedelta(days=41 * (count - 1 - n))).isoformat(),
            author=rng.choice(names),
            note=notes[n],
            summary=summary if n == count - 1 else earlier[n],
            body=body if n == count - 1 else _body(rng),
        )
        for n in range(count)
    )
