"""The map of a site: the pages seen, how they link, and what trying their controls did."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field

from agents.explorer.pages import Link, Page, shape
from core.actions import Target
from core.types import Element, Record

EffectKind = Literal["search", "filter", "form", "edit", "toggle", "disclose"]


class Filled(Record):
    """A field as it was filled in: `shown` says whether the value could be read on the page afterwards."""

    field: Element
    value: str
    shown: bool = False

    @property
    def required(self) -> bool:
        return "required" in self.field.states


class Effect(Record):
    """An interaction that was tried, and what it did.

    `lines` are the actions from the page at `url` on; `target` is the control that made it happen, in
    the record `row` of a listing or on the page itself; `revealed` are texts that appeared; `options`
    are what comboboxes beside it told when they were opened, by label; `refused` are labels of fields
    that the site did not want filled in with mere words.
    """

    kind: EffectKind
    url: str
    template: str
    lines: tuple[str, ...]
    target: Target
    group: str = ""
    row: str = ""
    prefix: tuple[str, ...] = ()
    filled: tuple[Filled, ...] = ()
    value: str = ""
    options: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    refused: tuple[str, ...] = ()
    after: Page
    revealed: tuple[str, ...] = ()
    changes_state: bool = False


class SiteMap(Record):
    """Everything the explorer knows about a site; read and written as JSON. `crowded` as in `pages.shape`."""

    start_urls: tuple[str, ...]
    crowded: tuple[str, ...] = ()
    pages: dict[str, Page] = Field(default_factory=dict)
    effects: tuple[Effect, ...] = ()

    def templates(self) -> dict[str, list[Page]]:
        """Pages by template, in the order in which they were seen."""
        found: dict[str, list[Page]] = {}
        for page in self.pages.values():
            found.setdefault(page.template, []).append(page)
        return found

    def paths(self, start_url: str, *, longest: int = 3) -> dict[str, tuple[Link, ...]]:
        """For each page within `longest` clicks of a start, the shortest way there by unambiguous links."""
        ways: dict[str, tuple[Link, ...]] = {start_url: ()}
        queue = deque([start_url])
        while queue:
            url = queue.popleft()
            if len(ways[url]) == longest or url not in self.pages:
                continue
            page = self.pages[url]
            for link in page.links:
                there = urlsplit(link.url)
                if there.query and there.path == urlsplit(url).path:
                    continue  # sorting and turning pages lead nowhere new
                if link.url in self.pages and link.url not in ways and (best := page.link_to(link.url)) is not None:
                    ways[link.url] = (*ways[url], best)
                    queue.append(link.url)
        return ways

    def shape(self, url: str) -> str:
        """The URL's shape, as `pages.shape` has it on this site."""
        return shape(url, frozenset(self.crowded))

    def names(self) -> Counter[str]:
        """How many pages bear each name: a name borne once tells which page is meant."""
        return Counter(page.name.casefold() for page in self.pages.values())

    def common_links(self) -> set[str]:
        """URLs that most pages link to: the site's navigation."""
        counts = Counter(url for page in self.pages.values() for url in {link.url for link in page.links})
        return {url for url, count in counts.items() if count > max(2, len(self.pages) // 2)}

    def texts(self) -> Iterable[tuple[str, str]]:
        """(URL, visible text) of every page as it was before anything was changed."""
        return [(page.url, page.text) for page in self.pages.values()]
