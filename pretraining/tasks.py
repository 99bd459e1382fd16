"""Things to ask of a made-up website, in many wordings, each with the expert that does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from core.types import Action
from pretraining import expert, lexicon
from pretraining.records import Form, Place
from pretraining.website import Website


@dataclass
class Exercise:
    """An instruction, its family, and the expert policy that carries it out."""

    family: str
    instruction: str
    goal: expert.Goal


OPEN = [
    "Open {x}.", "Go to {x}.", "Open the {x} page.", "Go to the {x} page.", "Show me {x}.", "Navigate to {x}.",
    "Take me to {x}.", "Visit the page of {x}.", "Bring up {x}.", "Find the page for {x} and open it.", "View {x}.",
    "I want to see {x}.", "Please open {x}.", "Pull up the page about {x}.", "Get to {x}.", "Display the {x} page.",
    "Go to the page {x}.", "Show the page {x}.", "Your task is to open {x}.", "Could you go to {x}?",
    "Use the link {x}.",
    "Find {x} and open it.", "Look at {x}.", "Switch to the {x} page.", "Head over to {x}.", "Go and see {x}.",
]  # fmt: skip
LOOKUP = [
    "What is the {f} of {x}?", "Find the {f} of {x}.", "Tell me the {f} of {x}.", "What {f} does {x} have?",
    "Look up the {f} for {x}.", "Which {f} is given for {x}?", "Report the {f} of {x}.", "{f} of {x}?",
    "Open {x} and tell me its {f}.", "Check {x}: what is its {f}?", "I need the {f} of {x}.", "For {x}, give the {f}.",
    "What is {x}'s {f}?", "Find {x} and answer with its {f}.", "What does the page of {x} say about {f}?",
    "Please find out the {f} of {x}.", "Answer with the {f} of {x}.", "How is the {f} of {x} stated?",
    "What is given as {f} for {x}?", "Tell me the {f} of {x}.", "What does it say under {f} for {x}?",
    "{x}: what is shown for {f}?", "Open {x} and report its {f}.", "What is {x} like in {f}? Answer as written.",
    "Read off the {f} that {x} has.", "Which {f} is listed for {x}?", "What {f} is shown for {x}?",
]  # fmt: skip
SEARCH = [
    "Search for {x}.", "Use the search to find {x}.", "Look for {x} with the search box.", "Find {x}.", "Search {x}.",
    "Run a search for {x}.", "Do a search for {x}.", "Look up {x} through the search.", "Type {x} into the search.",
]  # fmt: skip
FOUND = [
    "Search for {x} and open it.", "Find {x} by searching and open its page.", "Use search to get to {x}.",
    "Search for {x}, then open the result.", "Look {x} up and go to its page.",
]  # fmt: skip
CATEGORY = [
    "Show only {c}.", "Filter the {ns} by {c}.", "List the {ns} in {c}.", "Show the {c} {ns}.", "Narrow down to {c}.",
    "Pick {c} under {l}.", "Choose {c} for {l}.", "Change {l} to {c}.", "Filter the list by {l} {c}.",
    "I want only {c}.",
    "Open the {c} category.", "Set {l} to {c}.", "Browse {c}.", "Limit the list to {c}.",
    "Which {ns} are in {c}? Show them.",
]  # fmt: skip
ORDER = [
    "Sort the {ns} by {o}.", "Order the list by {o}.", "Set {l} to {o}.", "Sort by {o}.", "Arrange the {ns}: {o}.",
    "Put the {ns} in the order {o}.", "Change the sorting to {o}.", "Show the {ns} with {o} order.",
]  # fmt: skip
LOWEST = [
    "Which {n} has the lowest {f}?", "Find the {n} with the smallest {f}.", "What is the {n} with the least {f}?",
    "Name the {n} that has the lowest {f}.", "Which {n} is lowest in {f}?", "Which of the {ns} has the minimum {f}?",
]  # fmt: skip
HIGHEST = [
    "Which {n} has the highest {f}?", "Find the {n} with the greatest {f}.", "What is the {n} with the most {f}?",
    "Name the {n} that has the highest {f}.", "Which {n} is highest in {f}?", "Which of the {ns} has the largest {f}?",
]  # fmt: skip
COUNT = [
    "How many {ns} are in {c}?", "Count the {ns} in {c}.", "What is the number of {ns} in {c}?",
    "How many {c} {ns} are there?", "Tell me how many {ns} {c} has.",
]  # fmt: skip
SWITCH = [
    "{t} {x}.", "{t} for {x}.", "Press {t} for {x}.", "Open {x} and press {t}.", "Click {t} on {x}.", "Use {t} on {x}.",
    "Use the button {t} of {x}.", "Click {t} on {x}.", "For {x}, use {t}.", "Your task is to press {t} for {x}.",
    "Go to {x} and {t} it.", "Find {x} and choose {t}.", "For {x}, press the {t} button.", "Please {t} {x}.",
]  # fmt: skip
SET = [
    "set {f} to {v}", "change {f} to {v}", "put {v} as the {f}", "enter {v} for {f}", "choose {v} as {f}",
    "make the {f} {v}", "{f} {v}", "{f}: {v}", "use {v} for {f}", "fill in {v} for {f}", "select {v} for {f}",
    "with {v} as {f}", "type {v} into {f}", "{f} should be {v}", "update {f} to {v}", "pick {v} for {f}",
]  # fmt: skip
TICK = ["tick {f}", "check {f}", "turn on {f}", "enable {f}", "select {f}", "switch {f} on", "with {f}"]
UNTICK = ["untick {f}", "uncheck {f}", "turn off {f}", "disable {f}", "switch {f} off", "without {f}"]
THEN = ["then press {s}", "and {s}", "and press {s}", "then click {s}", "and submit", "and save", "and send it",
        "then submit it", "and confirm with {s}", "", "", "and submit the form"]  # fmt: skip
WHERE = [
    "On the {p} page, {a}.", "Open {p} and {a}.", "Go to {p}: {a}.", "In {p}, {a}.", "Fill in {p}: {a}.",
    "Use {p} to {a}.", "{a}, on {p}.", "Under {p}, {a}.", "Complete the {p} form: {a}.", "At {p}, {a}.",
]  # fmt: skip


HERE_LOOKUP = [
    "What is the {f} of this {n}?", "What is the {f} here?", "Tell me the {f} of this {n}.",
    "Which {f} does this {n} have?",
    "Read the {f} on this page.", "What does this page give as {f}?", "Answer with this {n}'s {f}.",
    "Find the {f} on this page.",
]  # fmt: skip
HERE_SWITCH = [
    "{t} this {n}.", "Press {t}.", "Use the button {t}.", "Click {t} here.", "{t}.", "Press the {t} button.",
    "Use {t} on this page.",
]  # fmt: skip
FIRST_OPEN = ["open the first result", "open the first one", "go to the first {n}"]
FIRST_NAME = ["name the first one", "tell me the first result", "which {n} comes first?"]
HERE_FORM = ["{a}.", "Here, {a}.", "On this page, {a}.", "Please {a}.", "Your task is to {a}.", "For this {n}, {a}."]


def exercise(site: Website, rng: Random, *, most_goals: int = 2) -> Exercise:
    """A random exercise that this site allows."""
    makers: list[tuple[float, Callable[[Website, Random], Exercise | None]]] = [
        (1.0, _open), (1.6, _lookup), (0.6, _search), (0.5, _found), (0.9, _category), (0.8, _order), (0.7, _extreme),
        (0.3, _count), (1.2, _switch), (1.8, _form), (0.7, _edit), (0.5, _stated), (0.8, _detail_form),
        (0.8, _here_lookup), (0.6, _here_switch), (0.8, _here_form), (0.2, _leaf), (0.3, _first),
    ]  # fmt: skip
    while True:
        made = rng.choices([m for _, m in makers], [w for w, _ in makers])[0](site, rng)
        if made is None:
            continue
        if made.family in _CHAINABLE and rng.random() < 0.2 * (most_goals - 1):
            other = rng.choice([_switch, _form, _open, _lookup, _edit, _found, _detail_form])(site, rng)
            if other is not None and other.family != made.family:
                return _chain(made, other, rng)
        return made


_CHAINABLE = ("toggle", "form", "edit", "open", "filter", "search")
_LINKS = [
    "{a} {b}",
    "{a} Then {b}",
    "First {a} {b}",
    "{a} After that, {b}",
    "{a} Afterwards {b}",
    "{a} Next, {b}",
    "{a} And {b}",
]


def _chain(one: Exercise, two: Exercise, rng: Random) -> Exercise:
    """Two exercises in a row; the first is over once its own goal has held."""
    held = False

    def goal(site: Website) -> Action | None:
        nonlocal held
        if not held:
            action = one.goal(site)
            if action is not None and action.name != "answer":
                return action
            held = True
        return two.goal(site)

    second = two.instruction[0].lower() + two.instruction[1:]
    link = rng.choice(_LINKS)
    head = one.instruction.rstrip(".?! ")
    text = link.format(a=one.instruction, h=head, b=two.instruction if link == _LINKS[0] else second)
    return Exercise("compose", text, goal)


def _say(rng: Random, patterns: Sequence[str], **parts: str) -> str:
    """A wording with its parts filled in, names in quotes or not, mostly with a capital at the start."""
    marks = rng.choice(("", "", "", '"', "'"))
    quoted = {key: f"{marks}{part}{marks}" if key in "xcovpts" else part for key, part in parts.items()}
    text = rng.choice(patterns).format(**quoted)
    return text[:1].upper() + text[1:] if rng.random() < 0.85 else text


def _label(rng: Random, label: str) -> str:
    """A field as a person would speak of it: as written, in lower case, or by another word."""
    lower = label.lower()
    if lower in lexicon.SYNONYMS and rng.random() < 0.25:
        return rng.choice(lexicon.SYNONYMS[lower])
    return lower if rng.random() < 0.7 else label


def _open(site: Website, rng: Random) -> Exercise:
    choices: list[tuple[str, expert.Goal]] = [(site.listing_label, expert.at_listing)]
    choices += [(form.title, expert.at_page("form", i)) for i, form in enumerate(site.forms)] * 2
    choices += [(info, expert.at_page("info", i)) for i, info in enumerate(site.infos)] * 2
    index = rng.randrange(len(site.records))
    choices += [(site.records[index].name, expert.at_record(index))] * len(choices)
    name, goal = rng.choice(choices)
    return Exercise("open", _say(rng, OPEN, x=name), expert.follow_all([goal]))


def _lookup(site: Website, rng: Random) -> Exercise:
    index = rng.randrange(len(site.records))
    label = rng.choice(list(site.records[index].fields))
    text = _say(rng, LOOKUP, x=site.records[index].name, f=_label(rng, label))
    return Exercise("lookup", text, expert.told(index, label))


def _stated(site: Website, rng: Random) -> Exercise | None:
    if not site.infos:
        return None
    info = rng.randrange(len(site.infos))
    label = rng.choice(list(site.info_facts[info]))
    page = site.infos[info] + rng.choice((" page", "", " page"))
    patterns = [
        "What is the {f} on the {x}?", "Open {x} and tell me the {f}.", "According to {x}, what is the {f}?",
        "Which {f} does {x} give?", "Find the {f} under {x}.", "What {f} is given on {x}?",
        "Look at {x}: what is the {f}?",
    ]  # fmt: skip
    text = _say(rng, patterns, x=page, f=_label(rng, label))
    return Exercise("lookup", text, expert.stated(info, label))


def _search(site: Website, rng: Random) -> Exercise | None:
    if site.search_at == "none":
        return None
    query = site.records[rng.randrange(len(site.records))].name
    query = query if rng.random() < 0.6 else rng.choice(query.split())
    return Exercise("search", _say(rng, SEARCH, x=query), expert.follow_all([expert.searched(query)]))


def _found(site: Website, rng: Random) -> Exercise | None:
    if site.search_at == "none":
        return None
    index = rng.randrange(len(site.records))
    goal = expert.follow_all([expert.at_record(index)])
    return Exercise("search", _say(rng, FOUND, x=site.records[index].name), goal)


def _category(site: Website, rng: Random) -> Exercise | None:
    if site.filter_as == "none":
        return None
    category = rng.choice(site.categories)
    text = _say(rng, CATEGORY, c=category, ns=site.nouns, l=site.filter_label)
    return Exercise("filter", text, expert.follow_all([expert.filtered(category=category)]))


def _order(site: Website, rng: Random) -> Exercise | None:
    options = list(site.sorts)[1:]
    if not options:
        return None
    option = rng.choice(options)
    label, descending = site.sorts[option]
    spoken = rng.choice((option, option.lower(), f"{'highest' if descending else 'lowest'} {label.lower()} first"))
    text = _say(rng, ORDER, o=spoken, ns=site.nouns, l=site.sort_label)
    return Exercise("filter", text, expert.follow_all([expert.filtered(sort=option)]))


def _extreme(site: Website, rng: Random) -> Exercise | None:
    label = rng.choice(site.numeric)
    sortable = any(order[0] == label for order in site.sorts.values())
    readable = label in site.columns and site.list_as != "links" and len(site.records) <= min(site.per_page, 5)
    if not (sortable or readable):
        return None
    highest = rng.random() < 0.5
    text = _say(rng, HIGHEST if highest else LOWEST, n=site.noun, ns=site.nouns, f=_label(rng, label))
    if "price" in label.lower() or "cost" in label.lower():
        word = ("most expensive", "dearest") if highest else ("cheapest", "least expensive")
        if rng.random() < 0.5:
            text = rng.choice(
                ("What is the {w} {n}?", "Which {n} is the {w}?", "Find the {w} {n}.", "Name the {w} {n}.")
            ).format(w=rng.choice(word), n=site.noun)
    return Exercise("compare", text, expert.extreme(label, highest=highest))


def _count(site: Website, rng: Random) -> Exercise | None:
    if site.filter_as == "none":
        return None
    category = rng.choice(site.categories)
    if not 1 <= sum(r.category == category for r in site.records) <= site.per_page:
        return None
    text = _say(rng, COUNT, c=category, ns=site.nouns)
    return Exercise("compare", text, expert.counted(category))


def _switch(site: Website, rng: Random) -> Exercise | None:
    if not site.toggles:
        return None
    index = rng.randrange(len(site.records))
    on = rng.choice(site.toggles)[0]
    name = on.lower() if rng.random() < 0.6 else on
    text = _say(rng, SWITCH, t=name, x=site.records[index].name)
    return Exercise("toggle", text, expert.follow_all([expert.switched(index, on)]))


def _values(site: Website, form: Form, rng: Random, most: int = 4) -> dict[str, str]:
    """New values for some of a form's fields."""
    values: dict[str, str] = {}
    for widget in rng.sample(form.widgets, rng.randint(1, min(most, len(form.widgets)))):
        if widget.role == "checkbox":
            values[widget.label] = "" if widget.value == "on" else "on"
        elif widget.options:
            others = [option for option in widget.options if option != widget.value]
            values[widget.label] = rng.choice(others)
        elif widget.role == "spinbutton":
            values[widget.label] = str(rng.randint(2, 30))
        else:
            sentence = rng.random() < 0.15
            values[widget.label] = (
                " ".join(lexicon.word(rng, 0.3) for _ in range(rng.randint(2, 5)))
                if sentence
                else lexicon.value(rng, site.pseudo)
            )
    return values


