"""Every page of every bundled site, over HTTP: found, and valid and labelled HTML."""

from __future__ import annotations

import asyncio
import http.client
from collections import Counter, deque
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from urllib.parse import parse_qs, urldefrag, urljoin, urlsplit

import pytest
import pytest_asyncio
from starlette.routing import Route

from environments.sites.process import SitesProcess
from environments.sites.registry import SITES, default_user, site_class
from environments.sites.sessions import COOKIE

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALIKE = 3  # pages visited of one route with the same names in their queries
UNLINKED = {"/login"}  # shown to those alone who are not signed in
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
LABELLED = {"input", "select", "textarea"}
CONTROLS = {"a", "button"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sites() -> AsyncIterator[SitesProcess]:
    async with await SitesProcess.start(list(SITES)) as process:
        yield process


class Page(HTMLParser):
    """Reads a page, collecting its links and what is wrong with it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.faults: list[str] = []
        self._open: list[str] = []
        self._ids: Counter[str] = Counter()
        self._refers: list[str] = []
        self._labels: set[str] = set()
        self._fields: list[dict[str, str | None]] = []
        self._names: list[str] = []
        self.feed(html)
        self.close()
        self.faults += [f"unclosed <{tag}>" for tag in self._open]
        self.faults += [f"id '{name}' is there {count} times" for name, count in self._ids.items() if count > 1]
        self.faults += [f"nothing has the id '{name}'" for name in self._refers if name not in self._ids]
        self.faults += [
            f"a field has no label: {field}" for field in self._fields if field.get("id") not in self._labels
        ]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if len(given) < len(attrs):
            self.faults.append(f"<{tag}> has an attribute twice")
        if "style" in given or any(name.startswith("on") for name in given):
            self.faults.append(f"<{tag}> has code or style in its attributes, which the policy forbids")
        if given.get("id") is not None:
            self._ids[given["id"] or ""] += 1
        for name in ("aria-controls", "aria-labelledby", "aria-describedby", "for", "form", "list", "data-dialog"):
            self._refers += (given.get(name) or "").split()
        if tag == "label":
            self._labels.add(given.get("for") or "")
        if tag in LABELLED and given.get("type") not in ("hidden", "submit") and not self._wrapped(given):
            self._fields.append(given)
        sources = (given.get(name) for name in ("href", "data-source", "data-dialog-source"))
        self.links += [source for source in sources if source and tag in ("a", "button", "input")]
        if tag in CONTROLS:
            self._names.append(given.get("aria-label") or "")
        if tag not in VOID:
            self._open.append(tag)

    def handle_data(self, data: str) -> None:
        if CONTROLS & set(self._open):
            self._names[-1] += data.strip()

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1] != tag:
            self.faults.append(f"</{tag}> where <{self._open[-1] if self._open else ''}> is open")
        else:
            self._open.pop()
        if tag in CONTROLS and not self._names[-1]:
            self.faults.append(f"<{tag}> has no name")

    def _wrapped(self, given: dict[str, str | None]) -> bool:
        return "label" in self._open or bool(given.get("aria-label"))


@pytest.mark.parametrize("name", SITES)
async def test_every_page_is_there_and_valid(name: str, sites: SitesProcess) -> None:
    routes = [
        route for route in site_class(name)(0).routes() if isinstance(route, Route) and "GET" in (route.methods or ())
    ]
    session = await sites.truth.create(name, default_user(name))
    connection = http.client.HTTPConnection(urlsplit(sites.urls[name]).netloc, timeout=30)
    waiting, met, visits = deque(["/"]), {"/"}, Counter[str]()
    faults = []
    while waiting:
        path = waiting.popleft()
        connection.request("GET", path, headers={"Cookie": f"{COOKIE}={session}"})
        response = await asyncio.to_thread(connection.getresponse)
        body = response.read().decode()
        if response.status != 200:
            faults.append(f"{path}: status {response.status}")
        if "html" not in (response.getheader("Content-Type") or ""):
            continue
        page = Page(body)
        faults += [f"{path}: {fault}" for fault in page.faults]
        for link in page.links:
            target = urldefrag(urljoin(path, link)).url
            route = next((r.path for r in routes if r.path_regex.match(urlsplit(target).path)), None)
            if target in met or not target.startswith("/"):
                continue
            if route is None:
                faults.append(f"{path}: the link {target} leads nowhere")
                continue
            shape = f"{route} {sorted(parse_qs(urlsplit(target).query))}"
            if visits[shape] < ALIKE:
                met.add(target)
                visits[shape] += 1
                waiting.append(target)
    connection.close()
    assert not faults, "\n".join(faults[:20])
    unseen = {route.path for route in routes} - {shape.partition(" ")[0] for shape in visits} - {"/"}
    assert not unseen - UNLINKED, "no page links to these"
