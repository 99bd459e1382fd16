"""What a made-up website's current page shows, and what each control on it does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.types import Action, Element, Observation
from pretraining.records import Form, Place, Widget

if TYPE_CHECKING:
    from pretraining.website import Website

Handler = Callable[["Website", Action], None]


@dataclass
class Item:
    """An element to be and what acting on it does."""

    role: str
    name: str
    handler: Handler | None = None
    value: str = ""
    states: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    row: str = ""
    row_index: int | None = None
    column: str = ""


def observation(site: Website) -> Observation:
    """The page as an environment would report it."""
    title, items = _title(site), build(site)
    counts: Counter[tuple[str, str]] = Counter()
    elements = []
    for index, item in enumerate(items):
        key = (item.role, item.name.lower())
        counts[key] += 1
        elements.append(
            Element.model_construct(
                id=f"e{index}",
                role=item.role,
                name=item.name,
                value=item.value,
                states=item.states,
                options=item.options,
                href="",
                input_type="",
                group="",
                table="",
                row=item.row,
                row_index=item.row_index,
                column=item.column,
                nth=counts[key],
                level=None,
                bounds=None,
                interactive=item.handler is not None,
                frame="",
            )
        )
    return Observation.model_construct(
        url="", title=title, text="", screenshot=None, elements=tuple(elements),
        last_action_error=site.error, tabs=(), active_tab=0,
    )  # fmt: skip


def handlers(site: Website) -> dict[tuple[str, str, int], Handler]:
    """(role, name in lower case, nth) → what acting on it does."""
    counts: Counter[tuple[str, str]] = Counter()
    found: dict[tuple[str, str, int], Handler] = {}
    for item in build(site):
        key = (item.role, item.name.lower())
        counts[key] += 1
        if item.handler is not None:
            found[(*key, counts[key])] = item.handler
    return found


def build(site: Website) -> list[Item]:
    """Everything on the page, in document order."""
    kind = site.place.kind
    bodies = {"home": _home, "list": _listing, "detail": _detail, "form": _form_page, "info": _info, "edit": _form_page}
    body = bodies[kind](site)
    items = _header(site)
    if site.status:
        status = Item("status" if len(site.status) % 2 else "alert", site.status)
        body = [status, *body] if len(site.title) % 2 else [*body, status]
    if site.standing:
        body.insert(1, Item("alert" if len(site.standing) % 3 else "status", site.standing))
    if site.aside is not None:
        body.append(Item("textbox", site.aside.widgets[0].label, _ignored))
        body.append(Item("button", site.aside.submit, _ignored))
    return items + body


def _ignored(site: Website, _: Action) -> None:
    """A control beside the point."""


def _title(site: Website) -> str:
    kind, place = site.place.kind, site.place
    name = {
        "home": site.title, "list": place.category or site.listing_label,
        "detail": site.records[place.index].name if place.index < len(site.records) else "",
        "form": site.forms[place.index].title if kind == "form" else "",
        "info": site.infos[place.index] if kind == "info" else "",
        "edit": f"{site.edit_label} {site.records[place.index].name}" if kind == "edit" else "",
    }[kind]  # fmt: skip
    return name if kind == "home" or len(site.noun) % 3 == 0 else f"{name} - {site.title}"


def to(place: Place) -> Handler:
    """A control that loads another page."""
    return lambda site, _: site.go(place)


def _header(site: Website) -> list[Item]:
    items = [Item("link", site.title, to(Place("home")))]
    items.append(Item("link", site.listing_label, to(Place("list"))))
    items += [Item("link", form.title, to(Place("form", i))) for i, form in enumerate(site.forms)]
    items += [Item("link", info, to(Place("info", i))) for i, info in enumerate(site.infos)]
    items += [Item("link", extra, to(Place("home"))) for extra in site.extra[:2]]
    if site.search_at == "header":
        items += _search(site)
    return items


def _search(site: Website) -> list[Item]:
    shown = site.pending.get("search", site.place.query)
    items = [Item(site.search_role, site.search_label, _typed_search, value=shown)]
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
    return [Item("link", c, to(Place("list", category=c, query=site.place.query))) for c in site.categories]


def _listing(site: Website) -> list[Item]:
    place = site.place
    items = [Item("heading", place.category or site.listing_label)]
    if site.search_at == "list":
        items += _search(site)
    if site.filter_as == "links":
        items += _category_links(site)
    widgets = []
    if site.filter_as == "select":
        widgets.append(Widget("combobox", site.filter_label, place.category or "All", ("All", *site.categories)))
    if site.sorts:
        widgets.append(Widget("combobox", site.sort_label, place.sort or next(iter(site.sorts)), tuple(site.sorts)))
    for widget in widgets:
        shown = site.pending.get(widget.label, widget.value)
        items.append(Item("combobox", widget.label, _chosen_filter, value=shown, options=widget.options))
    if widgets and site.apply_label:
        items.append(Item("button", site.apply_label, _apply_filter))
    found = site.listed()
    if len(site.nouns) % 2:
        items.append(Item("text", f"{len(found)} {site.nouns}" if len(site.title) % 2 else f"Results: {len(found)}"))
    for index in site.shown():
        items += _row(site, index)
    if place.offset + site.per_page < len(found):
        items.append(Item("link", site.next_label, _moved(site.per_page)))
    if place.offset:
        items.append(Item("link", site.previous_label, _moved(-site.per_page)))
    return items


def _moved(by: int) -> Handler:
    def handler(site: Website, _: Action) -> None:
        place = site.place
        site.go(Place("list", 0, place.query, place.category, place.sort, max(0, place.offset + by)))

    return handler


def _chosen_filter(site: Website, action: Action) -> None:
    target = action.arguments["target"]["name"].lower()
    label = site.filter_label if target == site.filter_label.lower() else site.sort_label
    options = ("All", *site.categories) if label == site.filter_label else tuple(site.sorts)
    chosen = _option(options, action.arguments.get("option", ""))
    if chosen is None:
        site.error = f'{label} has no option "{action.arguments.get("option", "")}"'
        return
    site.pending[label] = chosen
    if not site.apply_label:
        _apply_filter(site, action)


def _apply_filter(site: Website, _: Action) -> None:
    place = site.place
    category = (
        site.pending.get(site.filter_label, place.category or "All") if site.filter_as == "select" else place.category
    )
    sort = site.pending.get(site.sort_label, place.sort)
    site.go(Place("list", 0, place.query, "" if category == "All" else category, sort, 0))


def _option(options: tuple[str, ...], wanted: str) -> str | None:
    return next((option for option in options if option.lower() == wanted.lower()), None)


def _row(site: Website, index: int) -> list[Item]:
    record = site.records[index]
    opened = to(Place("detail", index))
    if site.list_as == "links":
        return [Item("link", record.name, opened)]
    row = {"row": record.name, "row_index": index}
    items = [Item("link", record.name, opened, **row)]  # type: ignore[arg-type]
    for column in site.columns:
        role, label = ("cell", record.fields[column]) if site.list_as == "table" else ("text", record.fields[column])
        items.append(Item(role, label, column=column if role == "cell" else "", **row))  # type: ignore[arg-type]
    items += [Item("text", text, **row) for text in site.row_texts[index]]  # type: ignore[arg-type]
    if site.row_button:
        items.append(Item("button", f"{site.row_button} {record.name}", _ignored, **row))  # type: ignore[arg-type]
    if site.list_toggle:
        items += [_switch(site, index, on, brief=site.brief, in_row=True) for on, _ in site.toggles[:1]]
    return items


def _switch(site: Website, index: int, on: str, *, brief: bool, in_row: bool) -> Item:
    record = site.records[index]
    off = dict(site.toggles)[on]
    label = off if (index, on) in site.on else on
    if in_row and not brief:
        label = f"{label} {record.name}"

    def handler(visited: Website, _: Action) -> None:
        visited.on ^= {(index, on)}
        visited.status = f"{record.name}: {off}" if (index, on) in visited.on else ""

    return Item("button", label, handler, row=record.name if in_row else "", row_index=index if in_row else None)


def _detail(site: Website) -> list[Item]:
    index = site.place.index
    record = site.records[index]
    items = [Item("heading", record.name), *(Item("heading", section) for section in site.sections[:2])]
    for label, value in record.fields.items():
        match site.facts_as:
            case "definition":
                items.append(Item("definition", label, value=value))
            case "cell":
                items.append(Item("cell", value, row=label, row_index=100 + len(items), column=label))
            case _:
                items.append(Item("text", f"{label}: {value}"))
    items += [Item("text", text) for text in site.noise[:1]]
    items += [_switch(site, index, on, brief=True, in_row=False) for on, _ in site.toggles]
    if site.edit_label:
        items.append(Item("link" if len(site.title) % 3 else "button", site.edit_label, to(Place("edit", index))))
    if site.detail_form is not None:
        items += form_items(site, site.detail_form)
    return items


def _form_page(site: Website) -> list[Item]:
    form = site.form_here()
    assert form is not None
    return [Item("heading", form.title), *([Item("text", form.intro)] if form.intro else []), *form_items(site, form)]


def form_items(site: Website, form: Form) -> list[Item]:
    """The fields with what was entered so far, and the submit button."""
    items = []
    for widget in form.widgets:
        value = site.pending.get(widget.label, widget.value)
        if widget.role == "checkbox":
            items.append(Item("checkbox", widget.label, _entered, states=("checked",) if value == "on" else ()))
        elif widget.role == "radio":
            items.append(Item("text", widget.label))
            for option in widget.options:
                checked = ("checked",) if option == value else ()
                items.append(Item("radio", option, _radio(widget.label, option), states=checked))
        else:
            items.append(Item(widget.role, widget.label, _entered, value=value, options=widget.options))
    return [*items, Item("button", form.submit, _submit)]


def _radio(label: str, option: str) -> Handler:
    return lambda site, _: site.pending.__setitem__(label, option)


def _entered(site: Website, action: Action) -> None:
    form = site.form_here()
    assert form is not None
    target = action.arguments["target"]["name"].lower()
    widget = next(w for w in form.widgets if w.label.lower() == target and w.role != "radio")
    value = site.pending.get(widget.label, widget.value)
    if widget.role == "checkbox" and action.name == "click":
        site.pending[widget.label] = "" if value == "on" else "on"
    elif widget.role == "combobox" and action.name == "select":
        chosen = _option(widget.options, action.arguments["option"])
        if chosen is None:
            site.error = f'{widget.label} has no option "{action.arguments["option"]}"'
        else:
            site.pending[widget.label] = chosen
    elif action.name == "type" and widget.role in ("textbox", "spinbutton"):
        site.pending[widget.label] = action.arguments["text"]


def _submit(site: Website, _: Action) -> None:
    form = site.form_here()
    assert form is not None
    place = site.place
    key = f"{place.kind}:{place.index}"
    site.submitted[key] = {w.label: site.pending.get(w.label, w.value) for w in form.widgets}
    entity = site.records[place.index].name if place.kind in ("detail", "edit") else form.title
    if place.kind == "edit":
        site.records[place.index].fields |= site.submitted[key]
        site.go(Place("detail", place.index))
    kept = dict(site.pending) if len(site.title) % 2 else {}
    site.pending = kept
    site.status = form.saved.format(f=form.title or site.noun.capitalize(), e=entity)


def _info(site: Website) -> list[Item]:
    items = [Item("heading", site.infos[site.place.index])]
    items += [Item("text", text) for text in site.noise]
    as_text = site.facts_as == "text"
    for label, value in site.info_facts[site.place.index].items():
        items.append(Item("text", f"{label}: {value}") if as_text else Item("definition", label, value=value))
    return items
