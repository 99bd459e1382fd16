"""Who proposes tasks, and how."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from core.config.section import Section


class ExploreConfig(Section):
    """The exploring proposer's budget and manners."""

    pages: int = Field(90, ge=1)
    seconds: float = Field(60.0, gt=0)
    tasks: int = Field(240, ge=1, description="size of the pool of proven tasks")
    delay: float = Field(0.0, ge=0, description="seconds between requests; at least 1 outside loopback")
    replays: int = Field(2, ge=1, description="times a proposal is replayed from a fresh state with its check true")
    seed: int = Field(0, ge=0)


class ProposerConfig(Section):
    """Who proposes tasks, and how mastery steers it."""

    kind: str = "exploring"
    mastered: float = Field(0.9, gt=0, le=1, description="a family at or above this success rate is retired to upkeep")
    compose_above: float = Field(0.7, gt=0, le=1, description="families above this success rate are composed")


class LanguageProposerConfig(Section):
    """How a language model is asked for tasks, and which of its tasks are kept (`proposer.kind = "language"`)."""

    tasks: int = Field(16, ge=1, description="new tasks asked for in an iteration")
    proven_share: float = Field(
        0.5, ge=0, le=1, description="share of the pool that exploration has proven, beside what the model proposes"
    )
    batch: int = Field(8, ge=1, le=50, description="tasks asked for in one request")
    fruitless_rounds: int = Field(3, ge=1, le=100, description="requests without a usable task until it is given up")
    temperature: float = Field(1.0, ge=0, le=2, description="of the proposals; the feasibility question has 0")
    max_tokens: int = Field(4096, ge=64, description="longest answer")
    map_tokens: int = Field(3000, ge=50, description="share of the site map in a request")
    list_tokens: int = Field(600, ge=50, description="share of each list in a request: demonstrations, failures, ...")
    asked_families: int = Field(4, ge=1, description="families asked for at once, the most learnable first")
    compositions: int = Field(3, ge=0, description="pairs of mastered families suggested at once")
    mastered: float = Field(0.9, gt=0, le=1, description="no more is asked of a family at or above this success rate")
    compose_above: float = Field(0.7, gt=0, le=1, description="families above this success rate are composed")
    duplicate: float = Field(0.92, gt=0, le=1, description="cosine from which two instructions count as the same")
    free_text: bool = Field(False, description="accept criteria in words, which only a judge that reads can decide")
    max_steps: int = Field(10, ge=7, description="steps that an episode of a proposed task may take")
    feasibility: Literal["none", "judge"] = Field(
        "none", description="ask the model a second time whether the task can be done; what is unsure is dropped"
    )

    @field_validator("feasibility", mode="before")
    @classmethod
    def _no_solver(cls, value: object) -> object:
        if value == "solver":
            raise ValueError("feasibility = 'solver' is not available, use 'judge' or 'none'")
        return value


class SamplerConfig(Section):
    """What to practise next (see `training/curriculum`)."""

    kind: str = "learnability"
    step_size: float = Field(0.3, gt=0, le=1, description="SEC's alpha")
    temperature: float = Field(0.4, gt=0, description="SEC's tau")
    uniform_share: float = Field(0.15, ge=0, le=1)
