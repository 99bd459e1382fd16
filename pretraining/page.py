"""What a made-up website's current page shows, and what each control on it does: the frame and the listings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from core.types import Action, Element, Observation
from pretraining.records import Form, Place

if TYPE_CHECKING:
    from pretraining.website import Website

Handler = Callable[["Website", Action], None]


@dataclass
class Item:
    """An element to be and what acting on it does; the expert finds it by `ref`."""

    role: str
    name: str
    handler: Handler | None = None
    value: str = ""
    states: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    row: str = ""
    row_index: int | None = None
    column: str = ""
    ref: str = ""


@dataclass
class Page:
    """A page as it is now. `handlers` are by (role, name in lower case, nth), `elements` by the items' refs."""

    observation: Observation
    handlers: dict[tuple[str, str, int], Handler]
    elements: dict[str, Element]


def page(site: Website) -> Page:
    """The page as an environment would report it, with what its controls do."""
    counts: Counter[tuple[str, str]] = Counter()
    handlers: dict[tuple[str, str, int], Handler] = {}
    found: dict[str, Element] = {}
    elements = []
    for index, item in enumerate(build(site)):
        key = (item.role, item.name.lower())
        counts[key] += 1
        element = _element(index, item, counts[key])
        elements.append(element)
        if item.handler is not None:
            handlers[(*key, counts[key])] = item.handler
        if item.ref:
            found.setdefault(item.ref, element)
    observation = Observation.model_construct(
        url="", title=_title(site), text="", screenshot=None, elements=tuple(elements),
        last_action_error=site.error, tabs=(), active_tab=0,
    )  # fmt: skip
    return Page(observation, handlers, found)


def _element(index: int, item: Item, nth: int) -> Element:
    return Element.model_construct(
        id=f"e{index}", role=item.role, name=item.name, value=item.value, states=item.states, options=item.options,
        href="", input_type="", group="", table="", row=item.row, row_index=item.row_index, column=item.column,
        nth=nth, level=None, bounds=None, interactive=item.handler is not None, frame="",
    )  # fmt: skip


def build(site: Website) -> list[Item]:
    """Everything on the page, in document order: banner, navigation, main, aside, footer."""
    from pretraining import details

    bodies: dict[str, Callable[[Website], list[Item]]] = {
        "home": _home, "list": _listing, "hub": details.hub, "held": details.held, "detail": details.detail,
        "form": details.form_page, "edit": details.form_page, "info": details.info, "sub": details.sub,
    }  # fmt: skip
    body = bodies[site.place.kind](site)
    if site.status:
        status = Item(site.status_role, site.status)
        body = [status, *body] if site.status_first else [*body, status]
    if site.standing:
        body.insert(1, Item("status", site.standing))
    if (inlay := site.inlays.get(site.place.kind)) is not None:
        block = [Item("heading", inlay.title), *details.form_items(site, f"inlay:{site.place.kind}", inlay)]
        body = [*block, *body] if site.options_first else [*body, *block]
    items = _header(site) + _crumbs(site) + body
    if site.aside is not None:
        items += details.form_items(site, "aside:0", site.aside)
    if site.leave:
        items.append(Item("button", site.leave, ignored))
    items += [Item("link", text, to(Place("home"))) for text in site.footer]
    modal = next((form for _, form in site.forms_here() if form.modal and site.is_open(form)), None)
    if modal is not None:
        items = [replace(item, states=(*item.states, "covered")) if not _inside(item) else item for item in items]
    return items


def _inside(item: Item) -> bool:
    return "/" in item.ref or item.role in ("dialog", "alert", "status") or item.ref.endswith("!")


def ignored(site: Website, _: Action) -> None:
    """A control beside the point."""


def to(place: Place) -> Handler:
    """A control that loads another page."""
    return lambda site, _: site.go(place)


