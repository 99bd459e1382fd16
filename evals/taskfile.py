"""Task files: one task a line, as JSON.

    {"id": "…", "instruction": "…", "start_url": "/…", "check": {"kind": "page", "contains": ["…"]}, "max_steps": 8}

`family`, `skill_tags`, `seed` and `changes_state` may be added. A bad line is skipped and its reason kept;
only a file that cannot be used at all is an error. Lines come from outside, so lengths and depths are bounded.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from core.checks import AllCheck, AnswerCheck, AnyCheck, Check, PageCheck, UrlCheck, fold
from core.errors import StorageFault, TaskFileError
from core.types import Task

REQUIRED = ("id", "instruction", "start_url", "check", "max_steps")
OPTIONAL = ("family", "skill_tags", "seed", "changes_state")
CHECK_KINDS = ("answer", "url", "page", "all", "any", "functional")

_LONGEST_LINE = 100_000
_LARGEST_FILE = 512 * 1024 * 1024
_LONGEST = {"id": 200, "instruction": 4_000, "start_url": 2_000, "family": 200}
_LONGEST_PATTERN = 500
_DEEPEST_CHECK = 8
_MOST_PARTS = 100
_MOST_STEPS = 1_000
_CHECK: TypeAdapter[Check] = TypeAdapter(Check)


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that was skipped: its number from 1, and why, in a few words."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


@dataclass(frozen=True, slots=True)
class TaskFile:
    """The good tasks of a file in order, the lines that were skipped, and the fields that mean nothing here."""

    tasks: tuple[Task, ...]
    problems: tuple[Problem, ...] = ()
    unknown_fields: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """What somebody should know before using the tasks, in a sentence or two; empty when all is well."""
        said = []
        if self.problems:
            count, total = len(self.problems), len(self.problems) + len(self.tasks)
            said.append(f"{count} of {total} lines skipped, first: {self.problems[0]}")
        if self.unknown_fields:
            said.append(f"fields without a meaning were ignored: {', '.join(self.unknown_fields)}")
        return "; ".join(said)


class _BadLine(Exception):
    """Why a line is skipped."""


def load(path: Path) -> TaskFile:
    """Read a task file; raises `TaskFileError` when it cannot be read or has no good line."""
    tasks: dict[str, Task] = {}
    problems: list[Problem] = []
    unknown: dict[str, None] = {}
    try:
        for number, line in _lines(path):
            try:
                fields = _fields(line)
                task = _task(fields)
                if task.id in tasks:
                    raise _BadLine(f"the id '{task.id[:60]}' was used before")
            except _BadLine as bad:
                problems.append(Problem(number, " ".join(str(bad).split())))
                continue
            tasks[task.id] = task
            unknown.update(dict.fromkeys(key[:40] for key in fields if key not in REQUIRED + OPTIONAL))
    except FileNotFoundError:
        raise TaskFileError(f"there is no task file '{path}'") from None
    except (OSError, ValueError) as error:
        raise TaskFileError(f"the task file '{path}' cannot be read: {error}") from error
    if not tasks:
        why = f"; {problems[0]}" if problems else ": it is empty"
        raise TaskFileError(f"the task file '{path}' holds no usable task{why}")
    return TaskFile(tuple(tasks.values()), tuple(problems), tuple(unknown))


def save(path: Path, tasks: Sequence[Task]) -> None:
    """Write tasks that `load` reads back; the file appears whole or not at all.

    Raises `TaskFileError` for a task without a check, `StorageFault` when the disk refuses.
    """
    text = "".join(f"{line(task)}\n" for task in tasks)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise StorageFault(f"the task file '{path}' could not be written: {error}") from error


def line(task: Task) -> str:
    """A task as a line of a task file; raises `TaskFileError` when it has no check."""
    if task.check is None:
        raise TaskFileError(f"the task '{task.id}' has no check, so it cannot stand in a task file")
    fields = task.model_dump(mode="json", include={*REQUIRED, *OPTIONAL})
    fields["check"] = task.check.model_dump(mode="json", exclude_none=True)
    plain = Task(id="", instruction="", start_url="").model_dump(mode="json", include=set(OPTIONAL))
    kept = {key: fields[key] for key in (*REQUIRED, *OPTIONAL) if key in REQUIRED or fields[key] != plain[key]}
    return json.dumps(kept, ensure_ascii=False)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank with their numbers; of an over-long line, just enough to tell that it is."""
    read = 0
    with path.open("rb") as file:
        number, continued = 0, False
        while chunk := file.readline(_LONGEST_LINE + 1):
            read += len(chunk)
            if read > _LARGEST_FILE:
                raise ValueError(f"it is larger than {_LARGEST_FILE // 2**20} MiB")
            if not continued:
                number += 1
                if number == 1:
                    chunk = chunk.removeprefix(b"\xef\xbb\xbf")
                if chunk.strip():
                    yield number, chunk
            continued = not chunk.endswith(b"\n")


