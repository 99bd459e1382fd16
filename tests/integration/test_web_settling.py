"""The page is read at rest: after slow navigations, requests and short timers, and in spite of endless change."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from environments.web.environment import WebEnvironment
from tests.integration.web_fixtures import Site, browser_pool, do, find, lent, site, task

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def web() -> Iterator[Site]:
    with site() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def env(web: Site) -> AsyncIterator[WebEnvironment]:
    async with browser_pool(web.url) as pool, lent(pool) as environment:
        yield environment


@pytest.mark.parametrize(
    "control",
    [
        "<a href=/late>Go</a>",
        "<form action=/late><button>Go</button></form>",
        "<form action=/late method=post><button>Go</button></form>",
        "<button onclick=\"location = '/late'\">Go</button>",
        "<button onclick=\"setTimeout(() => location = '/late', 150)\">Go</button>",
        "<button onclick=\"fetch('/data').then(() => location.assign('/late'))\">Go</button>",
        "<a href=/hop>Go</a>",
        "<a href=/meta>Go</a>",
    ],
)
async def test_a_slow_navigation_is_waited_for(web: Site, env: WebEnvironment, control: str) -> None:
    web.pages |= {
        "/start": f"<title>Start</title>{control}",
        "/late": web.slow(0.4, "<title>Late</title>arrived"),
        "/data": (200, {}, b"{}"),
        "/hop": (302, {"Location": "/late"}, b""),
        "/meta": "<meta http-equiv=refresh content='0; url=/late'>",
    }
    seen = await env.reset(task("/start"))
    role = "link" if control.startswith("<a") else "button"
    assert find(seen, role, "Go")
    result = await do(env, f'click {role} "Go"')
    assert result.observation.title == "Late"


@pytest.mark.parametrize(
    "script",
    [
        "fetch('/slow').then(r => r.text()).then(t => o.textContent = t)",
        "const x = new XMLHttpRequest(); x.onload = () => o.textContent = x.responseText; x.open('GET', '/slow');"
        "x.send()",
        "setTimeout(() => fetch('/slow').then(r => r.text()).then(t => o.textContent = t), 300)",
        "setTimeout(() => o.textContent = 'loaded', 500)",
        "const code = `setTimeout(() => postMessage(1), 500)`;"
        "o.ariaBusy = 'true'; const w = new Worker(URL.createObjectURL(new Blob([code])));"
        "w.onmessage = () => { o.ariaBusy = null; o.textContent = 'loaded' }",
    ],
)
async def test_an_answer_that_scripts_fetch_is_waited_for(web: Site, env: WebEnvironment, script: str) -> None:
    web.pages |= {
        "/start": f"<button id=b>Go</button><p id=o>nothing yet</p><script>b.onclick = () => {{ {script} }}</script>",
        "/slow": web.slow(0.4, "loaded"),
    }
    await env.reset(task("/start"))
    assert "loaded" in (await do(env, 'click button "Go"')).observation.text


async def test_work_that_is_done_on_load_is_waited_for_but_not_slow_pictures(web: Site, env: WebEnvironment) -> None:
    web.pages |= {
        "/load": """<title>Load</title><link rel=stylesheet href=/slow.css media=print><p id=o></p>
          <script>onload = () => o.textContent = 'worked'</script>""",
        "/slow.css": web.slow(0.5, ""),
        "/album": "<title>Album</title><img src=/never.png>",
        "/never.png": web.hang,
    }
    assert "worked" in (await env.reset(task("/load"))).text
    assert (await env.reset(task("/album"))).title == "Album"
    web.released.set()
    web.released.clear()


async def test_a_page_that_never_rests_is_read_all_the_same(web: Site, env: WebEnvironment) -> None:
    web.pages |= {
        "/clock": """<title>Clock</title><p id=o></p><button>Stay</button><script>let n = 0;
          setInterval(() => o.textContent = ++n, 5);
          const poll = () => fetch('/poll').finally(() => setTimeout(poll, 10)); poll();
          (function tick() { o.dataset.n = n; requestAnimationFrame(tick) })()</script>""",
        "/poll": web.slow(0.1, "nothing new"),
    }
    assert (await env.reset(task("/clock"))).title == "Clock"
    assert (await do(env, 'click button "Stay"')).observation.last_action_error == ""


async def test_requests_older_than_the_action_are_not_waited_for(web: Site, env: WebEnvironment) -> None:
    """A long poll is open all the time; a step that waited for it would take its whole patience."""
    web.pages |= {
        "/poller": "<title>P</title><button>Stay</button><script>fetch('/never')</script>",
        "/never": web.hang,
    }
    await env.reset(task("/poller"))
    page = env._tabs.active.page
    await do(env, 'click button "Stay"')
    before = await page.evaluate("performance.now()")
    await do(env, 'click button "Stay"')
    assert await page.evaluate("performance.now()") - before < 3000
    web.released.set()
    web.released.clear()


async def test_wait_waits_for_something_to_happen(web: Site, env: WebEnvironment) -> None:
    web.pages["/later"] = """<p id=o>empty</p><button id=b>Go</button>
      <script>b.onclick = () => setTimeout(() => o.textContent = 'filled', 900)</script>"""
    await env.reset(task("/later"))
    assert "filled" not in (await do(env, 'click button "Go"')).observation.text
    assert "filled" in (await do(env, "wait")).observation.text


async def test_reading_straight_after_a_navigating_click_never_fails(web: Site, env: WebEnvironment) -> None:
    for number in range(12):
        web.pages[f"/n{number}"] = f"<title>{number}</title><a href=/n{number + 1}>Next</a>"
    await env.reset(task("/n0"))
    for number in range(1, 12):
        assert (await do(env, 'click link "Next"')).observation.title == str(number)
