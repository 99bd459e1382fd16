"""Exercises that change something: switches, forms, editing, collections."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from agents.wishes import changes
from pretraining import concepts, expert, lexicon, wordings
from pretraining.expert import Exercise
from pretraining.records import Form, Place, Widget
from pretraining.website import Website
from pretraining.wordings import Mention, capital, marked, mention, say, subject

About = Callable[[Website, Random, int, Mention], Exercise | None]  # makes an exercise about a record


def switch(site: Website, rng: Random, index: int | None = None, called: Mention | None = None) -> Exercise | None:
    """A record's switch turned on, or off if it is on."""
    if not site.toggles:
        return None
    index, called = subject(site, rng, index, called)
    pair = rng.choice(site.toggles)
    on = pair[0]
    off = rng.random() < 0.35
    if off:
        site.on.add((index, on))
    elif (index, on) in site.on:
        site.on.discard((index, on))
    if on == site.adds:
        site.hold(index, off)
    words = wordings.toggle_words(rng, pair, off=off)
    if on == site.adds and rng.random() < 0.5:
        words = tuple(text.replace("{l}", _spoken(site, rng)) for text in (lexicon.TAKE_OUT if off else lexicon.PUT_IN)
                      if "{r}" not in text)  # fmt: skip
    if words:
        text = capital(rng.choice(words).format(x=marked(rng, called.text))) + "."
    else:
        lower = rng.random() < 0.6
        labels = {"t": on.lower() if lower else on, "o": pair[1].lower() if lower else pair[1]}
        here = called.text.startswith("this")
        patterns = wordings.OFF if off else wordings.HERE_SWITCH if here else wordings.SWITCH
        text = say(rng, patterns, x=called.text, n=site.noun, **labels)
    return Exercise("toggle", text, expert.follow_all([expert.switched(index, on, called.query, off=off)]))


def here(make: About) -> Callable[[Website, Random], Exercise | None]:
    """The same for the record whose page is open."""

    def maker(site: Website, rng: Random) -> Exercise | None:
        index = rng.randrange(len(site.records))
        made = make(site, rng, index, Mention(f"this {site.noun}", site.records[index].name))
        site.go(Place("detail", index))
        return made

    return maker


def _value(site: Website, widget: Widget, rng: Random) -> str:
    """A new value for a field."""
    if widget.role == "checkbox":
        return "" if widget.value == "on" else "on"
    if widget.options:
        return rng.choice([option for option in widget.options if option != widget.value])
    return lexicon.of_kind(rng, widget.kind or "", site.pseudo, rng.randrange(3))


def values(site: Website, form: Form, rng: Random, most: int = 4) -> dict[str, str]:
    """New values for some of a form's fields, among them the one that is required and empty."""
    some = rng.sample(form.widgets, rng.randint(1, min(most, len(form.widgets))))
    chosen = [w for w in form.widgets if w in some or (w.label == form.required and not w.value)]
    return {widget.label: _value(site, widget, rng) for widget in chosen}


def _wish(widget: Widget, value: str, rng: Random, style: str) -> str:
    said = "ticked" if value else "unticked"
    is_box = widget.role == "checkbox"
    name = widget.label.lower() if rng.random() < 0.75 else widget.label
    if wordings.spoken(rng) and (made := changes(widget.label, said if is_box else value)):
        return rng.choice(made).replace("{value}", marked(rng, value))
    if is_box:
        return say(rng, wordings.TICK if value else wordings.UNTICK, f=name)
    known = concepts.BY_LABEL.get(widget.label)
    if known is not None and rng.random() < 0.4:
        ways = [text for text in known.changes if "{x}" not in text]
        if ways:
            return rng.choice(ways).format(v=marked(rng, value))
        if known.words:
            name = rng.choice(known.words)
    if widget.options and rng.random() < 0.4:
        value = value.lower()
    return say(rng, [style], f=name, v=value)


def wishes(form: Form, wanted: dict[str, str], rng: Random) -> str:
    """What to enter, as a list of wishes in one style, in the form's order or another."""
    style = rng.choice(wordings.SET)
    chosen = [widget for widget in form.widgets if widget.label in wanted]
    if rng.random() < 0.3:
        rng.shuffle(chosen)
    listed = []
    for widget in chosen:
        if rng.random() < 0.25:
            style = rng.choice(wordings.SET)
        listed.append(wordings.lower(_wish(widget, wanted[widget.label], rng, style)))
    joint = rng.choice((" and ", ", ", ", and ")) if len(listed) > 1 else ""
    text = ", ".join(listed[:-1]) + joint + listed[-1]
    then = rng.choice(wordings.THEN).format(s=form.submit) if form.submit else ""
    return f"{text} {then}".strip()


