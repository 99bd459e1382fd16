"""Exercises that read: open a page, look something up, compare, count."""

from __future__ import annotations

from random import Random

from agents import speech
from core.types import Action
from pretraining import expert, wordings
from pretraining.expert import Exercise
from pretraining.records import Place
from pretraining.website import Website, amount
from pretraining.wordings import Mention, mention, say, subject


def open_page(site: Website, rng: Random) -> Exercise:
    """A page of the site, or a record's own."""
    choices: list[tuple[str, expert.Goal]] = [(site.listing_label, expert.at_listing)]
    choices += [(form.title, expert.at_page("form", i)) for i, form in enumerate(site.forms)] * 2
    choices += [(info, expert.at_page("info", i)) for i, info in enumerate(site.infos)] * 2
    choices += [(site.held_label, expert.at_page("held"))] * 2 if site.held_label else []
    choices += [(site.hub_label, expert.at_page("hub"))] if site.hub_label else []
    if rng.random() < 0.5:
        index = rng.randrange(len(site.records))
        called = mention(site, index, rng)
        choices = [(called.text, expert.at_record(index, called.query))]
    name, goal = rng.choice(choices)
    if name.lower() == name.capitalize().lower() and rng.random() < 0.3:
        name = name.lower()
    return Exercise("open", say(rng, wordings.OPEN, x=name), expert.follow_all([goal]))


def open_sub(site: Website, rng: Random, index: int | None = None, called: Mention | None = None) -> Exercise | None:
    """A page that belongs to a record."""
    if not site.subs:
        return None
    index, called = subject(site, rng, index, called)
    label = rng.choice(site.subs)
    text = say(rng, wordings.SUB, x=called.text, t=label if rng.random() < 0.4 else label.lower())
    return Exercise("open", text, expert.follow_all([expert.at_sub(index, label, called.query)]))


def lookup(site: Website, rng: Random, index: int | None = None, called: Mention | None = None) -> Exercise:
    """A fact of a record."""
    index, called = subject(site, rng, index, called)
    fields = site.records[index].fields
    label = rng.choice(list(fields))
    text = wordings.question(site, rng, label, fields[label], called.text)
    return Exercise("lookup", text, expert.told(index, label, called.query), label in site.numeric)


def here_lookup(site: Website, rng: Random) -> Exercise:
    """A fact of the record whose page is open."""
    index = rng.randrange(len(site.records))
    site.go(Place("detail", index))
    here = rng.choice((f"this {site.noun}", "this", f"the {site.noun}", "it", "this one"))
    return lookup(site, rng, index, Mention(here if here != "it" else f"this {site.noun}", site.records[index].name))


def stated(site: Website, rng: Random) -> Exercise | None:
    """A fact of an information page: a definition, or a cell of a table with two keys."""
    if not site.infos:
        return None
    index = rng.randrange(len(site.infos))
    title = site.infos[index]
    grid = site.grids[index]
    if grid is not None and rng.random() < 0.6:
        row = rng.choice(list(grid.cells))
        column = rng.randrange(len(grid.columns))
        if grid.title:
            heading = grid.title.lower() if rng.random() < 0.7 else grid.title
            text = say(rng, wordings.GRID, x=title, r=row, c=grid.columns[column], f=heading)
        else:
            verbs = grid.columns[column].lower()
            verb = verbs[:-2] if verbs.endswith(("ses", "shes", "ches", "xes")) and verbs != "closes" else verbs[:-1]
            text = say(rng, wordings.TIMETABLE, x=title, r=row, v=verb, vs=verbs)
        return Exercise("lookup", text, expert.read(index, row, column))
    label = rng.choice(list(site.info_facts[index]))
    if rng.random() < (0.8 if site.meaning[label].asks else 0.3):
        called = rng.choice((title, title, title.lower(), f"the {title} page", "this page"))
        text = wordings.question(site, rng, label, site.info_facts[index][label], called)
        if called == "this page":
            site.go(Place("info", index))
    else:
        page = title + rng.choice((" page", "", " page"))
        text = say(rng, wordings.STATED, x=page, f=wordings.field_name(site, rng, label))
    return Exercise("lookup", text, expert.stated(index, label))


