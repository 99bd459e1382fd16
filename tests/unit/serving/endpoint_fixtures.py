"""An OpenAI-compatible endpoint that answers as it is told to, misbehaviour included."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

Body = dict[str, Any]
Answer = Body | tuple[int, Any] | tuple[int, Any, dict[str, str]] | str
Script = Callable[[Body], Answer | Awaitable[Answer]]


def said(text: str | None, *, finish: str | None = "stop", usage: Any = (7, 3), refusal: str | None = None) -> Body:
    body: Body = {
        "id": "1",
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}],
    }
    if refusal is not None:
        body["choices"][0]["message"]["refusal"] = refusal
    if isinstance(usage, tuple):
        usage = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
    return body | ({"usage": usage} if usage is not None else {})


def error(message: str, **more: Any) -> Body:
    return {"error": {"message": message, **more}}


class Server:
    """Answers each request with the next entry of `answers`; the last one is repeated.

    A dictionary is the body of a 200, a tuple (status, body, headers), "reset" cuts the connection, "hang" never
    answers, "half" sends less than it announces; a function gets the request's body and returns one of these.
    """

    def __init__(self, *answers: Answer | Script) -> None:
        self.answers = list(answers)
        self.requests: list[Body] = []
        self.headers: list[dict[str, str]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        try:
            yield f"http://{host}:{port}/v1"
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.create_task(self._talk(reader, writer)))

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        assert first == "POST /v1/chat/completions HTTP/1.1"
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = json.loads(await reader.readexactly(int(headers["content-length"])))
        answer = self.answers[min(len(self.requests), len(self.answers) - 1)]
        self.requests.append(body)
        self.headers.append(headers)
        if callable(answer):
            found = answer(body)
            answer = await found if isinstance(found, Awaitable) else found
        if answer == "hang":
            await asyncio.Event().wait()
        if answer == "reset":
            writer.transport.abort()
            return False
        if isinstance(answer, str):
            assert answer == "half"
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{")
            await writer.drain()
            return False
        status, content, *more = answer if isinstance(answer, tuple) else (200, answer)
        data = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        head = {"Content-Type": "application/json", "Content-Length": str(len(data)), **(more[0] if more else {})}
        written = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        writer.write(f"HTTP/1.1 {status} OK\r\n{written}\r\n".encode() + data)
        await writer.drain()
        return True
