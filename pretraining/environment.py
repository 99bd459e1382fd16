"""A made-up website as an environment: episodes without a browser, for measuring and for trying out settings.

A task names a site and an exercise by their seeds (`task`). An episode succeeds when the agent answers
exactly where the expert would, with the expert's answer.
"""

from __future__ import annotations

from random import Random

from core.checks import normal_answer
from core.types import Action, GroundTruth, Observation, StepResult, Task
from pretraining.examples import Difficulty
from pretraining.expert import Exercise
from pretraining.tasks import exercise
from pretraining.website import Website

_EXPERT_STEPS = 14


def made(site: int, number: int, difficulty: Difficulty) -> tuple[Website, Exercise]:
    """Site `site` and exercise `number` on it, anew."""
    visited = Website(Random(f"site/{site}"), scale=difficulty.scale, pseudo=difficulty.pseudo)
    return visited, exercise(visited, Random(f"exercise/{site}/{number}"))


def task(site: int, number: int, difficulty: Difficulty | None = None) -> Task:
    """Exercise `number` on site `site`; half as many steps again as the expert takes are allowed."""
    visited, asked = made(site, number, difficulty or Difficulty())
    steps = 1
    while (action := asked.goal(visited)) is not None and action.name != "answer" and steps < _EXPERT_STEPS:
        visited.act(action)
        steps += 1
    return Task(
        id=f"{site}/{number}", instruction=asked.instruction, start_url=f"made-up:{site}", environment="made-up",
        family=asked.family, seed=number, max_steps=steps + 1 + steps // 2,
    )  # fmt: skip


class MadeUpEnvironment:
    """`core.protocols.Environment` over `pretraining.website`; the last step's reward says whether it succeeded."""

    def __init__(self, difficulty: Difficulty | None = None) -> None:
        self._difficulty = difficulty or Difficulty()

    @property
    def expected(self) -> Action | None:
        """What the expert would do now."""
        return self._expected

    async def reset(self, task: Task) -> Observation:
        self._site, self._exercise = made(int(task.start_url.partition(":")[2]), task.seed or 0, self._difficulty)
        self._expected = self._exercise.goal(self._site)
        return self._site.observe()

    async def step(self, action: Action) -> StepResult:
        if action.name in ("answer", "give_up"):
            expected = self._expected
            right = action.name == "answer" and expected is not None and expected.name == "answer"
            right = right and normal_answer(action.arguments["text"]) == normal_answer(expected.arguments["text"])  # type: ignore[union-attr]
            return StepResult(observation=self._site.observe(), reward=float(right), terminated=True)
        self._site.act(action)
        self._expected = self._exercise.goal(self._site)
        seen = self._site.observe()
        return StepResult(observation=seen)

    async def collect_evidence(self, task: Task) -> GroundTruth | None:  # noqa: ARG002
        """There is none: the reward says it all."""
        return None

    async def close(self) -> None:
        """Nothing is open."""
