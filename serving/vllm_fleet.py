"""The vLLM servers of a run, which its policies share, and the adapters that they hold.

An adapter is loaded into every server before anything is asked of it, and taken from them once its policy has gone on
to a newer one and nothing that was asked of it is under way. Its files stay until an adapter is added after that.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from core.config import VLLMConfig
from core.errors import ConfigError, ModelFault
from serving import adapters
from serving.adapters import AdapterShelf
from serving.gate import Gate
from serving.vllm_replica import Replica


@dataclass
class Adapter:
    """An adapter that the servers hold; whoever asks something of it is in its `users` meanwhile."""

    name: str
    version: int
    users: Gate = field(default_factory=Gate)
    retired: bool = False


class Check(Protocol):
    """Finds out whether a server is what it has to be; raises `ConfigError`."""

    async def __call__(self, replica: Replica, *, lora: bool) -> str: ...


class Fleet:
    """Servers with the same weights. With `lora` they take adapters; else a server of ours has its own weights.

    `check` is asked about each server as it is opened, and tells the base model's name there. `join` and `leave` count
    who uses the servers: they are opened for the first, and closed after the last. Belongs to one event loop.
    """

    def __init__(self, replicas: Sequence[Replica], config: VLLMConfig, *, lora: bool, check: Check) -> None:
        self.lora = lora
        self._replicas = list(replicas)
        self._config = config
        self._check = check
        self._bases: dict[Replica, str] = {}
        self._turns = itertools.cycle(self._replicas)
        self._shelf: AdapterShelf | None = None
        self._adapters: list[Adapter] = []  # oldest first
        self._unloaded: list[Adapter] = []
        self._names = itertools.count(1)
        self._prefix = f"autotelic-{secrets.token_hex(6)}"
        self._members = 0
        self._changing = asyncio.Lock()
        self._requests = Gate()

    async def join(self) -> None:
        """Use the servers; raises `ConfigError` when they are not what they have to be, `ModelFault` when not there."""
        async with self._changing:
            if not self._members:
                await self._open()
            self._members += 1

    async def leave(self) -> None:
        """Use them no longer."""
        async with self._changing:
            self._members -= 1
            if not self._members:
                await self._close()

    async def complete(self, body: dict[str, Any], adapter: Adapter | None) -> tuple[Replica, str]:
        """One attempt at a chat completion by an adapter, or by the servers' own weights; raises `Failed`."""
        replica = next(self._turns)
        async with AsyncExitStack() as stack:
            if adapter is not None:
                await stack.enter_async_context(adapter.users.inside())
            name = self._bases[replica] if adapter is None else adapter.name
            return replica, await replica.complete(body | {"model": name})

    @asynccontextmanager
    async def request(self) -> AsyncIterator[None]:
        """Around all attempts at one completion: the servers are neither started anew nor put to sleep meanwhile."""
        async with self._requests.inside():
            yield

    async def add(self, weights: Path, version: int) -> Adapter:
        """Have every server hold the adapter in a folder; raises `ModelFault`, and then none of them holds it."""
        if (rank := await asyncio.to_thread(adapters.rank, weights)) > self._config.max_lora_rank:
            raise ModelFault(
                f"the adapter in '{weights}' has rank {rank}, and the server takes at most"
                f" {self._config.max_lora_rank}; set vllm.max_lora_rank"
            )
        async with self._changing:
            assert self._shelf is not None
            for old in self._unloaded:
                await asyncio.to_thread(self._shelf.drop, old.name)
            self._unloaded.clear()
            await self._make_room()
            adapter = Adapter(f"{self._prefix}-{next(self._names)}-v{version}", version)
            path = await asyncio.to_thread(self._shelf.put, weights, adapter.name)
            try:
                await self._everywhere(lambda replica: replica.load(adapter.name, path))
            except BaseException:
                await self._unload(adapter)
                await asyncio.to_thread(self._shelf.drop, adapter.name)
                raise
            self._adapters.append(adapter)
            return adapter

    async def retire(self, adapter: Adapter) -> None:
        """Nothing new is asked of the adapter. It is unloaded now, or, if it is in use, when an adapter is added."""
        adapter.retired = True
        async with self._changing:
            await self._unload_idle()

    async def reset(self, weights: Path) -> None:
        """Answer from the weights in a folder; what is asked meanwhile waits. Raises `ModelFault`."""
        if any(replica.child is None for replica in self._replicas):
            raise ModelFault(
                "servers in vllm.urls cannot be given whole weights; set training.lora_rank, as to 16, or leave out"
                " vllm.urls, so that a server is started here"
            )
        async with self._changing, self._requests.shut():
            await self._everywhere(lambda replica: replica.reset(weights))

    @asynccontextmanager
    async def asleep(self) -> AsyncIterator[None]:
        """The servers are out of the GPU's memory, if vllm.sleep says so; what is asked meanwhile waits."""
        if not self._config.sleep:
            yield
            return
        async with self._changing, self._requests.shut():
            await self._everywhere(lambda replica: replica.rest())
            try:
                yield
            finally:
                await self._everywhere(lambda replica: replica.wake())

    async def _open(self) -> None:
        try:
            await self._everywhere(lambda replica: replica.open())
            for replica in self._replicas:
                self._bases[replica] = await self._check(replica, lora=self.lora)
            if self.lora:
                root = Path(self._config.folder) if self._config.folder else None
                self._shelf = await asyncio.to_thread(AdapterShelf, root)
        except BaseException:
            await self._close()
            raise

    async def _close(self) -> None:
        for adapter in self._adapters:
            if any(replica.child is None for replica in self._replicas):
                await self._unload(adapter)
        self._adapters.clear()
        self._unloaded.clear()
        await self._everywhere(lambda replica: replica.close())
        if self._shelf is not None:
            await asyncio.to_thread(self._shelf.close)

    async def _make_room(self) -> None:
        """Unload what is no longer used; where that is not enough, wait for the oldest that still is."""
        await self._unload_idle()
        for adapter in [one for one in self._adapters if one.retired]:
            if len(self._adapters) >= self._config.max_loras:
                await adapter.users.emptied()
                await self._unload_idle()
        if len(self._adapters) >= self._config.max_loras:
            raise ConfigError(
                f"{len(self._adapters) + 1} adapters are needed at once, and the server holds"
                f" {self._config.max_loras}; set vllm.max_loras"
            )

    async def _unload_idle(self) -> None:
        for adapter in [one for one in self._adapters if one.retired and one.users.empty]:
            await self._unload(adapter)
            self._adapters.remove(adapter)
            self._unloaded.append(adapter)

    async def _unload(self, adapter: Adapter) -> None:
        await self._everywhere(lambda replica: replica.unload(adapter.name))

    async def _everywhere(self, act: Callable[[Replica], Coroutine[Any, Any, None]]) -> None:
        """Do it at every server, and raise the first error once all are done."""
        results = await asyncio.gather(*(act(replica) for replica in self._replicas), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