def form(site: Website, rng: Random) -> Exercise | None:
    """A form on a page of its own."""
    if not site.forms:
        return None
    index = rng.randrange(len(site.forms))
    made = site.forms[index]
    wanted = values(site, made, rng)
    said = wishes(made, wanted, rng)
    place = made.title.lower() if rng.random() < 0.4 else made.title
    if index in site.hub and len(site.hub) == 1 and rng.random() < 0.4:
        place = site.hub_label.lower()
    if len(site.forms) == 1 and rng.random() < 0.25:
        text = f"{capital(said)}."
    else:
        text = say(rng, wordings.WHERE, p=place, a=said)
    goal = expert.submitted(f"form:{index}", wanted, expert.at_page("form", index))
    return Exercise("form", text, expert.follow_all([goal]))


def detail_form(site: Website, rng: Random, index: int | None = None, called: Mention | None = None) -> Exercise | None:
    """The form on a record's page, perhaps behind a button."""
    made = site.detail_form
    if made is None:
        return None
    index, called = subject(site, rng, index, called)
    wanted = values(site, made, rng, 3)
    optional = [w for w in made.widgets if w.label in wanted and w.options]
    if len(wanted) == 1 and optional and made.submit and rng.random() < 0.5:
        ((label, value),) = wanted.items()
        text = say(rng, wordings.OPTED, x=called.text, f=label.lower(), v=value, s=made.submit.lower())
    elif called.text == "it":
        text = capital(wishes(made, wanted, rng)) + "."
    elif made.opener and rng.random() < 0.7:
        text = _opened(made, wanted, called, rng)
    else:
        text = say(rng, wordings.WHERE, p=called.text, a=wishes(made, wanted, rng))
    goal = expert.submitted(f"detail:{index}", wanted, expert.at_record(index, called.query))
    return Exercise("form", text, expert.follow_all([goal]))


def _opened(made: Form, wanted: dict[str, str], called: Mention, rng: Random) -> str:
    """A form asked for by the button that shows it: "Reject it with the reason too late"."""
    opener = made.opener.lower()
    chosen = [(label, value) for label, value in wanted.items() if value not in ("", "on")]
    if len(wanted) == len(chosen) == 1 and rng.random() < 0.7:
        ((label, value),) = chosen
        return say(rng, wordings.ENDED, o=opener, x=called.text, f=label.lower(), v=value)
    return say(rng, wordings.OPENED, o=opener, x=called.text, a=wishes(made, wanted, rng))


def quick(site: Website, rng: Random, index: int | None = None, called: Mention | None = None) -> Exercise | None:
    """One field of a record's page, mostly behind a button, sent by a button or by enter."""
    if not site.quicks:
        return None
    index, called = subject(site, rng, index, called)
    at = rng.randrange(len(site.quicks))
    made = site.quicks[at]
    widget = made.widgets[0]
    value = _value(site, widget, rng)
    if made.wordings and rng.random() < 0.75:
        said = value.lower() if widget.options and rng.random() < 0.5 else value
        text = capital(rng.choice(made.wordings).format(x=called.text, v=marked(rng, said))) + "."
    else:
        doing = (made.opener or made.submit or f"enter {widget.label}").lower()
        patterns = ("{o} for {x}: {v}.", "{o} on {x}: {v}.", "On {x}, {o}: {v}.", "{x}: {o} {v}.", "{o} {v} for {x}.",
                    "For {x}, {f} {v}.", "Put {v} as {f} on {x}.", "Add {v} as {f} to {x}.")  # fmt: skip
        text = say(rng, patterns, o=doing, x=called.text, v=value, f=widget.label.lower())
    goal = expert.submitted(f"quick:{index}:{at}", {widget.label: value}, expert.at_record(index, called.query))
    return Exercise("form", text, expert.follow_all([goal]))


def untag(site: Website, rng: Random, index: int | None = None, called: Mention | None = None) -> Exercise | None:
    """A mark taken off a record."""
    index, called = subject(site, rng, index, called)
    if not site.records[index].tags:
        return None
    tag = rng.choice(site.records[index].tags)
    text = capital(rng.choice(lexicon.UNTAG).format(x=called.text, t=marked(rng, tag))) + "."
    return Exercise("toggle", text, expert.follow_all([expert.untagged(index, tag, called.query)]))


