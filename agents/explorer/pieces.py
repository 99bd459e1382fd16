"""Pieces of tasks: one thing to do on one page, with the lines that do it and the clause that asks for it."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from agents import speech
from agents.explorer import filling, lines, naming
from agents.explorer.clauses import Clause
from agents.explorer.effects import foil_of, form_clause, in_rows, opens_on, parse_target, radio_groups, sent_by_button
from agents.explorer.listings import counts, extremes, is_plural
from agents.explorer.manners import is_grave, leaves_session
from agents.explorer.pages import Form, Link, Page, renamed
from agents.explorer.sitemap import Effect, Filled, SiteMap
from agents.explorer.values import is_fillable
from core.actions import Target
from core.checks import fold

_MOST_FIELDS = 5
_LONGEST_ANSWER = 48
_LONGEST_SENTENCE = 79  # a view shows no more of a text
_SENTENCE = re.compile(r"\w+( \S+){3,}\.")
WITNESSED = ("toggle+open", "form+open")
_NO_NOUN = re.compile(
    r"(ed|ing|day)$|\b(by|for|from|to|at|on|in|until|since|with|as)$|^(in|on|is|has|can|last|next)\b|[^A-Za-z -]", re.I
)
_NOT_SAID = re.compile(r"^[\[(<].*[\])>]$|\b(ago|just now|today|yesterday)\b", re.I)  # hidden, or true for a moment
_REMOVING = re.compile(r"\W*(remove|delete|clear|drop|discard|x|\u00d7)\W*", re.I)
_TURNING = re.compile(r"^(next|previous|prev|back|older|newer|\d+)\b", re.I)
_SORTING = re.compile(r"\b(sort|order|arrange)", re.I)


@dataclass(frozen=True)
class Piece:
    """One thing to do. `lands` is the URL where it ends, empty for the page where it began.

    `entered` is what is put into a form that is sent by a button, by label.
    """

    kind: str
    lines: tuple[str, ...]
    clauses: tuple[Clause, ...]
    topic: str
    lands: str = ""
    wanted: tuple[str, ...] = ()
    answer: str = ""
    foils: tuple[tuple[str, ...], ...] = ()
    part: str = ""
    record: str = ""
    entered: tuple[tuple[str, str], ...] = ()


class Pieces:
    """The pieces that a map affords, by kind."""

    def __init__(self, site: SiteMap, rng: random.Random) -> None:
        self.site = site
        self.pages = list(site.pages.values())
        self._rng = rng
        self._names = site.names()
        self._ways: dict[str, dict[str, tuple[Link, ...]]] = {}
        self._by_template = site.templates()
        self._made: dict[tuple[str, bool], list[tuple[Page, Piece]]] = {}
        self._filters: list[tuple[Page, Page, Piece]] | None = None
        self._nouns = naming.nouns(self.pages)
        self._called = naming.called(self.pages)

    def of_kind(self, kind: str, *, filtered: bool = False) -> list[tuple[Page, Piece]]:
        """Every piece of a kind with the page it begins on; `filtered`: on the pages that filters led to."""
        key = (kind, filtered)
        if key not in self._made:
            if filtered and kind == "open":
                self._made[key] = [pair for _, after, _ in self.filters() for pair in self._results(after)]
            else:
                places = [after for _, after, _ in self.filters()] if filtered else self.pages
                self._made[key] = list(self._make(kind, places))
        return list(self._made[key])

    def _make(self, kind: str, places: Sequence[Page]) -> Iterator[tuple[Page, Piece]]:
        if kind == "search":
            yield from self._plain_searches()
            yield from (pair for page in self.pages for pair in self.searches_for(page, self._rng)[:2])
        elif kind == "filter":
            yield from ((before, piece) for before, _, piece in self.filters())
        elif kind in WITNESSED:
            yield from self._witnessed(kind)
        elif kind in ("form", "edit", "toggle", "disclose"):
            yield from self._effects(kind)
        else:
            make: Callable[[Page], Iterator[Piece]] = {
                "open": self._opens,
                "lookup": self.lookups,
                "compare": self.compares,
            }[kind]
            yield from ((page, piece) for page in places for piece in make(page))

    # Going somewhere.

    def clear_link(self, page: Page, url: str) -> Link | None:
        """A link of `page` to `url` whose name leads nowhere else."""
        link = page.link_to(url)
        if link is None or link.nth > 1 or not 2 <= len(link.name) <= 70 or leaves_session(link.name, url):
            return None
        return None if any(one.name == link.name and one.url != url for one in page.links) else link

    def ways(self, start: str) -> dict[str, tuple[Link, ...]]:
        """The shortest ways from a start page, by clear links only."""
        if start not in self._ways:
            found = self.site.paths(start)
            self._ways[start] = {
                url: way
                for url, way in found.items()
                if all(self._is_clear(way[:at], start, link) for at, link in enumerate(way))
            }
        return self._ways[start]

    def _is_clear(self, before: Sequence[Link], start: str, link: Link) -> bool:
        page = self.site.pages.get(before[-1].url if before else start)
        return page is not None and self.clear_link(page, link.url) == link

    def opening(self, link: Link, page: Page | None = None) -> Piece:
        return self.opening_way((link,), page)

    def opening_way(self, way: Sequence[Link], page: Page | None = None) -> Piece:
        """Following links one after another; a link that stays on its page's path is merely clicked."""
        slots = {"name": naming.bare(way[-1].name)}
        slots |= dict(zip(("via", "via2"), (naming.bare(link.name) for link in way[:-1]), strict=False))
        kind = "open" if len(way) == 1 else f"open{len(way)}"
        stays = page is not None and urlsplit(page.url).path == urlsplit(way[-1].url).path
        if len(way) == 1 and (stays or _TURNING.search(way[0].name)):
            kind = "follow"
        target = self.site.pages.get(way[-1].url)
        makes = target.template if target else way[-1].url
        return Piece(
            "open",
            tuple(lines.click(link.target) for link in way),
            (Clause(kind, slots),),
            f"open {len(way)} {makes}",
            lands=way[-1].url,
        )

    def _opens(self, page: Page) -> Iterator[Piece]:
        for url in dict.fromkeys(link.url for link in page.links):
            link = self.clear_link(page, url)
            if link is not None and url != page.url and not is_grave(link.name, url):
                yield self.opening(link, page)
        starts = page.url in self.site.start_urls
        if starts or self._rng.random() < 0.3:
            known = self.ways(page.url) if page.url in self.site.pages else {}
            yield from (self.opening_way(way) for way in known.values() if 2 <= len(way) <= 3)

    def _results(self, after: Page) -> Iterator[tuple[Page, Piece]]:
        """Opening what a filter left: the first record, or one by its name."""
        records = [entry.link for entry in after.entries if entry.link is not None]
        for at, link in enumerate(records):
            if self.clear_link(after, link.url) != link:
                continue
            piece = self.opening(link, after)
            topic = f"result {after.template}"
            yield after, replace(piece, topic=topic)
            if at == 0:
                yield after, replace(piece, topic=f"first {topic}", clauses=(Clause("open_first"),))

    # Searching.

    def searches_for(self, page: Page, rng: random.Random) -> list[tuple[Page, Piece]]:
        """Searches from pages with a search box that should find `page` by its name."""
        name = self._called.get(page.url, page.name)
        if self._names[page.name.casefold()] != 1 or not 3 <= len(name) <= 60:
            return []
        found = []
        for effect in self._of("search"):
            if self.site.shape(page.url) not in self._found_by(effect):
                continue
            boxes = [one for one in self.pages if any(lines.target_of(box) == effect.target for box in one.searches)]
            for where in rng.sample(boxes, min(2, len(boxes))):
                query = name if rng.random() < 0.5 else naming.part(name, rng)
                same = query == name
                clause = Clause("find_same", {"name": name}) if same else Clause("find", {"query": query, "name": name})
                steps = (*_searching(effect, query), lines.click(Target(role="link", name=name)))
                found.append((where, Piece("search", steps, (clause,), f"find {page.template}", lands=page.url)))
        return found

    def _found_by(self, effect: Effect) -> set[str]:
        """The shapes of the pages that a search gave."""
        return {self.site.shape(link.url) for link in effect.after.links if link.row}

    def _plain_searches(self) -> Iterator[tuple[Page, Piece]]:
        """Searches that are done when the results show."""
        for effect in self._of("search"):
            kinds = self._found_by(effect)
            headers = [
                entry.header
                for page in self.pages
                for entry in page.entries
                if entry.link is not None and self.site.shape(entry.link.url) in kinds
            ]
            words = sorted({naming.part(header, self._rng) for header in dict.fromkeys(headers)})
            self._rng.shuffle(words)
            boxes = [one for one in self.pages if any(lines.target_of(box) == effect.target for box in one.searches)]
            for word, where in zip(words, boxes * 3, strict=False):
                clause = Clause("search", {"query": word, "box": effect.target.name})
                yield where, Piece("search", _searching(effect, word), (clause,), f"search {effect.target}")

    # Looking things up.

    def lookups(self, page: Page) -> Iterator[Piece]:
        """What can be looked up on a page, whether the map knows it or not."""
        facts = [(page.name, term, value, "") for term, value in page.facts if self._names[page.name.casefold()] <= 2]
        headers = [entry.header.casefold() for entry in page.entries]
        for entry in page.entries:
            if headers.count(entry.header.casefold()) == 1 and entry.header:
                facts += [(entry.header, term, value, entry.table or "row") for term, value in entry.cells]
        columns: dict[str, set[str]] = {}
        for _, term, _, place in facts:
            columns.setdefault(place, set()).add(term)
        for record, term, value, place in facts:
            longest = _LONGEST_SENTENCE if _SENTENCE.fullmatch(value) else _LONGEST_ANSWER
            telling = 1 <= len(value) <= longest and 2 <= len(term) <= 30 and re.search(r"\w", value)
            if (
                telling
                and not _NOT_SAID.search(value)
                and record
                and len(record) <= 70
                and fold(value) not in (fold(record), fold(term))
            ):
                slots = {"term": term, "record": record, "value": value}
                slots |= self._own(page) if not place else {}
                slots |= _plain(term, columns[place])
                clause = Clause(_fact_kind(term, value), slots)
                topic = f"lookup {page.template} {place} {term}"
                yield Piece("lookup", (lines.answer(value),), (clause,), topic, answer=value)

    def compares(self, page: Page) -> Iterator[Piece]:
        """Questions about the records of a listing: which is first or last, and how many have a value."""
        columns = {column for entry in page.entries for column, _ in entry.cells}
        values: dict[str, set[str]] = {}
        for column, value in (cell for entry in page.entries for cell in entry.cells):
            values.setdefault(value, set()).add(column)
        noun = naming.noun_of(page)
        common = {"noun": noun} if noun else {}
        for kind, column, header in extremes(page.entries):
            named = f"{kind}_label" if _NO_NOUN.search(column) and kind in ("early", "late", "low", "high") else kind
            clause = Clause(named, {"column": column} | common | _plain(column, columns))
            yield Piece(
                "compare", (lines.answer(header),), (clause,), f"{kind} {page.template} {column}", answer=header
            )
        for column, value, number in counts(page.entries):
            if _NOT_SAID.search(value):
                continue
            shared = {"plain": "yes"} if values[value] != {column} else {}
            clause = Clause("count", {"column": column, "value": value} | common | shared)
            topic = f"count {page.template} {column}"
            yield Piece("compare", (lines.answer(str(number)),), (clause,), topic, answer=str(number))

    # Changing what is shown, and changing things.

    def filters(self) -> list[tuple[Page, Page, Piece]]:
        """(before, after, piece) of the filters that were tried."""
        if self._filters is None:
            self._filters = []
            for effect in self._of("filter"):
                before = self.site.pages.get(effect.url)
                if before is None:
                    continue
                choice = effect.filled[0].field
                kind = "tick" if not choice.options else "sort" if _SORTING.search(choice.name) else "filter"
                slots = {"control": choice.name, "option": effect.value}
                if len(effect.lines) > 1 and (sent := parse_target(effect.lines[-1])) is not None:
                    slots["submit"] = sent.name
                topic = f"filter {effect.template} {choice.name}"
                piece = Piece("filter", effect.lines, (Clause(kind, slots),), topic, lands=effect.after.url)
                self._filters.append((before, effect.after, piece))
        return self._filters

    def _effects(self, kind: str) -> Iterator[tuple[Page, Piece]]:
        hidden = {one.prefix for one in self.site.effects if one.prefix}
        for effect in self._of(kind):
            # To unfold a form is a step on the way to something, not something to do.
            if kind == "disclose" and (not effect.revealed or effect.lines in hidden):
                continue
            for page in self._by_template.get(effect.template, ()):
                yield from ((page, piece) for piece in self._of_effect(page, effect))

    def _witnessed(self, kind: str) -> Iterator[tuple[Page, Piece]]:
        """A change, and then opening a page whose link was changed by it: there it should show."""
        for effect in self._of(kind.split("+")[0]):
            before = {link.name for link in self.site.pages[effect.url].links}
            links = [link for link in effect.after.links if link.name not in before and not link.row]
            witnesses = [link for link in links if link.url in self.site.pages][:1]
            for page in self._by_template.get(effect.template, ()):
                for piece in self._of_effect(page, effect):
                    for link in witnesses:
                        yield (
                            page,
                            replace(
                                piece,
                                kind=kind,
                                lines=(*piece.lines, lines.click(link.target)),
                                clauses=(*piece.clauses, Clause("open", {"name": naming.bare(link.name)})),
                                topic=f"{piece.topic} {link.url}",
                                lands=link.url,
                            ),
                        )

    def _of_effect(self, page: Page, effect: Effect) -> Iterator[Piece]:
        return self._pressed(page, effect) if effect.kind in ("toggle", "disclose") else self._filled(page, effect)

    def _pressed(self, page: Page, effect: Effect) -> Iterator[Piece]:
        """The button of an effect, on this page: the same name, or the same with this record's name in it."""
        origin = self.site.pages[effect.url]
        was = effect.row or origin.name
        telling = [text for text in effect.revealed if was and fold(was) in fold(text)]
        same = [
            button
            for button in (*page.buttons, *page.choices)
            if bool(button.row) == bool(effect.row)
            and button.role == effect.target.role
            and button.name == renamed(effect.target.name, was, button.row or page.name)
        ]
        if not effect.row and len(same) > 1:
            return  # nobody could tell which of them is meant
        for button in same[:12]:
            record = button.row or page.name
            named = fold(record) in fold(button.name)
            others = [one for one in same if one.row != button.row]
            foil = (lines.click(lines.target_of(others[0])),) if button.row and others and not telling else ()
            telling_name = bool(button.row) or (self._names[record.casefold()] == 1 and self._rng.random() < 0.6)
            slots = {"button": button.name} | ({"record": record} if telling_name and not named else {})
            slots |= {"of": record} if named else self._own(page) if not button.row else {}
            if not button.row and _REMOVING.fullmatch(button.name):
                slots = {"button": button.name}  # takes something out, but hardly the record whose page this is
            press = "press_for" if "record" in slots else "press"
            yield Piece(
                effect.kind,
                (lines.click(lines.target_of(button)),),
                (Clause("disclose" if effect.kind == "disclose" else press, slots),),
                f"{effect.kind} {effect.template} {renamed(effect.target.name, was, '*')}",
                lands="" if effect.after.url == effect.url else effect.after.url,
                wanted=(record,) if telling and record else (),
                foils=(foil,) if foil else (),
                part=f"{button.name}#{button.nth}",
                record=record if telling else "",
            )

    def _filled(self, page: Page, effect: Effect) -> Iterator[Piece]:
        """The form of an effect, on this page, with values of its own."""
        if effect.row:
            for moved in in_rows(page, effect):
                fields = {one.field.name: one for one in moved.filled}
                for _ in range(2):
                    piece = self._filling(page, moved, None, fields)
                    if piece is not None:
                        yield piece
            return
        fields = {one.field.name: one for one in effect.filled}
        # The options of radio buttons differ from record to record, as colours do.
        named = {name for name, one in fields.items() if one.field.role != "radio"}
        groups = radio_groups(effect)
        form = next(
            (
                form
                for form in page.forms
                if named <= {field.name for field in form.fields} and groups <= {field.group for field in form.fields}
            ),
            None,
        )
        if form is None and not opens_on(page, effect):
            return
        for _ in range(3 if effect.kind == "form" else 2 * max(1, len(form.fields) if form else 1)):
            piece = self._filling(page, effect, form, fields)
            if piece is not None:
                yield piece

    def _filling(self, page: Page, effect: Effect, form: Form | None, fields: dict[str, Filled]) -> Piece | None:
        rng = self._rng
        present = list(form.fields) if form else [one.field for one in effect.filled]
        # Neither what the site did not take nor labels that several fields have: nobody could tell which is meant.
        labels = Counter(one.name for one in present if one.role != "radio")
        present = [one for one in present if one.name not in effect.refused and labels[one.name] < 2]
        # A combobox tells its options only when it is opened, as it was when it was tried.
        known = effect.options | {name: one.field.options for name, one in fields.items()}
        present = [
            one if one.options or not known.get(one.name) else one.model_copy(update={"options": known[one.name]})
            for one in present
        ]
        radios = radio_groups(effect)
        if effect.kind == "edit" and not sent_by_button(effect):
            chosen = [field for field in present if field.name in fields]
        elif effect.kind == "edit":
            free = [
                field
                for field in present
                if not filling.is_closed(field) and (is_fillable(field) or filling.real_options(field))
            ]
            chosen = rng.sample(free, min(len(free), rng.choice((1, 1, 1, 2))))
            needed = [*filling.required(present), *filling.empty(field for field in present if field.name in fields)]
            chosen += [field for field in dict.fromkeys(needed) if field not in chosen]
        else:
            chosen = [
                field for field in present if field.name in fields or (field.role == "radio" and field.group in radios)
            ]
            extra = [field for field in present if field.name not in fields and field.role != "radio"]
            if extra and rng.random() < 0.35:
                chosen.append(rng.choice(extra))
        filled = filling.fill(chosen, rng)
        if not filled or len(filled) > _MOST_FIELDS:
            return None
        steps = [filling.line(one) for one in filled]
        send = [lines.click(effect.target)] if sent_by_button(effect) else []
        opened = next((one for one in self._of("disclose") if one.lines == effect.prefix), None)
        # What a form is hidden behind is told or left to be found.
        tell = opened is not None and rng.random() < 0.4
        leading = (Clause("disclose", {"button": opened.target.name}),) if opened and tell else ()
        choice = next((one for one in filled if one.value.isdigit() or len(filling.real_options(one.field)) > 1), None)
        shown = {name for name, one in fields.items() if one.shown}
        wanted = [
            one for one in filled if one.value != "checked" and (one.field.name in shown or effect.kind == "edit")
        ]
        origin = self.site.pages[effect.url].name or "?"
        own = {} if effect.row else self._own(page) | {"owner": page.name}
        own |= {"opener": opened.target.name} if opened and not tell else {}
        foils: tuple[tuple[str, ...], ...] = ()
        if choice:
            foils = (foil_of(effect, filled, choice, send),)
        elif send and not wanted:
            foils = ((*effect.prefix, *send),)
        return Piece(
            effect.kind,
            (*effect.prefix, *steps, *send),
            (*leading, form_clause(effect, filled, own, sent=bool(send))),
            renamed(f"{effect.kind} {effect.template} {effect.target} {filled[0].field.name}", effect.row, "*"),
            lands="" if effect.after.url == effect.url else effect.after.url,
            wanted=tuple(one.value for one in wanted),
            foils=foils,
            part=f"{effect.target} {filled[0].field.name}",
            entered=tuple((one.field.name, one.value) for one in filled) if send else (),
            record=page.name if any(fold(origin) in fold(text) for text in effect.revealed) else "",
        )

    def _own(self, page: Page) -> dict[str, str]:
        """The slots for a page that is one record's among several of its make, so that "this" means the record."""
        if len(self._by_template.get(page.template, ())) < 2:
            return {}
        noun = self._nouns.get(page.url, "")
        return {"here": ""} | ({"noun": noun} if noun else {})

    def _of(self, kind: str) -> list[Effect]:
        return [effect for effect in self.site.effects if effect.kind == kind]


def _plain(term: str, others: Iterable[str]) -> dict[str, str]:
    """The slot that keeps to labels where another fact of the same record means the same."""
    return {"plain": "yes"} if any(one != term and speech.alike(one, term) for one in others) else {}


def _fact_kind(term: str, value: str) -> str:
    """Whether one asks what it means, what it is, what they are, how many there are, or merely what stands there."""
    if _SENTENCE.fullmatch(value):
        return "meaning"
    if _NO_NOUN.search(term):
        return "label"
    if not is_plural(term):
        return "fact"
    return "number" if re.fullmatch(r"[\d,]+", value) else "facts"


def _searching(effect: Effect, query: str) -> tuple[str, ...]:
    """The lines of a search that worked, with another query."""
    return (
        lines.type_text(effect.target, query, enter=effect.lines[0].endswith(" enter")),
        *effect.lines[1:],
    )
