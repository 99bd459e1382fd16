"""Held-out tasks stay held out: proposals that coincide with them are recognised, and every measurement is logged."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from core.checks import (
    AllCheck,
    AnswerCheck,
    AnyCheck,
    Check,
    EnteredCheck,
    FunctionalCheck,
    PageCheck,
    UrlCheck,
    fold,
    normal_answer,
)
from core.errors import StorageFault
from core.types import Task
from evals import taskfile

LOG_NAME = "evaluations.jsonl"

_NEAR = 0.9
_RELATED = 0.5
_WORD = re.compile(r"[^\W\d_]+|\d+")
_FILLER = {"a", "an", "the", "please", "then", "and", "now", "of", "to", "in", "on", "at", "for", "with", "from", "by"}
_SMALL_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_DIGITS = {word: str(number) for number, word in enumerate(_SMALL_NUMBERS)}


class HeldoutTasks:
    """An index of held-out tasks that tells whether a proposed task coincides with any of them.

    Two tasks coincide when their instructions have the same words but for filler (or share 90 % of them, with
    the same numbers), or when they start at the same place and their checks mean the same. An answer says little
    (many questions have the answer `3`), and so does what is left of a check without its functional parts, which
    no proposal can have; checks that are compared by these need half of the words in common too. Word order does
    not count: to drop one training task too many costs less than a leak.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._instructions = [_words(task.instruction) for task in tasks]
        self._exact = set(self._instructions)
        self._meanings: dict[tuple[str, str], list[tuple[bool, frozenset[str]]]] = {}
        for task, instruction in zip(tasks, self._instructions, strict=True):
            if task.check is not None:
                key = (_place(task.start_url), _meaning(_visible(task.check)))
                self._meanings.setdefault(key, []).append((_vague(task.check), instruction))

    def coincides(self, task: Task) -> bool:
        """Whether `task` coincides with a held-out one."""
        mine = _words(task.instruction)
        if mine in self._exact or any(_near(mine, other) for other in self._instructions):
            return True
        if task.check is None:
            return False
        same = self._meanings.get((_place(task.start_url), _meaning(_visible(task.check))), [])
        return any(not (vague or _vague(task.check)) or _overlap(mine, other) >= _RELATED for vague, other in same)


def coincides(task: Task, heldout_tasks: Sequence[Task]) -> bool:
    """`HeldoutTasks(heldout_tasks).coincides(task)`, for a single question."""
    return HeldoutTasks(heldout_tasks).coincides(task)


def log_evaluation(
    run_dir: Path,
    *,
    split: str,
    tasks: Sequence[Task],
    policy_version: int,
    n: int,
    success: float | None,
    purpose: str,
) -> None:
    """Append one measurement to the run's evaluations.jsonl and sync it; raises `StorageFault`.

    `split` is the name of a bundled split or the path of a task file; the tasks' own hash is recorded beside it,
    so that a file that changed between two measurements shows.
    """
    entry = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "split": split,
        "tasks": len(tasks),
        "sha256": fingerprint(tasks),
        "policy_version": policy_version,
        "n": n,
        "success": success,
        "purpose": purpose,
    }
    path = run_dir / LOG_NAME
    try:
        with path.open("ab+") as file:
            # A process killed in mid-line must not swallow this line too.
            if file.seek(0, os.SEEK_END) and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n":
                file.write(b"\n")
            file.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StorageFault(f"the evaluation could not be logged in '{path}': {error}") from error


def logged(run_dir: Path) -> list[dict[str, Any]]:
    """Every measurement that was logged, oldest first; what a killed process left in mid-line is passed over."""
    try:
        lines = (run_dir / LOG_NAME).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    entries = []
    for line in lines:
        try:
            entries.append(json.loads(line))
        except ValueError:
            continue
    return entries


def fingerprint(tasks: Sequence[Task]) -> str:
    """SHA-256 of the tasks as the lines of a task file."""
    return hashlib.sha256("\n".join(taskfile.line(task) for task in tasks).encode()).hexdigest()


def _words(instruction: str) -> frozenset[str]:
    """The words that matter, in any script: number words as digits, plurals folded, filler left out."""
    found = [word for word in _WORD.findall(fold(instruction)) if word not in _FILLER]
    return frozenset(_DIGITS.get(word) or _singular(word) for word in found or [fold(instruction)])


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard's index: the share of all words that both have."""
    return len(one & other) / len(one | other) if one or other else 1.0


def _near(one: frozenset[str], other: frozenset[str]) -> bool:
    if min(len(one), len(other)) < _NEAR * max(len(one), len(other)) or _overlap(one, other) < _NEAR:
        return False
    return not any(word.isdigit() for word in one ^ other)


def _place(url: str) -> str:
    """Path and query without origin, fragment, order of parameters and trailing slash: sites move between ports."""
    parts = urlsplit(url)
    query = "&".join(f"{key}={value}" for key, value in sorted(parse_qsl(parts.query, keep_blank_values=True)))
    return f"/{parts.path.strip('/')}?{query}"


def _meaning(check: Check) -> str:
    """A form that checks with the same meaning share: parts flattened, sorted, and rid of doubles."""
    match check:
        case AnswerCheck(equals=text):
            return json.dumps(["answer", normal_answer(text)])
        case UrlCheck(matches=pattern):
            return json.dumps(["url", pattern])
        case PageCheck(contains=texts, url=pattern):
            parts = {json.dumps(["page", fold(text)]) for text in texts}
            return _joined("all", parts | ({json.dumps(["url", pattern])} if pattern else set()))
        case EnteredCheck(fields=fields):
            return json.dumps(["entered", sorted([fold(name), fold(value)] for name, value in fields.items())])
        case FunctionalCheck(expect=expected):
            return json.dumps(["functional", expected], sort_keys=True)
        case AllCheck(of=of) | AnyCheck(of=of):
            return _joined(check.kind, {_meaning(part) for part in of})


def _joined(kind: str, parts: set[str]) -> str:
    """`all` of `all` is one `all`; `all` or `any` of one part is that part."""
    flat: set[str] = set()
    for part in parts:
        loaded = json.loads(part)
        flat |= set(loaded[1]) if loaded[0] == kind else {part}
    return flat.pop() if len(flat) == 1 else json.dumps([kind, sorted(flat)])


def _visible(check: Check) -> Check:
    """The check without the functional parts of an `all`, where anything else remains."""
    if not isinstance(check, AllCheck):
        return check
    kept = tuple(_visible(part) for part in check.of if not isinstance(part, FunctionalCheck))
    return AllCheck(of=kept) if kept else check


def _vague(check: Check) -> bool:
    """Whether the check, as it is compared, says too little to identify a task."""
    if isinstance(check, AllCheck | AnyCheck):
        return _visible(check) != check or any(_vague(part) for part in check.of)
    return isinstance(check, AnswerCheck)
