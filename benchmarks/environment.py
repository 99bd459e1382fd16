"""Steps a second and CPU of the web environment, beside a bare Playwright loop that does the same work.

    python benchmarks/environment.py [--rounds 5] [--episodes 10] [--contexts 1 4] [--output FILE.json]
    python benchmarks/environment.py --memory 1000

Both loops visit the same pages, do the same actions with the same input events, wait by the same rule
and read the same elements by the same code in the page; the bare one has no proxy, no isolation between
episodes beyond a new session cookie, no types, and knows nothing of tabs, dialogs or faults. They take
turns round by round in one process, so that a busy machine disturbs both alike. CPU is that of this
process and all of its children (driver and browser; not the server of the sites), user and system
together. `--memory` runs so many episodes in one context and reports what the processes hold.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import functools
import hashlib
import importlib.util
import json
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.async_api import CDPSession, Error, Page, async_playwright

from core import actions
from core.checks import fold
from core.config import Config, validate
from core.types import Action, ImageRef, Task
from environments.sites.process import SitesProcess
from environments.web import extraction
from environments.web.browser import find_executable
from environments.web.environment import WebEnvironment
from environments.web.pool import BrowserPool
from environments.web.session import SessionSource, TruthSessions

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Workload:
    """A page to start at, and the actions of one episode."""

    name: str
    site_url: str
    start: str
    lines: tuple[str, ...]
    navigating: frozenset[str] = frozenset()  # the lines that lead to another page, which the bare loop must be told
    sessions: SessionSource | None = None


@dataclass
class Measure:
    """What a loop took: seconds of wall and CPU, steps done, milliseconds of CPU for each reset."""

    wall: float = 0.0
    cpu: float = 0.0
    reset_cpu: float = 0.0
    steps: int = 0
    episodes: int = 0

    def row(self) -> dict[str, float]:
        """Rates: steps a second, CPU milliseconds of a step and of a reset."""
        return {
            "steps_per_s": round(self.steps / self.wall, 1),
            "cpu_ms_per_step": round(1000 * self.cpu / self.steps, 2),
            "cpu_ms_per_reset": round(1000 * self.reset_cpu / self.episodes, 1),
        }


class Processes:
    """CPU seconds and resident bytes of this process and its descendants, from /proc."""

    def __init__(self, without: frozenset[int] = frozenset()) -> None:
        self._without = without

    def _all(self) -> Iterator[tuple[list[str], Path]]:
        parents: dict[int, int] = {}
        stats: dict[int, list[str]] = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(folder.name)], stats[int(folder.name)] = int(fields[1]), fields
        for number, fields in stats.items():
            ancestor = number
            while ancestor != os.getpid() and ancestor in parents and ancestor not in self._without:
                ancestor = parents[ancestor]
            if ancestor == os.getpid():
                yield fields, Path(f"/proc/{number}")

    def cpu(self) -> float:
        """Children that have ended count with the parent that waited for them."""
        return sum(sum(map(int, fields[11:15])) for fields, _ in self._all()) / _TICKS

    def resident(self) -> tuple[int, int]:
        """Bytes of this process, and of its children (shared pages counted in each)."""
        own = children = 0
        for fields, folder in self._all():
            size = int(fields[21]) * _PAGE_BYTES
            if int(folder.name) == os.getpid():
                own = size
            else:
                children += size
        return own, children


class Bare:
    """The same episode by Playwright and nothing else."""

    def __init__(self, page: Page, cdp: CDPSession, work: Workload, config: Config, *, pictures: bool) -> None:
        self.page, self.cdp, self.work, self.pictures = page, cdp, work, pictures
        self.settle = {"quiet": config.browser.settle_quiet_ms, "limit": 1000, "patience": 4000}
        self.elements: list[dict[str, Any]] = []

    async def reset(self) -> None:
        await self.page.context.clear_cookies()
        if self.work.sessions is not None:
            cookie: Any = await self.work.sessions.create(self.work.site_url)
            await self.page.context.add_cookies([cookie])
        await self.page.goto(self.work.site_url + self.work.start, wait_until="domcontentloaded")
        await self.look()

    async def look(self) -> None:
        while True:
            try:
                written = await self.page.evaluate(
                    "async (s) => { await __autotelic.settle(s); return __autotelic.parts.observe(400) }", self.settle
                )
                break
            except Error:
                await self.page.wait_for_load_state("domcontentloaded")
        self.elements = json.loads(written)["elements"]
        if self.pictures:
            shot = {"format": "webp", "quality": 60, "optimizeForSpeed": True}
            data = base64.b64decode((await self.cdp.send("Page.captureScreenshot", shot))["data"])
            hashlib.sha256(data).hexdigest()

    async def step(self, action: Action) -> None:
        if action.raw_text in self.work.navigating:
            async with self.page.expect_navigation(wait_until="domcontentloaded"):
                await self.act(action)
        else:
            await self.act(action)
        await self.look()

    async def act(self, action: Action) -> None:
        target = actions.target_of(action)
        if target is not None:
            found = [e for e in self.elements if (e["role"], fold(e["name"])) == (target.role, fold(target.name))]
            point = await self.page.evaluate("(id) => __autotelic.parts.locate(id)", found[target.nth - 1]["id"])
        match action.name:
            case "click":
                await self.page.mouse.click(point["x"], point["y"])
            case "hover":
                await self.page.mouse.move(point["x"], point["y"])
            case "type":
                text = action.arguments["text"]
                await self.page.mouse.click(point["x"], point["y"])
                await self.page.evaluate("([id, t]) => __autotelic.parts.edit(id, t)", [found[0]["id"], text])
                await self.page.keyboard.insert_text(text[:-1])
                await self.page.keyboard.type(text[-1])
            case "scroll":
                await self.page.evaluate("(d) => __autotelic.parts.scroll(d)", action.arguments["direction"])
            case "back":
                await self.page.go_back(wait_until="commit")


class Ours:
    """The episode by the web environment."""

    def __init__(self, environment: WebEnvironment, work: Workload) -> None:
        self.environment = environment
        self.task = Task(id="benchmark", instruction="", start_url=work.start, max_steps=10_000)

    async def reset(self) -> None:
        await self.environment.reset(self.task)

    async def step(self, action: Action) -> None:
        result = await self.environment.step(action)
        assert not result.observation.last_action_error, result.observation.last_action_error


async def round_of(
    loops: list[Bare] | list[Ours], work: Workload, episodes: int, processes: Processes, into: Measure
) -> None:
    """Every loop runs `episodes` episodes, all loops at once; resets are measured apart from steps."""
    script = [actions.parse(line) for line in work.lines]

    async def steps(loop: Bare | Ours) -> None:
        for action in script:
            await loop.step(action)

    for _ in range(episodes):
        cpu = processes.cpu()
        await asyncio.gather(*(loop.reset() for loop in loops))
        between, start = processes.cpu(), time.monotonic()
        await asyncio.gather(*(steps(loop) for loop in loops))
        into.wall += time.monotonic() - start
        into.cpu += processes.cpu() - between
        into.reset_cpu += between - cpu
        into.steps += len(script) * len(loops)
        into.episodes += len(loops)


def settings(contexts: int, *, pictures: bool) -> Config:
    """The defaults with that many contexts, pictures at every step or never, and time for busy machines."""
    browser = {"contexts": contexts, "screenshots": "every" if pictures else "off"}
    return validate({"browser": browser | {"action_timeout": 60.0, "navigation_timeout": 120.0}})


def keep(data: bytes, width: int, height: int) -> ImageRef:
    """Names a picture by its content and forgets it: what writing costs is not the browser's business."""
    return ImageRef(sha256=hashlib.sha256(data).hexdigest(), width=width, height=height)


