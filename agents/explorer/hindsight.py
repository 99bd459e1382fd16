"""Hindsight: the question that a wrong answer answers.

A look-up that failed read something all the same, and the answer says where. Asked for that, the episode
would have been right: as such it can be learned from, without a model that relabels (hindsight experience
replay, Andrychowicz et al., arXiv 1707.01495; relabelling of what was achieved, LMA3, arXiv 2305.12487).
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from agents.explorer import pages, phrasing
from agents.explorer.composer import given_away, pointed
from agents.explorer.pages import Page
from agents.explorer.pieces import Piece, Pieces
from core import actions
from core.checks import fold
from core.types import Step, Task, Trajectory


@dataclass(frozen=True)
class Achieved:
    """An instruction that the episode carries out from step `first` to `until` (not included; None: to its end).

    `task` is the same as something to practise, where it can be checked.
    """

    instruction: str
    first: int
    until: int | None = None
    task: Task | None = None


def achieved(trajectory: Trajectory, pieces: Pieces, rng: Random) -> Achieved | None:
    """What the end of an episode would have been the right answer to; None where that cannot be told."""
    *before, last = trajectory.steps
    source = str(last.action.arguments.get("source", ""))
    if last.action.name != "answer" or not source:
        return None
    page = pages.read(last.observation, frozenset(pieces.site.crowded))
    text = str(last.action.arguments["text"])
    told = (piece for piece in pieces.lookups(page) if fold(piece.answer) == fold(text))
    asked = next((piece.clauses for piece in told if _cites(source, piece, page)), None)
    if asked is None:
        return None
    way = _way(before, last, asked[0].slots["record"])
    instruction = phrasing.instruction(asked if way else pointed(asked, rng), rng)
    if not instruction or given_away(text, instruction):
        return None
    return Achieved(instruction, len(before) - way)


def _cites(source: str, piece: Piece, page: Page) -> bool:
    """Whether an answer's source names the field, and the record unless the page is its own."""
    slots = piece.clauses[0].slots
    named = [fold(name) for name in actions.quoted(source)]
    return fold(slots["term"]) in named and fold(slots["record"]) in (*named, fold(page.name))


def _way(before: list[Step], last: Step, record: str) -> int:
    """How many of the steps before the answer led straight to where it stands: a click on the record's name."""
    if not before or before[-1].observation.url == last.observation.url:
        return 0
    target = actions.target_of(before[-1].action)
    return int(before[-1].action.name == "click" and target is not None and fold(target.name) == fold(record))
