"""One vLLM server as its clients see it: what it is asked, which adapters it holds, and how it is made well again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from core.errors import ModelFault
from serving.backoff import Backoff
from serving.connection import Connection
from serving.keys import Key
from serving.retries import PASSING, Failed, persist
from serving.vllm_server import VLLMServer

_LONGEST = 10.0  # seconds between two tries
_HINT = "; is vLLM running there?"
_ATTEMPTS = 5  # to load an adapter

_T = TypeVar("_T")
Sleep = Callable[[float], Awaitable[None]]


class Replica:
    """A server at an address, which ends in `/v1`, or one of our own as `child`. Adapters go by their names."""

    def __init__(
        self,
        url: str = "",
        *,
        key: Key | None = None,
        child: VLLMServer | None = None,
        timeout: float = 120.0,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.child = child
        self.url = url.rstrip("/")
        self._key = key or Key()
        self._timeout = timeout
        self._sleep = sleep
        self._backoff = Backoff(_LONGEST)
        self._adapters: dict[str, Path] = {}
        self._mending = asyncio.Lock()
        self._connection: Connection | None = None

    async def open(self) -> None:
        """Start the server if it is ours; raises `ModelFault` where it does not start."""
        if self.child is not None:
            await self.child.start()
        await self._connect()

    async def close(self) -> None:
        """Stop the server if it is ours, and close the connections."""
        if self.child is not None:
            await self.child.stop()
        if self._connection is not None:
            await self._connection.close()

    async def complete(self, body: Mapping[str, Any]) -> str:
        """The answer to one attempt at a chat completion; raises `Failed`, after mending what can be mended."""
        try:
            answer = await self._server.post("/v1/chat/completions", body)
        except Failed as failed:
            if failed.status == 404 and body["model"] in self._adapters:
                # It was started anew by somebody else, and knows our adapters no longer.
                await self._load(body["model"], self._adapters[body["model"]])
                failed.again = True
            elif failed.again:
                await self.mend()
            raise failed
        if self.child is not None:
            self.child.worked()
        return answer

    async def show_models(self) -> str:
        """What it says of its models."""
        return await self._persist(lambda: self._server.get("/v1/models"))

    async def probe(self, path: str, body: Mapping[str, Any]) -> str:
        """The answer to a body; raises `Failed`."""
        return await self._persist(lambda: self._server.post(path, body))

    async def load(self, name: str, path: Path) -> None:
        """Hold an adapter under a name from now on, also after a crash; raises `ModelFault` where it is refused."""

        async def attempt() -> None:
            try:
                await self._load(name, path)
            except Failed as failed:
                if failed.again:
                    await self.mend()
                raise

        await self._persist(attempt)
        self._adapters[name] = path

    async def unload(self, name: str) -> None:
        """Hold an adapter no longer. One that cannot be unloaded is as good as gone: nobody asks for it again."""
        self._adapters.pop(name, None)
        with suppress(Failed):
            await self._server.post("/v1/unload_lora_adapter", {"lora_name": name})

    async def reset(self, model: Path) -> None:
        """Answer from the weights in another folder; only for a server of ours."""
        assert self.child is not None
        async with self._mending:
            await self.child.restart(model)
            await self._connect()

    async def rest(self) -> None:
        """Leave the GPU's memory: weights are kept on the host, the cache is dropped."""
        await self._persist(lambda: self._server.post("/sleep?level=1", {}))

    async def wake(self) -> None:
        """Come back from `rest`."""
        await self._persist(lambda: self._server.post("/wake_up", {}))

    async def mend(self) -> None:
        """If the server is ours and has crashed, start it again with all its adapters; raises `ModelFault`."""
        if self.child is None:
            return
        async with self._mending:
            if await self.child.revive():
                await self._connect()
                for name, path in self._adapters.items():
                    await self._load(name, path)

    @property
    def _server(self) -> Connection:
        if self._connection is None:
            raise ModelFault("the vLLM server is not open")
        return self._connection

    async def _connect(self) -> None:
        if self._connection is not None:
            await self._connection.close()
        key = self._key
        if self.child is not None:
            self.url, key = f"{self.child.url}/v1", self.child.key
        root = self.url.removesuffix("/v1")
        self._connection = Connection(root, key, self._backoff, timeout=self._timeout, name=self.url, hint=_HINT)

    async def _load(self, name: str, path: Path) -> None:
        if not await asyncio.to_thread(path.is_dir):  # some versions of the server do not survive it
            raise ModelFault(f"there is no adapter at '{path}'")
        try:
            await self._server.post("/v1/load_lora_adapter", {"lora_name": name, "lora_path": str(path)})
        except Failed as failed:
            if failed.status == 400 and "already been loaded" in failed.said:
                return  # by an attempt whose answer got lost
            if failed.status == 404 and "No adapter found" in failed.said:
                raise ModelFault(
                    f"{self.url} does not see '{path}'; set vllm.folder to one that is there by the same path"
                ) from failed
            if "max_lora_rank" in failed.said:
                raise ModelFault(f"{failed}; start it with a higher --max-lora-rank") from failed
            # Any other error than a passing one will be the same the next time, unless the engine is gone.
            dead = "EngineDead" in failed.said or "EngineCore" in failed.said
            failed.again = failed.status in (0, 502, 503, 504, *PASSING) or dead
            raise failed

    async def _persist(self, attempt: Callable[[], Awaitable[_T]]) -> _T:
        return await persist(attempt, attempts=_ATTEMPTS, backoff=self._backoff, longest=_LONGEST, sleep=self._sleep)
