"""Writing: editing with preview, restoring a revision, renaming, moving, tagging, and new articles."""

from __future__ import annotations

from dataclasses import replace

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from environments.sites.kb.articles import ME, TODAY, found_article
from environments.sites.kb.data import Dataset
from environments.sites.kb.records import AUDIENCES, REVIEWS, STATUSES, Article, Revision, Table
from environments.sites.site import Site, field, redirect, state_of
from environments.sites.state import SiteState
from environments.sites.tags import edited, slug

FIELDS = ("summary", "body", "owner", "review", "status", "note")
MOST_REVISIONS = 30
MOST_ARTICLES = 300


class EditPages:
    """Handlers for writers."""

    def __init__(self, site: Site, data: Dataset) -> None:
        self.site, self.data = site, data
        self.choices = {
            "owner": [person.name for person in data.people.values()],
            "review": list(REVIEWS),
            "status": list(STATUSES),
        }

    async def edit(self, request: Request) -> Response:
        article = found_article(request, state_of(request))
        values = {name: str(getattr(article, name)) for name in FIELDS if name != "note"}
        return self._edit(request, article, {**values, "note": ""}, {}, preview=False)

    def _edit(
        self, request: Request, article: Article, values: dict[str, str], errors: dict[str, str], *, preview: bool
    ) -> Response:
        return self.site.render(
            request,
            "edit.html",
            page="edit",
            status=422 if errors else 200,
            article=article,
            values=values,
            errors=errors,
            preview=preview,
            choices=self.choices,
        )

    async def save(self, request: Request) -> Response:
        """Save the form as a new revision, or only show it when `preview` was pressed."""
        state, form = state_of(request), await request.form()
        article = found_article(request, state)
        values = {name: field(form, name) for name in FIELDS}
        if "preview" in form:
            return self._edit(request, article, values, {}, preview=True)
        errors = {name: "Choose a value." for name, known in self.choices.items() if values[name] not in known}
        if not values["summary"]:
            errors["summary"] = "Write a summary."
        if not values["note"]:
            errors["note"] = "Say what you changed."
        if len(article.revisions) >= MOST_REVISIONS:
            errors["note"] = "This article has no room for more revisions."
        if errors:
            return self._edit(request, article, values, errors, preview=False)
        changed = replace(
            article,
            summary=values["summary"],
            body=values["body"],
            owner=values["owner"],
            review=values["review"],
            status=values["status"],
        )
        _keep(state, changed, values["note"])
        state.tell(f"{article.title} saved")
        return redirect(f"/articles/{article.slug}")

    async def restore(self, request: Request) -> Response:
        state, form = state_of(request), await request.form()
        article = found_article(request, state)
        wanted = next((old for old in article.revisions if str(old.number) == field(form, "number")), None)
        if wanted is None or len(article.revisions) >= MOST_REVISIONS:
            raise HTTPException(404)
        changed = replace(article, summary=wanted.summary, body=wanted.body)
        _keep(state, changed, f"Restored revision {wanted.number}")
        state.tell(f"Revision {wanted.number} restored")
        return redirect(f"/articles/{article.slug}")

    async def rename(self, request: Request) -> Response:
        state = state_of(request)
        article = found_article(request, state)
        title = field(await request.form(), "title")[:80]
        if slug(title):
            state["articles"][article.slug] = replace(article, title=title)
            state.tell(f"Renamed to {title}")
        else:
            state.tell("An article needs a title.", "alert")
        return redirect(f"/articles/{article.slug}")

    async def move(self, request: Request) -> Response:
        state = state_of(request)
        article = found_article(request, state)
        section = field(await request.form(), "section")
        if section not in self.data.sections:
            state.tell("Choose a section.", "alert")
        elif section == article.section:
            state.tell("The article is in that section already.", "alert")
        else:
            state["articles"][article.slug] = replace(article, section=section)
            state.tell(f"Moved to {self.data.sections[section]}")
        return redirect(f"/articles/{article.slug}")

    async def tag(self, request: Request) -> Response:
        """Add the tag `add`, or remove the tag `remove`."""
        state, form = state_of(request), await request.form()
        article = found_article(request, state)
        tags = edited(article.tags, form, state, "article")
        state["articles"][article.slug] = replace(article, tags=tags)
        return redirect(f"/articles/{article.slug}")

    async def new_article(self, request: Request) -> Response:
        return self._new(request, {}, {})

    def _new(self, request: Request, values: dict[str, str], errors: dict[str, str]) -> Response:
        return self.site.render(
            request,
            "new_article.html",
            page="new_article",
            status=422 if errors else 200,
            values={"title": "", "section": "", "audience": "Everyone", "summary": "", "body": "", **values},
            errors=errors,
            audiences=AUDIENCES,
        )

    async def create(self, request: Request) -> Response:
        state, form = state_of(request), await request.form()
        values = {name: field(form, name) for name in ("title", "section", "audience", "summary", "body")}
        key = slug(values["title"][:80])
        errors = {}
        if len(key) < 4:
            errors["title"] = "Give a title of four letters or more."
        elif key in state["articles"] or key == "new":
            errors["title"] = "There is an article of that title already."
        elif len(state["articles"]) >= MOST_ARTICLES:
            errors["title"] = "The handbook is full."
        if values["section"] not in self.data.sections:
            errors["section"] = "Choose a section."
        if values["audience"] not in AUDIENCES:
            errors["audience"] = "Choose who it is written for."
        if not values["summary"]:
            errors["summary"] = "Write a summary."
        if errors:
            return self._new(request, values, errors)
        blank = Article(
            slug=key,
            title=values["title"][:80],
            section=values["section"],
            owner=next(iter(self.data.people.values())).name,
            updated=TODAY,
            review=REVIEWS[1],
            status=STATUSES[1],
            audience=values["audience"],
            minutes=1 + len(values["body"].split()) // 200,
            summary=values["summary"],
            body=values["body"],
            table=Table("", (), ()),
            tags=(),
            revisions=(),
        )
        _keep(state, blank, "First version")
        state.tell(f"{blank.title} created")
        return redirect(f"/articles/{key}")


def _keep(state: SiteState, article: Article, note: str) -> None:
    """Store `article` with its present text as its newest revision."""
    revision = Revision(len(article.revisions) + 1, TODAY, ME, note, article.summary, article.body)
    state["articles"][article.slug] = replace(article, updated=TODAY, revisions=(*article.revisions, revision))
