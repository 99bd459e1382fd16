"""A filtering HTTP proxy on loopback: the only way out of the browser, open to the allowed origins alone.

Interception inside the browser lets redirect hops through; here every connection, whatever caused it,
names the origin it wants, and gets 403 if that is not allowed. Plain HTTP is forwarded message by
message (keep-alive both ways, bodies streamed); CONNECT (https and web sockets) and upgrades become
tunnels of bytes, closed one direction at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from urllib.parse import urlsplit

from environments.web.places import join_origin, origin_of
from environments.web.wire import BUFFER, Head, WireError, close, read_head, relay, stream_body

_CONNECT_SECONDS = 10.0
_HOP_BY_HOP = frozenset({"connection", "proxy-connection", "keep-alive", "proxy-authorization", "te", "trailer"})
_SAFE_TO_REPEAT = frozenset({"GET", "HEAD", "OPTIONS"})


class FilteringProxy:
    """`await start()`, give `url` to the browser, `await close()`.

    `refused` counts refused requests by origin; `unreachable` names the sites that could not be reached
    and why, until they can.
    """

    def __init__(self, origins: frozenset[str]) -> None:
        self.origins = origins
        self.refused: Counter[str] = Counter()
        self.unreachable: dict[str, str] = {}
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where it listens, as `http://127.0.0.1:port`."""
        assert self._server is not None, "the proxy has not been started"
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def connections(self) -> int:
        """Browser connections open now."""
        return len(self._tasks)

    async def start(self) -> None:
        """Listen on a free port of loopback."""
        loop = asyncio.get_running_loop()

        def protocol() -> asyncio.StreamReaderProtocol:
            return asyncio.StreamReaderProtocol(_BrowserReader(limit=BUFFER, loop=loop), self._accept, loop=loop)

        self._server = await loop.create_server(protocol, "127.0.0.1", 0, backlog=512)

    async def close(self) -> None:
        """End every connection; safe to call twice."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert isinstance(reader, _BrowserReader)
        task = asyncio.ensure_future(_Conversation(self, reader, writer).run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _BrowserReader(asyncio.StreamReader):
    """Tells when the browser has gone, even while nobody reads from it."""

    on_end: Callable[[], None] | None = None

    def feed_eof(self) -> None:
        super().feed_eof()
        if self.on_end is not None:
            self.on_end()


@dataclass(frozen=True)
class _Upstream:
    address: tuple[str, int]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class _Conversation:
    """One connection of the browser, and the connection to a site that it keeps."""

    def __init__(self, proxy: FilteringProxy, reader: _BrowserReader, writer: asyncio.StreamWriter) -> None:
        self.proxy = proxy
        self.reader = reader
        self.writer = writer
        self.upstream: _Upstream | None = None
        reader.on_end = self._browser_gone

    async def run(self) -> None:
        try:
            while (head := await read_head(self.reader)) is not None:
                method, target, version = head.first_line()
                if method == "CONNECT":
                    await self._connect(target)
                    return
                if not await self._forward(head, method, target, version):
                    return
        except WireError as error:
            with contextlib.suppress(OSError):
                await self._reply(400, "Bad Request", str(error))
        except (OSError, asyncio.IncompleteReadError):
            return  # one side went away in the middle: the other notices by the closed connection
        finally:
            await self._drop_upstream()
            await close(self.writer)

    def _browser_gone(self) -> None:
        """Nobody waits for the answer any more: a site that never answers must not keep us."""
        if self.upstream is not None:
            self.upstream.writer.transport.abort()

    async def _connect(self, target: str) -> None:
        """A tunnel, for https or for web sockets; the scheme stays hidden, so either may be what was allowed."""
        try:
            parts = urlsplit(f"//{target}")
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or not port:
            raise WireError("CONNECT needs host:port")
        wanted = [join_origin(scheme, host, port) for scheme in ("https", "http")]
        if not self.proxy.origins.intersection(wanted):
            await self._refuse(wanted[0])
            return
        self.upstream = await self._open((host, port), wanted[0])
        if self.upstream is None:
            await self._reply(502, "Bad Gateway", self.proxy.unreachable[wanted[0]])
            return
        self.writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await self.writer.drain()
        await self._tunnel(self.upstream)

    async def _tunnel(self, upstream: _Upstream) -> None:
        self.reader.on_end = None  # in a tunnel the end of one direction is not the end of the other
        await relay(self.reader, self.writer, upstream.reader, upstream.writer)

    async def _forward(self, head: Head, method: str, target: str, version: str) -> bool:
        """One request and its response; says whether the connection can carry another."""
        origin = origin_of(target)
        parts = urlsplit(target)
        if parts.scheme != "http" or not origin or parts.hostname is None:
            raise WireError("only http:// addresses can be asked for without CONNECT")
        if origin not in self.proxy.origins:
            await self._refuse(origin)
            return False
        address = (parts.hostname, parts.port or 80)
        if self.upstream is not None and (self.upstream.address != address or self.upstream.reader.at_eof()):
            await self._drop_upstream()
        upgrade = "upgrade" in head.tokens("connection")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        request = head.rewritten(
            f"{method} {path} {version}",
            drop=_HOP_BY_HOP | {"host"},
            add=[("Host", parts.netloc.rpartition("@")[2]), ("Connection", "Upgrade" if upgrade else "keep-alive")],
        )
        has_body = bool(head.values("content-length") or head.values("transfer-encoding"))
        repeatable = self.upstream is not None and not has_body and method in _SAFE_TO_REPEAT
        response = await self._ask(head, request, has_body, address, origin)
        if response is None and repeatable and origin not in self.proxy.unreachable:
            response = await self._ask(head, request, has_body, address, origin)
        if response is None:
            reason = self.proxy.unreachable.setdefault(origin, f"{origin} closed the connection without an answer")
            await self._reply(502, "Bad Gateway", reason)
            return False
        self.proxy.unreachable.pop(origin, None)
        return await self._answer(response, method, head)

    async def _ask(
        self, head: Head, request: bytes, has_body: bool, address: tuple[str, int], origin: str
    ) -> Head | None:
        """The head of the response; None when the site did not answer (a kept connection may just have closed)."""
        if self.upstream is None:
            self.upstream = await self._open(address, origin)
        if self.upstream is None:
            return None
        try:
            self.upstream.writer.write(request)
            await self.upstream.writer.drain()
            if has_body:
                await stream_body(self.reader, self.upstream.writer, head, is_request=True)
            response = await read_head(self.upstream.reader)
        except (OSError, asyncio.IncompleteReadError):
            response = None
        if response is None:
            await self._drop_upstream()
        return response

    async def _answer(self, response: Head, method: str, request: Head) -> bool:
        upstream = self.upstream
        assert upstream is not None
        while response.status() in (100, 102, 103):
            self.writer.write(response.raw)
            following = await read_head(upstream.reader)
            if following is None:
                return False
            response = following
        if response.status() == 101:
            self.writer.write(response.raw)
            await self.writer.drain()
            await self._tunnel(upstream)
            return False
        bodiless = method == "HEAD" or response.status() in (204, 304)
        delimited = bodiless or response.delimited()
        again = delimited and "close" not in request.tokens("connection") + request.tokens("proxy-connection")
        kept = ("Connection", "keep-alive" if again else "close")
        self.writer.write(response.rewritten(None, drop=_HOP_BY_HOP, add=[kept]))
        if not bodiless:
            await stream_body(upstream.reader, self.writer, response, is_request=False)
        await self.writer.drain()
        if not delimited or "close" in response.tokens("connection") or response.version() != "HTTP/1.1":
            await self._drop_upstream()
        return again

    async def _open(self, address: tuple[str, int], origin: str) -> _Upstream | None:
        unreachable = self.proxy.unreachable
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                reader, writer = await asyncio.open_connection(*address, limit=BUFFER)
        except TimeoutError:
            unreachable[origin] = f"{origin} could not be reached within {_CONNECT_SECONDS:g} seconds"
        except (OSError, UnicodeError) as error:
            unreachable[origin] = f"{origin} could not be reached: {getattr(error, 'strerror', None) or error}"
        else:
            unreachable.pop(origin, None)
            return _Upstream(address, reader, writer)
        return None

    async def _drop_upstream(self) -> None:
        if self.upstream is not None:
            upstream, self.upstream = self.upstream, None
            await close(upstream.writer)

    async def _refuse(self, origin: str) -> None:
        self.proxy.refused[origin] += 1
        await self._reply(403, "Forbidden", f"{origin} is not among the allowed origins")

    async def _reply(self, status: int, reason: str, sentence: str) -> None:
        """An answer of the proxy's own; the connection ends with it."""
        body = f"<!doctype html><title>{status} {reason}</title><p>{escape(sentence)}</p>\n".encode()
        self.writer.write(
            f"HTTP/1.1 {status} {reason}\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
            + body
        )
        await self.writer.drain()
