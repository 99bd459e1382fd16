"""A server with vLLM's routes and shapes, misbehaviour included; run as a script, it is a whole server process.

Its model writes what its adapter's weights file says, in tokens that are the text's code points.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

LOGITS = (0.0, -1.0, -2.0, -3.0, -4.0)
END = 3


class FakeVLLM:
    """Answers like vLLM. `events` are what was asked of it: ("load" | "unload" | "ask" | "sleep" | "wake", name).

    `faults` are used up one a completion: a status, "reset", or a function that changes the answer. A completion by a
    name in `held` waits for its event.
    """

    def __init__(
        self,
        *,
        base: str = "base",
        root: str = "",
        key: str = "",
        processed: bool = True,
        token_ids: bool = True,
        runtime_lora: bool = True,
        max_rank: int = 16,
        text: str = "base",
        encode: Callable[[list[Any]], list[int]] = lambda messages: list(map(ord, json.dumps(messages))),
    ) -> None:
        self.base, self.root, self.key, self.text, self.encode = base, root, key, text, encode
        self.processed, self.token_ids, self.runtime_lora = processed, token_ids, runtime_lora
        self.max_rank = max_rank
        self.adapters: dict[str, str] = {}
        self.events: list[tuple[str, str]] = []
        self.bodies: list[dict[str, Any]] = []
        self.faults: list[Any] = []
        self.held: dict[str, asyncio.Event] = {}
        self.arrived = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def serve(self, port: int = 0) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", port)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
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
            while True:
                first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
                data = await reader.readexactly(int(headers.get("content-length", 0)))
                answer = await self._answer(first.split()[1], headers, json.loads(data) if data else {})
                if answer == "reset":
                    writer.transport.abort()
                    return
                status, body = answer
                content = (body if isinstance(body, str) else json.dumps(body)).encode()
                head = (
                    f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
                )
                writer.write(head.encode() + content)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, path: str, headers: dict[str, str], body: dict[str, Any]) -> Any:
        if path == "/health":
            return 200, ""
        if path.startswith("/sleep") or path == "/wake_up":
            self.events.append((path.split("?")[0].strip("/"), ""))
            return 200, {}
        if self.key and headers.get("authorization") != f"Bearer {self.key}":
            return 401, {"error": "Unauthorized"}
        if path == "/v1/models":
            return 200, self._models()
        if path == "/v1/chat/completions":
            return await self._complete(body)
        if not self.runtime_lora:
            return 404, {"detail": "Not Found"}
        return self._load(body) if path == "/v1/load_lora_adapter" else self._unload(body["lora_name"])

    def _models(self) -> dict[str, Any]:
        cards = [{"id": self.base, "root": self.root or None, "parent": None}]
        return {"data": [*cards, *({"id": name, "root": "x", "parent": self.base} for name in self.adapters)]}

    def _load(self, body: dict[str, str]) -> Any:
        name, folder = body["lora_name"], Path(body["lora_path"])
        if not name or not body["lora_path"]:
            return _error(400, "Both 'lora_name' and 'lora_path' must be provided.")
        self.events.append(("load", name))
        if name in self.adapters:
            return _error(400, f"The lora adapter '{name}' has already been loaded.")
        if not folder.is_dir():
            return _error(404, f"Loading lora {name} failed: No adapter found for {folder}")
        rank = json.loads((folder / "adapter_config.json").read_text())["r"]
        if rank > self.max_rank:
            return _error(500, f"LoRA rank {rank} is greater than max_lora_rank {self.max_rank}.")
        self.adapters[name] = (folder / "adapter_model.safetensors").read_text()
        return 200, f"Success: LoRA adapter '{name}' added successfully."

    def _unload(self, name: str) -> Any:
        self.events.append(("unload", name))
        if self.adapters.pop(name, None) is None:
            return _error(404, f"The lora adapter '{name}' cannot be found.")
        return 200, "Success"

    async def _complete(self, body: dict[str, Any]) -> Any:
        name = body["model"]
        self.events.append(("ask", name))
        self.bodies.append(body)
        self.arrived.set()
        fault = self.faults.pop(0) if self.faults else None
        if fault == "reset":
            return fault
        if isinstance(fault, int):
            return _error(fault, "EngineCore encountered an issue.")
        if name in self.held:
            await self.held[name].wait()
        if name != self.base and name not in self.adapters:
            return _error(404, f"The model `{name}` does not exist.")
        text = self.text if name == self.base else self.adapters[name]
        ids = ([*map(ord, text), END])[: body["max_tokens"]]
        scale = body["temperature"] if self.processed and body["temperature"] else 1.0
        scaled = [one / scale for one in LOGITS]
        total = math.log(sum(map(math.exp, scaled)))
        top = [
            {"token": f"token_id:{index}", "logprob": one - total}
            for index, one in enumerate(scaled[: body.get("top_logprobs", 0)])
        ]
        answer = {
            "prompt_token_ids": self.encode(body["messages"]) if self.token_ids else None,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": " " + text},
                    "finish_reason": "stop" if ids[-1] == END else "length",
                    "token_ids": ids if self.token_ids else None,
                    "logprobs": {"content": [{"logprob": scaled[0] - total, "top_logprobs": top} for _ in ids]},
                }
            ],
        }
        if fault is not None:
            fault(answer)
        return 200, answer


def _error(status: int, message: str) -> Any:
    return status, {"error": {"message": message, "type": "X", "code": status}}


def adapter(folder: Path, text: str, *, rank: int = 8) -> Path:
    """A folder like an adapter's; whoever answers by it says `text`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps({"r": rank, "rank_pattern": {}}))
    (folder / "adapter_model.safetensors").write_text(text)
    return folder


def interpreter(folder: Path, before: str = "") -> Path:
    """What `vllm.interpreter` can name instead of a Python with vLLM; `before` is shell to run first."""
    script = folder / "python"
    script.write_text(f"#!/bin/sh\n{before}\nexec '{sys.executable}' '{__file__}' \"$@\"\n")
    script.chmod(0o755)
    return script


async def _main(arguments: list[str]) -> None:
    def value(flag: str) -> str:
        return arguments[arguments.index(flag) + 1]

    model = Path(value("--model"))
    fake = FakeVLLM(
        base=value("--served-model-name"),
        root=str(model),
        key=os.environ["VLLM_API_KEY"],
        runtime_lora=os.environ["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] == "1",
        text=model.name,
    )
    async with fake.serve(int(value("--port"))):
        print("serving", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1:]))
