"""A small local website that tests write themselves, a listener that must never be reached, and a browser pool."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from core import actions
from core.config import validate
from core.protocols import Environment
from core.types import Element, Observation, StepResult, Task
from environments.web.environment import WebEnvironment
from environments.web.pool import BrowserPool

Answer = tuple[int, dict[str, str], bytes]
Page = str | Answer | Callable[[BaseHTTPRequestHandler], Answer | None]


class Site:
    """`pages[path]` is HTML, an answer, or a function of the request; `hits` counts requests by path."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {"/": "<title>Home</title><h1>Home</h1>"}
        self.hits: Counter[str] = Counter()
        self.headers: list[dict[str, str]] = []
        self.released = threading.Event()
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path = self.path.split("?")[0]
                site.hits[path] += 1
                site.headers.append(dict(self.headers.items()))
                length = int(self.headers.get("Content-Length") or 0)
                self.body = self.rfile.read(length)
                page = site.pages.get(path, (404, {}, b"<title>Missing</title>nothing here"))
                answer = page(self) if callable(page) else page
                if answer is None:
                    self.close_connection = True
                    return
                if isinstance(answer, str):
                    answer = (200, {}, f"<!doctype html><html lang=en>{answer}".encode())
                status, headers, body = answer
                self.send_response(status)
                for key, value in ({"Content-Type": "text/html; charset=utf-8"} | headers).items():
                    self.send_header(key, value)
                if status not in (204, 304):
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD" and status not in (204, 304):
                    self.wfile.write(body)

            do_POST = do_HEAD = do_GET  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self._thread.start()

    def hang(self, _request: BaseHTTPRequestHandler) -> None:
        """Never answers, until the test is over."""
        self.released.wait(60)

    def slow(self, seconds: float, html: str) -> Callable[[BaseHTTPRequestHandler], Answer]:
        """Answers late."""

        def answer(_request: BaseHTTPRequestHandler) -> Answer:
            time.sleep(seconds)
            return 200, {}, html.encode()

        return answer

    def close(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@contextmanager
def site() -> Iterator[Site]:
    """A running `Site`."""
    running = Site()
    try:
        yield running
    finally:
        running.close()


class Forbidden:
    """Counts connections; none may come."""

    def __init__(self) -> None:
        self.connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@contextmanager
def forbidden() -> Iterator[Forbidden]:
    """A running `Forbidden`."""
    running = Forbidden()
    try:
        yield running
    finally:
        running.close()


@asynccontextmanager
async def browser_pool(
    *urls: str, settings: dict[str, dict[str, Any]] | None = None, **more: Any
) -> AsyncIterator[BrowserPool]:
    """A pool whose browser reaches `urls`, with short time-outs."""
    given = settings or {}
    browser = {"contexts": 1, "screenshots": "off", "navigation_timeout": 4.0, "action_timeout": 3.0}
    config = validate({**given, "browser": browser | given.get("browser", {})})
    async with BrowserPool(config, site_urls=urls, **more) as pool:
        yield pool


@asynccontextmanager
async def lent(pool: BrowserPool, *, broken: bool = False) -> AsyncIterator[WebEnvironment]:
    """An environment of the pool, given back afterwards."""
    environment = await pool.acquire()
    assert isinstance(environment, WebEnvironment)
    try:
        yield environment
    finally:
        await pool.release(environment, broken=broken)


def task(start_url: str, **more: Any) -> Task:
    """A task that starts there."""
    return Task(id="t", instruction="look around", start_url=start_url, **more)


async def do(environment: Environment, line: str) -> StepResult:
    """Do one action, written in the grammar."""
    return await environment.step(actions.parse(line))


def find(observation: Observation, role: str, name: str) -> Element:
    """The first element of that role and name."""
    found = [e for e in observation.elements if (e.role, e.name) == (role, name)]
    assert found, f'no {role} "{name}" among {[(e.role, e.name) for e in observation.elements]}'
    return found[0]


def descendants(words: str, without: str = "\0") -> list[int]:
    """Numbers of the processes below this one whose command line has `words`, and not `without`."""
    parents: dict[int, int] = {}
    lines: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            number = int(folder.name)
            parents[number] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            lines[number] = (folder / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue

    def below(number: int) -> bool:
        while number in parents and number != os.getpid():
            number = parents[number]
        return number == os.getpid()

    return [number for number, line in lines.items() if words in line and without not in line and below(number)]


def kill(processes: list[int]) -> None:
    """End them at once, as a lack of memory would."""
    assert processes
    for number in processes:
        os.kill(number, signal.SIGKILL)


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until it holds; the test's own time limit ends waiting in vain."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.02)
