"""What an iteration leaves behind: a small state, and beside it the weights; permanent together or not at all."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.types import Mastery
from discovery.rundirectory import RunDirectory

if TYPE_CHECKING:
    from discovery.learning import Learner


@dataclass(frozen=True)
class After:
    """The small state after an iteration; the weights lie beside it. `line` is its part of metrics.jsonl."""

    policy_version: int = 0
    batch_id: str = ""
    sampler: dict[str, Any] = field(default_factory=dict)
    mastery: dict[str, Mastery] = field(default_factory=dict)
    episodes: int = 0
    steps: int = 0
    wall_s: float = 0.0
    line: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, directory: RunDirectory, number: int) -> After:
        data = directory.state(number)
        mastery = {family: Mastery.model_validate(known) for family, known in data.pop("mastery").items()}
        return cls(**data, mastery=mastery)

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "mastery": {family: known.model_dump() for family, known in self.mastery.items()}}


def commit(directory: RunDirectory, trainer: Learner | None, number: int, after: After) -> None:
    """Make an iteration permanent: weights, optimizer and state, all or nothing. Raises `StorageFault`."""

    def fill(folder: Path) -> None:
        if trainer is not None:
            trainer.save(folder / "weights")
        (folder / "state.json").write_text(json.dumps(after.as_json(), indent=1), encoding="utf-8")

    directory.commit(number, fill)
