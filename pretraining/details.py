"""The pages below the listing: a record's own, its forms, hubs, collections, information pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.types import Action
from pretraining.page import Handler, Item, form_title, ignored, option, switch, to
from pretraining.records import Form, Place, Widget

if TYPE_CHECKING:
    from pretraining.website import Website


def detail(site: Website) -> list[Item]:
    """A record: facts, some of them behind a button, switches, and forms, some of them behind buttons."""
    index = site.place.index
    record = site.records[index]
    items = [Item("heading", record.name), *(Item("heading", section) for section in site.sections[:2])]
    forms = dict(site.forms_here())
    for label, value in record.fields.items():
        if label not in site.more_fields:
            items.append(_fact(site, label, value, len(items)))
        if (form := forms.pop(f"inline:{index}:{label}", None)) is not None:
            items += form_items(site, f"inline:{index}:{label}", form)
    if site.more_fields:
        shown = "more" in site.opened
        state = ("expanded",) if shown else ()
        items.append(Item("button", site.more_label, _opens("more"), states=state, ref="more"))
        if shown:
            items += [_fact(site, label, record.fields[label], 50 + i) for i, label in enumerate(site.more_fields)]
    items += [Item("text", text) for text in site.noise[:1]]
    items += [
        Item("link", f"{label} ({len(label) + index % 4})" if site.counted_links else label,
             to(Place("sub", index, sub=label)), ref=f"sub:{label}")
        for label in site.subs
    ]  # fmt: skip
    if site.options_first:
        for key, form in forms.items():
            items += form_items(site, key, form)
    items += [switch(site, index, on, brief=True, in_row=False) for on, _ in site.toggles]
    items += _tags(site, index)
    if site.edit_label:
        items.append(Item("link" if site.brief else "button", site.edit_label, to(Place("edit", index)), ref="edit"))
    if not site.options_first:
        for key, form in forms.items():
            items += form_items(site, key, form)
    return items


def _fact(site: Website, label: str, value: str, at: int) -> Item:
    first = list(site.records[site.place.index].fields).index(label) < site.first_facts
    return _shown_as(site, site.facts_as[first], label, value, at)


def _shown_as(site: Website, kind: str, label: str, value: str, at: int) -> Item:
    match kind:
        case "definition":
            return Item("definition", label, value=value)
        case "cell":
            return Item("cell", value, row=label, row_index=100 + at, column=site.fact_column)
        case _:
            return Item("text", f"{label}: {value}" if site.brief else f"{label} {value}")


def _tags(site: Website, index: int) -> list[Item]:
    """What a record is marked with, each with a button that takes it off."""
    items = []
    for at, tag in enumerate(site.records[index].tags):
        row: dict[str, Any] = {"row": tag, "row_index": 300 + at}
        label = f"{site.remove_label} {tag}" if site.brief else f"{site.remove_label} tag {tag}"
        items.append(Item("link" if site.long_titles else "text", tag, ignored if site.long_titles else None, **row))
        items.append(Item("button", label, _untag(index, tag), ref=f"untag:{tag}", **row))
    return items


def _untag(index: int, tag: str) -> Handler:
    def handler(site: Website, _: Action) -> None:
        site.records[index].tags.remove(tag)
        site.status = f"{tag} is gone" if site.toggle_speaks else ""

    return handler


def _opens(key: str) -> Handler:
    return lambda site, _: site.opened.symmetric_difference_update({key})


def form_page(site: Website) -> list[Item]:
    """A form on a page of its own."""
    key, form = site.forms_here()[0]
    items = [Item("heading", form.title), *([Item("text", form.intro)] if form.intro else [])]
    return items + form_items(site, key, form)


def form_items(site: Website, key: str, form: Form, **row: Any) -> list[Item]:
    """The button that reveals the form, or its fields with what was entered so far, and the submit button."""
    items = []
    shown = not form.opener or key in site.opened
    if form.opener and not (shown and (form.modal or row)):
        state = ("expanded",) if shown and not form.modal else ()
        items.append(Item("button", form.opener, _opens(key), states=state, ref=f"{key}?", **row))
    if not shown:
        return items
    if form.modal:
        items.append(Item("dialog", form_title(form, site.noun)))
    for widget in form.widgets:
        ref = f"{key}/{widget.label}"
        value = site.pending.get(ref, widget.value)
        handler = _entered(key, form, widget)
        states = ("required",) if widget.label == form.required else ()
        if widget.role == "checkbox":
            on = ("checked",) if value == "on" else ()
            items.append(Item("checkbox", widget.label, handler, states=on, ref=ref, **row))
        elif widget.role == "radio":
            items.append(Item("text", widget.label))
            for choice in widget.options:
                checked = ("checked",) if choice == value else ()
                items.append(Item("radio", choice, _radio(ref, choice), states=checked, ref=f"{ref}/{choice}"))
        else:
            items.append(
                Item(widget.role, widget.label, handler, value=value, options=widget.options, states=states, ref=ref,
                     **row)
            )  # fmt: skip
    if form.submit:
        items.append(Item("button", form.submit, lambda visited, _: _submit(visited, key, form), ref=f"{key}!", **row))
    if form.modal:
        items.append(Item("button", "Cancel" if len(form.saved) % 2 else "Close", _opens(key)))
    return items


def _radio(ref: str, choice: str) -> Handler:
    return lambda site, _: site.pending.__setitem__(ref, choice)


def _entered(key: str, form: Form, widget: Widget) -> Handler:
    ref = f"{key}/{widget.label}"

    def handler(site: Website, action: Action) -> None:
        value = site.pending.get(ref, widget.value)
        if widget.role == "checkbox" and action.name == "click":
            site.pending[ref] = "" if value == "on" else "on"
        elif widget.role == "combobox" and widget.options and action.name == "select":
            chosen = option(widget.options, action.arguments["option"])
            if chosen is None:
                site.error = f'{widget.label} has no option "{action.arguments["option"]}"'
            else:
                site.pending[ref] = chosen
                if not form.submit and len(form.widgets) == 1:
                    _submit(site, key, form)
        elif action.name == "type" and not widget.options and widget.role != "checkbox":
            site.pending[ref] = action.arguments["text"]
            if action.arguments.get("enter"):
                _submit(site, key, form)

    return handler


def _submit(site: Website, key: str, form: Form) -> None:
    """Send a form; one that lacks what is required says so instead."""
    place = site.place
    values = {w.label: site.pending.get(f"{key}/{w.label}", w.value) for w in form.widgets}
    if form.required and not values[form.required]:
        site.status = site.missing.format(f=form.required)
        return
    site.submitted[key] = values
    entity = site.records[place.index].name if place.kind in ("detail", "edit") else form_title(form, site.noun)
    kind = key.split(":")[0]
    kept = dict(site.pending) if site.keeps_entries else {}
    if kind in ("edit", "inline"):
        site.records[place.index].fields |= values
        kept = {}
        if kind == "edit":
            site.go(Place("detail", place.index))
    elif kind == "held":
        site.held[int(key.split(":")[1])] = next(iter(values.values()))
        kept = {}
    site.opened.discard(key)
    site.pending = kept
    site.status = form.saved.format(f=form_title(form, site.noun.capitalize()), e=entity)


def hub(site: Website) -> list[Item]:
    """A page whose links lead on to forms."""
    items = [Item("heading", site.hub_label)]
    items += [
        Item("link", form.title, to(Place("form", i)), ref=f"form:{i}")
        for i, form in enumerate(site.forms) if i in site.hub
    ]  # fmt: skip
    return items + [Item("link", name, to(Place("home"))) for name in site.hub_extra]


def held(site: Website) -> list[Item]:
    """A collection: rows with a quantity that can be edited in place, and a button that takes the row out."""
    items = [Item("heading", site.held_label)]
    forms = dict(site.forms_here())
    if not site.held:
        items.append(Item("text", site.nothing))
    for index in sorted(site.held):
        name = site.records[index].name
        row: dict[str, Any] = {"row": name, "row_index": index}
        items.append(Item("link", name, to(Place("detail", index)), ref=f"record:{index}", **row))
        if (form := forms.get(f"held:{index}")) is not None:
            items.append(Item("cell", site.held[index], column=site.quantity_label, **row))
            items += form_items(site, f"held:{index}", form, **row)
        label = site.remove_label if site.brief else f"{site.remove_label} {name}"
        items.append(Item("button", label, _take_out(index), ref=f"remove:{index}", **row))
    return [*items, Item("button", site.held_button, ignored)] if site.held and site.held_button else items


def _take_out(index: int) -> Handler:
    def handler(site: Website, _: Action) -> None:
        site.hold(index, False)
        site.status = f"{site.records[index].name} is gone" if site.toggle_speaks else ""

    return handler


def sub(site: Website) -> list[Item]:
    """A page that belongs to a record, such as its history."""
    record, label = site.records[site.place.index], site.place.sub
    items = [Item("heading", f"{label} of {record.name}" if site.brief else label)]
    items.append(Item("link", record.name, to(Place("detail", site.place.index)), ref="above"))
    return items + [Item("text", text) for text in site.noise]


def info(site: Website) -> list[Item]:
    """Facts that belong to no record: definitions, lines, or a table with two keys."""
    index = site.place.index
    items = [Item("heading", site.infos[index]), *(Item("text", text) for text in site.noise)]
    for at, (label, value) in enumerate(site.info_facts[index].items()):
        items.append(_shown_as(site, site.facts_as[0], label, value, at))
    grid = site.grids[index]
    if grid is not None:
        items += [Item("heading", grid.title)] if grid.title else []
        for at, (name, values) in enumerate(grid.cells.items()):
            for column, value in zip(grid.columns, values, strict=True):
                items.append(Item("cell", value, row=name, row_index=200 + at, column=column))
    return items
