"""What pages and records are called: by themselves, by the listings that link to them, and in part."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from agents import speech
from agents.explorer.pages import Page


def noun_of(page: Page) -> str:
    """What a listing's records are called, by its table or its heading; empty where these tell no noun."""
    tables = {entry.table for entry in page.entries}
    return next(iter(speech.nouns([*(tables if len(tables) == 1 else ()), page.name])), "")


def nouns(pages: Sequence[Page]) -> dict[str, str]:
    """For the pages of records, what the listings that link to them call such records."""
    found: dict[str, str] = {}
    for page in pages:
        if noun := noun_of(page):
            for entry in page.entries:
                if entry.link is not None:
                    found.setdefault(entry.link.url, noun)
    return found


def called(pages: Sequence[Page]) -> dict[str, str]:
    """What listings call the pages of records, where none of them uses the page's own name."""
    names: dict[str, list[str]] = {}
    for page in pages:
        for entry in page.entries:
            if entry.link is not None and entry.link.name == entry.header:
                names.setdefault(entry.link.url, []).append(entry.header)
    own = {page.url: page.name for page in pages}
    return {url: found[0] for url, found in names.items() if url in own and own[url] not in found}


def bare(name: str) -> str:
    """A link's name without the count at its end, as in `Inbox (3)`."""
    return re.sub(r"\s*\(\d+\)$", "", name) or name


def part(name: str, rng: random.Random) -> str:
    """A word of a name, or two neighbouring ones, enough to search by."""
    words = re.findall(r"[\w'-]+", name)
    telling = [at for at, word in enumerate(words) if len(word) > 3]
    if not telling:
        return name
    at = rng.choice(telling)
    return " ".join(words[at : at + 2]) if at + 1 in telling and rng.random() < 0.5 else words[at]
