"""The filtering proxy, spoken to in raw bytes: what it lets through, how it keeps and ends connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from environments.web.places import Places
from environments.web.proxy import FilteringProxy

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Upstream:
    """A site that records the heads it receives and answers as `handler` does."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.open = 0
        self.handler: Handler = self.hello
        self.port = 0

    async def start(self) -> asyncio.Server:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            self.open += 1
            try:
                await self.handler(reader, writer)
            except (OSError, asyncio.IncompleteReadError):
                pass
            finally:
                self.open -= 1
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def hello(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.heads.append(head)
            length = next((int(x.split(":")[1]) for x in head.split("\r\n") if x.lower().startswith("content-len")), 0)
            self.bodies.append(await reader.readexactly(length))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-From: site\r\n\r\nhello")
            await writer.drain()


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    site = Upstream()
    server = await site.start()
    yield site
    server.close()


@pytest.fixture
async def proxy(upstream: Upstream) -> AsyncIterator[FilteringProxy]:
    running = FilteringProxy(Places.of([f"http://127.0.0.1:{upstream.port}"]).origins)
    await running.start()
    yield running
    await running.close()
    assert running.connections == 0


async def dial(proxy: FilteringProxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", int(proxy.url.rpartition(":")[2]))


async def head_of(reader: asyncio.StreamReader) -> str:
    return (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)).decode()


async def quiet(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def test_requests_share_a_connection_on_both_sides(proxy: FilteringProxy, upstream: Upstream) -> None:
    reader, writer = await dial(proxy)
    for number in range(3):
        writer.write(f"GET http://127.0.0.1:{upstream.port}/p{number}?q=1 HTTP/1.1\r\nHost: wrong\r\n"
                     "Proxy-Connection: keep-alive\r\nX-Mine: yes\r\n\r\n".encode())  # fmt: skip
        head = await head_of(reader)
        assert head.startswith("HTTP/1.1 200 OK")
        assert await reader.readexactly(5) == b"hello"
    writer.close()
    assert upstream.connections == 1
    assert upstream.heads[2].startswith("GET /p2?q=1 HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{upstream.port}\r\n" in upstream.heads[2]
    assert "wrong" not in upstream.heads[2]
    assert "proxy-connection" not in upstream.heads[2].lower()
    assert "X-Mine: yes" in upstream.heads[2]


async def test_bodies_of_requests_are_passed_on(proxy: FilteringProxy, upstream: Upstream) -> None:
    reader, writer = await dial(proxy)
    body = bytes(range(256)) * 2000
    writer.write(f"POST http://127.0.0.1:{upstream.port}/ HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n".encode())
    writer.write(body)
    assert (await head_of(reader)).startswith("HTTP/1.1 200")
    assert upstream.bodies == [body]
    writer.close()


async def test_a_chunked_answer_arrives_as_it_is_sent(proxy: FilteringProxy, upstream: Upstream) -> None:
    go_on = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        await go_on.wait()
        writer.write(b"3\r\ntwo\r\n0\r\n\r\n")
        await writer.drain()
        await reader.read()

    upstream.handler = drip
    reader, writer = await dial(proxy)
    writer.write(f"GET http://127.0.0.1:{upstream.port}/ HTTP/1.1\r\n\r\n".encode())
    await head_of(reader)
    assert await reader.readexactly(8) == b"3\r\none\r\n", "the first chunk must not wait for the second"
    go_on.set()
    assert await reader.readexactly(13) == b"3\r\ntwo\r\n0\r\n\r\n"
    writer.close()


async def test_an_answer_that_ends_with_its_connection(proxy: FilteringProxy, upstream: Upstream) -> None:
    async def until_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 300_000)
        await writer.drain()

    upstream.handler = until_close
    reader, writer = await dial(proxy)
    writer.write(f"GET http://127.0.0.1:{upstream.port}/ HTTP/1.1\r\n\r\n".encode())
    assert "Connection: close" in await head_of(reader)
    assert len(await asyncio.wait_for(reader.read(), 20)) == 300_000
    writer.close()


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_answers_without_a_body_keep_the_connection(
    proxy: FilteringProxy, upstream: Upstream, status: str
) -> None:
    async def bodiless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(f"HTTP/1.1 {status}\r\n\r\n".encode())
            await writer.drain()

    upstream.handler = bodiless
    reader, writer = await dial(proxy)
    for _ in range(2):
        writer.write(f"GET http://127.0.0.1:{upstream.port}/ HTTP/1.1\r\n\r\n".encode())
        assert (await head_of(reader)).startswith(f"HTTP/1.1 {status}")
    assert upstream.connections == 1
    writer.close()


async def test_a_kept_connection_that_the_site_closed_is_replaced(proxy: FilteringProxy, upstream: Upstream) -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()

    upstream.handler = once
    reader, writer = await dial(proxy)
    for _ in range(3):
        writer.write(f"GET http://127.0.0.1:{upstream.port}/ HTTP/1.1\r\n\r\n".encode())
        assert (await head_of(reader)).startswith("HTTP/1.1 200")
        assert await reader.readexactly(2) == b"ok"
    assert upstream.connections == 3
    writer.close()


@pytest.mark.parametrize(
    "line",
    [
        "GET http://127.0.0.1:{other}/ HTTP/1.1",
        "GET http://localhost:{port}/ HTTP/1.1",
        "GET http://127.0.0.1:{port}@127.0.0.1:{other}/ HTTP/1.1",
        "POST http://127.0.0.1:{other}/ HTTP/1.1",
        "CONNECT 127.0.0.1:{other} HTTP/1.1",
        "CONNECT example.com:443 HTTP/1.1",
    ],
)
async def test_other_origins_are_refused_and_counted(proxy: FilteringProxy, upstream: Upstream, line: str) -> None:
    other = Upstream()
    server = await other.start()
    reader, writer = await dial(proxy)
    writer.write(line.format(port=upstream.port, other=other.port).encode() + b"\r\n\r\n")
    assert (await head_of(reader)).startswith("HTTP/1.1 403 Forbidden")
    await asyncio.wait_for(reader.read(), 20)
    assert sum(proxy.refused.values()) == 1
    assert other.connections == upstream.connections == 0
    server.close()
    writer.close()


@pytest.mark.parametrize(
    "bytes_sent",
    [
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET ftp://127.0.0.1/ HTTP/1.1\r\n\r\n",
        b"CONNECT nonsense HTTP/1.1\r\n\r\n",
        b"CONNECT 127.0.0.1:x HTTP/1.1\r\n\r\n",
        b"GET http://127.0.0.1:%d/ HTTP/1.1\r\n broken : header\r\n\r\n",
        b"POST http://127.0.0.1:%d/ HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"GET http://127.0.0.1:%d/ HTTP/1.1\r\nX: " + b"x" * 300_000 + b"\r\n\r\n",
    ],
)
async def test_nonsense_is_answered_with_400(proxy: FilteringProxy, upstream: Upstream, bytes_sent: bytes) -> None:
    reader, writer = await dial(proxy)
    writer.write(bytes_sent.replace(b"%d", str(upstream.port).encode()))
    assert (await head_of(reader)).startswith("HTTP/1.1 400 Bad Request")
    writer.close()


async def test_a_site_that_is_not_there_is_502_and_named(proxy: FilteringProxy, upstream: Upstream) -> None:
    proxy.origins |= {"http://127.0.0.1:9"}
    for line in ("GET http://127.0.0.1:9/ HTTP/1.1", "CONNECT 127.0.0.1:9 HTTP/1.1"):
        reader, writer = await dial(proxy)
        writer.write(line.encode() + b"\r\n\r\n")
        assert (await head_of(reader)).startswith("HTTP/1.1 502")
        writer.close()
    assert "could not be reached" in proxy.unreachable["http://127.0.0.1:9"]


async def test_a_tunnel_passes_bytes_and_closes_each_direction_by_itself(
    proxy: FilteringProxy, upstream: Upstream
) -> None:
    async def after_eof(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        everything = await reader.read()
        writer.write(b"got %d" % len(everything))
        await writer.drain()

    upstream.handler = after_eof
    reader, writer = await dial(proxy)
    writer.write(f"CONNECT 127.0.0.1:{upstream.port} HTTP/1.1\r\n\r\n".encode())
    assert " 200 " in await head_of(reader)
    writer.write(b"z" * 1_000_000)
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(), 20) == b"got 1000000"
    writer.close()


async def test_a_web_socket_upgrade_becomes_a_tunnel(proxy: FilteringProxy, upstream: Upstream) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        while data := await reader.read(100):
            writer.write(data)

    upstream.handler = echo
    reader, writer = await dial(proxy)
    writer.write(f"GET http://127.0.0.1:{upstream.port}/s HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                 "Sec-WebSocket-Key: k\r\n\r\n".encode())  # fmt: skip
    assert (await head_of(reader)).startswith("HTTP/1.1 101")
    for word in (b"one", b"two"):
        writer.write(word)
        assert await asyncio.wait_for(reader.readexactly(3), 20) == word
    assert "Upgrade: websocket" in upstream.heads[0]
    assert "Connection: Upgrade" in upstream.heads[0]
    writer.close()


async def test_a_browser_that_leaves_frees_a_hanging_site(proxy: FilteringProxy, upstream: Upstream) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    upstream.handler = hang
    _, writer = await dial(proxy)
    writer.write(f"GET http://127.0.0.1:{upstream.port}/ HTTP/1.1\r\n\r\n".encode())
    await quiet(lambda: upstream.open == 1)
    writer.close()
    await quiet(lambda: upstream.open == 0 and proxy.connections == 0)


async def test_many_connections_at_once_and_none_left(proxy: FilteringProxy, upstream: Upstream) -> None:
    async def ask() -> bytes:
        reader, writer = await dial(proxy)
        writer.write(f"GET http://127.0.0.1:{upstream.port}/ HTTP/1.1\r\nConnection: close\r\n\r\n".encode())
        answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        return answer[-5:]

    assert await asyncio.gather(*(ask() for _ in range(100))) == [b"hello"] * 100
    await quiet(lambda: upstream.open == 0 and proxy.connections == 0)


async def test_closing_ends_tunnels_under_way(upstream: Upstream) -> None:
    proxy = FilteringProxy(Places.of([f"http://127.0.0.1:{upstream.port}"]).origins)
    await proxy.start()
    upstream.handler = lambda reader, _writer: reader.read()  # type: ignore[assignment,return-value]
    reader, writer = await dial(proxy)
    writer.write(f"CONNECT 127.0.0.1:{upstream.port} HTTP/1.1\r\n\r\n".encode())
    await head_of(reader)
    await proxy.close()
    await proxy.close()
    assert await asyncio.wait_for(reader.read(), 20) == b""
    writer.close()
    await quiet(lambda: upstream.open == 0)
