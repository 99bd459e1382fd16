"""At most two policies are open, and one that is in use is never closed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

import pytest

from core.errors import UserError
from serving.local import LocalPolicy
from serving.refusals import Refusal
from serving.versions import Catalogue, Shelf, Version


class Policy:
    """Stands for an open model."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.closed = False

    async def close(self) -> None:
        self.closed = True


async def opener(version: Version) -> LocalPolicy:
    await asyncio.sleep(0)
    if version.number < 0:
        raise ValueError("the header is too large")
    return cast(LocalPolicy, Policy(version))


def version(name: str, number: int = 0) -> Version:
    return Version(name, Path(name), number)


async def test_the_one_used_longest_ago_makes_room() -> None:
    shelf = Shelf(opener)
    for name in ("a", "b", "a", "c"):
        async with shelf.borrow(version(name)) as policy:
            assert not cast(Policy, policy).closed
    assert [one.name for one in shelf.open] == ["a", "c"]
    await shelf.close()
    assert shelf.open == []


async def test_what_is_in_use_stays_open_and_others_wait() -> None:
    shelf = Shelf(opener)
    leave = asyncio.Event()

    async def hold(name: str) -> Policy:
        async with shelf.borrow(version(name)) as policy:
            await leave.wait()
            assert not cast(Policy, policy).closed
            return cast(Policy, policy)

    holding = [asyncio.create_task(hold(name)) for name in ("a", "b", "c", "a")]
    for _ in range(20):
        await asyncio.sleep(0)
    assert [one.name for one in shelf.open] == ["b", "a"]
    leave.set()
    held = await asyncio.gather(*holding)
    assert held[0] is held[3]
    assert "c" in [one.name for one in shelf.open]
    await shelf.close()
    assert all(policy.closed for policy in held)


async def test_weights_that_cannot_be_loaded_leave_no_trace() -> None:
    shelf = Shelf(opener)
    for _ in range(3):
        with pytest.raises(UserError, match="'a' cannot be loaded: the header is too large"):
            async with shelf.borrow(version("a", -1)):
                pass
    assert shelf.open == []


async def test_one_who_gives_up_does_not_end_the_loading_for_others() -> None:
    shelf = Shelf(opener)

    async def use() -> None:
        async with shelf.borrow(version("a")):
            pass

    hasty, patient = asyncio.create_task(use()), asyncio.create_task(use())
    await asyncio.sleep(0)
    hasty.cancel()
    await patient
    assert hasty.cancelled()
    await shelf.close()


def test_names_are_those_on_disk_and_those_loaded() -> None:
    disk = [version("new", 2), version("base")]
    catalogue = Catalogue(lambda: disk)
    assert catalogue.find(None) == disk[0]
    assert catalogue.base() == disk[1]
    catalogue.put(version("new", 9))
    catalogue.put(version("more", 5))
    assert [(one.name, one.number) for one in catalogue.versions()] == [("new", 9), ("base", 0), ("more", 5)]
    disk.insert(0, version("newest", 3))
    assert catalogue.find(None).name == "newest"
    catalogue.remove("new")
    assert catalogue.find("new").number == 2
    assert Catalogue(lambda: disk, default="base").versions()[0].name == "base"
    with pytest.raises(Refusal, match="'x' does not exist; there are newest, new, base, more"):
        catalogue.find("x")


def test_a_default_that_has_gone_is_not_replaced_by_another() -> None:
    disk = [version("new", 2), version("old", 1)]
    catalogue = Catalogue(lambda: disk, default="old")
    assert catalogue.find(None).name == "old"
    disk.pop()
    with pytest.raises(Refusal, match="'old' does not exist; there are new"):
        catalogue.find(None)
    disk.clear()
    with pytest.raises(Refusal, match="there are none"):
        Catalogue(lambda: disk).find(None)


def test_of_two_loads_the_one_asked_for_last_counts() -> None:
    catalogue = Catalogue(lambda: [version("base")])
    catalogue.put(Version("mine", Path("b"), 2, load=2))
    catalogue.put(Version("mine", Path("a"), 1, load=1))
    assert catalogue.find("mine").number == 2
