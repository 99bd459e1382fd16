"""Drafts of a small map: nouns from listings, "this" for the record whose page is open, labels where in doubt."""

import re
from collections.abc import Sequence

from agents.explorer.composer import Composer
from agents.explorer.pages import Entry, Link, Page
from agents.explorer.sitemap import SiteMap

HOME = "http://shop.test"
TENTS = (("Fell Lite", "$20", "2 kg"), ("Dune Dome", "$30", "3 kg"), ("Moor Mate", "$40", "4 kg"))


def link(name: str) -> Link:
    return Link(name=name, url=f"{HOME}/tents/{name.replace(' ', '-')}", row=name)


def site(*more: str) -> SiteMap:
    """A listing of tents and a page for each; `more` are terms of further facts of every tent."""
    listing = Page(
        url=f"{HOME}/tents",
        name="Tents",
        template="listing",
        entries=tuple(
            Entry(header=name, table="Tents", cells=(("Price", price), ("Weight", weight)), link=link(name))
            for name, price, weight in TENTS
        ),
        links=tuple(link(name) for name, _, _ in TENTS),
    )
    pages = [
        Page(
            url=link(name).url,
            name=name,
            template="tent",
            facts=(("Price", price), ("Weight", weight), *((term, f"${at}9") for at, term in enumerate(more, 1))),
        )
        for name, price, weight in TENTS
    ]
    return SiteMap(start_urls=(listing.url,), pages={page.url: page for page in (listing, *pages)})


def said(site: SiteMap, family: str) -> Sequence[tuple[str, str]]:
    """(start URL, instruction) of many drafts."""
    return [
        (draft.start_url, draft.instruction)
        for seed in range(30)
        for draft in Composer(site, seed=seed, resettable=True).drafts(family)
    ]


def test_listings_lend_their_noun() -> None:
    texts = {text for _, text in said(site(), "compare")}
    assert {"Which tent costs the least?", "Which tent is the heaviest?"} <= texts


def test_only_on_its_own_page_is_a_record_not_named() -> None:
    names = [name.casefold() for name, _, _ in TENTS]
    unnamed = [(start, text) for start, text in said(site(), "lookup") if not any(n in text.casefold() for n in names)]
    assert any("this tent" in text for _, text in unnamed)
    assert {start for start, _ in unnamed} <= {link(name).url for name, _, _ in TENTS}


def test_on_the_way_to_a_record_it_is_named_once() -> None:
    texts = [text for _, text in said(site(), "open+lookup")]
    assert any(re.search(r"How heavy is it|how heavy it is|does it weigh|what it weighs", text) for text in texts)
    assert all(any(name in text for name, _, _ in TENTS) for text in texts)


def test_facts_that_mean_the_same_are_asked_for_by_their_labels() -> None:
    texts = [text for start, text in said(site("Cost"), "lookup") if start != f"{HOME}/tents" and "eigh" not in text]
    assert not any("how much" in text.casefold() or "expensive" in text for text in texts)
    assert any("how much" in text.casefold() for _, text in said(site(), "lookup"))


def test_the_same_seed_gives_the_same_drafts() -> None:
    one, other = (list(Composer(site(), seed=4, resettable=True).drafts("lookup")) for _ in range(2))
    assert one == other
