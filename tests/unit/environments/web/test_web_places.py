"""Which origins are allowed, and where a relative start URL begins."""

from __future__ import annotations

import pytest

from core.errors import ConfigError, EnvironmentFault
from environments.web.places import Places, origin_of


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://Example.com/x?y#z", "http://example.com:80"),
        ("https://example.com.", "https://example.com:443"),
        ("wss://example.com/socket", "https://example.com:443"),
        ("ws://example.com:8080", "http://example.com:8080"),
        ("http://user:pass@example.com:81/", "http://example.com:81"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
        ("http://[0:0:0:0:0:0:0:1]:8000/", "http://[::1]:8000"),
        ("ftp://example.com", ""),
        ("javascript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("http://example.com:99999/", ""),
        ("nonsense", ""),
    ],
)
def test_origins_have_one_spelling(url: str, origin: str) -> None:
    assert origin_of(url) == origin


def test_only_the_same_scheme_host_and_port_are_allowed() -> None:
    places = Places.of(["http://127.0.0.1:8000/shop"], ["https://cdn.test"])
    allowed = ["http://127.0.0.1:8000/other", "https://cdn.test/x", "https://cdn.test:443", "about:blank"]
    refused = [
        "https://127.0.0.1:8000/",
        "http://127.0.0.1:8001/",
        "http://localhost:8000/",
        "http://cdn.test/",
        "http://127.0.0.1:8000@evil.test/",
        "http://127.0.0.1:8000.evil.test/",
        "file:///etc/passwd",
        "chrome://settings",
        "data:text/html,x",
    ]
    assert all(places.allows(url) for url in allowed)
    assert not any(places.allows(url) for url in refused)
    assert places.allows("blob:http://127.0.0.1:8000/123")
    assert not places.allows("blob:http://evil.test/123")


@pytest.mark.parametrize(
    ("base", "start", "url"),
    [
        ("http://h.test", "/", "http://h.test"),
        ("http://h.test", "/a?b=c", "http://h.test/a?b=c"),
        ("http://h.test/", "a", "http://h.test/a"),
        ("http://h.test/app/", "/a", "http://h.test/app/a"),
        ("http://h.test/app", "/app/a", "http://h.test/app/a"),
        ("http://h.test/app/?q=1", "/", "http://h.test/app/?q=1"),
        ("http://h.test/app/?q=1", "/a", "http://h.test/app/a"),
        ("http://h.test/app", "http://h.test/b", "http://h.test/b"),
    ],
)
def test_relative_start_urls_begin_at_the_first_site(base: str, start: str, url: str) -> None:
    assert Places.of([base]).resolve(start) == url


@pytest.mark.parametrize(
    "start", ["http://evil.test/", "//evil.test/x", "https://h.test/", "file:///x", "javascript:1"]
)
def test_start_urls_outside_are_faults(start: str) -> None:
    with pytest.raises(EnvironmentFault, match="not among the allowed origins"):
        Places.of(["http://h.test"]).resolve(start)


@pytest.mark.parametrize("url", ["example.com", "ftp://x.test", "ws://x.test", "http://"])
def test_sites_that_are_no_addresses_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="https://host"):
        Places.of([url])


def test_the_site_of_a_url_is_the_closest_one() -> None:
    places = Places.of(["http://h.test/a", "http://h.test/a/b", "http://other.test"])
    assert places.site_of("http://h.test/a/b/c") == "http://h.test/a/b"
    assert places.site_of("http://other.test/x") == "http://other.test"
    assert places.site_of("http://h.test/z") == "http://h.test/a"
