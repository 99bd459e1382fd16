"""A draft: a task that has been thought of and not proven yet; and a proven one, with its demonstration."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agents.explorer import lines
from core import actions
from core.checks import AllCheck, AnswerCheck, AnyCheck, Check, fold, normal_answer
from core.errors import ActionError, StorageFault, TaskFileError
from core.types import Action, Observation, Record, Task

PROPOSER = "explorer"
_ORIGIN = re.compile(r"https?://[^/\s]+")


class Draft(Record):
    """A task whose check is still to be seen, or whose `answer` is to be confirmed.

    `lines` solve it; a task that asks for no answer is closed by `answer "done"` afterwards. `wanted` are values that
    the end must show, `entered` what is put into each form, by label. `foils` are nearby wrong solutions, which the
    check must reject. `topic` groups drafts that stand or fall together. `last_line` is the first thing to do on the
    last page that is known as it was before, `last_url`. `retold` is the instruction in other words.
    """

    family: str
    instruction: str
    retold: tuple[str, ...] = ()
    start_url: str
    lines: tuple[str, ...]
    wanted: tuple[str, ...] = ()
    answer: str = ""
    changes: bool = False
    entered: tuple[dict[str, str], ...] = ()
    foils: tuple[tuple[str, ...], ...] = ()
    topic: str = ""
    last_url: str = ""
    last_line: str = ""

    @property
    def steps(self) -> int:
        """Actions of the demonstration, the closing answer included."""
        return len(self.demonstration)

    @property
    def demonstration(self) -> tuple[str, ...]:
        return self.lines if self.answer else (*self.lines, lines.DONE)


class Proven(Record):
    """A task that was replayed with success, and the actions that solve it, as lines of the action grammar.

    `retold` is its instruction in other words. `seen` is what the last replay showed, before each action and at the
    end; files do not hold it.
    """

    task: Task
    demonstration: tuple[str, ...]
    retold: tuple[str, ...] = ()
    seen: tuple[Observation, ...] = ()

    def actions(self) -> tuple[Action, ...]:
        return tuple(actions.parse(line) for line in self.demonstration)

    def to_line(self) -> str:
        """One line of JSON: the format of task files, `family`, `topic`, `changes_state`, `demonstration`, `retold`."""
        task = self.task
        assert task.check is not None
        return json.dumps(
            {
                "id": task.id,
                "instruction": task.instruction,
                "start_url": task.start_url,
                "check": task.check.model_dump(mode="json", exclude_none=True),
                "steps": task.steps,
                "max_steps": task.max_steps,
                "family": task.family,
                "topic": task.topic,
                "changes_state": task.changes_state,
                "demonstration": list(self.demonstration),
                "retold": list(self.retold),
            },
            ensure_ascii=False,
        )

    @classmethod
    def from_line(cls, line: str) -> Proven:
        """Reads what `to_line` wrote; raises `ValueError` for anything else."""
        data: dict[str, Any] = json.loads(line)
        demonstration = tuple(data.pop("demonstration"))
        retold = tuple(map(str, data.pop("retold", ())))
        for one in demonstration:
            try:
                actions.parse(one)
            except ActionError as error:
                raise ValueError(f"'{one}' is not an action: {error}") from error
        tags = tuple(str(data.get("family", "")).split("+"))
        return cls(
            task=Task.model_validate({"proposed_by": PROPOSER, "skill_tags": tags, **data}),
            demonstration=demonstration,
            retold=retold,
        )


def make(draft: Draft, check: Check, start_url: str) -> Task:
    """The task of a draft; its id names its content. Half as many steps again as the demonstration are allowed."""
    digest = hashlib.sha256(json.dumps([draft.instruction, start_url, *draft.lines]).encode()).hexdigest()
    return Task(
        id=f"{draft.family}-{digest[:10]}",
        instruction=draft.instruction,
        start_url=start_url,
        proposed_by=PROPOSER,
        family=draft.family,
        topic=_ORIGIN.sub("", draft.topic),
        skill_tags=tuple(draft.family.split("+")),
        check=check,
        steps=draft.steps,
        max_steps=draft.steps + 1 + draft.steps // 2,
        changes_state=draft.changes,
    )


def normal(instruction: str) -> str:
    """The form in which instructions are compared for being the same."""
    return " ".join("".join(c if c.isalnum() else " " for c in fold(instruction)).split())


def same_task(one: Task, other: Task) -> bool:
    """Whether two tasks coincide: the same words, or the same check or answers from the same start."""
    if normal(one.instruction) == normal(other.instruction):
        return True
    if one.check is None or other.check is None or one.start_url != other.start_url:
        return False
    return one.check == other.check or (bool(found := _answers(one.check)) and found == _answers(other.check))


def _answers(check: Check) -> set[str]:
    """The answers that a check asks for, folded; none where it asks for none."""
    if isinstance(check, AnswerCheck):
        return {normal_answer(check.equals)}
    return set().union(*map(_answers, check.of)) if isinstance(check, AllCheck | AnyCheck) else set()


def save(proven: Iterable[Proven], path: Path) -> None:
    """Write a file of proven tasks, whole or not at all; raises `StorageFault`."""
    partial = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text("".join(one.to_line() + "\n" for one in proven), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise StorageFault(f"the tasks could not be written to {path}: {error}") from error


def load(path: Path) -> list[Proven]:
    """The proven tasks of a file; raises `TaskFileError` when a line is not one."""
    found = []
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TaskFileError(f"the file of proven tasks '{path}' cannot be read: {error}") from error
    for number, line in enumerate(text.splitlines(), 1):
        try:
            found.append(Proven.from_line(line))
        except (ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
            raise TaskFileError(
                f"line {number} of '{path}' is not a proven task; delete the file to explore again"
            ) from error
    return found
