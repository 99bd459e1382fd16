"""What an iteration set out to do, written down before it is done, so that a restart does the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.types import Task
from discovery.rundirectory import RunDirectory

_TASKS = "tasks.jsonl"


class TaskBook:
    """Every task that was ever proposed in a run, by id; the first of an id stays."""

    def __init__(self, directory: RunDirectory) -> None:
        self._directory = directory
        lines = directory.read_lines(_TASKS)
        self._tasks = {task.id: task for task in (Task.model_validate(line) for line in lines)}

    def __getitem__(self, task_id: str) -> Task:
        return self._tasks[task_id]

    def add(self, tasks: Iterable[Task]) -> None:
        """Write down the tasks that are new, in one synced append; raises `StorageFault`."""
        new = {task.id: task for task in tasks if task.id not in self._tasks}
        if new:
            lines = "\n".join(task.model_dump_json() for task in new.values())
            self._directory.append_line(_TASKS, lines)
            self._tasks |= new


@dataclass
class Plan:
    """An iteration's task pool, whether people approved it, and its groups, round by round.

    `rounds[r]` holds (group id, task id) pairs; members of group g are the trajectories `g-0`, `g-1`, …
    """

    iteration: int
    pool: list[str]
    approved: bool = False
    rejected: list[str] = field(default_factory=list)
    rounds: list[list[tuple[str, str]]] = field(default_factory=list)

    @property
    def groups(self) -> list[tuple[str, str]]:
        """All rounds' groups in the order in which they were planned."""
        return [group for chosen in self.rounds for group in chosen]

    def add_round(self, tasks: Sequence[Task]) -> None:
        """One group for each task."""
        first = len(self.groups)
        self.rounds.append([(f"{self.iteration:04d}-{first + i:02d}", task.id) for i, task in enumerate(tasks)])

    def save(self, directory: RunDirectory) -> None:
        """Write it down; raises `StorageFault`."""
        directory.write_json(
            _name(self.iteration),
            {"pool": self.pool, "approved": self.approved, "rejected": self.rejected, "rounds": self.rounds},
        )

    @classmethod
    def load(cls, directory: RunDirectory, iteration: int) -> Plan | None:
        """The plan of an iteration, where one was made."""
        data: dict[str, Any] | None = directory.read_json(_name(iteration))
        if data is None:
            return None
        rounds = [[(group, task) for group, task in chosen] for chosen in data["rounds"]]
        return cls(iteration, data["pool"], data["approved"], data["rejected"], rounds)


def _name(iteration: int) -> str:
    return f"plans/{iteration:04d}.json"
