"""The site map in as many tokens as there are: pages of every make first, each with what can be read and done there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, zip_longest

from agents.explorer.pages import Page
from agents.explorer.sitemap import SiteMap
from core.tokens import estimate
from core.types import Element

_LONGEST_LINE = 320
_LONGEST_URL = 200
_LISTED = 6


def fit(parts: Iterable[str], budget: int) -> str:
    """The first parts that fit into `budget` tokens, one below the other; says how many are left out."""
    waiting = list(parts)
    if sum(estimate(part) + 1 for part in waiting) <= budget:
        return "\n".join(waiting)
    note = estimate(_left_out(len(waiting)))  # has to fit as well
    kept: list[str] = []
    used = note
    for part in waiting:
        if used + estimate(part) + 1 <= budget:
            kept.append(part)
            used += estimate(part) + 1
    if note > budget:
        return ""
    return "\n".join([*kept, _left_out(len(waiting) - len(kept))])


def crop(text: str, longest: int = _LONGEST_LINE) -> str:
    """On one line and of bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def digest(site: SiteMap, budget: int) -> str:
    """The site's pages within `budget` tokens, the first of every template before the second of any."""
    rounds = zip_longest(*site.templates().values())
    pages = [page for page in chain.from_iterable(rounds) if page is not None]
    starts = set(site.start_urls)
    pages.sort(key=lambda page: page.url not in starts)  # stable
    return fit((_page(page) for page in pages if len(page.url) <= _LONGEST_URL), budget)


def _page(page: Page) -> str:
    lines = [f"PAGE {page.url}"]
    if name := page.name or page.title:
        lines.append(f"  heading: {name}")
    lines += [f"  form {form.group}: {_fields(form.fields)}" for form in page.forms[:_LISTED]]
    if page.searches:
        lines.append(f"  search: {_fields(page.searches)}")
    if page.choices:
        lines.append(f"  choices: {_fields(page.choices)}")
    if page.buttons:
        lines.append(f"  buttons: {_listed([one.name for one in page.buttons])}")
    if page.facts:
        lines.append("  facts: " + _listed([f"{term}: {value}" for term, value in page.facts]))
    if links := [link.name for link in page.links if not link.row]:
        lines.append(f"  links: {_listed(links)}")
    if page.text and not page.facts and not page.entries:
        lines.append(f"  text: {crop(page.text, 160)}")
    for entry in page.entries[:3]:
        cells = "; ".join(f"{column}: {value}" for column, value in entry.cells)
        lines.append(f"  record {entry.header}: {cells}")
    if len(page.entries) > 3:
        lines.append(f"  and {len(page.entries) - 3} more records")
    # The URL is left whole: half of one would be no start.
    return "\n".join([lines[0], *("  " + crop(line) for line in lines[1:])])


def _fields(fields: Sequence[Element]) -> str:
    return _listed([f"{one.name} ({' / '.join(one.options[:_LISTED]) or one.role})" for one in fields])


def _listed(names: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(names))
    rest = len(distinct) - _LISTED
    return ", ".join(distinct[:_LISTED]) + (f" and {rest} more" if rest > 0 else "")


def _left_out(count: int) -> str:
    return f"({count} more left out)"