@asynccontextmanager
async def bare_loops(work: Workload, config: Config, *, pictures: bool) -> AsyncIterator[list[Bare]]:
    """As many loops as contexts, in a browser of their own without a proxy."""
    flags = ["--disable-gpu"] + (["--no-sandbox"] if os.geteuid() == 0 else [])
    view: Any = {"width": config.browser.width, "height": config.browser.height}
    async with async_playwright() as playwright:
        path = find_executable(config.browser, playwright)
        browser = await playwright.chromium.launch(executable_path=path, args=flags)
        loops = []
        for _ in range(config.browser.contexts):
            context = await browser.new_context(viewport=view, service_workers="block", reduced_motion="reduce")
            await context.add_init_script(extraction.script())
            page = await context.new_page()
            loops.append(Bare(page, await context.new_cdp_session(page), work, config, pictures=pictures))
        try:
            yield loops
        finally:
            await browser.close()


@asynccontextmanager
async def our_loops(work: Workload, config: Config) -> AsyncIterator[list[Ours]]:
    """As many loops as contexts, with environments out of a pool."""
    async with BrowserPool(config, site_urls=[work.site_url], sessions=work.sessions, store=keep) as pool:
        environments = [await pool.acquire() for _ in range(pool.size)]
        yield [Ours(one, work) for one in environments if isinstance(one, WebEnvironment)]