def _wishes(form: Form, values: dict[str, str], rng: Random) -> str:
    """What to enter, as a list of wishes in one style."""
    style = rng.choice(SET)
    wishes = []
    for label, value in values.items():
        role = next(w.role for w in form.widgets if w.label == label)
        patterns = [style] if role != "checkbox" else (TICK if value else UNTICK)
        wishes.append(_say(rng, patterns, f=_label(rng, label), v=value))
    wishes = [wish[:1].lower() + wish[1:] for wish in wishes]
    listed = ", ".join(wishes[:-1]) + (rng.choice((" and ", ", ", ", and ")) if len(wishes) > 1 else "") + wishes[-1]
    then = rng.choice(THEN).format(s=form.submit)
    return f"{listed} {then}".strip() if then else listed


def _form(site: Website, rng: Random) -> Exercise | None:
    if not site.forms:
        return None
    index = rng.randrange(len(site.forms))
    form = site.forms[index]
    values = _values(site, form, rng)
    text = _say(rng, WHERE, p=form.title, a=_wishes(form, values, rng))
    goal = expert.submitted(f"form:{index}", values, expert.at_page("form", index))
    return Exercise("form", text, expert.follow_all([goal]))


def _detail_form(site: Website, rng: Random) -> Exercise | None:
    if site.detail_form is None:
        return None
    index = rng.randrange(len(site.records))
    values = _values(site, site.detail_form, rng, 3)
    text = _say(rng, WHERE, p=site.records[index].name, a=_wishes(site.detail_form, values, rng))
    goal = expert.submitted(f"detail:{index}", values, expert.at_record(index))
    return Exercise("form", text, expert.follow_all([goal]))


