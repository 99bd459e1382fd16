"""The sites' server as it runs: sessions apart, the truth behind a token, headers."""

from __future__ import annotations

import http.client
import json
from collections.abc import AsyncIterator
from urllib.parse import urlencode, urlsplit

import pytest
import pytest_asyncio

from core.errors import EnvironmentFault
from environments.sites.process import SitesProcess, TruthClient
from environments.sites.sessions import COOKIE

pytestmark = pytest.mark.asyncio(loop_scope="module")

LONGEST = 30.0  # seconds for one request


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sites() -> AsyncIterator[SitesProcess]:
    async with await SitesProcess.start(["shop", "kb"]) as process:
        yield process


def ask(
    base: str, path: str, *, cookie: str = "", form: dict[str, str] | None = None, token: str = "", method: str = ""
) -> tuple[int, dict[str, str], str]:
    """Status, headers (lower case) and body of one request."""
    headers = {"Cookie": f"{COOKIE}={cookie}"} if cookie else {}
    if token:
        headers["Authorization"] = token
    if form is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=LONGEST)
    try:
        connection.request(
            method or ("GET" if form is None else "POST"), path, None if form is None else urlencode(form), headers
        )
        response = connection.getresponse()
        answered = {name.lower(): value for name, value in response.getheaders()}
        return response.status, answered, response.read().decode()
    finally:
        connection.close()


async def test_two_sessions_do_not_see_each_other(sites: SitesProcess) -> None:
    shop, truth = sites.urls["shop"], sites.truth
    one, other = await truth.create("shop"), await truth.create("shop")
    assert ask(shop, "/cart/add", cookie=one, form={"product": "Nomad Peg Set", "quantity": "2"})[0] == 303
    assert "Nomad Peg Set" in ask(shop, "/cart", cookie=one)[2]
    assert "Nomad Peg Set" not in ask(shop, "/cart", cookie=other)[2]
    changed = await truth.read("shop", one)
    assert changed["changed"] == ["cart"]
    assert changed["changed_keys"] == {"cart": ["nomad peg set"]}
    assert changed["cart"]["nomad peg set"]["quantity"] == 2
    assert changed["page"] == {"route": "cart", "query": {}}
    assert (await truth.read("shop", other))["changed"] == []
    assert (await truth.read("shop", await truth.create("shop")))["changed"] == []


async def test_a_visitor_without_a_known_cookie_gets_a_session(sites: SitesProcess) -> None:
    shop = sites.urls["shop"]
    for cookie in ("", "made-up"):
        _, headers, _ = ask(shop, "/", cookie=cookie)
        name, _, rest = headers["set-cookie"].partition("=")
        assert name == COOKIE
        assert "HttpOnly" in rest
        session = rest.partition(";")[0]
        assert session not in ("", "made-up")
        assert "set-cookie" not in ask(shop, "/", cookie=session)[1]
        assert (await sites.truth.read("shop", session))["page"]["route"] == "home"


async def test_a_session_has_a_state_of_its_own_on_each_site(sites: SitesProcess) -> None:
    session = await sites.truth.create("shop")
    ask(sites.urls["shop"], "/cart/remove", cookie=session, form={"line": "Prairie Ground Sheet"})
    assert "set-cookie" not in ask(sites.urls["kb"], "/", cookie=session)[1]
    assert (await sites.truth.read("shop", session))["changed"] == ["cart"]
    assert (await sites.truth.read("kb", session))["changed"] == []


async def test_the_truth_needs_its_token(sites: SitesProcess) -> None:
    session = await sites.truth.create("shop")
    for token in ("", "Bearer wrong", "Bearer ", sites.truth._token):
        for path, method in ((f"/sessions/shop/{session}", "GET"), ("/health", "GET"), ("/sessions", "POST")):
            status, _, body = ask(sites.truth.url, path, token=token, method=method)
            assert status == 401
            assert json.loads(body) == {"error": "a bearer token is needed"}


async def test_the_truth_is_not_on_a_sites_port(sites: SitesProcess) -> None:
    session = await sites.truth.create("shop")
    token = f"Bearer {sites.truth._token}"
    assert sites.truth.url not in sites.urls.values()
    for url in sites.urls.values():
        for path in (f"/sessions/shop/{session}", "/health", "/sessions"):
            assert ask(url, path, token=token)[0] == 404


async def test_the_truth_refuses_what_it_does_not_know(sites: SitesProcess) -> None:
    truth = sites.truth
    with pytest.raises(EnvironmentFault, match="there is no site 'zoo'"):
        await truth.create("zoo")
    with pytest.raises(EnvironmentFault, match="no user 'mallory'"):
        await truth.create("shop", "mallory")
    session = await truth.create("shop", "robin")
    assert (await truth.read("shop", session))["user"] == "robin"
    await truth.delete("shop", session)
    for call in (truth.read, truth.delete):
        with pytest.raises(EnvironmentFault, match="no such site or session"):
            await call("shop", session)
    assert (await truth.health())["sites"] == ["shop", "kb"]


async def test_pages_carry_security_headers(sites: SitesProcess) -> None:
    for path in ("/", "/static/base.css", "/nowhere"):
        assert ask(sites.urls["shop"], path)[1]["content-security-policy"].startswith("default-src 'self'")
    assert ask(sites.urls["shop"], "/static/../site.py")[0] == 404
    assert ask(sites.urls["shop"], "/static/base.css")[1]["content-type"].startswith("text/css")


async def test_an_unreachable_truth_is_a_fault() -> None:
    with pytest.raises(EnvironmentFault, match="did not answer"):
        await TruthClient("http://127.0.0.1:9", "token", timeout=2).health()
