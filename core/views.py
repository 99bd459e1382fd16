"""How an observation is put into words for a text policy, pruned to a budget by relevance to the instruction.

Each element is a line `role "name" #n = "value" states of "option" | "option"`. Cells and controls of
a table row, or of an item in a list of cards, follow their `row "header"` line. Names are quoted just
as the action grammar quotes them, so that a target is a literal copy of what was shown.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from core.actions import INNER, quote, quoted, source, unquote
from core.types import Element, Observation, Record

_WORD = re.compile(r"[a-z]+|\d+", re.IGNORECASE)
_COST = re.compile(r"[A-Za-z]{1,5}|\d|[^\sA-Za-z\d]")
_LINE = re.compile(
    rf'(?P<role>[a-z_]+) "(?P<name>{INNER})"(?: #(?P<nth>\d+))?(?: = "(?P<value>{INNER})")?'
    r'(?: [a-z]+)*(?: of (?P<options>".*"))?'
)
_SHOWN_STATES = ("checked", "pressed", "selected", "disabled", "expanded", "required", "invalid")
_CONTROLS = frozenset(
    {"textbox", "searchbox", "combobox", "listbox", "checkbox", "radio", "switch", "spinbutton", "slider"}
)
_ALWAYS = frozenset({"alert", "status", "dialog"})
_QUESTION = re.compile(r"\b(?:wh(?:at|ich|o|om|ose|en|ere)|how|name|tell|count|number)\b|\?", re.IGNORECASE)
_LONGEST_NAME = 80
_MOST_OPTIONS = 8


def render(observation: Observation, *, instruction: str = "", budget: int | None = None, ids: bool = False) -> str:
    """The observation as text of about `budget` tokens at most (None: all of it), document order kept.

    `ids` puts `[e12]` before each element, for policies that name targets by id.
    """
    units = list(_units(observation.elements))
    if budget is not None:
        units = _prune(units, instruction, budget)
    wanted = words(instruction)
    lines = [f"page {quote(observation.title[:_LONGEST_NAME])}"]
    if len(observation.tabs) > 1:
        lines.append(f"tabs {len(observation.tabs)} active {observation.active_tab + 1}")
    for unit in units:
        lines.extend(_lines(unit, wanted, ids))
    return "\n".join(lines)


class Shown(Record):
    """An element as a view shows it."""

    role: str
    name: str
    nth: int = 1
    value: str = ""
    options: tuple[str, ...] = ()


def shown(text: str) -> Iterator[Shown]:
    """The elements in a text that `render` wrote, in order; cells have their column's name. Other lines are skipped."""
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        if found is not None:
            yield Shown(
                role=found["role"],
                name=unquote(found["name"]),
                nth=int(found["nth"] or 1),
                value=unquote(found["value"] or ""),
                options=tuple(quoted(found["options"] or "")),
            )


def sources(elements: Iterable[Shown]) -> Iterator[tuple[str, str]]:
    """What an answer may cite: its source on the page (`core.actions`) and the text it stands for, in order.

    Running text and messages are left out: they are seldom an answer as a whole.
    """
    row: str | None = None
    for one in elements:
        if one.role == "row":
            row = one.name
            yield source("row", row), row
        elif one.role == "text" and row is not None:
            yield source("text", one.name, row=row), one.name
        elif one.value and one.role == "cell":
            yield source("cell", one.name, one.value, row), one.value
        elif one.value:
            yield source(one.role, one.name, one.value), one.value
        elif one.role == "heading":
            row = None
            yield source(one.role, one.name), one.name
        elif one.role == "link" and one.name != row:
            yield source(one.role, one.name), one.name


def words(text: str) -> set[str]:
    """The words of a text for matching: lower case, plurals folded."""
    return {_stem(word) for word in _WORD.findall(text)}


def _stem(word: str) -> str:
    word = word.lower()
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


# Words of an instruction that say nothing about what to look at.
_EMPTY = words(
    "a an and any are as at be by can do does for from give go has have here how i in into is it its me my need of on "
    "one open or out page please show tell that the then there this to under up use was what when which will with you "
    "your find press click"
)


