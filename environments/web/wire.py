"""HTTP/1.1 on the wire, as much as a forwarding proxy needs: heads, body framing, tunnels (RFC 9112)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

BUFFER = 2**18  # bytes held of a stream, and so the largest head
_CHUNK = 2**16


class WireError(Exception):
    """The bytes are not HTTP/1.1."""


@dataclass(frozen=True)
class Head:
    """The start line and the fields of a message, with the bytes they came in."""

    raw: bytes
    start: str
    fields: tuple[tuple[str, str], ...]

    def values(self, name: str) -> list[str]:
        """The values of a field, by its name in lower case."""
        return [value for key, value in self.fields if key.lower() == name]

    def tokens(self, name: str) -> list[str]:
        """The comma-separated tokens of a field, in lower case."""
        return [token.strip().lower() for value in self.values(name) for token in value.split(",")]

    def first_line(self) -> tuple[str, str, str]:
        """Method, target and version of a request; raises `WireError`."""
        parts = self.start.split(" ")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            raise WireError("the request line is not HTTP/1.1")
        return parts[0], parts[1], parts[2]

    def version(self) -> str:
        """The version of a response."""
        return self.start.split(" ", 1)[0]

    def status(self) -> int:
        """The status code of a response; raises `WireError`."""
        try:
            return int(self.start.split(" ")[1])
        except (IndexError, ValueError):
            raise WireError("the status line is not HTTP") from None

    def length(self) -> int | None:
        """The declared length of the body; raises `WireError` when it is contradictory."""
        lengths = {part.strip() for value in self.values("content-length") for part in value.split(",")}
        if not lengths:
            return None
        only = lengths.pop()
        if lengths or not only.isascii() or not only.isdigit():
            raise WireError("the length of the body is contradictory")
        return int(only)

    def chunked(self) -> bool:
        """Whether the body comes in chunks."""
        return self.tokens("transfer-encoding")[-1:] == ["chunked"]

    def delimited(self) -> bool:
        """Whether the body's end can be told without the end of the connection."""
        return self.chunked() or (self.length() is not None and not self.values("transfer-encoding"))

    def rewritten(self, start: str | None, *, drop: Collection[str], add: Iterable[tuple[str, str]]) -> bytes:
        """The head with fields dropped (also those that `Connection` names) and others added."""
        gone = {*drop, *self.tokens("connection")} - {"upgrade"}
        fields = [(key, value) for key, value in self.fields if key.lower() not in gone]
        lines = [start or self.start, *(f"{key}: {value}" for key, value in (*fields, *add))]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """The next head, or None when the connection ends before one begins; raises `WireError`, `OSError`."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial.strip():
            raise WireError("the connection ended within a head") from None
        return None
    except asyncio.LimitOverrunError:
        raise WireError("the head is too large") from None
    lines = raw.decode("latin-1").lstrip("\r\n").split("\r\n")
    fields = []
    for line in lines[1:]:
        if not line:
            continue
        key, colon, value = line.partition(":")
        if not colon or not key or key != key.strip():
            raise WireError("a header field is malformed")
        fields.append((key, value.strip()))
    return Head(raw, lines[0], tuple(fields))


async def stream_body(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: Head, *, is_request: bool
) -> None:
    """Pass a body on as it comes, in its own framing; raises `WireError`, `OSError`, `IncompleteReadError`."""
    if head.chunked():
        while True:
            line = await reader.readuntil(b"\r\n")
            writer.write(line)
            try:
                size = int(line.split(b";")[0].strip(), 16)
            except ValueError:
                raise WireError("a chunk's size is malformed") from None
            if size == 0:
                break
            await _exactly(reader, writer, size + 2)
        while True:
            line = await reader.readuntil(b"\r\n")
            writer.write(line)
            if line == b"\r\n":
                await writer.drain()
                return
    length = None if head.values("transfer-encoding") else head.length()
    if length is not None:
        await _exactly(reader, writer, length)
    elif not is_request:
        await _pump(reader, writer)


async def _exactly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, size: int) -> None:
    while size > 0:
        data = await reader.read(min(size, _CHUNK))
        if not data:
            raise asyncio.IncompleteReadError(b"", size)
        writer.write(data)
        size -= len(data)
        await writer.drain()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()


async def relay(
    left_reader: asyncio.StreamReader,
    left_writer: asyncio.StreamWriter,
    right_reader: asyncio.StreamReader,
    right_writer: asyncio.StreamWriter,
) -> None:
    """Pass bytes both ways until both directions have ended; each end is passed on by itself (half-close)."""

    async def one_way(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await _pump(reader, writer)
            if writer.can_write_eof():
                writer.write_eof()
            return
        # One side broke: nothing can follow in this direction, and the other side must learn of it.
        left_writer.transport.abort()
        right_writer.transport.abort()

    async with asyncio.TaskGroup() as group:
        group.create_task(one_way(left_reader, right_writer))
        group.create_task(one_way(right_reader, left_writer))


async def close(writer: asyncio.StreamWriter) -> None:
    """Close a connection and wait for it; whatever goes wrong then is of no interest any more."""
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(2):
            await writer.wait_closed()
