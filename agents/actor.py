"""One episode: observe, let the policy write, do what it wrote, until it answers or runs out of steps.

What the agent gets wrong is shown to it as `last_action_error`. What the infrastructure gets wrong
ends the episode with `error` set, and the episode is unscored.
"""

from __future__ import annotations

import asyncio
import time

from agents import marks, prompting
from agents.prompting import View
from core import actions
from core.config import ActorConfig
from core.errors import ActionError, ConfigError, EnvironmentFault, InfrastructureError, StorageFault
from core.protocols import Environment, ImageStore, Pictured, Policy
from core.types import (
    Action,
    Completion,
    GroundTruth,
    Observation,
    Sampling,
    Step,
    StepResult,
    StopReason,
    Task,
    Trajectory,
)

UNPARSED = "invalid"


class Actor:
    """Runs episodes of one policy; holds no state between them, so one actor serves many at once.

    `images` holds the environment's pictures and takes those with marks, as the policy is shown them. Raises
    `ConfigError` where pictures are wanted and there is no such store.
    """

    def __init__(self, policy: Policy, config: ActorConfig, images: ImageStore | None = None) -> None:
        if config.sees and images is None:
            raise ConfigError(f"actor.observation='{config.observation}' needs a place to keep pictures in")
        self.policy = policy
        self.config = config
        self.images = images

    async def run(
        self,
        task: Task,
        environment: Environment,
        *,
        trajectory_id: str,
        group_id: str = "",
        role: str = "train",
        iteration: int = 0,
        sampling: Sampling,
    ) -> tuple[Trajectory, GroundTruth | None]:
        """One episode and its ground truth, read before any reset. Only cancellation is raised.

        With `sampling.seed` set, each step samples from a seed of its own, so that an episode depends
        on nothing but its task, its seed and the weights.
        """
        started = time.time()
        clock = time.monotonic()
        steps: list[Step] = []
        final: Observation | None = None
        truth: GroundTruth | None = None
        stop, error = StopReason.ERROR, ""
        version = self.policy.version
        try:
            async with asyncio.timeout(self.config.episode_seconds):
                final = await environment.reset(task)
                stop, final = await self._steps(task, environment, steps, final, sampling)
                truth = await environment.collect_evidence(task)
        except InfrastructureError as fault:
            error = f"{type(fault).__name__}: {fault}"
        except TimeoutError:
            error = f"the episode took longer than {self.config.episode_seconds:g} seconds"
        if error:
            stop = StopReason.ERROR
        last = steps[-1].action if steps else None
        trajectory = Trajectory.model_validate(
            {
                "id": trajectory_id,
                "task": task,
                "group_id": group_id,
                "role": role,
                "steps": tuple(steps),
                "final_observation": final,
                "answer": last.arguments["text"] if last is not None and last.name == "answer" else None,
                "stop_reason": stop,
                "policy_version": next((s.completion.policy_version for s in steps if s.completion), version),
                "error": error,
                "iteration": iteration,
                "started_at": started,
                "wall_s": time.monotonic() - clock,
            }
        )
        return trajectory, truth

    async def _steps(
        self, task: Task, environment: Environment, steps: list[Step], seen: Observation, sampling: Sampling
    ) -> tuple[StopReason, Observation]:
        """Fill `steps`; returns why the episode ended and what was seen last."""
        invalid = 0
        views: list[View] = []
        for index in range(task.max_steps):
            if self.images is not None and self.config.sees:
                seen = await _pictured(environment, seen)
                views.append(await asyncio.to_thread(self._view, self.images, seen))
            shown = prompting.messages(task.instruction, steps, seen, self.config, views)
            completion = await self.policy.generate(shown, sampling=_at(sampling, index))
            action, result = await _act(environment, completion, seen)
            steps.append(
                Step(
                    observation=seen,
                    completion=completion,
                    action=action,
                    reward=result.reward,
                    terminated=result.terminated,
                    truncated=result.truncated,
                    info=result.info,
                )
            )
            seen = result.observation
            if action.name == "answer":
                return StopReason.ANSWERED, seen
            if action.name == "give_up":
                return StopReason.GAVE_UP, seen
            if result.terminated or result.truncated:
                return StopReason.DONE, seen
            invalid = invalid + 1 if seen.last_action_error else 0
            if invalid >= self.config.max_invalid:
                return StopReason.REPEATED_INVALID, seen
        return StopReason.MAX_STEPS, seen

    def _view(self, images: ImageStore, seen: Observation) -> View:
        """The picture of an observation with marks, kept; raises `StorageFault`, `EnvironmentFault`."""
        plain = None if seen.screenshot is None else images.read(seen.screenshot)
        if plain is None:
            raise StorageFault("the picture of the page that the policy was to be shown is gone")
        marked = marks.mark(plain, seen.elements, width=self.config.image_width)
        return View(image=images.put(marked.data, marked.width, marked.height), marked=marked.ids)


async def _pictured(environment: Environment, seen: Observation) -> Observation:
    """The observation with a picture, taken now unless the environment has done so."""
    if seen.screenshot is not None:
        return seen
    image = await environment.screenshot() if isinstance(environment, Pictured) else None
    if image is None:
        raise EnvironmentFault("this environment gives no pictures; set actor.observation='text'")
    return seen.model_copy(update={"screenshot": image})


def _at(sampling: Sampling, index: int) -> Sampling:
    if sampling.seed is None:
        return sampling
    return sampling.model_copy(update={"seed": (sampling.seed * 1_000_003 + index) % 2**63})


async def _act(environment: Environment, completion: Completion, seen: Observation) -> tuple[Action, StepResult]:
    """Parse and carry out; an action that cannot be parsed changes nothing and is answered with the reason."""
    try:
        action = actions.parse(completion.text)
    except ActionError as error:
        action = Action(name=UNPARSED, raw_text=completion.text)
        return action, StepResult(observation=seen.model_copy(update={"last_action_error": str(error)}))
    return action, await environment.step(action)