def extreme(site: Website, rng: Random) -> Exercise | None:
    """Which record has the most or least of something."""
    label = rng.choice(site.numeric) if site.numeric else ""
    sortable = any(order[0] == label for order in site.sorts.values())
    readable = label in site.columns and site.list_as != "links" and len(site.records) <= min(site.per_page, 5)
    values = [record.fields[label] for record in site.records] if label else []
    if not (sortable or readable) or len(set(values)) < len(values):
        return None
    highest = rng.random() < 0.5
    return Exercise("compare", superlative(site, rng, label, highest), expert.extreme(label, highest=highest))


def versus(site: Website, rng: Random) -> Exercise | None:
    """Which of two records has more or less of something, where one listing shows both."""
    labels = [label for label in site.numeric if label in site.columns]
    if not labels or site.list_as == "links" or len(site.records) < 2:
        return None
    label = rng.choice(labels)
    one, two = rng.sample(range(min(len(site.records), site.per_page)), 2)
    sizes = {index: amount(site.records[index].fields[label]) for index in (one, two)}
    if sizes[one] == sizes[two]:
        return None
    highest = rng.random() < 0.5
    known = site.meaning[label]
    words = known.most if highest else known.least
    patterns = wordings.VERSUS_MORE if highest else wordings.VERSUS_LESS
    names = {"x": mention(site, one, rng).text, "y": mention(site, two, rng).text}
    if words and label in known.labels and rng.random() < 0.4:
        text = say(rng, wordings.VERSUS, m=rng.choice(words), **names)
    else:
        text = say(rng, patterns, f=wordings.field_name(site, rng, label), **names)
    right = (max if highest else min)(sizes, key=lambda index: sizes[index])
    if rng.random() < 0.5:
        site.go(Place("list"))

    def goal(visited: Website) -> Action | None:
        return expert.at_listing(visited) or expert.say(visited.records[right].name)

    return Exercise("compare", text, goal)


def superlative(site: Website, rng: Random, label: str, highest: bool) -> str:
    """How to ask for the record with the most or least of a field."""
    known = site.meaning[label]
    date = known.kind in ("date", "year")
    kind = ("late" if highest else "early") if date else ("high" if highest else "low")
    if wordings.spoken(rng) and (made := speech.extremes(label, kind)):
        return wordings.capital(rng.choice(made).format(noun=site.noun))
    words = known.most if highest else known.least
    if words and label in known.labels and rng.random() < 0.6:
        return say(rng, wordings.MOST, m=rng.choice(words), n=site.noun, ns=site.nouns)
    patterns = wordings.HIGHEST if highest else wordings.LOWEST
    return say(rng, patterns, n=site.noun, ns=site.nouns, f=wordings.field_name(site, rng, label))


def count(site: Website, rng: Random) -> Exercise | None:
    """How many records there are, in all or under a filter."""
    choices: list[tuple[str, expert.Goal, int]] = [("", expert.at_listing, len(site.records))]
    if site.filter_as != "none":
        name = rng.choice(site.categories)
        choices += [(name, expert.filtered(category=name), site.sizes[name])] * 2
    for label in site.picks:
        value = rng.choice(site.options_of(label))
        size = sum(record.fields[label] == value for record in site.records)
        choices += [(value, expert.filtered(picked={label: value}), size)] * 3
    if site.filter_as != "none" and site.picks and rng.random() < 0.35:
        return _count_both(site, rng)
    option, reach, size = rng.choice(choices)
    # Counted by eye only where all are on the page.
    if not size or (size > site.per_page and not site.counts_as) or size > 25:
        return None
    if option and rng.random() < 0.5:
        option = option.lower()
    text = say(rng, wordings.COUNT if option else wordings.COUNT_ALL, c=option, ns=site.nouns)
    return Exercise("count", text, expert.counted(reach), number=True)


def _count_both(site: Website, rng: Random) -> Exercise | None:
    """How many records there are under two filters."""
    one = rng.choice(site.records)
    label = rng.choice(site.picks)
    value = one.fields[label]
    size = sum(r.category == one.category and r.fields[label] == value for r in site.records)
    if size > site.per_page and not site.counts_as:
        return None
    spoken = [text.lower() if rng.random() < 0.5 else text for text in (one.category, value)]
    text = say(rng, wordings.COUNT_BOTH, c=spoken[0], d=spoken[1], ns=site.nouns)
    if rng.random() < 0.4:
        site.go(Place("list", category=one.category))
    reach = expert.filtered(category=one.category, picked={label: value})
    return Exercise("count", text, expert.counted(reach), number=True)
