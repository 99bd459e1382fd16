"""Whether a check held at a moment of an episode, from what was seen until then."""

from __future__ import annotations

from core import checks
from core.checks import Check
from core.types import Trajectory


def held(check: Check, episode: Trajectory, steps: int) -> bool | None:
    """What the check says of the episode cut off after `steps`; None where it cannot be decided.

    An answer counts at the very end alone. What the first page's fields hold counts from the start.
    """
    seen = [step.observation for step in episode.steps]
    if episode.final_observation is not None:
        seen.append(episode.final_observation)
    if steps >= len(seen):
        return None
    return checks.holds(
        check,
        answer=episode.answer if steps == len(episode.steps) else None,
        url=seen[steps].url,
        page_text=seen[steps].text,
        entries=[one.entries() for one in seen[: max(1, steps)]] if checks.needs_entries(check) else (),
    )


def reached(check: Check, episode: Trajectory) -> int | None:
    """After how many steps a check that is false at the start became true, and is so at the end; None if it is not."""
    whole = len(episode.steps)
    if held(check, episode, 0) is not False or held(check, episode, whole) is not True:
        return None
    return next(steps for steps in range(1, whole + 1) if held(check, episode, steps) is True)