def _fields(line: bytes) -> dict[str, Any]:
    if len(line) > _LONGEST_LINE:
        raise _BadLine(f"it is longer than {_LONGEST_LINE} bytes")
    if b"\x00" in line:
        raise _BadLine("it holds a NUL byte")
    try:
        fields = json.loads(line.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise _BadLine("it is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise _BadLine(f"it is not JSON: {error.msg} at character {error.pos + 1}") from None
    except (RecursionError, ValueError):
        raise _BadLine("it is not JSON that can be read: too deep, or a number too long") from None
    if not isinstance(fields, dict):
        raise _BadLine("it is not a JSON object")
    _refuse_odd_text(fields)
    return fields


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _BadLine(f"'{next(key for key in keys if keys.count(key) > 1)[:40]}' stands there twice")
    return fields


def _no_constant(name: str) -> None:
    raise _BadLine(f"{name} is not a number in JSON")


def _refuse_odd_text(value: Any) -> None:
    match value:
        case str():
            if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
                raise _BadLine("a text holds a NUL character or half a surrogate pair")
        case dict():
            for key, inner in value.items():
                _refuse_odd_text(key)
                _refuse_odd_text(inner)
        case list():
            for inner in value:
                _refuse_odd_text(inner)


def _task(fields: dict[str, Any]) -> Task:
    missing = [name for name in REQUIRED if name not in fields]
    if missing:
        raise _BadLine(f"'{missing[0]}' is missing")
    for name in ("id", "instruction", "start_url", "family"):
        value = fields.get(name, "")
        if not isinstance(value, str):
            raise _BadLine(f"'{name}' must be a text, not {_kind(value)}")
        if not value.strip() and name != "family":
            raise _BadLine(f"'{name}' is empty")
        if len(value) > _LONGEST[name]:
            raise _BadLine(f"'{name}' is longer than {_LONGEST[name]} characters")
    steps = fields["max_steps"]
    if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= _MOST_STEPS:
        raise _BadLine(f"'max_steps' must be a whole number from 1 to {_MOST_STEPS}")
    _refuse_url(fields["start_url"])
    known = {name: fields[name] for name in (*REQUIRED, *OPTIONAL) if name in fields}
    known["check"] = _check(fields["check"])
    try:
        return Task.model_validate(known)
    except ValidationError as error:
        raise _BadLine(_reason(error)) from None


def _refuse_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - a property that raises
    except ValueError as error:
        raise _BadLine(f"'start_url' is not a URL: {error}") from None
    if any(character.isspace() or ord(character) < 32 for character in url) or "\\" in url:
        raise _BadLine("'start_url' holds white space, a control character or a backslash; write them as %xx")
    if (parts.scheme or parts.netloc) and not (parts.scheme in ("http", "https") and parts.hostname):
        raise _BadLine(f"'start_url' must begin with http://, https:// or be a path like /items, not '{url[:60]}'")


def _check(value: Any) -> Check:
    if not isinstance(value, dict):
        raise _BadLine(f"'check' must be an object with a 'kind', not {_kind(value)}")
    _refuse_shape(value, 1)
    try:
        check = _CHECK.validate_python(value)
    except ValidationError as error:
        raise _BadLine(_reason(error, "check")) from None
    parts = list(_parts(check))
    if len(parts) > _MOST_PARTS:
        raise _BadLine(f"'check' has more than {_MOST_PARTS} parts")
    for part in parts:
        match part:
            case AnswerCheck(equals=text) if not fold(text):
                raise _BadLine("the check's 'equals' is empty")
            case PageCheck(contains=texts) if not all(fold(text) for text in texts):
                raise _BadLine("the check's 'contains' has an empty text, which stands on every page")
            case UrlCheck(matches=pattern) | PageCheck(url=str(pattern)):
                if not pattern or len(pattern) > _LONGEST_PATTERN:
                    raise _BadLine(f"a regular expression must have 1 to {_LONGEST_PATTERN} characters")
    return check


def _refuse_shape(value: Any, depth: int) -> None:
    """Bound the depth of `all` and `any`, so that nothing later recurses without limit."""
    if depth > _DEEPEST_CHECK:
        raise _BadLine(f"'check' is nested deeper than {_DEEPEST_CHECK} levels")
    if isinstance(value, dict) and isinstance(value.get("of"), list):
        for part in value["of"]:
            _refuse_shape(part, depth + 1)


def _parts(check: Check) -> Iterator[Check]:
    yield check
    if isinstance(check, AllCheck | AnyCheck):
        for part in check.of:
            yield from _parts(part)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _reason(error: ValidationError, prefix: str = "") -> str:
    first = error.errors(include_url=False)[0]
    # Pydantic puts the check's kind into the path; what somebody wrote has no such level.
    path = [str(part) for part in first["loc"] if part not in CHECK_KINDS]
    name = ".".join(([prefix] if prefix else []) + path)
    kinds = ", ".join(CHECK_KINDS)
    match first["type"]:
        case "missing":
            return f"'{name}' is missing"
        case "extra_forbidden":
            return f"'{name[:80]}' is not a field of this check"
        case "union_tag_not_found":
            return f"'{name}' has no 'kind', which is one of {kinds}"
        case "union_tag_invalid":
            return f"'{name}' has an unknown 'kind'; it is one of {kinds}"
    message = first["msg"].removeprefix("Value error, ")
    return f"'{name}' is not possible: {message[:1].lower()}{message[1:200]}"
