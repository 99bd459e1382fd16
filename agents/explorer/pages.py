"""A page as the explorer understands it: its name, template, links, facts, records, forms and controls."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from urllib.parse import parse_qsl, urlsplit

from agents.explorer.manners import canonical
from agents.explorer.values import is_fillable
from core.actions import Target
from core.types import Element, Observation, Record

_MONEY = re.compile(r"[$€£¥]\s?\d[\d,]*(\.\d+)?|\d[\d,]*(\.\d+)?\s?(€|USD|EUR|GBP)")
_LABELLED = re.compile(r"([A-Z][\w /-]{1,28}):\s+(\S.{0,59})")
_NUMBERED = re.compile(r"([A-Za-z]+)\d+")  # as in /issue39
_SEARCH = re.compile(r"\b(search|find|look\s?up|query)\b", re.I)
_SUBMIT = re.compile(
    r"\b(save|submit|send|create|add|post|update|apply|go|search|continue|next|confirm|place|register|publish|reply|show|find|see|view|"
    r"assign|set|change|ok|done|preview|filter|book|sign up|subscribe)\b",
    re.I,
)
_MEANINGLESS = frozenset({"", "value", "values", "detail", "details", "information"})  # headings of a column
_ABANDON = re.compile(r"\b(cancel|close|reset|clear|dismiss|discard|delete|remove)\b|^(go )?back\b", re.I)


class Link(Record):
    """A link: its name as the action grammar names it, and where it leads (absolute, without fragment)."""

    name: str
    nth: int = 1
    url: str
    row: str = ""

    @property
    def target(self) -> Target:
        return Target(role="link", name=self.name, nth=self.nth)


class Entry(Record):
    """A record of a listing: a table row or a card. `cells` are (column, value) in page order."""

    header: str
    table: str = ""
    cells: tuple[tuple[str, str], ...] = ()
    link: Link | None = None


class Form(Record):
    """Fields that are sent together, in page order, and the button that sends them."""

    group: str
    fields: tuple[Element, ...]
    submit: Element | None = None

    @property
    def key(self) -> str:
        return "|".join([self.group, *(f"{field.role}:{field.name}" for field in self.fields)])


class Page(Record):
    """What one observation shows. `text` is the whole visible text; `facts` are (term, value)."""

    url: str
    title: str = ""
    name: str = ""
    template: str = ""
    text: str = ""
    links: tuple[Link, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    entries: tuple[Entry, ...] = ()
    forms: tuple[Form, ...] = ()
    searches: tuple[Element, ...] = ()
    choices: tuple[Element, ...] = ()
    buttons: tuple[Element, ...] = ()

    def link_to(self, url: str) -> Link | None:
        """The clearest link to a URL: outside of rows first, the first of its name, the longest name."""
        found = [link for link in self.links if link.url == url and link.name]
        return min(found, key=lambda link: (link.nth, bool(link.row), -len(link.name)), default=None)


def read(observation: Observation, crowded: frozenset[str] = frozenset()) -> Page:
    """The page of an observation; `crowded` as in `shape`."""
    elements = [
        element.model_copy(update={"bounds": None})
        for element in observation.elements
        if not {"hidden", "disabled"} & set(element.states)
    ]
    properties, units = _told_apart(_units(elements))
    forms = tuple(_forms(elements))
    in_forms = {field.id for form in forms for field in form.fields}
    return Page(
        url=observation.url,
        title=observation.title,
        name=_name(observation, elements),
        template=template(observation.url, elements, crowded),
        text=observation.text,
        links=tuple(_links(observation.url, elements)),
        facts=tuple(_facts(elements, properties)),
        entries=tuple(entry for unit in units if (entry := _entry(observation.url, unit)) is not None),
        forms=forms,
        searches=tuple(element for element in elements if is_search(element)),
        choices=tuple(
            element
            for element in elements
            if (element.options and not element.row)
            or (element.role in ("checkbox", "switch", "radio") and element.id not in in_forms)
        ),
        buttons=tuple(element for element in elements if element.role in _PRESSABLE and element.name),
    )


_PRESSABLE = frozenset({"button", "switch", "tab", "menuitem", "menuitemcheckbox", "summary"})


def template(url: str, elements: Sequence[Element], crowded: frozenset[str] = frozenset()) -> str:
    """A key that pages of the same make share: the URL's shape and a digest of the controls on the page."""
    signature = sorted(
        {
            f"{element.role}:{element.name if element.role in ('textbox', 'combobox', 'searchbox') else ''}"
            for element in elements
            if element.interactive and element.role != "link" and not element.row
        }
    )
    return f"{shape(url, crowded)} {zlib.crc32('|'.join(signature).encode()):08x}"


