"""The weights that can be asked for by name, and the policies that are open: two at most."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from core.errors import AutotelicError, UserError
from serving.local import LocalPolicy
from serving.refusals import Refusal


@dataclass(frozen=True)
class Version:
    """Weights under a name. `number` is the policy version: how many updates they hold.

    `load` tells apart what was loaded under the same name from the same folder at different times.
    """

    name: str
    folder: Path
    number: int = 0
    adapter: Path | None = None
    load: int = 0


class Catalogue:
    """Names and what they stand for. `known` lists what is on disk, newest first and the base model last.

    `default` is what a request without a name gets, the newest when left out. What is loaded under a name
    that is known takes its place.
    """

    def __init__(self, known: Callable[[], list[Version]], *, default: str | None = None) -> None:
        self._known = known
        self._default = default
        self._loaded: dict[str, Version] = {}
        self._loads = 0

    def versions(self) -> list[Version]:
        """All that can be asked for, the default first."""
        found = {version.name: version for version in self._known()} | self._loaded
        first = self._default or next(iter(found), None)
        return sorted(found.values(), key=lambda version: version.name != first)

    def find(self, name: str | None) -> Version:
        """The version of that name, the default for None; raises `Refusal` with 404 when there is none."""
        versions = self.versions()
        wanted = name or self._default or (versions[0].name if versions else "")
        found = next((version for version in versions if version.name == wanted), None)
        if found is None:
            names = ", ".join(version.name for version in versions)
            message = f"the model '{wanted}' does not exist; there are {names or 'none'}"
            raise Refusal(404, message, code="model_not_found", param="model")
        return found

    def base(self) -> Version:
        """What adapters are added to."""
        return self._known()[-1]

    def is_known(self, name: str) -> bool:
        return any(version.name == name for version in self._known())

    def is_loaded(self, name: str) -> bool:
        return name in self._loaded

    def next_load(self) -> int:
        self._loads += 1
        return self._loads

    def put(self, version: Version) -> None:
        """Let the name stand for it, unless it already does for what was asked for later."""
        present = self._loaded.get(version.name)
        if present is None or present.load <= version.load:
            self._loaded[version.name] = version

    def remove(self, name: str) -> None:
        del self._loaded[name]


@dataclass
class _Slot:
    opening: asyncio.Task[LocalPolicy]
    users: int = 0


class Shelf:
    """Open policies. `room` of them at most; the one that was used longest ago is closed for another."""

    def __init__(self, opener: Callable[[Version], Awaitable[LocalPolicy]], *, room: int = 2) -> None:
        self._opener = opener
        self._room = room
        self._slots: OrderedDict[Version, _Slot] = OrderedDict()
        self._changed = asyncio.Condition()

    @property
    def open(self) -> list[Version]:
        """What is open, the one that was used last at the end."""
        return list(self._slots)

    @asynccontextmanager
    async def borrow(self, version: Version) -> AsyncIterator[LocalPolicy]:
        """The policy with these weights, which stays open meanwhile. Waits while all places are in use.

        Raises `UserError` when the weights cannot be loaded.
        """
        async with self._changed:
            while version not in self._slots and len(self._slots) >= self._room:
                idle = next((one for one, slot in self._slots.items() if not slot.users), None)
                if idle is None:
                    await self._changed.wait()
                else:
                    await _shut(self._slots.pop(idle))
            if version not in self._slots:
                self._slots[version] = _Slot(asyncio.create_task(self._load(version)))
            slot = self._slots[version]
            self._slots.move_to_end(version)
            slot.users += 1
        try:
            yield await asyncio.shield(slot.opening)  # one who gives up waiting does not end it for the others
        finally:
            async with self._changed:
                slot.users -= 1
                if slot.opening.done() and slot.opening.exception() and self._slots.get(version) is slot:
                    del self._slots[version]
                self._changed.notify_all()

    async def close(self) -> None:
        """Close all policies; what they are decoding is finished."""
        async with self._changed:
            while self._slots:
                await _shut(self._slots.popitem()[1])

    async def _load(self, version: Version) -> LocalPolicy:
        try:
            return await self._opener(version)
        except AutotelicError:
            raise
        except Exception as error:  # whatever the libraries raise for files that are not what they should be
            raise UserError(f"'{version.adapter or version.folder}' cannot be loaded: {error}") from error


async def _shut(slot: _Slot) -> None:
    with contextlib.suppress(AutotelicError):
        await (await slot.opening).close()


def local_opener(
    *, threads: int = 1, max_batch: int = 32, constrained: bool = False
) -> Callable[[Version], Awaitable[LocalPolicy]]:
    """Opens a version in this process, off the event loop."""

    async def open_version(version: Version) -> LocalPolicy:
        def load() -> LocalPolicy:
            return LocalPolicy(
                version.folder,
                threads=threads,
                max_batch=max_batch,
                version=version.number,
                constrained=constrained,
                adapter=version.adapter,
            )

        return await asyncio.to_thread(load)

    return open_version
