"""Which episodes the page lets one step through, and what it shows of each: a size-capped plain structure."""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from core import actions, views
from core.errors import StorageFault
from core.types import Action, ImageRef, Observation, Trajectory, Verdict
from discovery.report.record import outcome
from discovery.report.words import check_in_words
from memory.screenshots import ScreenshotStore
from memory.trajectories import Summary

_VIEW_TOKENS = 400
_TEXT_LIMIT = 2500


def choose(episodes: Sequence[Summary], most: int) -> list[str]:
    """Ids of at most `most` episodes that between them show every role, family and outcome, early and late."""
    piles: dict[tuple[str, str, str], list[Summary]] = defaultdict(list)
    for episode in episodes:
        piles[(episode.role, outcome(episode.value), episode.family)].append(episode)
    queues = [_ends_first(pile) for _, pile in sorted(piles.items())]
    chosen: list[Summary] = []
    depth = 0
    while len(chosen) < most and any(depth < len(queue) for queue in queues):
        chosen += [queue[depth] for queue in queues if depth < len(queue)]
        depth += 1
    keep = {episode.id for episode in chosen[:most]}
    return [episode.id for episode in episodes if episode.id in keep]


def _ends_first(pile: list[Summary]) -> list[Summary]:
    """The latest, the earliest, the second latest, the second earliest, ..."""
    out, low, high = [], 0, len(pile) - 1
    while low <= high:
        out.append(pile[high])
        if low < high:
            out.append(pile[low])
        low, high = low + 1, high - 1
    return out


class Album:
    """Screenshots and page texts shared by all recordings, each held once, up to a budget of bytes."""

    def __init__(self, store: ScreenshotStore, *, image_bytes: int, text_bytes: int) -> None:
        self.images: dict[str, str] = {}
        self.texts: list[str] = []
        self._store, self._image_budget, self._text_budget = store, image_bytes, text_bytes
        self._index: dict[str, int] = {}
        self.left_out = 0

    def image(self, reference: ImageRef | None) -> str | None:
        """The key under which `images` holds the screenshot as a data URI; None when missing or over budget."""
        if reference is None:
            return None
        if reference.sha256 in self.images:
            return reference.sha256
        try:
            data = self._store.read(reference)
        except (ValueError, StorageFault):
            data = None
        if data is None:
            return None
        if len(data) > self._image_budget:
            self.left_out += 1
            return None
        self._image_budget -= len(data)
        self.images[reference.sha256] = f"data:image/webp;base64,{base64.b64encode(data).decode('ascii')}"
        return reference.sha256

    def text(self, text: str) -> int | None:
        """The position of a text in `texts`; None when over budget."""
        if text in self._index:
            return self._index[text]
        if len(text.encode()) > self._text_budget:
            self.left_out += 1
            return None
        self._text_budget -= len(text.encode())
        self.texts.append(text)
        self._index[text] = len(self.texts) - 1
        return self._index[text]


def describe(trajectory: Trajectory, verdict: Verdict | None, album: Album) -> dict[str, Any]:
    """One recording as plain data for the page's script: frames, each a page and what was done on it."""
    task = trajectory.task
    frames = [
        _frame(step.observation, task.instruction, album)
        | {
            "action": _line(step.action.name, step.action.arguments, step.action.raw_text),
            "by": step.initiator,
            "wrote": step.completion.text.strip()[:_TEXT_LIMIT] if step.completion else "",
        }
        for step in trajectory.steps
    ]
    if trajectory.final_observation is not None:
        frames.append(_frame(trajectory.final_observation, task.instruction, album) | {"action": "", "by": ""})
    value = verdict.value if verdict else None
    return {
        "id": trajectory.id,
        "instruction": task.instruction,
        "family": task.family or "unnamed",
        "role": trajectory.role,
        "iteration": trajectory.iteration,
        "policy": trajectory.policy_version,
        "check": check_in_words(task.check),
        "outcome": outcome(value),
        "value": value,
        "why": verdict.explanation if verdict else "",
        "judge": verdict.evaluator if verdict else "",
        "stop": trajectory.stop_reason.value.replace("_", " "),
        "answer": trajectory.answer,
        "error": trajectory.error,
        "seconds": round(trajectory.wall_s, 2),
        "frames": frames,
    }


def _frame(observation: Observation, instruction: str, album: Album) -> dict[str, Any]:
    return {
        "url": observation.url,
        "title": observation.title,
        "image": album.image(observation.screenshot),
        "view": album.text(views.render(observation, instruction=instruction, budget=_VIEW_TOKENS)),
        "text": album.text(observation.text[:_TEXT_LIMIT]),
        "error": observation.last_action_error,
    }


def _line(name: str, arguments: dict[str, Any], raw_text: str) -> str:
    """The action in the grammar's own words; what was written, where it could not be read as an action."""
    if name not in actions.ACTION_NAMES:
        return _last_line(raw_text.splitlines()) or name
    try:
        return actions.render(Action(name=name, arguments=arguments))
    except (KeyError, TypeError, ValueError):
        return _last_line(raw_text.splitlines()) or name


def _last_line(lines: Iterable[str]) -> str:
    return next((line.strip() for line in reversed(list(lines)) if line.strip()), "")[:300]