def _edit(site: Website, rng: Random) -> Exercise | None:
    if not site.edit_label or not site.textual:
        return None
    index = rng.randrange(len(site.records))
    values = {rng.choice(site.textual): lexicon.value(rng, site.pseudo)}
    record = site.records[index].name
    ((label, value),) = values.items()
    patterns = [
        "Change the {f} of {x} to {v}.", "Set the {f} of {x} to {v}.", "Edit {x}: {f} should be {v}.",
        "Update {x} so that its {f} is {v}.", "Give {x} the {f} {v}.", "{x} needs {v} as its {f}; save that.",
    ]  # fmt: skip
    text = _say(rng, patterns, x=record, f=_label(rng, label), v=value)

    def reach(visited: Website) -> Action | None:
        if (visited.place.kind, visited.place.index) == ("edit", index):
            return None
        at = expert.at_record(index)(visited)
        edit = expert.find(visited, visited.edit_label)
        return at or (expert.BACK if edit is None else expert.click(edit))

    return Exercise("edit", text, expert.follow_all([expert.submitted(f"edit:{index}", values, reach)]))


def _here_lookup(site: Website, rng: Random) -> Exercise:
    index = rng.randrange(len(site.records))
    label = rng.choice(list(site.records[index].fields))
    site.go(Place("detail", index))
    text = _say(rng, HERE_LOOKUP, f=_label(rng, label), n=site.noun)
    return Exercise("lookup", text, expert.told(index, label))