def _units(elements: Sequence[Element]) -> Iterable[list[Element]]:
    """Elements that are shown or dropped together: a table row or card, or a single element."""
    row: list[Element] = []
    for element in elements:
        if "hidden" in element.states:
            continue
        if row and element.row and (element.row, element.row_index) == (row[0].row, row[0].row_index):
            row.append(element)
            continue
        if row:
            yield row
            row = []
        if element.row:
            row = [element]
        else:
            yield [element]
    if row:
        yield row


def _lines(unit: list[Element], wanted: set[str], ids: bool) -> Iterable[str]:
    if unit[0].row:
        yield f"row {quote(unit[0].row[:_LONGEST_NAME])}"
    for element in unit:
        if not element.interactive and element.row and element.name == element.row and not element.value:
            continue
        yield _line(element, wanted, ids)


def _line(element: Element, wanted: set[str], ids: bool) -> str:
    if element.role == "cell":
        return f"cell {quote(element.column[:_LONGEST_NAME])} = {quote(element.name[:_LONGEST_NAME])}"
    line = f"{element.role} {quote(element.name[:_LONGEST_NAME])}"
    if ids and element.interactive:
        line = f"[{element.id}] {line}"
    if element.nth > 1 and element.interactive:
        line += f" #{element.nth}"
    if element.value:
        line += f" = {quote(element.value[:_LONGEST_NAME])}"
    states = [state for state in _SHOWN_STATES if state in element.states]
    if states:
        line += " " + " ".join(states)
    options = _options(element, wanted)
    if options:
        line += " of " + " | ".join(quote(option[:_LONGEST_NAME]) for option in options)
    return line


def _options(element: Element, wanted: set[str]) -> tuple[str, ...]:
    """The options worth showing: all when few, otherwise those the instruction speaks of first."""
    if len(element.options) <= _MOST_OPTIONS:
        return element.options
    ranked = sorted(element.options, key=lambda option: -len(words(option) & wanted))
    kept = set(ranked[:_MOST_OPTIONS])
    return tuple(option for option in element.options if option in kept)[:_MOST_OPTIONS]


def _prune(units: list[list[Element]], instruction: str, budget: int) -> list[list[Element]]:
    """Keep the most relevant units within the budget: rare shared words, then controls, then the page's top.

    Who is asked a question reads before acting, so rows come before controls then.
    """
    wanted = words(instruction) - _EMPTY
    asks = _QUESTION.search(instruction) is not None
    texts = [words(" ".join(_texts(unit))) for unit in units]
    frequency = Counter(word for text in texts for word in text & wanted)
    scores = []
    for index, (unit, text) in enumerate(zip(units, texts, strict=True)):
        score = sum(1.0 / frequency[word] ** 0.5 for word in text & wanted) / (1 + 0.02 * len(text))
        roles = {element.role for element in unit}
        if roles & _ALWAYS:
            score += 5.0
        elif roles & _CONTROLS and not unit[0].row:
            score += 0.5 if asks else 0.8
        elif unit[0].row and asks:
            score += 0.6
        elif roles & _CONTROLS:
            score += 0.2
        elif "button" in roles:
            score += 0.5 if not unit[0].row else 0.1
        elif roles & {"heading", "definition"}:
            score += 0.45
        score -= 0.004 * index + (0.3 if "covered" in unit[0].states else 0.0)
        scores.append((-score, index))
    kept, spent = set(), 0
    for _, index in sorted(scores):
        cost = sum(len(_COST.findall(line)) for line in _lines(units[index], wanted, False))
        if spent + cost <= budget:
            kept.add(index)
            spent += cost
    return [unit for index, unit in enumerate(units) if index in kept]


def _texts(unit: list[Element]) -> Iterable[str]:
    yield unit[0].row
    for element in unit:
        yield element.name
        yield element.value
        yield element.column
        yield from element.options
