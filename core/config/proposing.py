"""Who proposes tasks, and how."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from core.config.section import Section

_Sentence = Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")]


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
    goals: tuple[_Sentence, ...] = Field(
        (), description="what the agent is to become good at, for a proposer that reads: language"
    )
    rules: tuple[_Sentence, ...] = Field(
        (), description="what every task has to keep to, for a proposer that reads; nothing enforces them"
    )


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
    missing_share: float = Field(
        0.5, ge=0, le=1, description="share of the tasks asked for by the skills that attempts failed for want of"
    )
    duplicate: float = Field(
        0.95,
        gt=0,
        le=1,
        description="cosine from which two instructions are the same: so set that what differs in one argument"
        " does not count, at the price of most rewordings (tests/unit/agents/test_llm_duplicates.py has the figures)",
    )
    demonstrations: tuple[str, ...] = Field(
        (), description="files of autotelic demo record, which the model is told of as tasks done on this site"
    )
    free_text: bool = Field(False, description="accept criteria in words, which only a judge that reads can decide")
    max_steps: int = Field(10, ge=7, description="steps that an episode of a proposed task may take")
    feasibility: Literal["none", "judge", "solver"] = Field(
        "none",
        description="judge: ask the model whether the task can be done, what is unsure is dropped; solver: have it do"
        " the task once in the browser, what it does not manage is dropped",
    )
    solver_tokens: int = Field(1500, ge=100, description="solver: tokens of a page that it is shown")
    solver_seconds: float = Field(180.0, gt=0, description="solver: time for its episode")
    relabels: int = Field(
        8,
        ge=1,
        description="failed attempts of an iteration of which the model is asked what they achieved (hindsight)",
    )
    episode_tokens: int = Field(3000, ge=200, description="share of an episode in a request about it")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.feasibility == "solver" and self.free_text:
            raise ValueError(
                "language_proposer.feasibility='solver' decides by checks, which free_text does without;"
                " set language_proposer.free_text=false"
            )
        return self


class SamplerConfig(Section):
    """What to practise next (see `training/curriculum`)."""

    kind: str = "learnability"
    step_size: float = Field(0.3, gt=0, le=1, description="SEC's alpha")
    temperature: float = Field(0.4, gt=0, description="SEC's tau")
    uniform_share: float = Field(0.15, ge=0, le=1)
