"""The embedded policy has never seen what we measure it on: neither the records' names nor the pages."""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from core.checks import fold
from environments.sites.registry import SITES, site_class
from pretraining import lexicon
from pretraining.tasks import exercise
from pretraining.website import Website

# What nearly every website calls these things, whatever it is about.
EVERYWHERE = {"sort by", "next page", "previous page", "order by", "log in", "sign in", "save settings", "save changes"}


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from _strings({f.name: getattr(value, f.name) for f in dataclasses.fields(value)})
    elif isinstance(value, Mapping):
        yield from _strings(list(value))
        yield from _strings(list(value.values()))
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _strings(item)


# A number with its unit names nothing.
QUANTITY = re.compile(r"[\d.,]+ [a-z]+")


def _phrases(texts: Iterator[str]) -> set[str]:
    """Phrases of two to six words, in one spelling."""
    folded = {fold(text) for text in texts}
    phrases = {text for text in folded if 2 <= len(text.split()) <= 6 and re.search("[a-z]{3}", text)}
    return {text for text in phrases if not QUANTITY.fullmatch(text)}


def _static_texts(folder: Path) -> Iterator[str]:
    for template in sorted((folder / "templates").rglob("*.html")):
        bare = re.sub(r"\{[%#].*?[%#]\}", "\n", template.read_text(encoding="utf-8"), flags=re.DOTALL)
        yield from re.findall(r">([^<>{}]+)<", bare)
        yield from re.findall(r'(?:aria-label|placeholder|title)="([^"{}]+)"', bare)


@pytest.fixture(scope="module")
def generated() -> list[Website]:
    sites = [Website(Random(f"disjoint/{i}"), pseudo=0.4) for i in range(400)]
    for i, site in enumerate(sites):
        exercise(site, Random(i))
    return sites


def _vocabulary(site: Website) -> set[str]:
    forms = [*site.forms, *(form for form in (site.detail_form, *site.quicks, site.aside) if form)]
    labels = [site.title, site.listing_label, site.search_label, site.filter_label, site.sort_label, site.apply_label]
    labels += [site.next_label, site.previous_label, site.edit_label, *site.categories, *site.sorts, *site.infos]
    labels += [site.hub_label, site.held_label, site.remove_label, site.quantity_label, site.more_label, *site.subs]
    labels += [label for pair in site.toggles for label in pair]
    labels += [
        text for form in forms for text in (form.title, form.opener, form.submit, *(w.label for w in form.widgets))
    ]
    names = [text for record in site.records for text in (record.name, *record.fields, *record.fields.values())]
    return {fold(text) for text in labels + names}


@pytest.mark.parametrize("name", sorted(SITES))
def test_no_name_and_no_label_of_a_bundled_site_is_made_up_in_pretraining(name: str, generated: list[Website]) -> None:
    site = site_class(name)(0)
    names = _phrases(_strings(vars(site)))
    labels = _phrases(_static_texts(site.folder))
    assert len(names) > 100
    assert len(labels) > 20
    made = set().union(*(_vocabulary(website) for website in generated))
    assert len(made) > 10_000
    assert (names | labels) & made <= EVERYWHERE


def test_the_wording_of_made_up_sites_leaves_the_measured_subjects_out() -> None:
    texts = [*lexicon.NOUNS, *lexicon.english(), *lexicon.LISTING, *lexicon.FORMS, *lexicon.INFO]
    subjects = ("shop", "cart", "checkout", "ticket", "helpdesk", "article", "handbook", "wiki", "product")
    assert not [text for text in texts if any(subject in fold(text) for subject in subjects)]


@pytest.mark.parametrize("name", sorted(SITES))
def test_no_made_up_page_has_the_controls_of_a_bundled_page(name: str, generated: list[Website]) -> None:
    folder = site_class(name).folder
    control = re.compile(r">([^<>{}]*[A-Za-z][^<>{}]*)</(?:a|button|label|h1|h2|th|dt)>")
    sources = [page.read_text(encoding="utf-8") for page in sorted((folder / "templates").rglob("*.html"))]
    pages = [{fold(text) for text in control.findall(source)} for source in sources]
    pages = [page for page in pages if len(page) >= 4]
    assert pages
    for website in generated:
        made = {fold(element.name) for element in website.observe().elements}
        for page in pages:
            assert len(made & page) < 0.5 * len(page)