async def compare(
    work: Workload, contexts: int, args: argparse.Namespace, processes: Processes
) -> list[dict[str, Any]]:
    """Rows of results for text and for pictures."""
    rows = []
    for pictures in (False, True):
        config = settings(contexts, pictures=pictures)
        measures = {"environment": Measure(), "bare": Measure()}
        async with our_loops(work, config) as ours, bare_loops(work, config, pictures=pictures) as bare:
            await round_of(ours, work, 2, processes, Measure())
            await round_of(bare, work, 2, processes, Measure())
            for _ in range(args.rounds):
                await round_of(ours, work, args.episodes, processes, measures["environment"])
                await round_of(bare, work, args.episodes, processes, measures["bare"])
        ratio = measures["environment"].cpu / measures["bare"].cpu
        for name, measure in measures.items():
            row: dict[str, Any] = {"page": work.name, "mode": "pictures" if pictures else "text", "contexts": contexts}
            rows.append(row | {"loop": name} | measure.row() | {"cpu_ratio": round(ratio, 2)})
            print("  ".join(f"{key}={value}" for key, value in rows[-1].items()), flush=True)
    return rows


async def memory(work: Workload, episodes: int, processes: Processes) -> list[dict[str, Any]]:
    """Resident megabytes after each tenth of the episodes."""
    rows = []
    async with our_loops(work, settings(1, pictures=False)) as loops:
        for tenth in range(10):
            await round_of(loops, work, max(episodes // 10, 1), processes, Measure())
            own, children = (round(size / 2**20, 1) for size in processes.resident())
            rows.append({"episodes": (tenth + 1) * max(episodes // 10, 1), "python_mb": own, "children_mb": children})
            print("  ".join(f"{key}={value}" for key, value in rows[-1].items()), flush=True)
    return rows


class _Quiet(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def miniwob() -> Iterator[Workload | None]:
    """MiniWoB++'s click-test-2 on a local server, or None where the `miniwob` wheel is not installed."""
    found = importlib.util.find_spec("miniwob")
    if found is None or not found.submodule_search_locations:
        print("MiniWoB++ is left out; install it with: pip install --no-deps miniwob", file=sys.stderr)
        yield None
        return
    folder = Path(found.submodule_search_locations[0]) / "html"
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    lines = ('click button "START"', 'click button "TWO"') * 4
    try:
        yield Workload("click-test-2", url, "/miniwob/click-test-2.html", lines)
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Report:
    """Everything measured, to be written as JSON."""

    compared: list[dict[str, Any]] = field(default_factory=list)
    memory: list[dict[str, Any]] = field(default_factory=list)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--episodes", type=int, default=10, help="in a round, of each context")
    parser.add_argument("--contexts", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--memory", type=int, default=0, help="only run so many episodes and watch the memory")
    parser.add_argument("--output", type=Path, help="a file for the results, as JSON")
    args = parser.parse_args()
    report = Report()
    async with await SitesProcess.start(["shop"]) as sites:
        processes = Processes(without=frozenset({sites.pid}))
        lines = (
            'hover link "Orders"',
            'type searchbox "Search products" "tent"',
            'click button "Search"',
            "scroll down",
            'click link "Help"',
            "back",
        )
        navigating = frozenset({'click button "Search"', 'click link "Help"'})
        sessions = TruthSessions(sites.truth, sites.urls)
        shop = Workload("shop", sites.urls["shop"], "/", lines, navigating, sessions)
        if args.memory:
            report.memory = await memory(shop, args.memory, processes)
        else:
            with miniwob() as wob:
                for work in (wob, shop):
                    for contexts in args.contexts if work else ():
                        assert work is not None
                        report.compared += await compare(work, contexts, args, processes)
    if args.output:
        args.output.write_text(json.dumps({"compared": report.compared, "memory": report.memory}, indent=1) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
