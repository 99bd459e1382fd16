"""The forms of a made-up website: those of pages of their own, small ones on a record's page, and choices there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pretraining import concepts, lexicon
from pretraining.records import Form, Widget

if TYPE_CHECKING:
    from pretraining.website import Website


def form(site: Website, title: str, scale: float) -> Form:
    """One to five fields, some of them filled in already."""
    rng = site.rng
    widgets: dict[str, Widget] = {}
    count = rng.randint(1, max(2, int(5 * scale)))
    while len(widgets) < count:
        concept = rng.choice(concepts.ENTRIES if rng.random() < 0.6 else concepts.TEXTUAL)
        label = rng.choice(concept.labels)
        if rng.random() < site.odd:
            label = lexicon.name(rng, 0.3, 2)
        if label not in widgets:
            widgets[label] = _widget(site, label, concept.kind)
    form = Form(title, list(widgets.values()), _submit_label(site), site.word(lexicon.SAVED))
    form.intro = site.sentence() if rng.random() < 0.3 else ""
    empty = [w.label for w in form.widgets if w.role in ("textbox", "spinbutton") and not w.value]
    if empty and rng.random() < 0.4:
        form.required = rng.choice(empty)
    if len(form.widgets) == 1 and form.widgets[0].role == "textbox" and rng.random() < 0.4:
        form.submit = ""
    return form


def _widget(site: Website, label: str, kind: str) -> Widget:
    rng = site.rng
    if kind in ("small", "digits", "count"):
        start = str(rng.randint(0, 3)) if rng.random() < 0.6 else ""
        return Widget(rng.choice(("spinbutton", "spinbutton", "textbox")), label, start, kind=kind)
    if kind in lexicon.POOLS or rng.random() < 0.25:
        made = [lexicon.of_kind(rng, kind, site.pseudo).capitalize() for _ in range(rng.randint(3, 6))]
        options = tuple(dict.fromkeys(made))
        if len(options) > 1 and kind != "long":
            start = rng.choice(options) if rng.random() < 0.7 else ""
            return Widget(rng.choice(("combobox", "combobox", "radio")), label, start, options, kind)
    if rng.random() < 0.2:
        return Widget("checkbox", label, rng.choice(("", "on")))
    start = lexicon.of_kind(rng, kind, site.pseudo) if rng.random() < 0.3 else ""
    return Widget("combobox" if rng.random() < 0.06 else "textbox", label, start, kind=kind)


def quick(site: Website) -> Form:
    """One field on a record's page, mostly shown by a button."""
    rng = site.rng
    opener, label, submit, said = rng.choice(lexicon.QUICK)
    widget = Widget("textbox", label, kind=lexicon.QUICK_KINDS[label])
    form = Form("", [widget], submit, site.word(lexicon.SAVED), required=label if rng.random() < 0.5 else "")
    form.wordings = said
    if rng.random() < site.odd * 0.6:
        form.wordings = ()
        widget.label, opener = lexicon.name(rng, 0.4, 2), lexicon.name(rng, 0.4, 2)
        form.required = widget.label if form.required else ""
    form.opener = opener if rng.random() < 0.65 else ""
    form.modal = bool(form.opener) and rng.random() < 0.3
    if submit and rng.random() < 0.3:
        form.submit = _submit_label(site)
    if not submit and rng.random() < 0.6:
        form.submit = rng.choice(("Save", "OK", "Keep {f}", "Store {f}", "Add", "Apply {f}", "Enter {f}")).format(
            f=label.lower()
        )
    return form


def setter(site: Website) -> Form:
    """A choice on a record's page, carried out at once or by a button."""
    rng = site.rng
    concept = rng.choice([one for one in concepts.TEXTUAL if one.changes])
    usual = rng.choice(concept.labels)
    odd = rng.random() < site.odd
    name = lexicon.name(rng, 0.4, 1) if odd else usual
    label = rng.choice(("{f}", "{f}", "Set {f}", "Change {f}", "New {f}", "{f}:")).format(f=name)
    label = label[:1].upper() + label[1:].lower() if rng.random() < 0.7 else label
    made = [lexicon.of_kind(rng, concept.kind, site.pseudo, 1).capitalize() for _ in range(rng.randint(3, 8))]
    options = tuple(dict.fromkeys(made))
    free = concept.kind == "person" and rng.random() < 0.4  # typed, as where there are too many to list
    start = "" if free or rng.random() < 0.5 else rng.choice(options)
    widget = Widget("combobox", label, start, () if free or len(options) < 2 else options, concept.kind)
    submit = rng.choice(("", "", "Set", "Apply", "OK", "Save", name))
    said = tuple(text.replace("{f}", name.lower()) for text in lexicon.SETTERS)
    return Form("", [widget], submit, site.word(lexicon.SAVED), wordings=said if odd else said + concept.changes * 2)


def _submit_label(site: Website) -> str:
    """A label that no other button of the page has."""
    others = {label.lower() for pair in site.toggles for label in pair}
    others |= {site.search_button.lower(), site.edit_label.lower()}
    while (label := site.word(lexicon.SUBMIT)).lower() in others:
        pass
    return label