def _title(site: Website) -> str:
    place = site.place
    match place.kind:
        case "home":
            return site.title
        case "list":
            name = f"Search: {place.query}" if place.query else place.category or site.listing_label
        case "detail":
            name = site.records[place.index].name
        case "form":
            name = site.forms[place.index].title
        case "info":
            name = site.infos[place.index]
        case "edit":
            name = f"{site.edit_label} {site.records[place.index].name}"
        case "hub":
            name = site.hub_label
        case "held":
            name = site.held_label
        case _:
            name = f"{place.sub} of {site.records[place.index].name}"
    return f"{name} - {site.title}" if site.long_titles else name


def _header(site: Website) -> list[Item]:
    items = [Item("link", site.skip, ignored)] if site.skip else []
    items.append(Item("link", site.title, to(Place("home")), ref="home"))
    items.append(Item("link", site.listing_label, to(Place("list")), ref="list"))
    items += [
        Item("link", form.title, to(Place("form", i)), ref=f"form:{i}")
        for i, form in enumerate(site.forms) if i not in site.hub
    ]  # fmt: skip
    items += [Item("link", info, to(Place("info", i)), ref=f"info:{i}") for i, info in enumerate(site.infos)]
    if site.hub_label:
        items.append(Item("link", site.hub_label, to(Place("hub")), ref="hub"))
    if site.held_label:
        name = f"{site.held_label} ({len(site.held)})" if site.counted_links else site.held_label
        items.append(Item("link", name, to(Place("held")), ref="held"))
    items += [Item("link", extra, to(Place("home"))) for extra in site.extra[:2]]
    return items + (_search(site) if site.search_at == "header" else [])


def _crumbs(site: Website) -> list[Item]:
    place = site.place
    if not site.crumbs or place.kind not in ("detail", "edit", "sub"):
        return []
    category = site.records[place.index].category
    items = [Item("link", "Home", to(Place("home"))), Item("link", site.listing_label, to(Place("list")))]
    items.append(Item("link", category, to(Place("list", category=category))))
    if place.kind != "detail":
        items.append(Item("link", site.records[place.index].name, to(Place("detail", place.index)), ref="above"))
    return items


def _search(site: Website) -> list[Item]:
    shown = site.pending.get("search", site.place.query)
    items = [Item(site.search_role, site.search_label, _typed_search, value=shown, ref="search")]
    if site.search_button:
        items.append(Item("button", site.search_button, _run_search))
    return items


def _typed_search(site: Website, action: Action) -> None:
    if action.name != "type":
        return
    site.pending["search"] = action.arguments["text"]
    if action.arguments.get("enter"):
        _run_search(site, action)


def _run_search(site: Website, _: Action) -> None:
    site.go(Place("list", query=site.pending.get("search", site.place.query)))


def _home(site: Website) -> list[Item]:
    items = [Item("heading", site.title)]
    items += [Item("text", text) for text in site.noise]
    if site.filter_as == "links":
        items += _category_links(site)
    items += [Item("heading", section) for section in site.sections]
    for index in range(min(3, len(site.records))):
        items += _row(site, index)
    return items + [Item("link", extra, to(Place("home"))) for extra in site.extra[2:]]


def _category_links(site: Website) -> list[Item]:
    return [
        Item("link", f"{c} ({site.sizes[c]})" if site.counted_links else c,
             to(Place("list", category=c, query=site.place.query)), ref=f"category:{c}")
        for c in site.categories
    ]  # fmt: skip


def _listing(site: Website) -> list[Item]:
    place = site.place
    items = [Item("heading", f"Results for {place.query}" if place.query else place.category or site.listing_label)]
    if site.search_at == "list":
        items += _search(site)
    if site.filter_as == "links":
        items += _category_links(site)
    boxes = [(label, *site.box(label)) for label in site.boxes()]
    for label, value, options in boxes:
        shown = site.pending.get(label, value)
        items.append(Item("combobox", label, _chooser(label), value=shown, options=options, ref=f"box:{label}"))
    if boxes and site.apply_label:
        items.append(Item("button", site.apply_label, apply, ref="apply"))
    found = site.listed()
    if not found:
        items.append(Item("text", site.nothing))
    elif site.counts_as:
        items.append(Item(site.counts_as, site.counting.format(k=len(found), ns=site.nouns)))
    if site.sort_as == "headers" and found:
        items += [_header_link(site, label) for label in site.columns]
    for index in site.shown():
        items += _row(site, index)
    if place.offset + site.per_page < len(found):
        items.append(Item("link", site.next_label, _moved(site.per_page), ref="next"))
    if place.offset:
        items.append(Item("link", site.previous_label, _moved(-site.per_page)))
    return items


