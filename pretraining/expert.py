"""What to do next on a made-up website: one function a goal, each a planner that reads the page.

A goal looks at the site's state and returns the next action towards it, or None once it holds. It
never assumes how the page was reached, so it can go on from any detour.
"""

from __future__ import annotations

from collections.abc import Callable

from core.types import Action, Element
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


def say(text: str) -> Action:
    return Action.model_construct(name="answer", arguments={"text": text}, raw_text="")


BACK = Action.model_construct(name="back", arguments={}, raw_text="")


def _target(element: Element) -> dict[str, object]:
    target: dict[str, object] = {"role": element.role, "name": element.name}
    return target | ({"nth": element.nth} if element.nth > 1 else {})


def find(site: Website, name: str, *roles: str, row: str = "") -> Element | None:
    """The first control of this name, of one of these roles where given, inside the row where given."""
    for element in site.observe().elements:
        if (
            element.interactive
            and element.name.lower() == name.lower()
            and (not roles or element.role in roles)
            and (not row or element.row == row)
        ):
            return element
    return None


def _follow(site: Website, name: str) -> Action:
    link = find(site, name, "link", "button")
    return BACK if link is None else click(link)


def _press(site: Website, name: str) -> Action:
    """A button, the last of its name: a form's own comes after the one of the search in the header."""
    buttons = [e for e in site.observe().elements if e.role == "button" and e.name.lower() == name.lower()]
    return click(buttons[-1]) if buttons else BACK


def at_listing(site: Website) -> Action | None:
    """The listing of everything."""
    place = site.place
    if place.kind == "list" and not place.query and not place.category:
        return None
    return _follow(site, site.listing_label)


def at_page(kind: str, index: int) -> Goal:
    """A form's page or an information page."""

    def goal(site: Website) -> Action | None:
        if (site.place.kind, site.place.index) == (kind, index):
            return None
        return _follow(site, site.forms[index].title if kind == "form" else site.infos[index])

    return goal


def at_record(index: int) -> Goal:
    """A record's own page: by its link where it shows, else by search, else by leafing through the listing."""

    def goal(site: Website) -> Action | None:
        place, record = site.place, site.records[index]
        if (place.kind, place.index) == ("detail", index):
            return None
        link = find(site, record.name, "link")
        if link is not None:
            return click(link)
        box = find(site, site.search_label, site.search_role)
        if box is not None and not place.query:
            return write(box, record.name, enter=True)
        if place.kind != "list" or place.query or (place.category and place.category != record.category):
            return _follow(site, site.listing_label)
        if (more := find(site, site.next_label, "link")) is not None:
            return click(more)
        return _follow(site, site.listing_label) if place.offset or place.category else BACK

    return goal


def searched(query: str) -> Goal:
    """The results of a search."""

    def goal(site: Website) -> Action | None:
        if site.place.kind == "list" and site.place.query.lower() == query.lower():
            return None
        box = find(site, site.search_label, site.search_role)
        return _follow(site, site.listing_label) if box is None else write(box, query, enter=True)

    return goal


def filtered(*, category: str = "", sort: str = "") -> Goal:
    """A listing of one category, in one order."""

    def goal(site: Website) -> Action | None:
        place = site.place
        if place.query and not site.listed():
            return _follow(site, site.listing_label)
        if category and place.category != category:
            if site.filter_as == "links" and (link := find(site, category, "link")) is not None:
                return click(link)
            if (action := _filter(site, site.filter_label, category)) is not None:
                return action
        if sort and place.sort != sort:
            return _filter(site, site.sort_label, sort)
        return None

    return goal


def _filter(site: Website, label: str, option: str) -> Action:
    box = find(site, label, "combobox")
    if box is None:
        return _follow(site, site.listing_label)
    if box.value != option:
        return choose(box, option)
    return _press(site, site.apply_label)


def switched(index: int, on: str) -> Goal:
    """A record's switch turned on, from its row where it shows there, else from its page."""
    reach = at_record(index)

    def goal(site: Website) -> Action | None:
        if (index, on) in site.on:
            return None
        record = site.records[index]
        if site.place.kind == "list" and index in site.shown() and site.list_toggle and site.toggles[0][0] == on:
            button = find(site, on if site.brief else f"{on} {record.name}", "button", row=record.name)
            if button is not None:
                return click(button)
        return reach(site) or _press(site, on)

    return goal


def submitted(key: str, values: dict[str, str], reach: Goal) -> Goal:
    """A form sent with these values in it; what else it holds stays as it is."""

    def goal(site: Website) -> Action | None:
        sent = site.submitted.get(key, {})
        if all(sent.get(label, "").lower() == value.lower() for label, value in values.items()) and sent:
            return None
        if (action := reach(site)) is not None:
            return action
        form = site.form_here()
        if form is None:
            return BACK
        return fill(site, form, values) or _press(site, form.submit)

    return goal


def fill(site: Website, form: Form, values: dict[str, str]) -> Action | None:
    """The next field to fill in, in the form's order; None when all hold their values."""
    for widget in form.widgets:
        wanted = values.get(widget.label)
        if wanted is None or site.pending.get(widget.label, widget.value).lower() == wanted.lower():
            continue
        name = wanted if widget.role == "radio" else widget.label
        element = find(site, name, widget.role)
        if element is None:
            return BACK
        if widget.role in ("checkbox", "radio"):
            return click(element)
        return choose(element, wanted) if widget.role == "combobox" else write(element, wanted)
    return None


def told(index: int, label: str) -> Goal:
    """A fact of a record, answered as soon as it shows: in a listing's row, or on the record's page."""
    reach = at_record(index)

    def goal(site: Website) -> Action | None:
        record = site.records[index]
        on_page = (site.place.kind, site.place.index) == ("detail", index)
        in_row = (
            site.place.kind == "list" and site.list_as != "links" and label in site.columns and index in site.shown()
        )
        return say(record.fields[label]) if on_page or in_row else reach(site)

    return goal


def extreme(label: str, *, highest: bool, category: str = "") -> Goal:
    """The name of the record with the lowest or highest value, by sorting where the site can sort."""

    def goal(site: Website) -> Action | None:
        option = next((o for o, order in site.sorts.items() if order == (label, highest)), None)
        action = filtered(category=category, sort=option or "")(site) if category or option else at_listing(site)
        if action is not None:
            return action
        rows = site.listed()
        if not rows:
            return _follow(site, site.listing_label)
        best = (max if highest else min)(rows, key=lambda i: amount(site.records[i].fields[label]))
        return say(site.records[best].name)

    return goal


def counted(category: str) -> Goal:
    """How many records a category has, read off or counted in its listing."""

    def goal(site: Website) -> Action | None:
        return filtered(category=category)(site) or say(str(len(site.listed())))

    return goal


def stated(info: int, label: str) -> Goal:
    """A fact of an information page."""
    reach = at_page("info", info)

    def goal(site: Website) -> Action | None:
        return reach(site) or say(site.info_facts[info][label])

    return goal


def follow_all(goals: list[Goal], last: str = "done") -> Goal:
    """One goal after the other, then the answer."""

    def goal(site: Website) -> Action | None:
        return next((action for part in goals if (action := part(site)) is not None), say(last))

    return goal
