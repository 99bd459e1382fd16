"""The knowledge base as a site: its collections, and which handler answers which path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from environments.sites.kb.articles import ArticlePages
from environments.sites.kb.data import Dataset, build
from environments.sites.kb.editing import EditPages
from environments.sites.kb.markup import blocks
from environments.sites.kb.shelves import ShelfPages
from environments.sites.listing import pairs
from environments.sites.site import Site

Handler = Callable[[Request], Awaitable[Response]]


class KnowledgeBase(Site):
    """The internal handbook of a software company, read and edited by anybody who works there."""

    name: ClassVar[str] = "kb"
    title: ClassVar[str] = "Tessellar Handbook"
    folder: ClassVar[Path] = Path(__file__).parent

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.templates.filters["pairs"] = pairs
        self.templates.filters["blocks"] = blocks
        self.data: Dataset = build(seed)
        self.templates.globals["sections"] = self.data.sections
        self._base: dict[str, dict[str, Any]] = {
            "articles": dict(self.data.articles),
            "comments": {},
            "terms": dict(self.data.terms),
        }

    @property
    def base(self) -> Mapping[str, Mapping[str, Any]]:
        return self._base

    def routes(self) -> Sequence[BaseRoute]:
        shelves, articles = ShelfPages(self, self.data), ArticlePages(self, self.data)
        editing = EditPages(self, self.data)
        pages: list[tuple[str, Handler]] = [
            ("/", shelves.home),
            ("/sections/{section}", shelves.section),
            ("/search", shelves.search),
            ("/tags", shelves.tags),
            ("/tags/{tag}", shelves.tag),
            ("/watching", shelves.watching),
            ("/glossary", shelves.glossary),
            ("/people", shelves.people),
            ("/people/{person}", shelves.person),
            ("/articles/new", editing.new_article),
            ("/articles/{article}", articles.article),
            ("/articles/{article}/edit", editing.edit),
            ("/articles/{article}/history", articles.history),
            ("/articles/{article}/revisions/{number:int}", articles.revision),
        ]
        changes: list[tuple[str, Handler]] = [
            ("/glossary", shelves.add_term),
            ("/articles/new", editing.create),
            ("/articles/{article}/edit", editing.save),
            ("/articles/{article}/restore", editing.restore),
            ("/articles/{article}/rename", editing.rename),
            ("/articles/{article}/move", editing.move),
            ("/articles/{article}/tags", editing.tag),
            ("/articles/{article}/watch", articles.watch),
            ("/articles/{article}/helpful", articles.helpful),
            ("/articles/{article}/comment", articles.comment),
        ]
        return [
            *(Route(path, handler, methods=["GET"]) for path, handler in pages),
            *(Route(path, handler, methods=["POST"]) for path, handler in changes),
        ]
