"""Composing tasks from a site map: families of one thing to do, and families joined by `+` of several in a row.

A family such as `search+lookup` is realised backwards: pick something to look up, then a page from
which a search leads there. What was tried once on a page template is expected of the template's other
pages. All of it is hypothesis until the prover has replayed it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agents.explorer import phrasing
from agents.explorer.clauses import Clause
from agents.explorer.drafts import Draft
from agents.explorer.pages import Link, Page
from agents.explorer.phrasing import QUESTIONS
from agents.explorer.pieces import WITNESSED, Piece, Pieces
from agents.explorer.sitemap import SiteMap

SINGLE = ("open", "lookup", "search", "compare", "filter", "form", "edit", "toggle", "disclose")
JOINED = (
    "open+lookup",
    "search+lookup",
    "open+compare",
    "open+toggle",
    "open+filter",
    "open+edit",
    "open+form",
    "filter+open",
    "filter+compare",
    "search+toggle",
    "search+edit",
    "toggle+open",
    "form+open",
    "toggle+toggle",
    "edit+edit",
)
_CHANGING = frozenset({"form", "edit", "toggle"})
_LANDS = frozenset({"open", "search", "filter"})
_WIDEST = 6
_TOLD = 6


@dataclass(frozen=True)
class _Route:
    """A way to arrive at a page: where it starts and what is done."""

    start_url: str
    pieces: tuple[Piece, ...] = ()


class Composer:
    """Makes drafts from a map. Deterministic given the map and the seed."""

    def __init__(self, site: SiteMap, *, seed: int, resettable: bool) -> None:
        self.site = site
        self.resettable = resettable
        self.seed = seed
        self.pieces = Pieces(site, random.Random(seed))
        self._common = site.common_links()
        self._predecessors: dict[str, list[tuple[Page, Link]]] = {}
        for page in self.pieces.pages:
            for url in dict.fromkeys(link.url for link in page.links):
                link = self.pieces.clear_link(page, url)
                if link is not None and url != page.url:
                    self._predecessors.setdefault(url, []).append((page, link))

    def families(self) -> list[str]:
        """The families that this site affords."""
        return [family for family in (*SINGLE, *JOINED) if next(self.drafts(family), None) is not None]

    def drafts(self, family: str, *, salt: int = 0) -> Iterator[Draft]:
        """Drafts of a family without end of variety or until it is exhausted, topics taking turns."""
        kinds = tuple(family.split("+"))
        if "+".join(kinds[-2:]) in WITNESSED:
            kinds = (*kinds[:-2], "+".join(kinds[-2:]))
        if not self.resettable and _CHANGING & set(family.split("+")):
            return
        rng = random.Random(f"{self.seed} {salt} {family}")
        found = self._ends(kinds, rng)
        for draft in found:
            yield draft.model_copy(update={"family": family})

    def _ends(self, kinds: tuple[str, ...], rng: random.Random) -> Iterator[Draft]:
        """Every last piece, by topics in turn; before it the rest of the kinds."""
        buckets: dict[str, list[tuple[Page, Piece]]] = {}
        after_filter = len(kinds) > 1 and kinds[-2] == "filter"
        for page, piece in self.pieces.of_kind(kinds[-1], filtered=after_filter):
            buckets.setdefault(piece.topic, []).append((page, piece))
        order = sorted(buckets)
        rng.shuffle(order)
        for topic in order:
            rng.shuffle(buckets[topic])
        rounds = max((len(bucket) for bucket in buckets.values()), default=0)
        for turn in range(rounds):
            for topic in order:
                if turn >= len(buckets[topic]):
                    continue
                page, last = buckets[topic][turn]
                for route in self._routes(page, kinds[:-1], last, rng):
                    draft = self._draft(route, page, last, rng)
                    if draft is not None:
                        yield draft
                        break

    def _routes(self, page: Page, kinds: tuple[str, ...], last: Piece, rng: random.Random) -> Iterator[_Route]:
        """Ways to be at `page` having done `kinds`; a few of each, in random order."""
        if not kinds:
            yield _Route(page.url)
            return
        *rest, kind = kinds
        for before, piece in self._leading(page, kind, last, rng):
            if not rest:
                yield _Route(before.url, (piece,))
                continue
            for route in self._routes(before, tuple(rest), piece, rng):
                yield _Route(route.start_url, (*route.pieces, piece))
                break

    def _leading(self, page: Page, kind: str, last: Piece, rng: random.Random) -> list[tuple[Page, Piece]]:
        """Pieces of a kind that end at `page`, each with the page it begins on."""
        found: list[tuple[Page, Piece]] = []
        if kind == "open":
            before = list(self._predecessors.get(page.url, ()))
            rng.shuffle(before)
            near = [self.pieces.opening(link, one) for one, link in before[:_WIDEST]]
            found = [(one, piece) for (one, _), piece in zip(before, near, strict=False)]
            found += [(start, piece) for start, piece in self._from_start(page)]
            rng.shuffle(found)
        elif kind == "search":
            found = self.pieces.searches_for(page, rng)
        elif kind == "filter":
            found = [(before, piece) for before, after, piece in self.pieces.filters() if after is page]
        else:
            stays = [
                (where, piece)
                for where, piece in self.pieces.of_kind(kind)
                if (piece.lands or where.url) == page.url and piece.lines != last.lines and piece.part != last.part
            ]
            rng.shuffle(stays)
            found = stays
        return found[:_WIDEST]

    def _from_start(self, page: Page) -> list[tuple[Page, Piece]]:
        """Two or three clicks from a start page, as one piece."""
        found = []
        for start in self.site.start_urls:
            way = self.pieces.ways(start).get(page.url, ())
            if 2 <= len(way) <= 3 and start in self.site.pages:
                found.append((self.site.pages[start], self.pieces.opening_way(way)))
        return found

    def _draft(self, route: _Route, page: Page, last: Piece, rng: random.Random) -> Draft | None:
        pieces = (*route.pieces, last)
        steps = tuple(line for piece in pieces for line in piece.lines)
        answer = last.answer
        merged, *retold = self._told(pieces, rng, here=not route.pieces) or [""]
        if not merged or (answer and given_away(answer, merged)):
            return None
        changing = [index for index, piece in enumerate(pieces) if _CHANGING & set(piece.kind.split("+"))]
        foils = [foil for piece_index, piece in enumerate(pieces) for foil in _foils(pieces, piece_index)]
        foils += [
            tuple(line for at, piece in enumerate(pieces) if at != index for line in piece.lines)
            for index in changing
            if index < len(pieces) - 1
        ]
        if len(steps) > 8:
            return None
        topics = "+".join(piece.topic for piece in pieces if piece.kind in _CHANGING or piece is last)
        return Draft(
            family="",
            instruction=merged,
            retold=tuple(one for one in retold if not (answer and given_away(answer, one))),
            start_url=route.start_url,
            lines=steps,
            wanted=tuple(dict.fromkeys(value for piece in pieces for value in piece.wanted)),
            answer=answer,
            changes=bool(changing),
            entered=tuple(dict(piece.entered) for piece in pieces if piece.entered),
            foils=tuple(foils[:2]),
            topic=topics,
            last_url=page.url if all(piece.kind != "filter" for piece in route.pieces) else "",
            last_line=last.lines[0],
        )

    def _told(self, pieces: Sequence[Piece], rng: random.Random, *, here: bool) -> list[str]:
        """What asks for these pieces, in up to `_TOLD` ways; `here`: the page where they begin is open."""
        ways: dict[str, None] = {}
        for _ in range(2 * _TOLD):
            clauses = _abridged(_clauses(pieces), rng)
            said = phrasing.instruction(pointed(clauses, rng) if here else clauses, rng)
            if said:
                ways.setdefault(said)
            if len(ways) == _TOLD or not (said or ways):
                break
        return list(ways)


def _foils(pieces: Sequence[Piece], index: int) -> Iterator[tuple[str, ...]]:
    """The whole way with one piece done slightly wrong."""
    for wrong in pieces[index].foils[:1]:
        yield tuple(line for at, piece in enumerate(pieces) for line in (wrong if at == index else piece.lines))


def _clauses(pieces: Sequence[Piece]) -> list[Clause]:
    """The clauses of the pieces, neighbouring openings told as one way."""
    merged: list[Clause] = []
    for piece in pieces:
        for clause in piece.clauses:
            if clause.kind.startswith("open") and merged and merged[-1].kind.startswith("open"):
                merged[-1] = _via(merged[-1], clause) or clause
            else:
                merged.append(clause)
    return merged


def _abridged(clauses: Sequence[Clause], rng: random.Random) -> list[Clause]:
    """The same told naturally: what was named is not named again, or only at the end."""
    *first, last = clauses
    if not first or "name" not in first[-1].slots:
        return [*clauses]
    name = first[-1].slots["name"]
    record = last.slots.get("record", "")
    if len(first) == 1 and first[0].kind in ("open", "find_same") and rng.random() < 0.4:
        if record == name:
            return [last]
        if last.kind == "press":
            return [Clause("press_for", {**last.slots, "record": name})]
    if record and last.kind == "press_for" and (record in name or name in record):
        return [*first, Clause("press", {"button": last.slots["button"], "here": ""})]
    if record and f"its_{last.kind}" in QUESTIONS and (record in name or name in record):
        return [*first, Clause(f"its_{last.kind}", _without_record(last))]
    return [*clauses]


def pointed(clauses: Sequence[Clause], rng: random.Random) -> list[Clause]:
    """The same where the record's own page is open: "this" instead of its name, half of the time."""
    *first, last = clauses
    if "here" in last.slots and f"here_{last.kind}" in QUESTIONS and rng.random() < 0.5:
        return [*first, Clause(f"here_{last.kind}", _without_record(last))]
    return [*clauses]


def _without_record(clause: Clause) -> dict[str, str]:
    return {key: value for key, value in clause.slots.items() if key != "record"}


def _via(first: Clause, second: Clause) -> Clause | None:
    vias = [*(first.slots[key] for key in ("via", "via2") if key in first.slots), first.slots["name"]]
    vias += [second.slots[key] for key in ("via", "via2") if key in second.slots]
    if len(vias) > 2:
        return None
    slots = {"name": second.slots["name"], "via": vias[0]} | ({"via2": vias[1]} if len(vias) == 2 else {})
    return Clause(f"open{len(vias) + 1}", slots)


def given_away(answer: str, instruction: str) -> bool:
    """Whether the answer is written in the instruction itself."""
    return f" {_plain(answer)} " in f" {_plain(instruction)} "


def _plain(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())
