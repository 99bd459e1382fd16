"""Drafts of a small map: nouns from listings, "this" for the record whose page is open, labels where in doubt."""

import re
from collections.abc import Sequence

from agents.explorer.composer import Composer
from agents.explorer.pages import Entry, Form, Link, Page
from agents.explorer.sitemap import Effect, Filled, SiteMap
from core.actions import Target
from core.types import Element

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


def field(name: str, nth: int = 1) -> Element:
    return Element(id=f"{name}{nth}", role="textbox", name=name, nth=nth, form="f", interactive=True)


def test_fields_that_were_refused_or_share_their_label_are_never_asked_for() -> None:
    url = f"{HOME}/new"
    fields = (field("Title"), field("Parent"), field("Note"), field("Note", 2))
    send = Element(id="s", role="button", name="Store", form="f", input_type="submit", interactive=True)
    page = Page(url=url, name="New", template="new", forms=(Form(group="", fields=fields, submit=send),))
    made = Effect(
        kind="form", url=url, template="new", lines=('type textbox "Title" "x"', 'click button "Store"'),
        target=Target(role="button", name="Store"), filled=tuple(Filled(field=one, value="x") for one in fields),
        refused=("Parent",), after=page, revealed=("Stored",), changes_state=True,
    )  # fmt: skip
    drafts = list(Composer(SiteMap(start_urls=(url,), pages={url: page}, effects=(made,)), seed=0, resettable=True)
                  .drafts("form"))  # fmt: skip
    assert drafts
    assert {label for draft in drafts for entered in draft.entered for label in entered} == {"Title"}


def listed(name: str, at: int) -> Entry:
    return Entry(header=name, cells=(("State", "open"),), link=Link(name=name, url=f"{HOME}/issue{at}", row=name))


def test_records_are_searched_for_by_what_listings_call_them() -> None:
    box = Element(id="q", role="searchbox", name="Search", interactive=True)
    names = ("Torn net", "Wet rope", "Loose anchor chain")
    entries = tuple(listed(name, at) for at, name in enumerate(names))
    links = tuple(entry.link for entry in entries if entry.link)
    home = Page(url=f"{HOME}/", name="All", template="list", entries=entries, links=links, searches=(box,))
    pages = [Page(url=link.url, name=f"Issue{at} editing", template="one") for at, link in enumerate(links)]
    searched = Effect(
        kind="search", url=home.url, template="list", lines=('type searchbox "Search" "net" enter',),
        target=Target(role="searchbox", name="Search"), value="net",
        after=home.model_copy(update={"url": f"{HOME}/found?q=net"}),
    )  # fmt: skip
    known = SiteMap(start_urls=(home.url,), pages={page.url: page for page in (home, *pages)}, effects=(searched,))
    found = [draft for draft in Composer(known, seed=0, resettable=True).drafts("search") if len(draft.lines) > 1]
    assert found
    assert all("editing" not in draft.instruction for draft in found)
    assert {draft.lines[-1] for draft in found} <= {f'click link "{name}"' for name in names}
