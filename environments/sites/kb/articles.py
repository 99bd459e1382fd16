"""Reading an article: its page and history, and a reader's marks on it (watch, helpful, comments)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from environments.sites.kb.data import Dataset
from environments.sites.kb.records import Article
from environments.sites.site import Site, field, redirect, state_of
from environments.sites.state import SiteState
from environments.sites.tags import slug

TODAY = "2026-10-05"
ME = "You"
MOST_COMMENTS = 8


@dataclass(frozen=True)
class NewComment:
    """A comment written in this session; its key is the article's and a count, as in `code-review-1`."""

    article: str
    author: str
    date: str
    text: str


class ArticlePages:
    """Handlers for readers."""

    def __init__(self, site: Site, data: Dataset) -> None:
        self.site, self.data = site, data

    async def article(self, request: Request) -> Response:
        return self._page(request, {})

    def _page(self, request: Request, errors: dict[str, str]) -> Response:
        state = state_of(request)
        article = found_article(request, state)
        return self.site.render(
            request,
            "article.html",
            page="article",
            status=422 if errors else 200,
            article=article,
            owner=slug(article.owner),
            comments=[*article.comments, *_added(state, article)],
            errors=errors,
        )

    async def history(self, request: Request) -> Response:
        article = found_article(request, state_of(request))
        return self.site.render(request, "history.html", article=article, revisions=article.revisions[::-1][:10])

    async def revision(self, request: Request) -> Response:
        article = found_article(request, state_of(request))
        number = request.path_params["number"]
        if not 1 <= number <= len(article.revisions):
            raise HTTPException(404)
        return self.site.render(request, "revision.html", article=article, revision=article.revisions[number - 1])

    async def watch(self, request: Request) -> Response:
        state = state_of(request)
        article = found_article(request, state)
        state["articles"][article.slug] = replace(article, watched=not article.watched)
        state.tell(f"You no longer watch {article.title}" if article.watched else f"You watch {article.title}")
        return redirect(f"/articles/{article.slug}")

    async def helpful(self, request: Request) -> Response:
        state = state_of(request)
        article = found_article(request, state)
        votes = article.votes + (-1 if article.helpful else 1)
        state["articles"][article.slug] = replace(article, helpful=not article.helpful, votes=votes)
        state.tell("Vote taken back" if article.helpful else "Thank you for the vote")
        return redirect(f"/articles/{article.slug}")

    async def comment(self, request: Request) -> Response:
        state = state_of(request)
        article = found_article(request, state)
        text = field(await request.form(), "text")
        mine = _added(state, article)
        if not text:
            return self._page(request, {"text": "Write a comment first."})
        if len(mine) >= MOST_COMMENTS:
            return self._page(request, {"text": "This article takes no more comments today."})
        state["comments"][f"{article.slug}-{len(mine) + 1}"] = NewComment(article.slug, ME, TODAY, text)
        state.tell("Comment added")
        return redirect(f"/articles/{article.slug}")


def found_article(request: Request, state: SiteState) -> Article:
    """The article that the path names; raises a 404 when there is none."""
    article: Article | None = state["articles"].get(request.path_params["article"])
    if article is None:
        raise HTTPException(404)
    return article


def _added(state: SiteState, article: Article) -> list[NewComment]:
    return [comment for comment in state["comments"].values() if comment.article == article.slug]
