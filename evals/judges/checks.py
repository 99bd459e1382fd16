"""The `checks` judge: a task's own check, decided by what can be seen from outside at the episode's end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core import checks
from core.types import GroundTruth, StopReason, Trajectory, Verdict


class ChecksJudge:
    """Answer, final URL and final page text against the task's check. It ignores ground truth."""

    name = "checks"

    async def __call__(self, trajectory: Trajectory, truth: GroundTruth | None) -> Verdict:  # noqa: ARG002 - as the protocol has it
        return decide(trajectory, evidence=None, evaluator=self.name)


def decide(trajectory: Trajectory, *, evidence: Mapping[str, Any] | None, evaluator: str) -> Verdict:
    """1, 0, or unscored with the reason: the episode broke or was cut off, or the check cannot be decided."""
    task, final = trajectory.task, trajectory.final_observation
    value: float | None = None
    if trajectory.error or trajectory.stop_reason is StopReason.ERROR:
        why = f"the episode broke: {trajectory.error or 'no reason was recorded'}"
    elif trajectory.stop_reason is StopReason.CANCELLED:
        why = "the episode was cut off before its end"
    elif task.check is None:
        why = "the task has no check"
    elif final is None:
        why = "the final page was not recorded"
    else:
        needed = trajectory.steps if checks.needs_entries(task.check) else ()
        held = checks.holds(
            task.check,
            answer=trajectory.answer,
            url=final.url,
            page_text=final.text,
            entries=[step.observation.entries() for step in needed],
            evidence=evidence,
        )
        if held is None:
            missing = evidence is None and checks.needs_evidence(task.check)
            why = "the check needs evidence that is missing" if missing else "the check could not be decided in time"
        else:
            value = float(held)
            why = f"the {task.check.kind} check {'holds' if held else 'does not hold'}"
    return Verdict(value=value, explanation=why, evaluator=evaluator)
