"""What to do next on a made-up website: one function a goal, each a planner that reads the page.

A goal looks at the site's state and returns the next action towards it, or None once it holds. It
never assumes how the page was reached, so it can go on from any detour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from core import views
from core.types import Action, Element
from core.views import Shown
from pretraining.records import Form
from pretraining.website import Website, amount

Goal = Callable[[Website], Action | None]


def click(element: Element) -> Action:
    return Action.model_construct(name="click", arguments={"target": _target(element)}, raw_text="")


def write(element: Element, text: str, *, enter: bool = False) -> Action:
    arguments = {"target": _target(element), "text": text, "enter": enter}
    return Action.model_construct(name="type", arguments=arguments, raw_text="")


def choose(element: Element, option: str) -> Action:
    arguments = {"target": _target(element), "option": option}
    return Action.model_construct(name="select", arguments=arguments, raw_text="")


def say(text: str, *about: str) -> Action:
    """An answer; what it is about (a row, a label) tells its source from other places with the same text."""
    return Action.model_construct(name="answer", arguments={"text": text, "about": about}, raw_text="")


def cited(action: Action, elements: Iterable[Shown]) -> Action:
    """An answer with its source among these elements, where it stands there as a whole; other actions unchanged."""
    about = [f'"{part}"' for part in action.arguments.get("about", ())]
    text = action.arguments.get("text")
    places = [place for place, said in views.sources(elements) if said == text] if action.name == "answer" else []
    if not places:
        return action
    best = max(places, key=lambda place: sum(part in place for part in about))
    return Action.model_construct(name="answer", arguments={"text": text, "source": best}, raw_text="")


BACK = Action.model_construct(name="back", arguments={}, raw_text="")


def _target(element: Element) -> dict[str, object]:
    target: dict[str, object] = {"role": element.role, "name": element.name}
    return target | ({"nth": element.nth} if element.nth > 1 else {})


def press(site: Website, *refs: str) -> Action:
    """Click the first of these that the page shows."""
    return next((click(element) for ref in refs if (element := site.at(ref)) is not None), BACK)


def at_listing(site: Website) -> Action | None:
    """The listing of everything."""
    place = site.place
    return None if place.kind == "list" and not place.query and not place.category else press(site, "list")


def at_home(site: Website) -> Action | None:
    """The first page."""
    return None if site.place.kind == "home" else press(site, "home")


def at_page(kind: str, index: int = 0) -> Goal:
    """A form's page, an information page, the hub or the collection."""

    def goal(site: Website) -> Action | None:
        if (site.place.kind, site.place.index) == (kind, index):
            return None
        return press(site, f"{kind}:{index}" if kind in ("form", "info") else kind, "hub")

    return goal


def at_record(index: int, query: str = "") -> Goal:
    """A record's own page: by its link where it shows, else by search, else by leafing through the listing.

    `query` is what the instruction calls the record.
    """

    def goal(site: Website) -> Action | None:
        place, record = site.place, site.records[index]
        if (place.kind, place.index) == ("detail", index):
            return None
        if place.kind in ("edit", "sub") and place.index == index:
            return press(site, "above", f"record:{index}", "list")
        if (link := site.at(f"record:{index}")) is not None:
            return click(link)
        box = site.at("search")
        if box is not None and not place.query:
            return write(box, query or record.name, enter=True)
        if place.kind != "list" or place.query or place.picked or place.category not in ("", record.category):
            return press(site, "list")
        if (more := site.at("next")) is not None:
            return click(more)
        return press(site, "list")

    return goal


def at_sub(index: int, label: str, query: str) -> Goal:
    """A page that belongs to a record."""
    reach = at_record(index, query)

    def goal(site: Website) -> Action | None:
        place = site.place
        if (place.kind, place.index, place.sub) == ("sub", index, label):
            return None
        return reach(site) or press(site, f"sub:{label}")

    return goal


def searched(query: str) -> Goal:
    """The results of a search."""

    def goal(site: Website) -> Action | None:
        if site.place.kind == "list" and site.place.query.lower() == query.lower():
            return None
        box = site.at("search")
        return press(site, "list") if box is None else write(box, query, enter=True)

    return goal


def filtered(*, category: str = "", sort: str = "", picked: dict[str, str] | None = None) -> Goal:
    """A listing of one category, in one order, narrowed down further by `picked`."""
    wanted = picked or {}

    def goal(site: Website) -> Action | None:
        place = site.place
        # What is in the way: a search, or another filter that leaves nothing.
        if place.kind == "list" and (place.query or not site.listed()) and _unmet(site):
            return press(site, "list")
        if category and place.category != category and site.filter_as == "links":
            return press(site, f"category:{category}", "list")
        boxes = {label: value for label, value in wanted.items() if place.picked.get(label) != value}
        if category and place.category != category:
            boxes = {site.filter_label: category, **boxes}
        if sort and place.sort != sort:
            if site.sort_as == "headers":
                return press(site, f"header:{site.sorts[sort][0]}", "list")
            boxes[site.sort_label] = sort
        return _choose(site, boxes)

    def _unmet(site: Website) -> bool:
        place = site.place
        return (
            bool(category and place.category != category)
            or bool(sort and place.sort != sort)
            or any(place.picked.get(label) != value for label, value in wanted.items())
        )

    return goal


def _choose(site: Website, boxes: dict[str, str]) -> Action | None:
    for label in site.boxes():
        if label not in boxes:
            continue
        box = site.at(f"box:{label}")
        if box is None:
            return press(site, "list")
        if box.value != boxes[label]:
            return choose(box, boxes[label])
    return press(site, "apply", "list") if boxes else None


