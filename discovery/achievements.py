"""What a model found that failed episodes achieved, written down before it is used: nobody is asked twice for it."""

from __future__ import annotations

from collections.abc import Mapping

from agents.explorer.hindsight import Achieved
from core.types import Record, Task
from discovery.rundirectory import RunDirectory


class _Kept(Record):
    """An `Achieved` as it is written down."""

    instruction: str
    first: int
    until: int | None = None
    task: Task | None = None


def keep(directory: RunDirectory, iteration: int, found: Mapping[str, Achieved]) -> None:
    """Write down an iteration's, by the ids of the episodes; raises `StorageFault`."""
    lines = {name: _Kept.model_validate(vars(one)).model_dump(mode="json") for name, one in found.items()}
    directory.write_json(_name(iteration), lines)


def kept(directory: RunDirectory, iteration: int) -> dict[str, Achieved] | None:
    """What was written down; None where nobody was asked."""
    data = directory.read_json(_name(iteration))
    if data is None:
        return None
    return {name: Achieved(**vars(_Kept.model_validate(line))) for name, line in data.items()}


def _name(iteration: int) -> str:
    return f"relabelled/{iteration:04d}.json"
