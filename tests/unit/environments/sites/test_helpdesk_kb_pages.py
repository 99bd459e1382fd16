"""Pages of the help desk and the knowledge base, crawled: they answer, are labelled, and stay short."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest
from starlette.testclient import TestClient

from environments.sites.app import site_app
from environments.sites.registry import site_class
from environments.sites.sessions import COOKIE, SessionStore

MOST_PAGES = 150
MOST_ROWS = 12
FIELDS = ("input", "select", "textarea")


class Page(HTMLParser):
    """What a page must get right: ids, labels of fields, names of buttons and links, rows of tables."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.labels: set[str] = set()
        self.fields: list[tuple[str, bool]] = []  # id, and whether it is labelled by itself or by a label around it
        self.rows = self.headings = 0
        self.nameless: list[str] = []
        self.buttons: list[str] = []
        self._open: list[tuple[str, str]] = []
        self._label_depth = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "label":
            self.labels.add(given.get("for", ""))
            self._label_depth += 1
        if tag in FIELDS and given.get("type") != "hidden":
            self.fields.append((given.get("id", ""), "aria-label" in given or self._label_depth > 0))
        if tag == "h1":
            self.headings += 1
        if tag == "tbody":
            self.rows = 0
        if tag == "tr":
            self.rows += 1
            assert self.rows <= MOST_ROWS
        if tag in ("button", "a"):
            self._open.append((tag, given.get("aria-label", "")))

    def handle_data(self, data: str) -> None:
        if self._open:
            tag, name = self._open[-1]
            self._open[-1] = (tag, name or data.strip())

    def handle_endtag(self, tag: str) -> None:
        if tag == "label":
            self._label_depth -= 1
        if tag in ("button", "a") and self._open:
            _, name = self._open.pop()
            if not name:
                self.nameless.append(tag)
            elif tag == "button":
                self.buttons.append(name)


def client_of(name: str, user: str | None) -> TestClient:
    site, store = site_class(name)(0), SessionStore()
    session = store.create()
    session.begin(site, user)
    return TestClient(site_app(site, store), cookies={COOKIE: session.id})


@pytest.mark.parametrize(("name", "user"), [("helpdesk", "agent"), ("kb", None)])
def test_every_page_that_a_link_leads_to_is_sound(name: str, user: str | None) -> None:
    client = client_of(name, user)
    waiting, seen = ["/"], {"/"}
    templates: dict[str, int] = {}
    visited = 0
    while waiting and visited < MOST_PAGES:
        path = waiting.pop(0)
        kind = path.split("/")[1].split("?")[0] + str(path.count("/"))
        if templates.get(kind, 0) >= 15:
            continue
        templates[kind] = templates.get(kind, 0) + 1
        visited += 1
        answer = client.get(path)
        assert answer.status_code == 200, path
        page = Page(answer.text)
        assert page.headings == 1, path
        assert len(set(page.ids)) == len(page.ids), path
        assert page.nameless == [], path
        unlabelled = [field for field, labelled in page.fields if not labelled and field not in page.labels]
        assert unlabelled == [], path
        assert len(set(page.buttons)) == len(page.buttons), path
        for link in page.links:
            target = urljoin(path, link)
            assert urlsplit(target).netloc == "", path
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    assert visited > 60
    assert len(templates) >= 10


@pytest.mark.parametrize(("name", "user"), [("helpdesk", "agent"), ("kb", None)])
def test_a_page_that_is_not_there_says_so(name: str, user: str | None) -> None:
    client = client_of(name, user)
    for path in ("/nothing", "/tickets/99999", "/queues/nowhere", "/articles/nothing", "/sections/none", "/reports/x"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "Page not found" in answer.text


@pytest.mark.parametrize(("name", "path"), [("helpdesk", "/tickets"), ("kb", "/search")])
@pytest.mark.parametrize(
    "query", ["page=0", "page=-1", "page=9999999999", "page=x", "page=²", "sort=nothing", "sort=-"]
)
def test_odd_parameters_of_a_list_do_no_harm(name: str, path: str, query: str) -> None:
    answer = client_of(name, "agent" if name == "helpdesk" else None).get(f"{path}?{query}")
    assert answer.status_code == 200
    assert "<tbody>" in answer.text


@pytest.mark.parametrize("name", ["helpdesk", "kb"])
def test_records_depend_on_the_seed_alone(name: str) -> None:
    kind = site_class(name)
    assert kind(0).base == kind(0).base
    assert kind(0).base != kind(1).base