def edit(site: Website, rng: Random, index: int | None = None, called: Mention | None = None) -> Exercise | None:
    """A field of a record changed, on its editing page or in place."""
    if not (site.edit_label or site.inline) or not site.textual:
        return None
    index, called = subject(site, rng, index, called)
    label = rng.choice(site.textual)
    known = site.meaning[label]
    value = lexicon.of_kind(rng, known.kind, site.pseudo, site.shapes[label])
    if value.lower() == site.records[index].fields[label].lower():
        return None
    if known.changes and label in known.labels and rng.random() < 0.45:
        text = capital(rng.choice(known.changes).format(x=called.text, v=marked(rng, value))) + "."
    else:
        field = wordings.field_name(site, rng, label)
        text = say(rng, wordings.CHANGE, x=called.text, f=field, v=value)
    return Exercise("edit", text, expert.follow_all([expert.edited(index, label, value, called.query)]))


def here_form(site: Website, rng: Random) -> Exercise | None:
    """The form of the page where the visit begins."""
    if site.detail_form is not None and (not site.forms or rng.random() < 0.5):
        index, kind, made = rng.randrange(len(site.records)), "detail", site.detail_form
    elif site.forms:
        index, kind = rng.randrange(len(site.forms)), "form"
        made = site.forms[index]
    else:
        return None
    wanted = values(site, made, rng)
    site.go(Place(kind, index))
    text = say(rng, wordings.HERE_FORM, a=wishes(made, wanted, rng), n=site.noun)
    reach = expert.at_record(index) if kind == "detail" else expert.at_page("form", index)
    return Exercise("form", text, expert.follow_all([expert.submitted(f"{kind}:{index}", wanted, reach)]))


def beside(site: Website, rng: Random) -> Exercise | None:
    """A form on a page that is about something else, mostly the page where the visit begins."""
    places: dict[str, tuple[str, expert.Goal, Place]] = {
        "home": (site.title, expert.at_home, Place("home")),
        "list": (site.listing_label, expert.at_listing, Place("list")),
    }
    if site.infos:
        index = rng.randrange(len(site.infos))
        places["info"] = (site.infos[index], expert.at_page("info", index), Place("info", index))
    if site.held_label:
        places["held"] = (site.held_label, expert.at_page("held"), Place("held"))
    choices = [(f"inlay:{kind}", form, *places[kind]) for kind, form in site.inlays.items() if kind in places]
    if site.aside is not None:
        anywhere = rng.choice([*(place for _, _, place in places.values()), Place("detail", 0)])
        choices.append(("aside:0", site.aside, "", lambda _: None, anywhere))
    if not choices:
        return None
    key, made, label, reach, place = rng.choice(choices)
    wanted = values(site, made, rng)
    said = wishes(made, wanted, rng)
    if not label or rng.random() < 0.6:
        site.go(place)
        text = say(rng, wordings.HERE_FORM, a=said, n=site.noun)
    else:
        text = say(rng, wordings.WHERE, p=label, a=said)
    return Exercise("form", text, expert.follow_all([expert.submitted(key, wanted, reach)]))


def _held(site: Website, rng: Random) -> tuple[int, Mention, str] | None:
    """Something in the collection, and what the collection is called."""
    if not site.held:
        return None
    index = rng.choice(sorted(site.held))
    return index, mention(site, index, rng), _spoken(site, rng)


def _spoken(site: Website, rng: Random) -> str:
    """What people call the collection."""
    label = site.held_label
    spoken = label if rng.random() < 0.3 else label.lower()
    return spoken if spoken.lower().startswith(("my", "your")) else rng.choice(("the ", "my ", "")) + spoken


def remove(site: Website, rng: Random) -> Exercise | None:
    """A record taken out of the collection."""
    if (held := _held(site, rng)) is None:
        return None
    index, called, place = held
    verb = site.remove_label.lower()
    text = capital(rng.choice(lexicon.TAKE_OUT).format(x=marked(rng, called.text), l=place, r=verb)) + "."
    return Exercise("toggle", text, expert.follow_all([expert.removed(index)]))


def quantity(site: Website, rng: Random) -> Exercise | None:
    """A number in a row of the collection changed in place."""
    if site.quantity_as == "none" or (held := _held(site, rng)) is None:
        return None
    index, called, place = held
    value = str(rng.randint(1, 30))
    if value == site.held[index]:
        return None
    label = site.quantity_label
    text = say(rng, wordings.QUANTITY, x=called.text, v=value, w=site.held[index], l=place, f=label.lower())
    field = label if site.brief else f"{label} of {site.records[index].name}"
    goal = expert.submitted(f"held:{index}", {field: value}, expert.at_page("held"))
    return Exercise("edit", text, expert.follow_all([goal]))
