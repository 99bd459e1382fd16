"""Resetting a shared site by a URL or a command."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from core.errors import ConfigError, EnvironmentFault
from environments.web.restore import restorer


@pytest.fixture
def requests() -> Iterator[tuple[str, list[str]]]:
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(f"POST {self.path}")
            self.send_response({"/get-only": 405, "/broken": 500}.get(self.path, 200))
            self.end_headers()

        def do_GET(self) -> None:
            seen.append(f"GET {self.path}")
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()
    thread.join()
    server.server_close()


async def test_a_url_is_requested_by_post_or_else_by_get(requests: tuple[str, list[str]]) -> None:
    url, seen = requests
    await restorer(f"{url}/reset")()
    await restorer(f"{url}/get-only")()
    assert seen == ["POST /reset", "POST /get-only", "GET /get-only"]
    with pytest.raises(EnvironmentFault, match="500"):
        await restorer(f"{url}/broken")()


async def test_a_site_that_is_gone_is_a_fault() -> None:
    with pytest.raises(EnvironmentFault, match="could not be reset"):
        await restorer("http://127.0.0.1:9/reset")()


def _alive(pid: Path) -> bool:
    """Whether the process lives whose number was written there."""
    return Path(f"/proc/{pid.read_text()}").exists()


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def _written(pid: Path) -> bool:
    return pid.exists() and bool(pid.read_text())


async def test_a_command_runs_without_a_shell(tmp_path: Path) -> None:
    marker = tmp_path / "a; touch b"
    code = "import sys, pathlib; pathlib.Path(sys.argv[1]).touch()"
    await restorer(f'{sys.executable} -c "{code}" "{marker}"')()
    assert _names(tmp_path) == ["a; touch b"]


async def test_a_command_that_fails_or_hangs_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match=r"ended with 3: no database"):
        await restorer(f"{sys.executable} -c \"import sys; print('no database', file=sys.stderr); sys.exit(3)\"")()
    with pytest.raises(EnvironmentFault, match="cannot be run"):
        await restorer("no-such-program-4711")()
    pid = tmp_path / "pid"
    code = f"import os, time; open('{pid}', 'w').write(str(os.getpid())); time.sleep(600)"
    with pytest.raises(EnvironmentFault, match="longer than 3 seconds"):
        await restorer(f'{sys.executable} -c "{code}"', seconds=3)()
    assert not _alive(pid)


async def test_cancelling_ends_the_command(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    code = f"import os, time; open('{pid}', 'w').write(str(os.getpid())); time.sleep(600)"
    running = asyncio.ensure_future(restorer(f'{sys.executable} -c "{code}"')())
    while not _written(pid):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not _alive(pid)


@pytest.mark.parametrize("reset", ['say "hello', "   "])
def test_a_command_that_cannot_be_read_is_refused(reset: str) -> None:
    with pytest.raises(ConfigError, match=r"site\.reset"):
        restorer(reset)
