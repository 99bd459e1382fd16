"""What sites do wrong becomes a sentence for the agent, or an infrastructure fault; never a hang or crash of ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from core.errors import EnvironmentFault, UserError
from environments.web.environment import WebEnvironment
from environments.web.pool import BrowserPool
from tests.integration.web_fixtures import (
    Forbidden,
    Site,
    browser_pool,
    descendants,
    do,
    eventually,
    forbidden,
    kill,
    lent,
    site,
    task,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def web() -> Iterator[Site]:
    with site() as running:
        yield running


@pytest.fixture(scope="module")
def outside() -> Iterator[Forbidden]:
    with forbidden() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool(web: Site) -> AsyncIterator[BrowserPool]:
    async with browser_pool(web.url) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def env(pool: BrowserPool) -> AsyncIterator[WebEnvironment]:
    async with lent(pool) as environment:
        yield environment


async def test_nothing_reaches_a_forbidden_origin(
    web: Site, outside: Forbidden, pool: BrowserPool, env: WebEnvironment
) -> None:
    """By links, redirect hops, images, frames, fetches, beacons, forms, web sockets, popups, preloads, WebRTC."""
    away, ws = outside.url, outside.url.replace("http", "ws")
    web.pages |= {
        "/hop": (302, {"Location": f"{away}/hopped"}, b""),
        "/hop2": (307, {"Location": "/hop"}, b""),
        "/trap": f"""<title>Trap</title><link rel=preload as=script href={away}/p><link rel=preconnect href={away}>
          <link rel=dns-prefetch href=//forbidden.test><img src={away}/i><img src=/hop><iframe src={away}/f></iframe>
          <iframe src=/hop></iframe><a href={away}/l>Link</a><a href=/hop2>Hops</a>
          <a href={away}/t target=_blank>Tab</a> <form action={away}/form method=post><button>Post</button></form>
          <script>const quiet = () => {{}};
          fetch('{away}/x', {{mode: 'no-cors'}}).catch(quiet); fetch('/hop').catch(quiet);
          navigator.sendBeacon('{away}/b'); new WebSocket('{ws}/s'); new EventSource('{away}/e');
          new Worker(URL.createObjectURL(new Blob([`fetch('{away}/w').catch(() => 0)`])));
          try {{ const c = new RTCPeerConnection({{iceServers: [{{urls: 'turn:127.0.0.1:{outside.port}?transport=tcp',
            username: 'u', credential: 'c'}}]}});
            c.createDataChannel('x'); c.createOffer().then(o => c.setLocalDescription(o)); }} catch {{}}
          </script>""",
    }
    seen = await env.reset(task("/trap"))
    assert seen.title == "Trap"
    for line in ('click link "Link"', 'click link "Hops"', 'click button "Post"', 'click link "Tab"'):
        result = await do(env, line)
        assert "not among the allowed origins" in result.observation.last_action_error, line
        assert (result.observation.title, len(result.observation.tabs)) == ("Trap", 1), line
    assert sum(pool.proxy.refused.values()) >= 10
    assert outside.connections == 0


async def test_a_start_page_elsewhere_is_a_fault(env: WebEnvironment, outside: Forbidden, web: Site) -> None:
    web.pages["/away"] = (302, {"Location": outside.url}, b"")
    for start in (outside.url, "/away", "file:///etc/passwd"):
        with pytest.raises(EnvironmentFault, match="not among the allowed origins"):
            await env.reset(task(start))
    assert outside.connections == 0


async def test_a_site_that_hangs_is_left_where_it_was(web: Site) -> None:
    web.pages |= {"/before": "<title>Before</title><a href=/hang>Go</a>", "/hang": web.hang}
    settings = {"browser": {"navigation_timeout": 2.0}}
    async with browser_pool(web.url, settings=settings) as pool, lent(pool) as env:
        with pytest.raises(EnvironmentFault, match="did not answer within 2 seconds"):
            await env.reset(task("/hang"))
        await env.reset(task("/before"))
        result = await do(env, 'click link "Go"')
        assert "did not answer within 2 seconds" in result.observation.last_action_error
        assert result.observation.title == "Before"
        assert (await do(env, "scroll up")).observation.title == "Before"


async def test_http_500_is_a_page_and_noted(web: Site, env: WebEnvironment) -> None:
    web.pages |= {"/fine": "<a href=/500>Go</a>", "/500": (500, {}, b"<title>Oops</title>broken")}
    await env.reset(task("/fine"))
    result = await do(env, 'click link "Go"')
    assert (result.observation.title, result.info["http_status"]) == ("Oops", 500)
    assert (await env.reset(task("/500"))).title == "Oops"


async def test_a_site_that_is_not_there_is_a_fault_at_the_start_and_a_sentence_later(web: Site) -> None:
    with forbidden() as gone:
        pass  # its port is closed now
    web.pages["/dead"] = f"<title>Alive</title><a href={gone.url}/>Dead</a><a href=/cut>Cut</a>"
    web.pages["/cut"] = lambda _request: None
    async with browser_pool(web.url, gone.url) as pool, lent(pool) as env:
        with pytest.raises(EnvironmentFault, match="could not be reached"):
            await env.reset(task(gone.url))
        await env.reset(task("/dead"))
        result = await do(env, 'click link "Dead"')
        assert "could not be reached" in result.observation.last_action_error
        assert result.observation.title == "Alive"
        result = await do(env, 'click link "Cut"')
        assert "without an answer" in result.observation.last_action_error
        assert result.observation.title == "Alive"


async def test_dialogs_are_dismissed_and_reported(web: Site, env: WebEnvironment) -> None:
    web.pages[
        "/ask"
    ] = """<title>Ask</title><button onclick="document.title = String(confirm('Really delete?'))">Ask</button>
      <button onclick="onbeforeunload = e => e.preventDefault()">Cling</button><a href=/>Leave</a>"""
    await env.reset(task("/ask"))
    result = await do(env, 'click button "Ask"')
    assert "Really delete?" in result.observation.last_action_error
    assert result.observation.title == "false"
    await do(env, 'click button "Cling"')
    assert (await do(env, 'click link "Leave"')).observation.title == "Home"


@pytest.mark.parametrize(
    "script",
    [
        "while (true) alert('more')",
        "setInterval(() => alert('more'), 0)",
        "(function f() { alert('m'); setTimeout(f) })()",
    ],
)
async def test_endless_dialogs_are_contained(web: Site, env: WebEnvironment, script: str) -> None:
    web.pages["/endless"] = f'<title>Calm</title><button onclick="{script}">Start</button><button>Other</button>'
    await env.reset(task("/endless"))
    result = await do(env, 'click button "Start"')
    assert "silenced" in result.observation.last_action_error
    assert result.observation.title == "Calm"
    # The last dialogs may still be on their way: the page has to be usable soon, not at once.
    complaints = [(await do(env, 'click button "Other"')).observation.last_action_error for _ in range(3)]
    assert complaints[-1] == "", complaints


async def test_endless_tabs_are_contained(web: Site, env: WebEnvironment) -> None:
    web.pages["/bomb"] = (
        "<title>Bomb</title><button onclick=\"for (let i = 0; i < 15; i++) window.open('/')\">Start</button>"
    )
    await env.reset(task("/bomb"))
    result = await do(env, 'click button "Start"')
    assert len(result.observation.tabs) <= 8
    assert "kept opening tabs" in result.observation.last_action_error
    assert (await env.reset(task("/bomb"))).tabs == ("Bomb",)


async def test_downloads_and_uploads_are_refused(web: Site, env: WebEnvironment) -> None:
    web.pages |= {
        "/files": """<title>Files</title><a href=/file>Get</a>
          <button onclick=f.click()>Put</button><input type=file id=f hidden>""",
        "/file": (200, {"Content-Disposition": "attachment; filename=a.zip"}, b"zip"),
    }
    await env.reset(task("/files"))
    result = await do(env, 'click link "Get"')
    assert "download of 'a.zip' was refused" in result.observation.last_action_error
    result = await do(env, 'click button "Put"')
    assert "uploads are refused" in result.observation.last_action_error
    assert result.observation.title == "Files"


@pytest.mark.slow
async def test_a_page_that_keeps_itself_busy_is_a_fault(web: Site, env: WebEnvironment) -> None:
    web.pages["/busy"] = "<button onclick='setTimeout(() => { while (true); })'>Start</button>"
    await env.reset(task("/busy"))
    with pytest.raises(EnvironmentFault, match="keep it busy"):
        await do(env, 'click button "Start"')
    assert (await env.reset(task("/"))).title == "Home"


async def test_a_crashed_renderer_is_a_fault_and_the_next_episode_is_fine(web: Site, env: WebEnvironment) -> None:
    web.pages["/crash"] = "<title>Crash</title><button>Stay</button>"
    await env.reset(task("/crash"))
    kill(descendants("--type=renderer"))
    with pytest.raises(EnvironmentFault, match="crashed"):
        await do(env, 'click button "Stay"')
    assert (await env.reset(task("/"))).title == "Home"


async def test_a_killed_browser_is_replaced(web: Site) -> None:
    async with browser_pool(web.url, settings={"browser": {"contexts": 2}}) as pool:
        first, second = await pool.acquire(), await pool.acquire()
        await first.reset(task("/"))
        kill(descendants("--remote-debugging-pipe", without="--type="))
        with pytest.raises(EnvironmentFault):
            await do(first, "scroll down")
        with pytest.raises(EnvironmentFault):
            await second.reset(task("/"))
        await pool.release(first, broken=True)
        await pool.release(second)
        for _ in range(2):
            async with lent(pool) as env:
                assert (await env.reset(task("/"))).title == "Home"


async def test_actions_after_the_end_are_refused(env: WebEnvironment) -> None:
    await env.reset(task("/"))
    await do(env, 'answer "x"')
    with pytest.raises(UserError, match="call reset"):
        await do(env, "wait")


async def test_no_connection_is_left_behind(web: Site) -> None:
    web.pages |= {
        "/stuck": "<title>Stuck</title><script>for (let i = 0; i < 4; i++) fetch('/hang')</script>",
        "/hang": web.hang,
    }
    async with browser_pool(web.url) as pool:
        async with lent(pool) as env:
            await env.reset(task("/stuck"))
        await env.close()
        await eventually(lambda: pool.proxy.connections <= 2)
        proxy = pool.proxy
    assert proxy.connections == 0
