"""Exercises that find: search, filter, sort, leaf, and take the first of what is left."""

from __future__ import annotations

from random import Random

from agents import speech
from core.types import Action
from pretraining import expert, lexicon, wordings
from pretraining.expert import Exercise
from pretraining.records import Place
from pretraining.website import Website
from pretraining.wordings import mention, say


def search(site: Website, rng: Random) -> Exercise | None:
    """The results of a search, which now and then finds nothing."""
    if site.search_at == "none":
        return None
    query = site.records[rng.randrange(len(site.records))].name
    pick = rng.random()
    if pick < 0.1:
        query = lexicon.name(rng, site.pseudo, 2)
    elif pick < 0.5:
        query = rng.choice(query.split())
    query = query.lower() if rng.random() < 0.4 else query
    return Exercise("search", say(rng, wordings.SEARCH, x=query), expert.follow_all([expert.searched(query)]))


def found(site: Website, rng: Random) -> Exercise | None:
    """A record reached by a search."""
    if site.search_at == "none":
        return None
    index = rng.randrange(len(site.records))
    called = mention(site, index, rng)
    goal = expert.follow_all([expert.at_record(index, called.query)])
    return Exercise("search", say(rng, wordings.FOUND, x=called.text), goal)


def narrow(site: Website, rng: Random) -> Exercise | None:
    """A listing of one category, of one value, or of both."""
    # What some record has, so that filters together leave something.
    record = rng.choice(site.records)
    category = record.category if site.filter_as != "none" else ""
    picked = {label: record.fields[label] for label in site.picks}
    if category and picked and rng.random() < 0.6:
        category, picked = rng.choice(((category, {}), ("", picked)))
    if len(picked) > 1 and rng.random() < 0.6:
        label = rng.choice(list(picked))
        picked = {label: picked[label]}
    if not (category or picked):
        return None
    chosen = [(site.filter_label, category)] * bool(category) + list(picked.items())
    texts = [_only(site, rng, label, value) for label, value in chosen]
    text = texts[0]
    for more in texts[1:]:
        text = f"{text.rstrip('.?!')}{rng.choice((' and ', ', then ', '; ', ' and also '))}{wordings.lower(more)}"
    if len(chosen) > 1 and rng.random() < 0.5:
        values = [value for _, value in chosen]
        text = say(rng, ("Show the {ns} with {v}.", "Only {ns} with {v}.", "List the {ns}: {v}.", "Filter by {v}."),
                   ns=site.nouns, v=rng.choice((" and ", ", ")).join(values))  # fmt: skip
    goals = [expert.filtered(category=category, picked=picked)]
    if category and picked and rng.random() < 0.5:
        site.go(Place("list", category=category))
    return Exercise("filter", text, expert.follow_all(goals))


def _only(site: Website, rng: Random, label: str, value: str) -> str:
    if wordings.spoken(rng) and (made := speech.only(label, value)):
        some = rng.choice(made).format(option=value)
        return rng.choice(("Show only {a}.", "I only want {a}.", "Show me {a}.", "List {a}.", "Only {a}.")).format(
            a=some
        )
    spoken = value.lower() if rng.random() < 0.45 else value
    return say(rng, wordings.CATEGORY, c=spoken, ns=site.nouns, l=label)


def order(site: Website, rng: Random) -> Exercise | None:
    """A listing in one order."""
    options = list(site.sorts)[0 if site.sort_as == "headers" else 1 :]
    if not options:
        return None
    option = rng.choice(options)
    category = rng.choice(site.categories) if site.filter_as != "none" and rng.random() < 0.4 else ""
    text = _sorted(site, rng, option, category)
    if category and rng.random() < 0.6:
        site.go(Place("list", category=category))
    return Exercise("filter", text, expert.follow_all([expert.filtered(category=category, sort=option)]))


def _sorted(site: Website, rng: Random, option: str, category: str = "") -> str:
    """How to ask for an order, of everything or of one category."""
    label, descending = site.sorts[option]
    some = site.nouns
    if category:
        spoken = category.lower() if rng.random() < 0.5 else category
        some = rng.choice(("{c} {ns}", "{ns} in {c}", "{c}", "{ns} of the {c} group")).format(c=spoken, ns=site.nouns)
    known = site.meaning[label]
    if wordings.spoken(rng) and (made := speech.orders(option)):
        way = str(rng.choice(made))
        spoken_ways = [f"Show the {some} {way}.", f"Sort the {some} {way}."]
        return rng.choice(spoken_ways if category else [*spoken_ways, f"Sort them {way}.", f"Sort the list {way}."])
    words = known.most if descending else known.least
    field = wordings.field_name(site, rng, label)
    ways = [
        f"{'highest' if descending else 'lowest'} {field} first",
        f"{field}, {'descending' if descending else 'ascending'}",
    ]
    if site.sort_as != "headers":
        ways += [option, option.lower()]
    if words and label in known.labels:
        word = rng.choice(words)
        ways += [f"{field}, {word} first", f"the {word} first", f"{word} first", f"the {word} ones at the top"] * 2
    way = rng.choice(ways)
    patterns = [text for text in wordings.ORDER if "{ns}" in text] if category else wordings.ORDER
    return say(rng, patterns, o=way, ns=some)


def leaf(site: Website, rng: Random) -> Exercise | None:
    """The next page of a listing."""
    if len(site.records) <= site.per_page:
        return None
    site.go(Place("list"))
    patterns = [
        "Go to {x}.", "Show the next page.", "Open the next page of the list.", "Turn to the next {ns}.", "Open {x}.",
        "I want to see more {ns}.", "What comes after these {ns}?",
    ]  # fmt: skip
    text = say(rng, patterns, x=site.next_label, ns=site.nouns)
    return Exercise("open", text, expert.follow_all([expert.leafed]))


def first(site: Website, rng: Random) -> Exercise | None:
    """The first result of a filtered or sorted listing, opened or named."""
    base = narrow(site, rng) if rng.random() < 0.5 else order(site, rng)
    if base is None:
        return None
    opening = rng.random() < 0.5
    settled = False

    def goal(visited: Website) -> Action | None:
        nonlocal settled
        if not settled:
            action = base.goal(visited)
            if action is not None and action.name != "answer":
                return action
            rows = visited.listed()
            settled, visited.chosen = True, rows[0] if rows else -1
        if visited.chosen < 0:
            return expert.say("none")
        name = visited.records[visited.chosen].name
        if not opening:
            return expert.say(name)
        return expert.at_record(visited.chosen)(visited) or expert.say("done")

    tails = wordings.FIRST_OPEN if opening else wordings.FIRST_NAME
    tail = rng.choice(tails).format(n=site.noun)
    text = base.instruction.rstrip(".?! ") + rng.choice((" and ", ", then ", " and then ")) + tail
    return Exercise("compose", text if text.endswith("?") else text + ".", goal)
