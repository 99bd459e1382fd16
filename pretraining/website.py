"""A made-up website: random records, pages, labels and widgets, simulated without a browser.

Pages are real `core.types.Observation`s, rendered by the same code as a browser's, so the policy
reads here what it will read there. Only what the policy can see is simulated; a site is a small
state machine over pages, widget values, switches and a status line.
"""

from __future__ import annotations

from random import Random

from core.types import Action, Observation
from pretraining import lexicon, page
from pretraining.records import Form, Place, Record, Widget


class Website:
    """A random site and the state of one visit; `scale` in (0, 1] limits how much there is on a page."""

    def __init__(self, rng: Random, *, scale: float = 1.0, pseudo: float = 0.6) -> None:
        self.rng = rng
        self.pseudo = pseudo
        noun = lexicon.word(rng, 0.4)
        self.noun, self.nouns = noun, lexicon.plural(noun)
        self.title = lexicon.name(rng, 0.8, 2)
        count = rng.randint(3, max(4, int(18 * scale)))
        self.per_page = rng.randint(3, max(3, int(10 * scale)))
        self.numeric = self._labels(lexicon.NUMERIC, rng.randint(1, 2))
        self.textual = self._labels(lexicon.TEXTUAL, rng.randint(1, max(2, int(7 * scale))))
        shapes = {label: rng.randrange(4) for label in self.numeric}
        self.categories = self._distinct(rng.randint(2, max(2, int(9 * scale))))
        pools = {label: [lexicon.value(rng, pseudo) for _ in range(rng.choice((3, 30)))] for label in self.textual}
        self.records = []
        for title in self._distinct(count, 3):
            fields = {label: lexicon.number(rng, shapes[label]) for label in self.numeric}
            fields |= {label: rng.choice(pools[label]) for label in self.textual}
            self.records.append(Record(title, rng.choice(self.categories), fields))
        labels = list(self.numeric + self.textual)
        rng.shuffle(labels)
        self.columns = labels[: rng.randint(0, min(3, len(labels)))]
        self.facts_as = rng.choice(("definition", "definition", "text", "cell"))
        self.list_as = rng.choice(("table", "cards", "links"))
        self.listing_label = self._word(lexicon.LISTING)
        self.infos = self._labels(lexicon.INFO, rng.randint(0, max(1, int(3 * scale))))
        toggles = rng.sample(lexicon.TOGGLES, rng.randint(0, 2))
        self.toggles = [self._maybe_odd(pair) for pair in toggles]
        self.edit_label = self._word(lexicon.EDIT) if rng.random() < 0.5 else ""
        self.search_label = self._word(lexicon.SEARCH)
        self.search_button = rng.choice(("", self.search_label, "Search", "Go", lexicon.name(rng, 0.5, 1)))
        taken = {title.lower() for title in (self.title, self.listing_label, *self.infos, *self.categories)}
        self.forms: list[Form] = []
        for _ in range(rng.randint(0, max(1, int(3 * scale)))):
            form = self._form(self._word(lexicon.FORMS), scale)
            if form.title.lower() not in taken:
                taken.add(form.title.lower())
                self.forms.append(form)
        self.info_facts = [
            {label: lexicon.value(rng, pseudo) for label in self._labels(lexicon.TEXTUAL, rng.randint(1, 4))}
            for _ in self.infos
        ]
        self.search_role = rng.choice(("searchbox", "textbox", "searchbox", "combobox"))
        self.search_at = rng.choice(("header", "header", "header", "list", "none"))
        self.filter_label = self._word(lexicon.FILTER)
        self.filter_as = rng.choice(("select", "links", "none"))
        self.sort_label = self._word(lexicon.SORT)
        self.sorts = self._sorts() if rng.random() < 0.6 else {}
        self.apply_label = self._word(lexicon.APPLY) if rng.random() < 0.5 else ""
        self.next_label, self.previous_label = self._word(lexicon.NEXT), self._word(lexicon.PREVIOUS)
        self.brief = rng.random() < 0.5
        self.detail_form = self._form("", scale * 0.6) if rng.random() < 0.5 else None
        self.list_toggle = rng.random() < 0.4
        self.list_form = self._form("", 0.8 * scale) if rng.random() < 0.5 * scale else None
        # A status line is not always about what was just done.
        self.counts_as = rng.choice(("text", "status", "status", ""))
        self.standing = self._sentence()[:-1] if rng.random() < 0.25 else ""
        # What else a row, a page and the frame around it hold: things to be read past.
        tags = [self._sentence()[:-1].split(" ")[0] + f" {rng.randint(1, 99)}" for _ in range(3)]
        self.row_texts = [rng.sample(tags, rng.randint(0, min(2, int(2.5 * scale)))) for _ in self.records]
        verb = rng.choice(
            ("Preview", "Quick look at", "Details of", "Remove", "Share", lexicon.word(rng, 0.5).capitalize())
        )
        self.row_button = verb if rng.random() < 0.3 * scale else ""
        self.sections = [lexicon.name(rng, 0.4, 2) for _ in range(rng.randint(0, int(3 * scale)))]
        aside = self._form(self._word(lexicon.FORMS), 0.2)
        aside.submit = f"{aside.submit} {lexicon.word(rng)}"
        self.aside = aside if rng.random() < 0.35 * scale else None
        self.on: set[tuple[int, str]] = set()
        self.place = Place("home")
        self.pending: dict[str, str] = {}
        self.status = ""
        self.dialog = False
        self.error = ""
        self.chosen = 0
        self.submitted: dict[str, dict[str, str]] = {}
        self.noise = [self._sentence() for _ in range(rng.randint(0, int(3 * scale)))]
        self.extra = [lexicon.name(rng, 0.5, 2) for _ in range(rng.randint(0, int(5 * scale)))]

    # --- making ---

    def _word(self, patterns: list[str]) -> str:
        """A label: mostly a usual one, sometimes an invented one, so that labels are read and not known."""
        if self.rng.random() < 0.55:
            return lexicon.name(self.rng, 0.4, 2)
        made = self.rng.choice(patterns).format(n=self.noun, ns=self.nouns, f="{f}", e="{e}")
        return made[:1].upper() + made[1:]

    def _labels(self, usual: list[str], count: int) -> tuple[str, ...]:
        picked = self.rng.sample(usual, count)
        return tuple(dict.fromkeys(
            lexicon.name(self.rng, 0.4, 2) if self.rng.random() < 0.6
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
        if self.rng.random() < 0.5:
            verb = lexicon.word(self.rng, 0.4).capitalize()
            return (f"{verb} this", f"{verb} done")
        return pair

    def _sorts(self) -> dict[str, tuple[str, bool]]:
        """Option → (field, descending)."""
        options: dict[str, tuple[str, bool]] = (
            {"Name": ("", False)} if self.rng.random() < 0.7 else {"Default": ("*", False)}
        )
        for label in self.numeric:
            style = self.rng.randrange(3)
            low, high = [
                ("{f}: low to high", "{f}: high to low"),
                ("Lowest {g}", "Highest {g}"),
                ("{f} ascending", "{f} descending"),
            ][style]
            options[low.format(f=label, g=label.lower())] = (label, False)
            options[high.format(f=label, g=label.lower())] = (label, True)
        return options

    def _form(self, title: str, scale: float) -> Form:
        rng = self.rng
        widgets: list[Widget] = []
        labels = self._distinct_labels(rng.randint(1, max(2, int(5 * scale))))
        for label in labels:
            role = rng.choice(
                ("textbox", "textbox", "textbox", "combobox", "combobox", "checkbox", "radio", "spinbutton")
            )
            options: tuple[str, ...] = ()
            start = ""
            if role in ("combobox", "radio"):
                options = tuple(self._distinct(rng.randint(2, 5)))
                start = rng.choice(options) if rng.random() < 0.7 else ""
            elif role == "spinbutton":
                start = str(rng.randint(0, 3)) if rng.random() < 0.6 else ""
            elif role == "textbox" and rng.random() < 0.25:
                start = lexicon.value(rng, self.pseudo)
            widgets.append(Widget(role, label, start, options))
        return Form(
            title,
            widgets,
            self._submit_label(),
            self._word(lexicon.SAVED),
            self._sentence() if rng.random() < 0.3 else "",
        )

    def _submit_label(self) -> str:
        """A label that no other button of the page has."""
        others = {label.lower() for pair in self.toggles for label in pair}
        others |= {self.search_button.lower(), self.edit_label.lower()}
        while (label := self._word(lexicon.SUBMIT)).lower() in others:
            pass
        return label

    def _distinct_labels(self, count: int) -> list[str]:
        made: dict[str, None] = {}
        usual = [*lexicon.TEXTUAL, *lexicon.ENTRIES]
        while len(made) < count:
            made.setdefault(self.rng.choice(usual) if self.rng.random() < 0.35 else lexicon.name(self.rng, 0.3, 2))
        return list(made)

    def _sentence(self) -> str:
        return " ".join(lexicon.word(self.rng, 0.2) for _ in range(self.rng.randint(3, 8))).capitalize() + "."

    # --- seeing ---

    def observe(self) -> Observation:
        """The current page."""
        return page.observation(self)

    def listed(self) -> list[int]:
        """Indices of the records that the current listing holds, all pages, in order."""
        place = self.place
        picked = [
            i for i, r in enumerate(self.records)
            if (not place.query or set(place.query.lower().split()) & set(r.name.lower().split()))
            and (not place.category or r.category == place.category)
        ]  # fmt: skip
        if place.query:
            wanted = set(place.query.lower().split())
            picked.sort(key=lambda i: -len(wanted & set(self.records[i].name.lower().split())))
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

    def form_here(self) -> Form | None:
        """The form that is open on this page."""
        if self.place.kind == "form":
            return self.forms[self.place.index]
        if self.place.kind == "edit" or (self.place.kind == "detail" and self.dialog):
            return self.edit_form(self.place.index)
        return {"detail": self.detail_form, "list": self.list_form}.get(self.place.kind)

    def edit_form(self, index: int) -> Form:
        """The form that changes a record's own textual fields."""
        record = self.records[index]
        widgets = [Widget("textbox", label, record.fields[label]) for label in self.textual]
        return Form(
            f"{self.edit_label} {record.name}", widgets, self.forms[0].submit if self.forms else "Save", "Saved"
        )

    # --- acting ---

    def go(self, place: Place) -> None:
        """Load a page: what was typed and the status line are gone."""
        self.place, self.pending, self.status, self.dialog = place, {}, "", False

    def act(self, action: Action) -> None:
        """Carry out one action; what is not there becomes `error`."""
        self.error = ""
        name = action.name
        if name == "back":
            self.go(Place("home"))
            return
        if name in ("scroll", "wait", "answer", "give_up"):
            return
        target = action.arguments.get("target", {})
        role, label = target.get("role", ""), target.get("name", "")
        handler = page.handlers(self).get((role, label.lower(), target.get("nth", 1)))
        if handler is None:
            near = [f'"{n}"' for r, n, _ in page.handlers(self) if r == role][: self.rng.randint(1, 3)]
            hint = f"the nearest of its kind: {', '.join(near)}" if near else f"nor any other {role}"
            self.error = f'there is no {role} "{label}" on this page{"; " if near else ", "}{hint}'
            return
        handler(self, action)


def amount(text: str) -> float:
    """The number in a numeric value."""
    digits = "".join(c for c in text if c.isdigit() or c == ".")
    return float(digits or 0)
