"""The knowledge base: its records, its markup, and that each change is exactly what the evidence tells."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from environments.sites.app import site_app
from environments.sites.kb.markup import blocks
from environments.sites.kb.records import Article
from environments.sites.kb.site import KnowledgeBase
from environments.sites.sessions import COOKIE, Session, SessionStore

SITE = KnowledgeBase(0)
KEY = "code-review"
ARTICLE: Article = SITE.data.articles[KEY]
FORM = {
    "summary": ARTICLE.summary,
    "body": ARTICLE.body,
    "owner": ARTICLE.owner,
    "review": ARTICLE.review,
    "status": ARTICLE.status,
    "note": "",
}


class Visit:
    """One session in a client, and what the ground truth says about it."""

    def __init__(self) -> None:
        store = SessionStore()
        self.session: Session = store.create()
        self.client = TestClient(site_app(SITE, store), cookies={COOKIE: self.session.id}, follow_redirects=True)

    def get(self, path: str) -> str:
        return self.client.get(path).text

    def post(self, path: str, form: dict[str, str] | None = None) -> str:
        return self.client.post(path, data=form or {}).text

    @property
    def truth(self) -> dict[str, Any]:
        return SITE.evidence(self.session.state(SITE))

    @property
    def article(self) -> dict[str, Any]:
        truth = self.truth
        assert truth["changed_keys"] == {"articles": [KEY]}
        found: dict[str, Any] = truth["articles"][KEY]
        return found


def test_the_records_are_what_they_should_be() -> None:
    articles = list(SITE.data.articles.values())
    assert len(articles) == 200
    assert len({article.updated for article in articles}) == 200, "newest must mean one article"
    assert {article.section for article in articles} == set(SITE.data.sections)
    assert {article.owner for article in articles} <= {person.name for person in SITE.data.people.values()}
    for article in articles:
        last = article.revisions[-1]
        assert (last.summary, last.body, last.date) == (article.summary, article.body, article.updated)
        assert [revision.number for revision in article.revisions] == list(range(1, len(article.revisions) + 1))
        assert article.revisions[0].summary != article.summary, "restoring the first revision must change something"
        assert all(len(row) == len(article.table.columns) for row in article.table.rows)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("", []),
        ("One\n\nTwo", [("paragraph", ["One"]), ("paragraph", ["Two"])]),
        ("# Head\n- a\n- b\nEnd", [("heading", ["Head"]), ("list", ["a", "b"]), ("paragraph", ["End"])]),
        ("#\n-", [("paragraph", ["#"]), ("paragraph", ["-"])]),
    ],
)
def test_markup_becomes_blocks(body: str, expected: list[tuple[str, list[str]]]) -> None:
    assert blocks(body) == expected


def test_a_preview_shows_the_draft_and_keeps_nothing() -> None:
    visit = Visit()
    draft = {**FORM, "body": "# New head\n<script>alert(1)</script>", "preview": "show"}
    page = visit.post(f"/articles/{KEY}/edit", draft)
    assert 'aria-label="Preview"' in page
    assert "<h2>New head</h2>" in page
    assert "<script>alert" not in page
    assert visit.truth["changed"] == []
    assert visit.truth["page"]["route"] == "edit"


def test_saving_needs_a_note_and_adds_a_revision() -> None:
    visit = Visit()
    assert "Say what you changed" in visit.post(f"/articles/{KEY}/edit", {**FORM, "summary": "Shorter"})
    assert visit.truth["changed"] == []
    visit.post(f"/articles/{KEY}/edit", {**FORM, "summary": "Shorter", "note": "Cut"})
    assert visit.article["summary"] == "shorter"
    assert visit.article["updated"] == "2026-10-05"
    assert len(visit.article["revisions"]) == len(ARTICLE.revisions) + 1
    assert visit.article["revisions"][-1]["note"] == "cut"
    assert "Choose a value" in visit.post(f"/articles/{KEY}/edit", {**FORM, "owner": "Nobody", "note": "x"})
    assert visit.article["owner"] == ARTICLE.owner.lower()


def test_restoring_brings_back_the_text_as_a_new_revision() -> None:
    visit = Visit()
    old = ARTICLE.revisions[0]
    visit.post(f"/articles/{KEY}/restore", {"number": "1"})
    assert visit.article["summary"] == old.summary.lower()
    assert visit.article["body"] == " ".join(old.body.split()).lower()
    assert visit.article["revisions"][-1]["note"] == "restored revision 1"
    assert f"Restore revision {len(ARTICLE.revisions)}" in visit.get(f"/articles/{KEY}/history")
    assert visit.client.post(f"/articles/{KEY}/restore", data={"number": "99"}).status_code == 404


def test_renaming_keeps_the_address_and_refuses_nothing_for_a_title() -> None:
    visit = Visit()
    assert "needs a title" in visit.post(f"/articles/{KEY}/rename", {"title": " ! "})
    assert visit.truth["changed"] == []
    visit.post(f"/articles/{KEY}/rename", {"title": "Second pair of eyes"})
    assert visit.article["title"] == "second pair of eyes"
    assert "Second pair of eyes" in visit.get("/search?q=pair+of+eyes")
    assert "<h1>Second pair of eyes</h1>" in visit.get(f"/articles/{KEY}")


def test_moving_changes_the_section_and_its_counts() -> None:
    visit = Visit()
    assert "Choose a section" in visit.post(f"/articles/{KEY}/move", {"section": "nowhere"})
    assert "in that section already" in visit.post(f"/articles/{KEY}/move", {"section": ARTICLE.section})
    assert visit.truth["changed"] == []
    visit.post(f"/articles/{KEY}/move", {"section": "design"})
    assert visit.article["section"] == "design"
    assert "21 articles" in visit.get("/sections/design")
    assert "19 articles" in visit.get(f"/sections/{ARTICLE.section}")


def test_marks_are_toggles() -> None:
    visit = Visit()
    visit.post(f"/articles/{KEY}/watch")
    visit.post(f"/articles/{KEY}/helpful")
    assert (visit.article["watched"], visit.article["helpful"]) == (True, True)
    assert visit.article["votes"] == ARTICLE.votes + 1
    assert visit.get(f"/articles/{KEY}").count('aria-pressed="true"') == 2
    assert ARTICLE.title in visit.get("/watching")
    visit.post(f"/articles/{KEY}/watch")
    visit.post(f"/articles/{KEY}/helpful")
    assert visit.truth["changed"] == []


def test_tags_and_comments_are_kept() -> None:
    visit = Visit()
    visit.post(f"/articles/{KEY}/tags", {"add": "Two Words"})
    assert visit.article["tags"] == [*ARTICLE.tags, "two-words"]
    assert ARTICLE.title in visit.get("/tags/two-words")
    visit.post(f"/articles/{KEY}/tags", {"remove": "two-words"})
    assert visit.truth["changed"] == []
    assert "Write a comment first" in visit.post(f"/articles/{KEY}/comment", {"text": "  "})
    visit.post(f"/articles/{KEY}/comment", {"text": "Very  CLEAR"})
    assert visit.truth["comments"] == {
        f"{KEY}-1": {"article": KEY, "author": "you", "date": "2026-10-05", "text": "very clear"}
    }


def test_a_new_article_is_checked_before_it_is_kept() -> None:
    visit = Visit()
    page = visit.post("/articles/new", {"title": "Code REVIEW", "section": "", "audience": "Everyone", "summary": ""})
    assert "of that title already" in page
    assert all(f'id="{name}-problem"' in page for name in ("title", "section", "summary"))
    assert visit.truth["changed"] == []
    good = {"title": "Stale rows", "section": "data", "audience": "Managers", "summary": "Delete them", "body": "# Why"}
    page = visit.post("/articles/new", good)
    assert "<h1>Stale rows</h1>" in page
    assert visit.truth["changed_keys"] == {"articles": ["stale-rows"]}
    assert visit.truth["articles"]["stale-rows"]["audience"] == "managers"
    assert "Revision 1" in visit.get("/articles/stale-rows/history")


def test_the_glossary_is_searched_and_grows() -> None:
    visit = Visit()
    assert "One paid user of the product." in visit.get("/glossary?q=seat")
    assert "has this term already" in visit.post("/glossary", {"name": "SEAT", "meaning": "x"})
    assert "Say what it means" in visit.post("/glossary", {"name": "Hot seat", "meaning": ""})
    assert visit.truth["changed"] == []
    visit.post("/glossary", {"name": "Hot seat", "meaning": "A desk for a day"})
    assert visit.truth["terms"] == {"hot-seat": {"key": "hot-seat", "name": "hot seat", "meaning": "a desk for a day"}}


def test_lists_are_filtered_and_sorted() -> None:
    visit = Visit()
    wanted = [a for a in SITE.data.articles.values() if a.section == "sales" and a.status == "Outdated"]
    page = visit.get("/sections/sales?status=Outdated&sort=-minutes")
    assert f"{len(wanted)} article" in page
    longest, shortest = max(wanted, key=lambda a: a.minutes), min(wanted, key=lambda a: a.minutes)
    assert page.index(longest.title) < page.index(shortest.title)
    assert 'aria-sort="descending"' in page
    assert visit.truth["page"] == {
        "route": "section",
        "section": "sales",
        "query": {"status": "outdated", "sort": "-minutes"},
    }