def switched(index: int, on: str, query: str = "", *, off: bool = False) -> Goal:
    """A record's switch turned on or off, from its row where it shows there, else from its page."""
    reach = at_record(index, query)

    def goal(site: Website) -> Action | None:
        if ((index, on) in site.on) is not off:
            return None
        return click(button) if (button := site.at(f"switch:{index}:{on}")) is not None else reach(site)

    return goal


def submitted(key: str, values: dict[str, str], reach: Goal) -> Goal:
    """A form sent with these values in it, revealed first where it hides; what else it holds stays as it is."""

    def goal(site: Website) -> Action | None:
        sent = site.submitted.get(key, {})
        if sent and all(sent.get(label, "").lower() == value.lower() for label, value in values.items()):
            return None
        if (action := reach(site)) is not None:
            return action
        form = dict(site.forms_here()).get(key)
        if form is None:
            return press(site, "home")
        if form.opener and key not in site.opened:
            return press(site, f"{key}?", "home")
        return fill(site, key, form, values) or press(site, f"{key}!", "home")

    return goal


def fill(site: Website, key: str, form: Form, values: dict[str, str]) -> Action | None:
    """The next field to fill in, in the form's order; None when all hold their values."""
    for widget in form.widgets:
        wanted, ref = values.get(widget.label), f"{key}/{widget.label}"
        if wanted is None:
            continue
        done = site.pending.get(ref, widget.value).lower() == wanted.lower()
        if done and (form.submit or widget is not form.widgets[-1]):
            continue
        element = site.at(f"{ref}/{wanted}" if widget.role == "radio" else ref)
        if element is None:
            return press(site, "home")
        if widget.role in ("checkbox", "radio"):
            return click(element)
        if widget.role == "combobox" and widget.options:
            return choose(element, wanted)
        return write(element, wanted, enter=not form.submit)
    return None


def edited(index: int, label: str, value: str, query: str) -> Goal:
    """A field of a record changed, on its editing page or in place."""
    reach = at_record(index, query)

    def editing(site: Website) -> Action | None:
        if (site.place.kind, site.place.index) == ("edit", index):
            return None
        return reach(site) or press(site, "edit")

    def goal(site: Website) -> Action | None:
        key = f"inline:{index}:{label}" if site.inline else f"edit:{index}"
        return submitted(key, {label: value}, reach if site.inline else editing)(site)

    return goal


def removed(index: int) -> Goal:
    """A record taken out of the collection."""
    reach = at_page("held")

    def goal(site: Website) -> Action | None:
        return None if index not in site.held else reach(site) or press(site, f"remove:{index}")

    return goal


def untagged(index: int, tag: str, query: str) -> Goal:
    """A mark taken off a record."""
    reach = at_record(index, query)

    def goal(site: Website) -> Action | None:
        if tag not in site.records[index].tags:
            return None
        return reach(site) or press(site, f"untag:{tag}")

    return goal


def told(index: int, label: str, query: str = "") -> Goal:
    """A fact of a record, answered as soon as it shows: in a listing's row, or on the record's page."""
    reach = at_record(index, query)

    def goal(site: Website) -> Action | None:
        value = site.records[index].fields[label]
        in_row = site.list_as != "links" and label in site.columns and site.at(f"record:{index}") is not None
        name = site.records[index].name
        if in_row and (site.place.kind == "home" or site.place.kind == "list"):
            return say(value, name, label)
        if (action := reach(site)) is not None:
            return action
        if label in site.more_fields and "more" not in site.opened:
            return press(site, "more")
        return say(value, label)

    return goal


def extreme(label: str, *, highest: bool, category: str = "") -> Goal:
    """The name of the record with the lowest or highest value, by sorting where the site can sort."""

    def goal(site: Website) -> Action | None:
        option = next((o for o, order in site.sorts.items() if order == (label, highest)), None)
        action = filtered(category=category, sort=option or "")(site) if category or option else at_listing(site)
        if action is None and not site.listed():  # a filter that was chosen by mistake leaves nothing
            action = press(site, "list")
        return action or say(site.records[first_by(site, label, highest=highest)].name)

    return goal


def first_by(site: Website, label: str, *, highest: bool) -> int:
    """The record of the listing with the lowest or highest value."""
    return (max if highest else min)(site.listed(), key=lambda i: amount(site.records[i].fields[label]))


def counted(reach: Goal) -> Goal:
    """How many records a listing has, read off or counted."""
    return lambda site: reach(site) or say(str(len(site.listed())))


def stated(info: int, label: str) -> Goal:
    """A fact of an information page."""
    reach = at_page("info", info)
    return lambda site: reach(site) or say(site.info_facts[info][label], label)


def read(info: int, row: str, column: int) -> Goal:
    """A cell of an information page's table."""
    reach = at_page("info", info)

    def goal(site: Website) -> Action | None:
        grid = site.grids[info]
        assert grid is not None
        return reach(site) or say(grid.cells[row][column], row, grid.columns[column])

    return goal


def follow_all(goals: Sequence[Goal], last: str = "done") -> Goal:
    """One goal after the other, each over once it has held, then the answer."""
    at = 0

    def goal(site: Website) -> Action | None:
        nonlocal at
        while at < len(goals):
            action = goals[at](site)
            if action is not None and (action.name != "answer" or at == len(goals) - 1):
                return action
            at += 1
        return say(last)

    return goal


def leafed(site: Website) -> Action | None:
    """The next page of the listing."""
    if site.place.kind == "list" and site.place.offset >= site.per_page:
        return None
    more = site.at("next")
    return press(site, "list") if more is None else click(more)


@dataclass
class Exercise:
    """An instruction, its family, and the expert policy that carries it out; `number` if a number is asked for."""

    family: str
    instruction: str
    goal: Goal
    number: bool = False
