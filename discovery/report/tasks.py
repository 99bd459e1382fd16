"""The task gallery: every task that was attempted, with its check in words, its attempts and its success."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from core.errors import AutotelicError
from core.types import Task
from discovery.report.record import Record
from discovery.report.words import check_in_words

_ROLES = {"train": "train", "heldout": "heldout", "control": "heldout"}


def gallery(record: Record, most: int) -> tuple[list[dict[str, Any]], int]:
    """At most `most` tasks as plain data, the most attempted first; and how many there are in all.

    A held-out task counts attempts of every policy but the control's, which are the initial weights again.
    """
    tallies: dict[str, dict[str, Any]] = {}
    for episode in record.episodes:
        role = _ROLES.get(episode.role)
        if role is None:
            continue
        tally = tallies.setdefault(
            episode.task_id, {"role": role, "attempts": 0, "scored": 0, "solved": 0, "first": episode.id}
        )
        if episode.role == "control":
            continue
        tally["attempts"] += 1
        if episode.value is not None:
            tally["scored"] += 1
            tally["solved"] += episode.value >= 0.5
    ranked = sorted(tallies.items(), key=lambda item: (item[1]["role"] != "train", -item[1]["attempts"], item[0]))
    known = _known(record)
    rows = []
    for task_id, tally in ranked[:most]:
        task = known.get(task_id) or _from_episode(record, tally.pop("first"))
        tally.pop("first", None)
        if task is not None:
            rows.append(
                {
                    "instruction": task.instruction,
                    "family": task.family or "unnamed",
                    "check": check_in_words(task.check),
                    **tally,
                }
            )
    return rows, len(ranked)


def _known(record: Record) -> dict[str, Task]:
    """The proposed tasks; lines that are no tasks are passed over."""
    path = record.root / "tasks.jsonl"
    lines: Iterable[str] = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else ()
    tasks = {}
    for line in lines:
        try:
            task = Task.model_validate(json.loads(line))
        except (ValueError, ValidationError):
            continue
        tasks[task.id] = task
    return tasks


def _from_episode(record: Record, episode_id: str) -> Task | None:
    try:
        return record.episode(episode_id)[0].task
    except AutotelicError:
        return None