def _here_switch(site: Website, rng: Random) -> Exercise | None:
    if not site.toggles:
        return None
    index = rng.randrange(len(site.records))
    on = rng.choice(site.toggles)[0]
    site.go(Place("detail", index))
    text = _say(rng, HERE_SWITCH, t=on if rng.random() < 0.6 else on.lower(), n=site.noun)
    return Exercise("toggle", text, expert.follow_all([expert.switched(index, on)]))


def _here_form(site: Website, rng: Random) -> Exercise | None:
    """The form of the page where the visit begins."""
    if site.detail_form is not None and (not site.forms or rng.random() < 0.5):
        index, kind, form = rng.randrange(len(site.records)), "detail", site.detail_form
    elif site.forms:
        index, kind = rng.randrange(len(site.forms)), "form"
        form = site.forms[index]
    else:
        return None
    values = _values(site, form, rng)
    site.go(Place(kind, index))
    text = _say(rng, HERE_FORM, a=_wishes(form, values, rng), n=site.noun)
    reach = expert.at_record(index) if kind == "detail" else expert.at_page("form", index)
    return Exercise("form", text, expert.follow_all([expert.submitted(f"{kind}:{index}", values, reach)]))


def _narrow(site: Website, rng: Random) -> Exercise | None:
    """The further filters of a listing, where the visit begins there or has to get there."""
    if site.list_form is None:
        return None
    values = _values(site, site.list_form, rng, 2)
    wishes = _wishes(site.list_form, values, rng)
    if rng.random() < 0.7:
        site.go(Place("list"))
        text = _say(rng, HERE_FORM, a=wishes, n=site.noun)
    else:
        text = _say(rng, WHERE, p=site.listing_label, a=wishes)
    goal = expert.submitted("list:0", values, expert.at_listing)
    return Exercise("filter", text, expert.follow_all([goal]))


