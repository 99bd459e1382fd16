"""Drops from recordings of a task what does not belong to it: steps that most of the others do not share.

After Extraneousness-aware Imitation Learning, simplified: where EIL lets frames vote in a learned embedding, steps are
compared as lines of the action grammar, and a step counts as shared with another recording when a longest common
subsequence of both has it. What all share (a cookie banner) cannot be seen this way. In lines, what was typed or chosen
may differ, and so may numbers, and those values and numbers wherever they turn up again.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote_plus, urlsplit

from core import actions
from core.checks import fold
from core.demos import RecordedStep, Recording

_ANY = "…"
_NUMBER = re.compile(r"\d+")
_SHORTEST = 3  # characters of a typed value that is looked for in names


@dataclass(frozen=True)
class Dropped:
    """A step that was left out: its number from 1, and how many recordings share it, its own included."""

    number: int
    line: str
    shared: int


@dataclass(frozen=True)
class Cleaned:
    """A recording without what was `dropped`; it was compared among `of` recordings of its task."""

    recording: Recording
    dropped: tuple[Dropped, ...]
    of: int


def clean(recordings: Sequence[Recording], *, majority: float = 0.5) -> list[Cleaned]:
    """The recordings without steps that less than `majority` (in (0, 1]) of those of the same task share, in order.

    At one half, a recording that is the only one or one of two is kept as it is.
    """
    tasks: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, one in enumerate(recordings):
        tasks[fold(one.url), fold(one.task)].append(index)
    keys = [_keys(one) for one in recordings]
    found: dict[int, Cleaned] = {}
    for members in tasks.values():
        for index in members:
            shared = [1] * len(keys[index])
            for other in members:
                for at in _common(keys[index], keys[other]) if other != index else ():
                    shared[at] += 1
            found[index] = _without(recordings[index], shared, len(members), majority)
    return [found[index] for index in range(len(recordings))]


def _without(recording: Recording, shared: Sequence[int], of: int, majority: float) -> Cleaned:
    kept: list[RecordedStep] = []
    dropped = []
    for number, (step, votes) in enumerate(zip(recording.steps, shared, strict=True), 1):
        if votes / of >= majority:
            kept.append(step)
        else:
            dropped.append(Dropped(number, step.action, votes))
    return Cleaned(recording.model_copy(update={"steps": tuple(kept)}), tuple(dropped), of)


def _keys(recording: Recording) -> list[str]:
    """What each step is compared by."""
    values: list[str] = []
    keys = []
    for step in recording.steps:
        action = actions.parse(step.action)
        target = actions.target_of(action)
        if target is not None:
            place = f"{target.role} {_blurred(target.name, values)}" if not target.id else _page(step, values)
        elif action.name == "goto":
            place = _blurred(_path(str(action.arguments["url"])), values)
        else:
            place = _page(step, values)  # going back means something else on another page
        more = action.arguments.get("key") or action.arguments.get("direction") or ""
        keys.append(f"{action.name} {place} {more}")
        for key in ("text", "option"):
            value = fold(str(action.arguments.get(key, "")))
            if len(value) >= _SHORTEST:
                values.append(value)
    return keys


def _page(step: RecordedStep, values: Sequence[str]) -> str:
    return _blurred(_path(step.seen.url), values)


def _path(url: str) -> str:
    return unquote_plus(urlsplit(url).path)


def _blurred(text: str, values: Sequence[str]) -> str:
    """The text with what was entered before, and every number, taken out."""
    text = fold(text)
    for value in values:
        text = text.replace(value, _ANY)
    return _NUMBER.sub(_ANY, text)


def _common(ours: Sequence[str], theirs: Sequence[str]) -> list[int]:
    """Places in `ours` of a longest common subsequence."""
    lengths = [[0] * (len(theirs) + 1) for _ in range(len(ours) + 1)]
    for i in range(len(ours) - 1, -1, -1):
        for j in range(len(theirs) - 1, -1, -1):
            if ours[i] == theirs[j]:
                lengths[i][j] = lengths[i + 1][j + 1] + 1
            else:
                lengths[i][j] = max(lengths[i + 1][j], lengths[i][j + 1])
    places, i, j = [], 0, 0
    while i < len(ours) and j < len(theirs):
        if ours[i] == theirs[j]:
            places.append(i)
            i, j = i + 1, j + 1
        elif lengths[i + 1][j] >= lengths[i][j + 1]:
            i += 1
        else:
            j += 1
    return places
