"""A learner that holds processes is closed with the other parts, and where these cannot be had."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from core.config import validate
from core.errors import EnvironmentFault
from core.protocols import Policy
from core.types import TrainingRow
from discovery import builders
from discovery.policies import LocalKind
from training import distributed


class Held:
    """A learner and the kind of policy that it is of."""

    version = 0

    def __init__(self) -> None:
        self.closed = 0

    def learner(self) -> Held:
        return self

    async def open(self, weights: Path, version: int) -> Policy:
        raise NotImplementedError

    def update(self, rows: Sequence[TrainingRow], *, batch_id: str) -> dict[str, float]:
        raise NotImplementedError

    def save(self, directory: Path) -> None:
        raise NotImplementedError

    def restore(self, directory: Path) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    held = Held()
    monkeypatch.setattr(builders, "policy_kind", lambda _: held)
    monkeypatch.setattr(builders, "find", lambda *_: lambda *_: None)
    return held


async def test_the_learner_is_closed_with_the_place(
    held: Held, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = []

    async def close() -> None:
        places.append("closed")

    async def open_place(_: builders.Context) -> builders.Place:
        pool: Any = None
        return builders.Place(pool, close=close)

    monkeypatch.setattr(builders, "open_place", open_place)
    parts = await builders.build(builders.Context(validate({}), tmp_path, 1.0))
    assert (held.closed, places) == (0, [])
    await parts.close()
    assert (held.closed, places) == (1, ["closed"])


async def test_the_learner_is_closed_where_the_place_does_not_open(
    held: Held, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def open_place(_: builders.Context) -> builders.Place:
        raise EnvironmentFault("no browser")

    monkeypatch.setattr(builders, "open_place", open_place)
    with pytest.raises(EnvironmentFault):
        await builders.build(builders.Context(validate({}), tmp_path, 1.0))
    assert held.closed == 1


def test_several_processes_are_asked_for_by_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(distributed, "DistributedTrainer", lambda *_, **settings: asked.append(settings))
    config = validate({"training": {"processes": 2, "threads": 3}, "run": {"seed": 5}})
    LocalKind(builders.Context(config, tmp_path, 1.0)).learner()
    assert asked[0]["logs"] == tmp_path / "trainer"
    assert asked[0]["threads"] == 3
