"""The sites' server as a child process, and a client of its truth listener."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import secrets
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

from core.errors import EnvironmentFault, UserError
from environments.sites.registry import check_names

_START_SECONDS = 60.0
_STOP_SECONDS = 5.0


class TruthClient:
    """Begins sessions and reads their evidence; raises `EnvironmentFault` when the server does not do its part.

    A connection per call from the standard library, in a thread: calls are few (two an episode).
    """

    def __init__(self, url: str, token: str, *, timeout: float = 30.0) -> None:
        self.url = url
        self._address = urlsplit(url).netloc
        self._token = token
        self._timeout = timeout

    async def create(self, site: str, user: str | None = None) -> str:
        """A new session on `site`, signed in as `user`; its id is the value of the session cookie."""
        answer = await self._call("POST", "/sessions", {"site": site, "user": user})
        return str(answer["session"])

    async def read(self, site: str, session: str) -> dict[str, Any]:
        """The evidence of a session, in the format of `environments.sites.site`."""
        return await self._call("GET", f"/sessions/{quote(site, safe='')}/{quote(session, safe='')}")

    async def delete(self, site: str, session: str) -> None:
        """Forget a session."""
        await self._call("DELETE", f"/sessions/{quote(site, safe='')}/{quote(session, safe='')}")

    async def health(self) -> dict[str, Any]:
        """`{"sites": [names], "sessions": count}`."""
        return await self._call("GET", "/health")

    async def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return await asyncio.to_thread(self._call_now, method, path, body)

    def _call_now(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection(self._address, timeout=self._timeout)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise EnvironmentFault(f"the sites' truth listener at {self.url} did not answer: {error}") from error
        finally:
            connection.close()
        if response.status >= 400:
            raise EnvironmentFault(f"the sites' truth listener refused {method} {path}: {answer.get('error', '')}")
        return dict(answer)


class SitesProcess:
    """A running server of bundled sites: `async with await SitesProcess.start(["shop"]) as sites: …`.

    `urls` maps a site's name to its base URL without a trailing slash; `truth` reads the ground truth.
    The child ends when this process does, however that ends.
    """

    def __init__(self, process: asyncio.subprocess.Process, urls: Mapping[str, str], truth: TruthClient) -> None:
        self._process = process
        self.urls = dict(urls)
        self.truth = truth

    @classmethod
    async def start(cls, names: Sequence[str], seed: int = 0, base_port: int = 0) -> SitesProcess:
        """Start a server and wait until it listens; raises `UserError` for bad input, `EnvironmentFault` otherwise."""
        check_names(names)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "environments.sites.server",
            *names,
            f"--seed={seed}",
            f"--base-port={base_port}",
            "--child",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in the terminal is for the parent, which may still need its sites.
        )
        token = secrets.token_urlsafe(32)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(token.encode() + b"\n")
            await process.stdin.drain()
            line = await asyncio.wait_for(process.stdout.readline(), _START_SECONDS)
            announced = json.loads(line)
        except (OSError, TimeoutError, ValueError) as error:
            await _end(process)
            if process.returncode == 2:
                raise UserError(f"the sites {', '.join(names)} could not be served; see the message above") from error
            raise EnvironmentFault(f"the server of the sites {', '.join(names)} did not start") from error
        except asyncio.CancelledError:
            await _end(process)
            raise
        return cls(process, announced["urls"], TruthClient(announced["truth"], token))

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the server still runs."""
        return self._process.returncode is None

    async def close(self) -> None:
        """End the server; safe to call twice."""
        await _end(self._process)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Close the child's input, which ends it; ask harder when it stays."""
    if process.stdin is not None:
        process.stdin.close()
        with contextlib.suppress(OSError):
            await process.stdin.wait_closed()
    for ask in (None, process.terminate, process.kill):
        if ask is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                ask()
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
            return
        except TimeoutError:
            continue
