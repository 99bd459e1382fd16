"""An episode in words, for a model that judges it: pages and actions in turn, within a budget."""

from __future__ import annotations

from collections.abc import Sequence

from agents.llm.digest import crop
from core import actions, views
from core.tokens import estimate
from core.types import Observation, Step

_LEAST = 40  # tokens of a page
_LONGEST_ACTION = 200
_BYTES = 4


def transcript(steps: Sequence[Step], final: Observation, instruction: str, budget: int) -> str:
    """What was seen and done, in about `budget` tokens; of each page what the instruction speaks of comes first.

    The last page has twice the share of the others: it shows what came of it all.
    """
    share = max(_LEAST, budget // (len(steps) + 2))
    parts = []
    for number, step in enumerate(steps, 1):
        parts.append(f"PAGE {number} {_page(step.observation, instruction, share)}")
        parts.append(f"ACTION {number} {crop(_written(step), _LONGEST_ACTION)}")
    parts.append(f"LAST PAGE {_page(final, instruction, 2 * share)}")
    return "\n".join(parts)


def _page(seen: Observation, instruction: str, budget: int) -> str:
    """Its elements in half of the budget, its visible text in what these leave."""
    view = views.render(seen, instruction=instruction, budget=budget // 2)
    lines = [crop(seen.url, 200), view]
    if seen.last_action_error:
        lines.append(f"the last action failed: {crop(seen.last_action_error, 120)}")
    left = _BYTES * max(_LEAST // 2, budget - estimate(view))
    if seen.text.strip():
        lines.append(f"text: {crop(seen.text, left)}")
    return "\n".join(lines)


def _written(step: Step) -> str:
    """The canonical line; what could not be parsed as it was written, without what was thought aloud before it."""
    if step.action.name in actions.ACTION_NAMES:
        return actions.render(step.action)
    written = step.action.raw_text.strip().splitlines() or [""]
    return f"(not an action) {written[-1]}"