def _leaf(site: Website, rng: Random) -> Exercise | None:
    """The next page of a listing."""
    if len(site.records) <= site.per_page:
        return None
    site.go(Place("list"))

    def goal(visited: Website) -> Action | None:
        if visited.place.kind == "list" and visited.place.offset >= visited.per_page:
            return None
        more = expert.find(visited, visited.next_label, "link")
        return expert.at_listing(visited) if more is None else expert.click(more)

    patterns = [
        "Go to {x}.",
        "Show the next page.",
        "Open the next page of the list.",
        "Turn to the next {ns}.",
        "Open {x}.",
    ]
    text = _say(rng, patterns, x=site.next_label, ns=site.nouns)
    return Exercise("open", text, expert.follow_all([goal]))


def _first(site: Website, rng: Random) -> Exercise | None:
    """The first result of a filtered or sorted listing, opened or named."""
    base = _category(site, rng) if rng.random() < 0.5 else _order(site, rng)
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
            settled = True
            rows = visited.listed()
            visited.chosen = rows[0] if rows else 0
        name = visited.records[visited.chosen].name
        if not opening:
            return expert.say(name)
        return expert.at_record(visited.chosen)(visited) or expert.say("done")

    tails = FIRST_OPEN if opening else FIRST_NAME
    tail = rng.choice(tails).format(n=site.noun)
    text = base.instruction.rstrip(".?! ") + rng.choice((" and ", ", then ", " and then ")) + tail
    return Exercise("compose", text if text.endswith("?") else text + ".", goal)
