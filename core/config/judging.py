"""Who scores episodes, and how held-out success is measured."""

from __future__ import annotations

from pydantic import Field

from core.config.section import Section


class JudgeConfig(Section):
    """Who scores training episodes."""

    kind: str = "checks"


class EvaluationConfig(Section):
    """Held-out success: measured, never trained on."""

    heldout: str = Field("", description="task file; empty: the bundled site's test split, where there is one")
    episodes_per_task: int = Field(3, ge=1)
    every: int = Field(0, ge=0, description="iterations between measurements inside the run; 0: only first and last")
    share: float = Field(0.25, gt=0, lt=1, description="share of a time budget kept for the final measurement")
    temperature: float = Field(1.0, gt=0)
