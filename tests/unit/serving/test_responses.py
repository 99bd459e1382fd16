"""Past answers on disk: keys, sharing, and who may give up what is under way."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import pytest

from core.errors import ModelFault, StorageFault
from serving.responses import ResponseCache, fingerprint

KEY = fingerprint({"a": 1})


def files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


def test_a_key_depends_on_content_and_not_on_order() -> None:
    assert fingerprint({"a": 1, "b": ["ä\ud800"]}) == fingerprint({"b": ["ä\ud800"], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})


def test_entries_lie_two_levels_deep_and_leave_nothing_else(tmp_path: Path) -> None:
    cache = ResponseCache(tmp_path / "cache")
    assert cache.read(KEY) is None
    cache.write(KEY, "ä\ud800\n")
    assert cache.read(KEY) == "ä\ud800\n"
    assert files(tmp_path) == [tmp_path / "cache" / KEY[:2] / KEY[2:4] / f"{KEY}.json"]


def test_a_full_disk_keeps_the_old_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = ResponseCache(tmp_path)
    cache.write(KEY, "old")

    def full(self: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StorageFault, match="No space left"):
        cache.write(KEY, "new")
    assert cache.read(KEY) == "old"
    assert len(files(tmp_path)) == 1


async def test_one_that_is_cancelled_does_not_end_what_others_wait_for(tmp_path: Path) -> None:
    cache = ResponseCache(tmp_path)
    go = asyncio.Event()
    begun = 0

    async def exchange() -> str:
        nonlocal begun
        begun += 1
        await go.wait()
        return "text"

    first, second = (asyncio.create_task(cache.ask(KEY, exchange)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    go.set()
    assert await second == ("text", False)
    assert begun == 1


async def test_what_nobody_waits_for_is_ended_and_can_be_begun_again(tmp_path: Path) -> None:
    cache = ResponseCache(tmp_path)
    linger, ended = asyncio.Event(), asyncio.Event()

    async def endless() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            await linger.wait()
            ended.set()
        return ""

    async def at_once() -> str:
        return "text"

    only = asyncio.create_task(cache.ask(KEY, endless))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    only.cancel()
    with pytest.raises(asyncio.CancelledError):
        await only
    assert await cache.ask(KEY, at_once) == ("text", True)
    assert not ended.is_set()
    linger.set()
    await ended.wait()


async def test_a_failure_reaches_all_and_is_not_kept(tmp_path: Path) -> None:
    cache = ResponseCache(tmp_path)

    async def fail() -> str:
        await asyncio.sleep(0)
        raise ModelFault("no")

    results = await asyncio.gather(*(cache.ask(KEY, fail) for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [ModelFault] * 3
    assert cache.read(KEY) is None
    assert files(tmp_path) == []