def _header_link(site: Website, label: str) -> Item:
    """A column's header that sorts: the first click upwards, the second downwards."""
    up, down = f"{label} ascending", f"{label} descending"
    if up not in site.sorts:
        return Item("link", label, ignored)
    arrow = {up: " ↑", down: " ↓"}.get(site.place.sort, "") if site.arrows else ""

    def handler(visited: Website, _: Action) -> None:
        visited.go(replace(visited.place, sort=down if visited.place.sort == up else up, offset=0))

    return Item("link" if site.brief else "button", label + arrow, handler, ref=f"header:{label}")


def _moved(by: int) -> Handler:
    return lambda site, _: site.go(replace(site.place, offset=max(0, site.place.offset + by)))


def _chooser(label: str) -> Handler:
    def handler(site: Website, action: Action) -> None:
        chosen = option(site.box(label)[1], action.arguments.get("option", ""))
        if chosen is None:
            site.error = f'{label} has no option "{action.arguments.get("option", "")}"'
            return
        site.pending[label] = chosen
        if not site.apply_label:
            apply(site, action)

    return handler


def apply(site: Website, _: Action) -> None:
    """Load the listing with what its filters say now."""
    chosen = {label: site.pending.get(label, site.box(label)[0]) for label in site.boxes()}
    sort = chosen.pop(site.sort_label, site.place.sort)
    category = chosen.pop(site.filter_label, site.place.category)
    picked = {label: value for label, value in chosen.items() if value != site.everything(label)}
    place = replace(site.place, sort=sort, offset=0, picked=picked)
    site.go(replace(place, category="" if category == site.everything(site.filter_label) else category))


def option(options: tuple[str, ...], wanted: str) -> str | None:
    """The option of this text, without regard to case."""
    return next((option for option in options if option.lower() == wanted.lower()), None)


def _row(site: Website, index: int) -> list[Item]:
    record = site.records[index]
    opened = to(Place("detail", index))
    ref = f"record:{index}"
    if site.list_as == "links":
        return [Item("link", record.name, opened, ref=ref)]
    row: dict[str, Any] = {"row": record.name, "row_index": index}
    items = [Item("link", record.name, opened, ref=ref, **row)]
    for column in site.columns:
        cell = site.list_as == "table"
        items.append(
            Item("cell" if cell else "text", record.fields[column], column=column if cell else "", **row)
        )  # fmt: skip
    items += [Item("text", text, **row) for text in site.row_texts[index]]
    if site.row_button:
        items.append(Item("button", f"{site.row_button} {record.name}", ignored, **row))
    if site.list_toggle:
        items += [switch(site, index, on, brief=site.brief, in_row=True) for on, _ in site.toggles[:1]]
    return items


def switch(site: Website, index: int, on: str, *, brief: bool, in_row: bool) -> Item:
    """The button that switches something on or off for a record."""
    record = site.records[index]
    off = dict(site.toggles)[on]
    label = off if (index, on) in site.on else on
    if in_row and not brief:
        label = f"{label} {record.name}"

    def handler(visited: Website, _: Action) -> None:
        visited.on ^= {(index, on)}
        now = (index, on) in visited.on
        if visited.toggle_speaks:
            visited.status = f"{record.name}: {off if now else 'undone'}"
        if on == visited.adds:
            visited.hold(index, now)

    row = record.name if in_row else ""
    return Item("button", label, handler, row=row, row_index=index if in_row else None, ref=f"switch:{index}:{on}")


def form_title(form: Form, otherwise: str) -> str:
    """What a form is called in a message."""
    return form.title or form.opener or otherwise
