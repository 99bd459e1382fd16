"""From a trajectory to rows of tokens to train on: exactly the tokens that were sampled, each of them once.

A turn joins the open row when its prompt starts with the tokens that the row already holds, so a
conversation that only ever grows becomes one row. Where the template rewrote what came before, or the
actor shows a bounded history, a new row begins. The same holds for the pictures of a prompt. Text is never
tokenised again. Tokens that were the
only ones allowed were nobody's choice: they are context.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.errors import ModelFault
from core.types import Completion, ImageRef, TrainingRow, Trajectory


@dataclass
class _OpenRow:
    """A row under construction; one temperature and one policy version in each."""

    temperature: float
    policy_version: int
    ids: list[int] = field(default_factory=list)
    mask: list[bool] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    advantages: list[float] = field(default_factory=list)
    choices: list[tuple[int, ...]] = field(default_factory=list)
    turns: list[int] = field(default_factory=list)
    images: list[ImageRef] = field(default_factory=list)

    def takes(self, completion: Completion) -> bool:
        held = len(self.ids)
        return (
            completion.sampling.temperature == self.temperature
            and completion.policy_version == self.policy_version
            and list(completion.prompt_ids[:held]) == self.ids
            and list(completion.images[: len(self.images)]) == self.images
        )

    def append(self, completion: Completion, advantage: float) -> None:
        context = completion.prompt_ids[len(self.ids) :]
        choices = completion.choices or ((),) * len(completion.output_ids)
        chosen = [len(among) != 1 for among in choices]
        self.turns.append(len(self.ids) + len(context))
        self.images += completion.images[len(self.images) :]
        self.ids += [*context, *completion.output_ids]
        self.mask += [False] * len(context) + chosen
        self.logprobs += [0.0] * len(context)
        self.logprobs += [
            value if free else 0.0 for value, free in zip(completion.rollout_logprobs, chosen, strict=True)
        ]
        self.advantages += [0.0] * len(context) + [advantage if free else 0.0 for free in chosen]
        self.choices += [()] * len(context) + [
            among if free else () for among, free in zip(choices, chosen, strict=True)
        ]

    def close(self, rollout_id: str) -> TrainingRow:
        return TrainingRow(
            input_ids=tuple(self.ids),
            loss_mask=tuple(self.mask),
            rollout_logprobs=tuple(self.logprobs),
            advantages=tuple(self.advantages),
            rollout_id=rollout_id,
            policy_version=self.policy_version,
            temperature=self.temperature,
            choices=tuple(self.choices) if any(self.choices) else (),
            turns=tuple(self.turns),
            images=tuple(self.images),
        )


def pack(trajectory: Trajectory, advantage: float, step_advantages: Sequence[float] | None = None) -> list[TrainingRow]:
    """The training rows of one episode, in the order of its steps.

    `advantage` is the episode's credit, given to every sampled token; `step_advantages` (one for each
    of `trajectory.steps`) are added to it. Steps that a skill or a human initiated are not trained.
    Raises `ModelFault` when a completion lacks a finite log-probability for a token, or has no prompt.
    """
    if step_advantages is not None and len(step_advantages) != len(trajectory.steps):
        raise ValueError(f"{len(step_advantages)} step advantages for {len(trajectory.steps)} steps")
    rows: list[_OpenRow] = []
    for index, step in enumerate(trajectory.steps):
        completion = step.completion
        if step.initiator != "policy" or completion is None or not completion.output_ids:
            continue
        _check(completion, trajectory.id, index)
        if not rows or not rows[-1].takes(completion):
            rows.append(_OpenRow(completion.sampling.temperature, completion.policy_version))
        rows[-1].append(completion, advantage + (step_advantages[index] if step_advantages is not None else 0.0))
    return [row.close(trajectory.id) for row in rows]


def pack_unsampled(trajectory: Trajectory, advantage: float) -> list[TrainingRow]:
    """The same without log-probabilities, for what the present weights did not sample so."""
    return [row.model_copy(update={"rollout_logprobs": ()}) for row in pack(trajectory, advantage)]


def _check(completion: Completion, trajectory_id: str, step: int) -> None:
    where = f"the completion of step {step} of trajectory '{trajectory_id}'"
    if not completion.prompt_ids:
        raise ModelFault(f"{where} has no prompt tokens, so its first token has no context to be trained from")
    if len(completion.rollout_logprobs) != len(completion.output_ids):
        raise ModelFault(
            f"{where} has {len(completion.output_ids)} tokens but {len(completion.rollout_logprobs)} log-probabilities"
        )
    if completion.choices and len(completion.choices) != len(completion.output_ids):
        raise ModelFault(
            f"{where} has {len(completion.output_ids)} tokens but {len(completion.choices)} sets of choices"
        )
    if not all(math.isfinite(value) for value in completion.rollout_logprobs):
        raise ModelFault(f"{where} has a log-probability that is not finite")
    if completion.sampling.temperature <= 0:
        raise ModelFault(f"{where} was sampled greedily (temperature 0), which has no gradient to follow")
