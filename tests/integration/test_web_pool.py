"""Pools: fresh state for every episode, shared sites kept apart and put back, log-ins, pictures, and an end to all."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image
from playwright.async_api import Page

from core.errors import ConfigError, EnvironmentFault, UserError
from core.protocols import Environment, EnvironmentPool
from core.types import ImageRef, Observation
from environments.checker import check
from environments.sites.process import SitesProcess
from environments.web.pool import BrowserPool
from environments.web.session import TruthSessions
from tests.integration.web_fixtures import Site, browser_pool, descendants, do, find, lent, site, task

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def web() -> Iterator[Site]:
    with site() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool(web: Site) -> AsyncIterator[BrowserPool]:
    async with browser_pool(web.url) as running:
        yield running


async def test_the_web_environment_conforms(web: Site, pool: BrowserPool) -> None:
    web.pages["/conform"] = "<title>C</title><button>Same</button><button>Same</button><a href=/>Home</a><p>Words"
    assert isinstance(pool, EnvironmentPool)
    environment = await pool.acquire()
    try:
        assert isinstance(environment, Environment)
        await check(environment, task("/conform"))
    finally:
        await pool.release(environment, broken=True)


@pytest.mark.parametrize("frame", ["", "other origin"])
async def test_nothing_survives_a_reset(web: Site, pool: BrowserPool, frame: str) -> None:
    html = """<title>Memory</title><p id=o aria-busy=true></p><button onclick="keep()">Keep</button>
      <a href=/two>Two</a><script>
      const keep = async () => {
        o.ariaBusy = 'true';
        localStorage.a = sessionStorage.a = name = document.cookie = 'a=kept';
        await (await caches?.open('a'))?.put('/x', new Response('kept'));
        const asked = indexedDB.open('kept');
        await new Promise(resolve => { asked.onsuccess = () => { asked.result.close(); resolve() } });
        show() };
      const show = async () => { o.textContent = JSON.stringify([localStorage.a, sessionStorage.a, name,
        document.cookie, (await caches?.keys())?.length, (await indexedDB.databases()).length, history.length]);
        o.ariaBusy = null };
      show()</script>"""
    web.pages["/memory"] = html + ("<iframe src=data:text/html,x></iframe>" if frame else "")
    web.pages["/two"] = "<title>Two</title>"
    async with lent(pool) as env:
        first = await env.reset(task("/memory"))
        kept = await do(env, 'click button "Keep"')
        assert "kept" in kept.observation.text
        assert kept.observation.text != first.text
        await do(env, 'click link "Two"')
        again = await env.reset(task("/memory"))
        assert again.model_dump() == first.model_dump()


async def test_a_page_is_fetched_anew_for_every_episode(web: Site, pool: BrowserPool) -> None:
    versions = iter(range(100))

    def cached(_request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        return 200, {"Cache-Control": "max-age=3600"}, b"<title>v%d</title>" % next(versions)

    web.pages["/cached"] = cached
    async with lent(pool) as env:
        assert [(await env.reset(task("/cached"))).title for _ in range(2)] == ["v0", "v1"]


@pytest.mark.slow
async def test_bundled_sites_have_a_state_of_their_own_for_every_episode() -> None:
    async with await SitesProcess.start(["shop"]) as sites:
        sessions = TruthSessions(sites.truth, sites.urls)
        async with browser_pool(sites.urls["shop"], sessions=sessions, settings={"browser": {"contexts": 2}}) as pool:
            await check(await pool.acquire(), task("/"))
            async with lent(pool) as one:
                await one.reset(task("/"))
                before = await one.collect_evidence(task("/"))
                product = next(e for e in (await one.reset(task("/"))).elements if e.role == "heading" and e.level == 3)
                await do(one, f'click link "{product.name}"')
                result = await do(one, 'click button "Add to cart"')
                assert result.observation.last_action_error == ""
                changed = await one.collect_evidence(task("/"))
                assert before is not None
                assert changed is not None
                assert changed.evidence != before.evidence
                await one.reset(task("/"))
                assert await one.collect_evidence(task("/")) == before


async def test_environments_are_lent_up_to_the_size_in_as_many_processes_as_asked(web: Site, pool: BrowserPool) -> None:
    async with lent(pool):
        before = browsers()
    async with browser_pool(web.url, settings={"browser": {"contexts": 2, "processes": 2}}) as pool:
        assert pool.size == 4
        lent_out = [await pool.acquire() for _ in range(4)]
        seen = await asyncio.gather(*(environment.reset(task("/")) for environment in lent_out))
        assert [one.title for one in seen] == ["Home"] * 4
        assert browsers() == 3 * before
        fifth = asyncio.ensure_future(pool.acquire())
        await asyncio.sleep(0.05)
        assert not fifth.done()
        await pool.release(lent_out[0])
        assert await fifth is lent_out[0]
    assert browsers() == before


def browsers() -> int:
    """Processes that stand for a browser: as many for each, with the script that some distributions start it by."""
    return len(descendants("--remote-debugging-pipe", without="--type="))


async def test_a_shared_site_is_put_back_and_changers_do_not_overlap(web: Site, tmp_path: Path) -> None:
    state = tmp_path / "state"
    inside: list[int] = []

    def count(_request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        state.write_text(state.read_text() + "x")
        return 200, {}, f"<title>{len(state.read_text())}</title>".encode()

    web.pages["/count"] = count
    code = f"import pathlib; pathlib.Path(r'{state}').write_text('')"
    settings: dict[str, dict[str, Any]] = {
        "site": {"reset": f'{sys.executable} -c "{code}"'},
        "browser": {"contexts": 3},
    }
    async with browser_pool(web.url, settings=settings) as pool:

        async def episode() -> str:
            async with lent(pool) as env:
                seen = await env.reset(task("/count", changes_state=True))
                inside.append(1)
                assert len(inside) == 1
                seen = (await do(env, 'goto "/count"')).observation
                inside.pop()
                return seen.title

        assert await asyncio.gather(*(episode() for _ in range(3))) == ["2", "2", "2"]


async def test_a_reset_that_fails_is_a_fault(web: Site) -> None:
    settings = {"site": {"reset": f'{sys.executable} -c "raise SystemExit(1)"'}}
    async with browser_pool(web.url, settings=settings) as pool, lent(pool) as env:
        for _ in range(2):
            with pytest.raises(EnvironmentFault, match="reset command"):
                await env.reset(task("/"))


async def log_in(page: Page, environ: Mapping[str, str]) -> None:
    await page.get_by_label("Password").fill(environ["SITE_PASSWORD"])
    await page.get_by_role("button", name="Enter").click()
    await page.wait_for_url("**/in")


async def fail_with_secret(_page: Page, environ: Mapping[str, str]) -> None:
    raise RuntimeError(f"wrong password {environ['SITE_PASSWORD']}")


def guarded(web: Site) -> None:
    def inside(request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        if "sid=ok" in (request.headers["Cookie"] or ""):
            return (
                200,
                {},
                b"<title>Inside</title><p>Your word is open sesame</p><input aria-label=W value='open sesame'>",
            )
        return 200, {}, b"<title>Outside</title>"

    def enter(request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        right = b"open+sesame" in request.body  # type: ignore[attr-defined]
        return 303, {"Location": "/in"} | ({"Set-Cookie": "sid=ok; Path=/"} if right else {}), b""

    web.pages |= {
        "/gate": """<form method=post action=/enter><label>Password <input type=password name=p></label>
          <button>Enter</button></form>""",
        "/enter": enter,
        "/in": inside,
        "/reset": "",
    }


async def test_a_hook_logs_in_once_and_its_secret_is_shown_nowhere(web: Site) -> None:
    guarded(web)
    settings = {"site": {"login": f"{__name__}:log_in"}}
    environ = {"SITE_PASSWORD": "open sesame"}
    async with browser_pool(f"{web.url}/gate", settings=settings, environ=environ) as pool, lent(pool) as env:
        for _ in range(2):
            seen = await env.reset(task(f"{web.url}/in"))
            assert seen.title == "Inside"
            assert "sesame" not in seen.model_dump_json()
            assert "Your word is" in seen.text
        result = await do(env, 'click button "open sesame"')
        assert "sesame" not in result.model_dump_json()
        assert web.hits["/enter"] == 1


@pytest.mark.parametrize(("keeps", "log_ins"), [(True, 1), (False, 3)])
async def test_who_was_logged_in_logs_in_again_after_a_reset_that_forgets_it(
    web: Site, keeps: bool, log_ins: int
) -> None:
    guarded(web)
    web.hits.clear()
    site = {"login": f"{__name__}:log_in", "reset": f"{web.url}/reset", "reset_keeps_login": keeps}
    environ = {"SITE_PASSWORD": "open sesame"}
    async with browser_pool(f"{web.url}/gate", settings={"site": site}, environ=environ) as pool, lent(pool) as env:
        for _ in range(3):
            assert (await env.reset(task(f"{web.url}/in", changes_state=True))).title == "Inside"
    assert web.hits["/enter"] == log_ins


async def test_a_hook_that_fails_is_a_fault_without_its_secret(web: Site) -> None:
    guarded(web)
    for hook, environ, words in (
        (
            "fail_with_secret",
            {"SITE_PASSWORD": "open sesame"},
            "the log-in hook failed: RuntimeError: wrong password «",
        ),
        ("log_in", {}, "needs the environment variable 'SITE_PASSWORD'"),
    ):
        settings = {"site": {"login": f"{__name__}:{hook}"}}
        async with browser_pool(f"{web.url}/gate", settings=settings, environ=environ) as pool, lent(pool) as env:
            with pytest.raises(EnvironmentFault) as caught:
                await env.reset(task(f"{web.url}/in"))
        assert words in str(caught.value)
        assert "sesame" not in str(caught.value)


async def test_a_storage_state_file_logs_in(web: Site, tmp_path: Path) -> None:
    guarded(web)
    saved = tmp_path / "state.json"
    cookie = '{"name": "sid", "value": "ok", "domain": "127.0.0.1", "path": "/", "expires": -1, "httpOnly": false,'
    saved.write_text(f'{{"cookies": [{cookie} "secure": false, "sameSite": "Lax"}}], "origins": []}}')
    async with browser_pool(web.url, settings={"site": {"storage_state": str(saved)}}) as pool, lent(pool) as env:
        for _ in range(2):
            assert (await env.reset(task("/in"))).title == "Inside"


@pytest.mark.parametrize(
    ("site_settings", "words"),
    [
        ({"storage_state": "missing.json"}, "storage_state"),
        ({"login": "nonsense"}, "package.module:function"),
        ({"login": "no_such_module:f"}, "cannot be imported"),
        ({"login": "os:nothing"}, "has no 'nothing'"),
        ({"login": "os:getcwd"}, "must be an async function"),
        ({"reset": "say 'hello"}, "site.reset"),
        ({"allowed_origins": ["example.com"]}, "'example.com' is not an address"),
    ],
)
async def test_bad_settings_are_refused_at_once(web: Site, site_settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        async with browser_pool(web.url, settings={"site": site_settings}):
            pass


async def test_a_browser_that_is_not_there_is_named(web: Site) -> None:
    async with browser_pool(web.url, settings={"browser": {"executable": "/no/chromium"}}) as pool:
        with pytest.raises(UserError, match=r"browser\.executable = '/no/chromium'"):
            await pool.acquire()


class Pictures:
    def __init__(self) -> None:
        self.kept: list[bytes] = []

    def keep(self, data: bytes, width: int, height: int) -> ImageRef:
        self.kept.append(data)
        return ImageRef(sha256=str(len(self.kept)), width=width, height=height)


@pytest.mark.parametrize(("mode", "expected"), [("off", [0, 0, 0]), ("final", [0, 0, 1]), ("every", [1, 1, 1])])
async def test_pictures_are_taken_when_they_are_wanted(web: Site, mode: str, expected: list[int]) -> None:
    pictures = Pictures()
    web.pages["/red"] = "<body style='background:rgb(200,0,0)'><button>Press</button>"
    browser = {"screenshots": mode, "width": 400, "height": 300}
    async with browser_pool(web.url, settings={"browser": browser}, store=pictures.keep) as pool, lent(pool) as env:
        seen: list[Observation] = [await env.reset(task("/red", max_steps=2))]
        seen.append((await do(env, 'click button "Press"')).observation)
        seen.append((await do(env, "wait")).observation)  # the last step that the task allows
        assert [int(one.screenshot is not None) for one in seen] == expected
        now = await env.screenshot()
        assert now is not None
        assert (now.width, now.height) == (400, 300)
    for data in pictures.kept:
        with Image.open(io.BytesIO(data)) as image:
            assert image.format == "WEBP"
            red = image.convert("RGB").getpixel((300, 200))
            assert isinstance(red, tuple)
            assert red[0] > 150 > 60 > red[1]
    assert find(seen[0], "button", "Press")


async def test_of_some_episodes_the_end_is_pictured(web: Site) -> None:
    pictures = Pictures()
    settings = {"browser": {"screenshots": "some", "width": 400, "height": 300}}
    async with browser_pool(web.url, settings=settings, store=pictures.keep) as pool, lent(pool) as env:
        ends = []
        for _ in range(9):
            await env.reset(task("/"))
            ends.append((await do(env, 'answer "done"')).observation.screenshot is not None)
    assert ends == [True, *[False] * 7, True]