def shape(url: str, crowded: frozenset[str] = frozenset()) -> str:
    """The URL's path with the parts that name a record replaced by `*`, and the name of its first parameter.

    Parameters that only arrange a listing do not count.

    `crowded` are paths (`/shops`) below which many names have been seen, so that any name there is a record's.
    """
    parts = urlsplit(url)
    general: list[str] = []
    for segment in _segments(url):
        below = "/" + "/".join(general)
        named = any(c.isdigit() for c in segment) or re.search(r"[-_]", segment) or len(segment) > 16
        kind = _NUMBERED.fullmatch(segment)
        if below in crowded or (named and general):
            general.append("*")
        else:
            general.append(f"{kind[1]}*" if kind else segment)
    names = [name for name, value in parse_qsl(parts.query) if value and name.casefold() not in _ARRANGING]
    return "/" + "/".join(general) + (f"?{names[0]}" if names else "")


def parent(url: str) -> tuple[str, str]:
    """The path above a page, in the form that `shape` compares, and the page's own name in it."""
    *above, name = _segments(url) or [""]
    return "/" + "/".join(above), name


def _segments(url: str) -> list[str]:
    return [segment for segment in urlsplit(url).path.split("/") if segment]


def is_search(element: Element) -> bool:
    """Whether a field is a search box."""
    return (
        is_fillable(element)
        and not element.row
        and (
            element.role == "searchbox"
            or element.input_type == "search"
            or (element.role in ("textbox", "combobox") and not element.options and bool(_SEARCH.search(element.name)))
        )
    )


def _name(observation: Observation, elements: Iterable[Element]) -> str:
    headings = [element for element in elements if element.role == "heading" and element.name and not element.row]
    best = min(headings, key=lambda element: element.level or 9, default=None)
    if best is not None:
        return best.name
    return re.split(r"\s+[|·\u2013\u2014-]\s+", observation.title)[0].strip()


def _links(url: str, elements: Iterable[Element]) -> Iterable[Link]:
    for element in elements:
        if element.role == "link" and element.href and element.name and "covered" not in element.states:
            yield Link(name=element.name, nth=element.nth, url=canonical(url, element.href), row=element.row)


def _told_apart(units: Iterable[list[Element]]) -> tuple[list[tuple[str, str]], list[list[Element]]]:
    """Rows that say something about the page itself, as (term, value), and rows that are records.

    The former have one cell, under a column that means nothing: "Value", "Details" or no heading at all.
    """
    properties, records = [], []
    for unit in units:
        cells = [element for element in unit if element.role == "cell" and element.name != element.row]
        plain = len(cells) == 1 and cells[0].column.strip().casefold() in _MEANINGLESS
        if plain and not any(element.interactive for element in unit):
            properties.append((cells[0].row.strip(" :"), cells[0].name))
        else:
            records.append(unit)
    return properties, records


