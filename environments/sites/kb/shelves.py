"""Ways to find an article: sections, search, tags, what one watches; and the glossary and people beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from core.checks import fold
from environments.sites.kb.data import Dataset
from environments.sites.kb.records import AUDIENCES, STATUSES, Article, Term
from environments.sites.listing import has_words, list_records
from environments.sites.site import Site, field, redirect, state_of
from environments.sites.tags import slug

MOST_TERMS = 80
COLUMNS: dict[str, Callable[[Article], Any]] = {
    "title": lambda article: fold(article.title),
    "owner": lambda article: (fold(article.owner), fold(article.title)),
    "updated": lambda article: (article.updated, fold(article.title)),
    "minutes": lambda article: (article.minutes, fold(article.title)),
    "status": lambda article: (STATUSES.index(article.status), fold(article.title)),
}


class ShelfPages:
    """Handlers of the lists."""

    def __init__(self, site: Site, data: Dataset) -> None:
        self.site, self.data = site, data

    async def home(self, request: Request) -> Response:
        articles = list(state_of(request)["articles"].values())
        rows = []
        for key, name in self.data.sections.items():
            own = [article for article in articles if article.section == key]
            rows.append((key, name, len(own), max((article.updated for article in own), default="")))
        return self.site.render(request, "home.html", rows=rows)

    async def section(self, request: Request) -> Response:
        key = request.path_params["section"]
        if key not in self.data.sections:
            raise HTTPException(404)
        found = [article for article in state_of(request)["articles"].values() if article.section == key]
        return self._articles(request, self.data.sections[key], "section", found)

    async def search(self, request: Request) -> Response:
        words = request.query_params.get("q", "")
        found = [
            article
            for article in state_of(request)["articles"].values()
            if has_words(f"{article.title} {' '.join(article.tags)}", words)
        ]
        return self._articles(request, f"Search: {words}" if words else "All articles", "search", found)

    async def tag(self, request: Request) -> Response:
        tag = request.path_params["tag"]
        found = [article for article in state_of(request)["articles"].values() if tag in article.tags]
        if not found:
            raise HTTPException(404)
        return self._articles(request, f"Tag: {tag}", "tag", found)

    async def watching(self, request: Request) -> Response:
        found = [article for article in state_of(request)["articles"].values() if article.watched]
        return self._articles(request, "Articles you watch", "watching", found)

    def _articles(self, request: Request, heading: str, page: str, articles: Iterable[Article]) -> Response:
        asked = request.query_params
        names = ("status", "audience", "owner") if page == "section" else ("status", "audience", "owner", "section")
        wanted = {name: asked[name] for name in names if asked.get(name)}
        found = [
            article for article in articles if all(getattr(article, name) == value for name, value in wanted.items())
        ]
        return self.site.render(
            request,
            "articles.html",
            page=page,
            heading=heading,
            listing=list_records(request, found, COLUMNS, default="title"),
            statuses=STATUSES,
            audiences=AUDIENCES,
            owners=[person.name for person in self.data.people.values()],
        )

    async def tags(self, request: Request) -> Response:
        articles = state_of(request)["articles"].values()
        counts = Counter(tag for article in articles for tag in article.tags)
        columns: dict[str, Callable[[tuple[str, int]], Any]] = {
            "tag": lambda row: row[0],
            "articles": lambda row: (row[1], row[0]),
        }
        return self.site.render(
            request, "tags.html", listing=list_records(request, counts.items(), columns, default="tag")
        )

    async def glossary(self, request: Request) -> Response:
        return self._glossary(request, {}, {})

    def _glossary(self, request: Request, values: dict[str, str], errors: dict[str, str]) -> Response:
        words = request.query_params.get("q", "")
        found = [term for term in state_of(request)["terms"].values() if has_words(term.name, words)]
        columns: dict[str, Callable[[Term], Any]] = {"name": lambda term: fold(term.name)}
        return self.site.render(
            request,
            "glossary.html",
            page="glossary",
            status=422 if errors else 200,
            listing=list_records(request, found, columns, default="name"),
            values={"name": "", "meaning": "", **values},
            errors=errors,
        )

    async def add_term(self, request: Request) -> Response:
        state, form = state_of(request), await request.form()
        name, meaning = field(form, "name")[:60], field(form, "meaning")
        errors = {}
        if not slug(name):
            errors["name"] = "Give the term."
        elif slug(name) in state["terms"]:
            errors["name"] = "The glossary has this term already."
        elif len(state["terms"]) >= MOST_TERMS:
            errors["name"] = "The glossary is full."
        if not meaning:
            errors["meaning"] = "Say what it means."
        if errors:
            return self._glossary(request, {"name": name, "meaning": meaning}, errors)
        state["terms"][slug(name)] = Term(slug(name), name, meaning)
        state.tell(f"Term {name} added")
        return redirect("/glossary")

    async def people(self, request: Request) -> Response:
        owned = Counter(article.owner for article in state_of(request)["articles"].values())
        return self.site.render(request, "people.html", people=list(self.data.people.values()), owned=owned)

    async def person(self, request: Request) -> Response:
        person = self.data.people.get(request.path_params["person"])
        if person is None:
            raise HTTPException(404)
        owned = [article for article in state_of(request)["articles"].values() if article.owner == person.name]
        newest = sorted(owned, key=lambda article: article.updated, reverse=True)[:5]
        return self.site.render(request, "person.html", person=person, count=len(owned), newest=newest)
