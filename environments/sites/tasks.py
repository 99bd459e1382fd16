"""The held-out tasks of the bundled sites, read from their split files. They hold for seed 0 of the records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import TaskFileError
from core.types import Task
from environments.sites.registry import check_names

Split = Literal["dev", "test"]
SPLITS: tuple[Split, ...] = ("dev", "test")
BANDS = {"1-2": range(1, 3), "3-4": range(3, 5), "5-8": range(5, 9)}


class Solution(BaseModel):
    """Lines of the action grammar that do a task; used to prove it feasible and never shown to a policy."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    actions: tuple[str, ...] = Field(min_length=1)
    steps_band: Literal["1-2", "3-4", "5-8"]


def task_file(site: str, split: Split) -> Path:
    """The path of a split; its URLs are relative to the site's."""
    check_names([site])
    return Path(__file__).parent / site / "tasks" / f"{split}.jsonl"


def load_split(site: str, split: Split) -> list[Task]:
    """The tasks of a split, in the file's order; raises `TaskFileError` for a line that is not one."""
    path = task_file(site, split)
    tasks = []
    for number, record in _records(path):
        try:
            tasks.append(Task.model_validate({"proposed_by": f"heldout/{site}/{split}", **record}))
        except ValidationError as error:
            raise TaskFileError(f"{path.name} line {number} is not a task: {error.errors()[0]['msg']}") from error
    return tasks


def load_solutions(site: str, split: Split) -> dict[str, Solution]:
    """The scripted solutions of a split by task id; raises `TaskFileError`."""
    path = task_file(site, split).with_suffix(".solutions.jsonl")
    solutions = {}
    for number, record in _records(path):
        try:
            solution = Solution.model_validate(record)
        except ValidationError as error:
            raise TaskFileError(f"{path.name} line {number} is not a solution: {error.errors()[0]['msg']}") from error
        solutions[solution.id] = solution
    return solutions


def _records(path: Path) -> list[tuple[int, Any]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [(number, json.loads(line)) for number, line in enumerate(lines, 1) if line.strip()]
    except (OSError, ValueError) as error:
        raise TaskFileError(f"the task file {path} cannot be read: {error}") from error