def _facts(elements: Sequence[Element], properties: Sequence[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    """Terms that occur once on the page, with their values."""
    found = list(properties)
    for element in elements:
        if element.row:
            continue
        if element.role == "definition" and element.name and element.value:
            found.append((element.name.strip(" :"), element.value.strip()))
        elif element.role in ("text", "definition") and (labelled := _LABELLED.fullmatch(element.name)):
            found.append((labelled[1].strip(), labelled[2].strip()))
    terms = Counter(term.casefold() for term, _ in found)
    return [(term, value) for term, value in found if terms[term.casefold()] == 1]


def _units(elements: Iterable[Element]) -> Iterable[list[Element]]:
    """Runs of neighbouring elements of the same table row or card."""
    unit: list[Element] = []
    for element in elements:
        if unit and element.row and (element.row, element.row_index) == (unit[0].row, unit[0].row_index):
            unit.append(element)
            continue
        if unit:
            yield unit
        unit = [element] if element.row else []
    if unit:
        yield unit


def _entry(url: str, unit: Sequence[Element]) -> Entry | None:
    header = unit[0].row
    cells: dict[str, str] = {}
    for element in unit:
        if element.interactive or "columnheader" in element.role:
            continue
        column, value = _cell(element)
        if column and value and value != header:
            cells.setdefault(column, value)
    links = list(_links(url, unit))
    main = [link for link in links if _same(link.name, header)] or links[:1]
    if not cells and not main:
        return None
    return Entry(header=header, table=unit[0].table, cells=tuple(cells.items()), link=main[0] if main else None)


def _cell(element: Element) -> tuple[str, str]:
    if element.role == "definition" and element.value:
        return element.name.strip(" :"), element.value
    if element.column:
        return element.column, element.name or element.value
    if labelled := _LABELLED.fullmatch(element.name):
        return labelled[1], labelled[2]
    if _MONEY.fullmatch(element.name):
        return "price", element.name
    return "", ""


def _same(one: str, other: str) -> bool:
    one, other = one.casefold(), other.casefold()
    return one == other or (len(one) > 3 and one in other) or (len(other) > 3 and other in one)


def _forms(elements: Sequence[Element]) -> Iterable[Form]:
    """Fields in page order up to the button that sends them; a change of group with no button between joins on.

    Fields of different forms of the document never join.
    """
    fields: list[Element] = []
    for element in elements:
        if is_search(element):
            continue
        field = element.role in _FIELDS and element.name and not element.row
        if field and fields and element.form != fields[-1].form:
            yield Form(group=fields[0].group, fields=tuple(fields))
            fields = []
        if field:
            fields.append(element)
        elif element.role == "button" and fields and not element.row and _sends(element, fields[-1]):
            # Radio buttons stand in a group of their own, which is named by what they choose.
            same = any(field.group == element.group for field in fields)
            mine = [field for field in fields if not same or field.group == element.group or field.role == "radio"]
            yield Form(group=element.group or fields[0].group, fields=tuple(mine), submit=element)
            fields = []
    if fields:
        yield Form(group=fields[0].group, fields=tuple(fields))


def row_forms(before: Observation, after: Observation, row: str) -> list[Form]:
    """The forms that appeared in one record of a listing, as when its name is edited in place."""
    old = {(element.role, element.name) for element in before.elements if element.row == row}
    mine = [element for element in after.elements if row and element.row == row and element.name]
    new = [one for one in mine if (one.role, one.name) not in old and not {"hidden", "disabled"} & set(one.states)]
    return list(_forms([element.model_copy(update={"row": "", "bounds": None}) for element in new]))


def _sends(button: Element, last: Element) -> bool:
    """Whether a button sends the fields before it: as their form's, by its name, or as what closes their group."""
    if button.form != last.form:
        return False
    submits = bool(button.form) and button.input_type == "submit"
    closes = bool(button.group) and button.group == last.group
    return (submits or closes or bool(_SUBMIT.search(button.name))) and not _ABANDON.search(button.name)


_ARRANGING = frozenset({"page", "p", "offset", "start", "sort", "order", "dir", "direction", "per_page", "view"})
_FIELDS = frozenset({"textbox", "combobox", "listbox", "checkbox", "radio", "switch", "spinbutton", "searchbox"})


def renamed(name: str, was: str, now: str) -> str:
    """A control's name with one record's name in it replaced by another's."""
    return re.sub(re.escape(was), lambda _: now, name, flags=re.I) if len(was) > 2 else name
