"""The `functional` judge: the ground truth that the environment read at the episode's end decides."""

from __future__ import annotations

from core.types import GroundTruth, Trajectory, Verdict
from evals.judges.checks import decide


class FunctionalJudge:
    """As `checks`, with evidence for the parts that need it; without that evidence they leave it unscored."""

    name = "functional"

    async def __call__(self, trajectory: Trajectory, truth: GroundTruth | None) -> Verdict:
        return decide(trajectory, evidence=None if truth is None else truth.evidence, evaluator=self.name)
