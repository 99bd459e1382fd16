"""Manners: what is never pressed, where links may lead, robots.txt, pace."""

import asyncio
import time

import pytest

from agents.explorer.manners import (
    Pace,
    Robots,
    is_grave,
    is_loopback,
    leaves_session,
    may_follow,
    only_arranges,
    only_reads,
)


@pytest.mark.parametrize("name", ["Log out", "Sign out", "logout", "LOG OFF", "Switch user"])
def test_leaving_the_session_is_recognised(name: str) -> None:
    assert leaves_session(name)


def test_leaving_the_session_is_recognised_by_address() -> None:
    assert leaves_session("Bye", "https://example.org/user/logout?next=/")
    assert not leaves_session("Blog outline", "https://example.org/blog/outline")


@pytest.mark.parametrize(
    "name", ["Delete", "Remove all", "Pay now", "Place order", "Unsubscribe", "Empty cart", "Close account", "Purchase"]
)
def test_grave_controls_are_recognised(name: str) -> None:
    assert is_grave(name)
    assert not only_reads(name)


@pytest.mark.parametrize("name", ["Save", "Add to list", "Next page", "Paypal history of art", "Buyer's guide"])
def test_ordinary_controls_are_not_grave(name: str) -> None:
    assert not is_grave(name)


@pytest.mark.parametrize("name", ["Sort by", "Filters", "Show more", "Category", "Search"])
def test_controls_that_only_read(name: str) -> None:
    assert only_reads(name)


def test_choices_that_act_at_once_are_trusted_only_to_arrange() -> None:
    assert only_arranges("Sort by")
    assert only_arranges("Items per page")
    assert not any(only_arranges(name) for name in ("Status", "Set priority", "Delivery"))


def test_links_are_followed_only_where_that_is_harmless() -> None:
    origins = frozenset({"https://a.example"})

    def may(name: str, url: str, *, resettable: bool = False) -> bool:
        return may_follow(name, url, origins, resettable=resettable)

    assert may("Books", "https://a.example/books")
    assert not may("Elsewhere", "https://b.example/books")
    assert not may("Plain http", "http://a.example/books")
    assert not may("Manual", "https://a.example/manual.pdf")
    assert not may("Mail", "mailto:a@a.example")
    assert not may("Delete", "https://a.example/books/1/delete")
    assert may("Delete", "https://a.example/books/1/delete", resettable=True)
    assert not may("Log out", "https://a.example/bye", resettable=True)


def test_robots_are_read_even_when_the_browser_folded_the_lines() -> None:
    rules = "User-agent: * Disallow: /private Allow: / Crawl-delay: 3"
    robots = Robots("https://a.example/", rules)
    assert robots.allow("https://a.example/open")
    assert not robots.allow("https://a.example/private/x")
    assert robots.delay() == 3


def test_no_robots_means_all_is_allowed() -> None:
    assert Robots("https://a.example/", "404 Not Found").allow("https://a.example/x")


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:80/", True),
        ("http://[::1]/", True),
        ("http://localhost:3/", True),
        ("http://shop.localhost/", True),
        ("https://127.0.0.1.example.org/", False),
        ("https://example.org/", False),
    ],
)
def test_loopback(url: str, loopback: bool) -> None:
    assert is_loopback(url) is loopback


def test_outside_loopback_a_second_passes_between_requests() -> None:
    assert Pace(0, ("https://example.org/",)).delay == 1
    assert Pace(0, ("http://localhost/",)).delay == 0
    assert Pace(4, ("https://example.org/",)).delay == 4


async def test_the_pace_is_kept_by_all_workers_together() -> None:
    pace = Pace(0.05, ("http://localhost/",))
    began = time.monotonic()
    await asyncio.gather(*(pace.wait() for _ in range(4)))
    assert time.monotonic() - began >= 0.15
