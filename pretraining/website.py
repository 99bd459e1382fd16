"""A made-up website: random records, pages, labels and widgets, simulated without a browser.

Pages are real `core.types.Observation`s, rendered by the same code as a browser's, so the policy
reads here what it will read there. Only what the policy can see is simulated; a site is a small
state machine over pages, widget values, switches, collections and a status line.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from random import Random

from core.types import Action, Element, Observation
from pretraining import concepts, forms, frames, grids, lexicon
from pretraining.concepts import Concept
from pretraining.page import Page, page
from pretraining.records import Form, Place, Record, Widget

_AMOUNT = re.compile(r"\d+(?:\.\d+)?")
# Kinds of values by which people narrow a listing down.
_SORTED_INTO = frozenset("status level colour material language place person name word".split())
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


class Website:
    """A random site and the state of one visit; `scale` in (0, 1] limits how much there is on a page."""

    def __init__(self, rng: Random, *, scale: float = 1.0, pseudo: float = 0.6) -> None:
        self.rng = rng
        self.pseudo = pseudo
        self.odd = 0.3 + 0.4 * pseudo
        noun = lexicon.noun(rng, 0.7 * pseudo)
        self.noun, self.nouns = noun, lexicon.plural(noun)
        self.title = lexicon.name(rng, 0.8, 2)
        self.brief, self.long_titles, self.counted_links, self.status_first, self.toggle_speaks = (
            rng.random() < share for share in (0.5, 0.66, 0.4, 0.5, 0.7)
        )
        self.keeps_entries, self.options_first, self.arrows = (rng.random() < share for share in (0.5, 0.5, 0.5))
        self.meaning: dict[str, Concept] = {}
        self.shapes: dict[str, int] = {}
        self._records(scale)
        self._listings(scale)
        self._pages(scale)
        self._frame(scale)
        self.on: set[tuple[int, str]] = set()
        self.held: dict[int, str] = {}
        if self.held_label:
            for index in rng.sample(range(len(self.records)), rng.randint(0, min(4, len(self.records)))):
                self.held[index] = str(rng.randint(1, 9))
                if self.adds:
                    self.on.add((index, self.adds))
        self.place = Place("home")
        self.pending: dict[str, str] = {}
        self.opened: set[str] = set()
        self.status = ""
        self.error = ""
        self.chosen = 0
        self.submitted: dict[str, dict[str, str]] = {}
        self._page: Page | None = None

    # --- making ---

    def _records(self, scale: float) -> None:
        rng = self.rng
        self.numeric = self._fields(concepts.NUMERIC, rng.randint(1, 2))
        most = 7 if rng.random() < 0.7 else 12
        self.textual = self._fields(concepts.TEXTUAL, rng.randint(1, max(2, int(most * scale))), taken=self.numeric)
        if rng.random() < 0.25:
            self.textual += tuple(self._decoys(self.numeric + self.textual))
        self.categories = self._distinct(rng.randint(2, max(2, int(9 * scale))))
        pools = {label: [self._value(label) for _ in range(rng.choice((3, 30)))] for label in self.textual}
        self.records = []
        for title in self._distinct(rng.randint(3, max(4, int(18 * scale))), 3):
            fields = {label: self._value(label) for label in self.numeric}
            fields |= {label: rng.choice(pools[label]) for label in self.textual}
            self.records.append(Record(title, rng.choice(self.categories), fields))
        self.sizes = Counter(record.category for record in self.records)
        labels = list(self.numeric + self.textual)
        rng.shuffle(labels)
        for record in self.records:
            record.fields = {label: record.fields[label] for label in labels}
        # The first few facts may be shown one way, the rest another.
        self.facts_as = [rng.choice(("definition", "definition", "text", "cell", "cell")) for _ in range(2)]
        self.first_facts = rng.choice((0, 0, rng.randint(1, 6)))
        self.fact_column = rng.choice(("", "Value", "Value", "Details", lexicon.name(rng, 0.5, 1)))
        self.more_label = self.word(lexicon.MORE)
        self.more_fields = labels[2:] if rng.random() < 0.15 else []
        short = [label for label in labels if len(self.records[0].fields[label]) < 25]
        rng.shuffle(short)
        self.columns = short[: rng.randint(0, min(3, len(short)))]
        self._pools = {label: tuple(dict.fromkeys(pools[label])) for label in self.textual if len(pools[label]) == 3}

    def _listings(self, scale: float) -> None:
        rng = self.rng
        self.per_page = rng.randint(3, max(3, int(10 * scale)))
        self.list_as = rng.choice(("table", "table", "cards", "links"))
        self.listing_label = self.word(lexicon.LISTING)
        self.search_label = self.word(lexicon.SEARCH)
        self.search_button = rng.choice(("", self.search_label, "Search", "Go", lexicon.name(rng, 0.5, 1)))
        self.search_role = rng.choice(("searchbox", "textbox", "searchbox", "combobox"))
        self.search_at = rng.choice(("header", "header", "header", "list", "none"))
        self.filter_label = self.word(lexicon.FILTER)
        self.filter_as = rng.choice(("select", "links", "none"))
        self._everything = rng.choice(("All", "All", "Any", "Everything", f"All {self.nouns}", "Any {f}", "Every {f}"))
        self.sort_label = self.word(lexicon.SORT)
        usable = [label for label in self._pools if label not in (self.filter_label, self.sort_label)
                  and self.meaning[label].kind in _SORTED_INTO]  # fmt: skip
        self.picks = usable[: rng.randint(0, min(3, len(usable)))]
        self.sort_as = rng.choice(("select", "select", "headers", "none"))
        if self.sort_as == "headers" and (self.list_as != "table" or not set(self.numeric) & set(self.columns)):
            self.sort_as = "select"
        self.sorts = {} if self.sort_as == "none" else self._sorts()
        self.apply_label = self.word(lexicon.APPLY) if rng.random() < 0.5 else ""
        self.next_label, self.previous_label = self.word(lexicon.NEXT), self.word(lexicon.PREVIOUS)
        # A status line is not always about what was just done.
        self.counts_as = rng.choice(("text", "status", "status", ""))
        self.counting = rng.choice(("{k} {ns}", "Results: {k}", "{k} results", "{k} found", "Showing {k} {ns}"))
        self.nothing = self.word(lexicon.NOTHING) if rng.random() < 0.3 else rng.choice(lexicon.NOTHING).format(
            ns=self.nouns, n=self.noun
        )  # fmt: skip

    def _pages(self, scale: float) -> None:
        rng = self.rng
        self.infos = self._labels(lexicon.INFO, rng.randint(0, max(1, int(3 * scale))))
        self.toggles = [self._maybe_odd(pair) for pair in rng.sample(lexicon.TOGGLES, rng.choice((0, 1, 1, 2, 2, 3)))]
        self.list_toggle = rng.random() < 0.4
        self.edit_label = self.word(lexicon.EDIT) if rng.random() < 0.4 else ""
        taken = {title.lower() for title in (self.title, self.listing_label, *self.infos, *self.categories)}
        self.forms: list[Form] = []
        for _ in range(rng.randint(0, max(1, int(3 * scale)))):
            form = forms.form(self, self.word(lexicon.FORMS), scale)
            if form.title.lower() not in taken:
                taken.add(form.title.lower())
                self.forms.append(form)
        nested = bool(self.forms) and rng.random() < 0.4
        self.hub_label = self.word(lexicon.HUBS) if nested else ""
        self.hub = set(rng.sample(range(len(self.forms)), rng.randint(1, len(self.forms)))) if nested else set()
        # Forms that stand on pages which are about something else.
        self.inlays = {
            kind: forms.form(self, self.word(lexicon.FORMS), scale * 0.7)
            for kind in ("home", "list", "info", "held")
            if rng.random() < 0.25
        }
        self.hub_extra = [lexicon.name(rng, 0.4, 2) for _ in range(rng.randint(0, int(4 * scale)))]
        self.held_label = self.word(lexicon.COLLECTIONS) if rng.random() < 0.45 else ""
        # A switch that puts something into the collection, whose link may tell how much is in it.
        adds = bool(self.held_label and self.toggles) and rng.random() < 0.6
        if adds and rng.random() < 0.6:
            self.toggles[0] = self._puts_in(self.held_label)
        self.adds = self.toggles[0][0] if adds else ""
        self.remove_label = self.word(lexicon.REMOVE)
        self.held_button = lexicon.name(rng, 0.5, 2) if rng.random() < 0.5 else ""
        usual = ("Quantity", "Amount", "Number", "Copies", "Pieces", lexicon.name(rng, 0.5, 1))
        self.quantity_label = rng.choice(usual)
        self.quantity_as = rng.choice(("opener", "opener", "field", "none"))
        self.change_label = rng.choice(("Edit", "Change", "Edit", "Set", lexicon.name(rng, 0.5, 1)))
        self.inline = self.edit_label == "" and rng.random() < 0.35
        self.inline_save = rng.choice(("", "Save", "OK"))
        self.subs = self._labels(lexicon.SUBPAGES, rng.randint(1, 2)) if rng.random() < 0.35 else ()
        self.detail_form = forms.form(self, "", scale * 0.6) if rng.random() < 0.5 else None
        if self.detail_form is not None and rng.random() < 0.5:
            self.detail_form.opener = self.word(lexicon.FORMS if rng.random() < 0.5 else lexicon.ENDINGS)
            self.detail_form.modal = rng.random() < 0.5
        self.quicks: list[Form] = []
        for _ in range(rng.choice((0, 1, 1, 2, 2, 3, 4))):
            made = forms.quick(self) if rng.random() < 0.6 else forms.setter(self)
            others = [form.opener or form.widgets[0].label for form in self.quicks]
            if (made.opener or made.widgets[0].label) not in others:
                self.quicks.append(made)
        self.tagged = self.word(lexicon.TAGS) if rng.random() < 0.3 else ""
        if self.tagged:
            pool = [lexicon.word(rng, 0.5) for _ in range(rng.randint(2, 8))]
            for record in self.records:
                record.tags = list(dict.fromkeys(rng.choice(pool) for _ in range(rng.randint(0, 3))))
        self.info_facts = [self._stated(scale) for _ in self.infos]
        self.grids = [grids.grid(self) if rng.random() < 0.35 else None for _ in self.infos]
        self.missing = rng.choice(("Please fill in {f}", "{f} is required", "{f} must not be empty", "Enter {f}",
                                   "{f}: this field is required", "Please enter {f}", "{f} is missing"))  # fmt: skip
        self.status_role = rng.choice(("status", "status", "alert"))
        self.standing = lexicon.sentence(rng).capitalize() if rng.random() < 0.25 else ""
        self.noise = [self.sentence() for _ in range(rng.randint(0, int(3 * scale)))]

    def _frame(self, scale: float) -> None:
        """What else a row, a page and the frame around it hold: things to be read past."""
        rng = self.rng
        tags = [f"{lexicon.word(rng, 0.2).capitalize()} {rng.randint(1, 99)}" for _ in range(3)]
        self.row_texts = [rng.sample(tags, rng.randint(0, min(2, int(2.5 * scale)))) for _ in self.records]
        verbs = ("Preview", "Quick look at", "Details of", "Share", "Print", lexicon.word(rng, 0.5).capitalize())
        self.row_button = rng.choice(verbs) if rng.random() < 0.3 * scale else ""
        self.sections = [lexicon.name(rng, 0.4, 2) for _ in range(rng.randint(0, int(3 * scale)))]
        aside = forms.form(self, "", 0.3)
        aside.submit = f"{aside.submit or 'Send'} {lexicon.word(rng)}" if rng.random() < 0.5 else aside.submit
        self.aside = aside if rng.random() < 0.35 * scale else None
        self.leave = rng.choice(lexicon.LEAVE) if rng.random() < 0.3 * scale else ""
        self.extra = [lexicon.name(rng, 0.5, 2) for _ in range(rng.randint(0, int(5 * scale)))]
        self.skip = rng.choice(lexicon.SKIP) if rng.random() < 0.5 * scale else ""
        self.crumbs = rng.random() < 0.4 * scale
        self.footer = rng.sample(lexicon.FOOTER, rng.randint(0, int(6 * scale))) if rng.random() < 0.5 else []

    def _fields(self, usual: Sequence[Concept], count: int, taken: Sequence[str] = ()) -> tuple[str, ...]:
        """Labels of fields, remembering what each means; an invented label means nothing, but keeps its kind."""
        rng = self.rng
        made: list[str] = []
        for concept in rng.sample(usual, count):
            label = rng.choice(concept.labels)
            if rng.random() < self.odd:
                made_up = frames.field(rng) if usual is concepts.TEXTUAL and rng.random() < 0.6 else None
                label = made_up.labels[0] if made_up else lexicon.name(rng, 0.4, 2)
                concept = made_up or Concept((label,), concept.kind)
            elif rng.random() < 0.1:
                label = f"{lexicon.word(rng, 0.3).capitalize()} {label.lower()}"
            if label in made or label in taken:
                continue
            made.append(label)
            self.meaning[label] = concept
            self.shapes[label] = 0 if concept in concepts.NUMERIC and concept.kind == "date" else rng.randrange(4)
        return tuple(made)

    def _stated(self, scale: float) -> dict[str, str]:
        """What an information page says: facts, or what words mean."""
        rng = self.rng
        if rng.random() < 0.7:
            labels = self._fields(concepts.TEXTUAL, rng.randint(1, max(2, int(8 * scale))))
        else:
            terms = [frames.term(rng, self.pseudo) for _ in range(rng.randint(2, max(3, int(9 * scale))))]
            labels = tuple(term.labels[0] for term in terms if term.labels[0] not in self.meaning)
            self.meaning |= {term.labels[0]: term for term in terms if term.labels[0] in labels}
            self.shapes |= dict.fromkeys(labels, 0)
        return {label: self._value(label) for label in labels}

    def _value(self, label: str) -> str:
        return lexicon.of_kind(self.rng, self.meaning[label].kind, self.pseudo, self.shapes[label])

    def word(self, patterns: list[str]) -> str:
        """A label: mostly a usual one, sometimes an invented one, so that labels are read and not known."""
        if self.rng.random() < self.odd:
            return lexicon.name(self.rng, 0.4, 2)
        made = self.rng.choice(patterns).format(n=self.noun, ns=self.nouns, f="{f}", e="{e}")
        return made[:1].upper() + made[1:]

    def _labels(self, usual: list[str], count: int) -> tuple[str, ...]:
        picked = self.rng.sample(usual, count)
        return tuple(dict.fromkeys(
            lexicon.name(self.rng, 0.4, 2) if self.rng.random() < self.odd
            else (f"{lexicon.word(self.rng, 0.3).capitalize()} {p.lower()}" if self.rng.random() < 0.15 else p)
            for p in picked
        ))  # fmt: skip

    def _distinct(self, count: int, longest: int = 2) -> list[str]:
        names: dict[str, None] = {}
        family = [lexicon.word(self.rng, self.pseudo).capitalize() for _ in range(2)]
        while len(names) < count:
            made = lexicon.name(self.rng, self.pseudo, longest)
            if self.rng.random() < 0.15:
                made = f"{self.rng.choice(family)} {made}"
            names.setdefault(made)
        return list(names)

    def _maybe_odd(self, pair: tuple[str, str]) -> tuple[str, str]:
        if self.rng.random() < self.odd:
            verb = lexicon.word(self.rng, 0.4).capitalize()
            return (f"{verb} this", f"{verb} done")
        return pair

    def _puts_in(self, collection: str) -> tuple[str, str]:
        """A switch whose label names the collection that a link elsewhere leads to."""
        into, out = self.rng.choice(lexicon.INTO), self.rng.choice(lexicon.OUT_OF)
        name = collection.lower() if self.rng.random() < 0.8 else collection
        return into.format(l=name), out.format(l=name)

    def _decoys(self, labels: Sequence[str]) -> list[str]:
        """Labels of further fields that share a word with the questions for one of these, and mean something else."""
        rng = self.rng
        asks = [ask for label in labels for ask in self.meaning[label].asks]
        words = re.findall(r"[a-z]{4,}", rng.choice(asks)) if asks else []
        words = [
            word for word in words if word not in ("what", "which", "when", "where", "does", "have", "many", "here")
        ]
        if not words:
            return []
        label = f"{rng.choice(words).capitalize()} {rng.choice(('in', 'by', 'on', 'for', 'at', 'since', 'with'))}"
        if label in self.meaning:
            return []
        self.meaning[label] = Concept((label,), rng.choice(("place", "person", "date", "name", "word", "period")))
        self.shapes[label] = rng.randrange(4)
        return [label]

    def _sorts(self) -> dict[str, tuple[str, bool]]:
        """Option → (field, descending)."""
        rng = self.rng
        if self.sort_as == "headers":
            shown = [label for label in self.numeric if label in self.columns]
            return {f"{label} {way}": (label, way == "descending")
                    for label in shown for way in ("ascending", "descending")}  # fmt: skip
        options: dict[str, tuple[str, bool]] = {"Default": ("*", False)}
        if rng.random() < 0.7:
            options = {"Name": ("", False)}
        for label in self.numeric:
            low, high = rng.choice(
                [
                    ("{f}: low to high", "{f}: high to low"), ("Lowest {g}", "Highest {g}"),
                    ("{f} ascending", "{f} descending"), ("{f} (low to high)", "{f} (high to low)"),
                    ("{f} ↑", "{f} ↓"), ("{m}", "{M}"),
                ]
            )  # fmt: skip
            concept = self.meaning[label]
            least, most = (concept.least or ("lowest",))[0], (concept.most or ("highest",))[0]
            low, high = low.replace("{m}", f"{least} first"), high.replace("{M}", f"{most} first")
            for made, descending in ((low, False), (high, True)):
                made = made.format(f=label, g=label.lower())
                options.setdefault(made[:1].upper() + made[1:], (label, descending))
        return options

    def sentence(self) -> str:
        """A sentence about nothing."""
        return lexicon.sentence(self.rng).capitalize() + "."

    # --- seeing ---

    def page(self) -> Page:
        """The current page with its handlers, built once until something happens."""
        if self._page is None:
            self._page = page(self)
        return self._page

    def observe(self) -> Observation:
        """The current page."""
        return self.page().observation

    def at(self, ref: str) -> Element | None:
        """The element of this ref, if the page shows it."""
        return self.page().elements.get(ref)

    def boxes(self) -> list[str]:
        """Labels of the comboboxes by which a listing is filtered and sorted."""
        labels = [self.filter_label] if self.filter_as == "select" else []
        return labels + self.picks + ([self.sort_label] if self.sort_as == "select" else [])

    def box(self, label: str) -> tuple[str, tuple[str, ...]]:
        """What such a box says while nothing was chosen anew, and its options."""
        everything = self.everything(label)
        if label == self.filter_label:
            return self.place.category or everything, (everything, *self.categories)
        if label == self.sort_label:
            return self.place.sort or next(iter(self.sorts)), tuple(self.sorts)
        return self.place.picked.get(label, everything), (everything, *self._pools[label])

    def everything(self, label: str) -> str:
        """The option of a filter that leaves everything in."""
        return self._everything.format(f=label.lower())

    def listed(self) -> list[int]:
        """Indices of the records that the current listing holds, all pages, in order."""
        place = self.place
        wanted = set(place.query.lower().split())
        names = [set(record.name.lower().split()) for record in self.records] if wanted else []
        picked = [
            i for i, r in enumerate(self.records)
            if (not wanted or wanted & names[i])
            and (not place.category or r.category == place.category)
            and all(r.fields[label] == value for label, value in place.picked.items())
        ]  # fmt: skip
        if wanted:
            picked.sort(key=lambda i: -len(wanted & names[i]))
        if place.sort:
            label, descending = self.sorts[place.sort]
            if label == "":
                picked.sort(key=lambda i: self.records[i].name)
            elif label != "*":
                picked.sort(key=lambda i: amount(self.records[i].fields[label]), reverse=descending)
        return picked

    def shown(self) -> list[int]:
        """Those of `listed` on the current page of results."""
        return self.listed()[self.place.offset : self.place.offset + self.per_page]

    def options_of(self, label: str) -> tuple[str, ...]:
        """The values by which a listing can be narrowed down under this label."""
        return self._pools[label]

    def forms_here(self) -> list[tuple[str, Form]]:
        """The forms of this page by key, whether they show or wait behind a button."""
        kind = self.place.kind
        found = self._own_forms()
        found += [(f"inlay:{kind}", self.inlays[kind])] if kind in self.inlays else []
        return found + ([("aside:0", self.aside)] if self.aside is not None else [])

    def _own_forms(self) -> list[tuple[str, Form]]:
        kind, index = self.place.kind, self.place.index
        if kind == "form":
            return [(f"form:{index}", self.forms[index])]
        if kind == "edit":
            return [(f"edit:{index}", self._edit_form(index))]
        if kind == "held":
            return [(f"held:{i}", self._quantity(i)) for i in self.held] if self.quantity_as != "none" else []
        if kind != "detail":
            return []
        found = [(f"detail:{index}", self.detail_form)] if self.detail_form else []
        found += [(f"quick:{index}:{k}", form) for k, form in enumerate(self.quicks)]
        if self.inline:
            found += [
                (f"inline:{index}:{label}", self._inline(label, self.records[index].fields[label]))
                for label in self.textual
            ]
        return found

    def is_open(self, form: Form) -> bool:
        """Whether a form that waits behind a button shows."""
        return any(found is form and key in self.opened for key, found in self.forms_here())

    def _edit_form(self, index: int) -> Form:
        record = self.records[index]
        widgets = [Widget("textbox", label, record.fields[label]) for label in self.textual]
        submit = self.forms[0].submit if self.forms else ""
        return Form(f"{self.edit_label} {record.name}", widgets, submit or "Save", "Saved")

    def _inline(self, label: str, value: str) -> Form:
        widget = Widget("textbox", label, value)
        return Form("", [widget], self.inline_save, "{e} updated", opener=f"{self.change_label} {label.lower()}")

    def _quantity(self, index: int) -> Form:
        name, label = self.records[index].name, self.quantity_label
        widget = Widget("spinbutton", label if self.brief else f"{label} of {name}", self.held[index])
        opener = f"{self.change_label} {label.lower()} of {name}" if self.quantity_as == "opener" else ""
        return Form("", [widget], self.inline_save, "Updated", opener=opener)

    # --- acting ---

    def go(self, place: Place) -> None:
        """Load a page: what was typed and the status line are gone."""
        self.place, self.pending, self.status, self.opened, self._page = place, {}, "", set(), None

    def hold(self, index: int, on: bool) -> None:
        """Put a record into the collection, or take it out."""
        if on:
            self.held.setdefault(index, "1")
        else:
            self.held.pop(index, None)
            self.on.discard((index, self.adds))
        if on and self.adds:
            self.on.add((index, self.adds))
        self._page = None

    def act(self, action: Action) -> None:
        """Carry out one action; what is not there becomes `error`."""
        now = self.page()
        self.error = ""
        self._page = None
        name = action.name
        if name == "back":
            self.go(Place("home"))
            return
        if name in ("scroll", "wait", "answer", "give_up"):
            return
        target = action.arguments.get("target", {})
        role, label = target.get("role", ""), target.get("name", "")
        handler = now.handlers.get((role, label.lower(), target.get("nth", 1)))
        if handler is None:
            near = [f'"{n}"' for r, n, _ in now.handlers if r == role][: self.rng.randint(1, 3)]
            hint = f"the nearest of its kind: {', '.join(near)}" if near else f"nor any other {role}"
            self.error = f'there is no {role} "{label}" on this page{"; " if near else ", "}{hint}'
            return
        handler(self, action)
        self._page = None


def amount(text: str) -> float:
    """What a numeric value is sorted by: its first number, or a day's digits."""
    if _DAY.match(text):
        return float(text.replace("-", ""))
    found = _AMOUNT.search(text)
    return float(found[0]) if found else 0.0
