"""What a policy is shown before it acts: the instruction, what it did so far, and the page.

Two prompts: `compact`, a few plain lines for the embedded policy, and `full`, which explains the
action grammar to a general model (`prompts/full.md`). Both are one user turn a step with a bounded
history, so every step is a training row of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from core import actions, views
from core.config import ActorConfig
from core.types import Message, Observation, Step

_LONGEST_ACTION = 160
_LONGEST_ERROR = 120


@cache
def _full() -> str:
    return (Path(__file__).parent / "prompts" / "full.md").read_text(encoding="utf-8")


def messages(
    instruction: str, steps: Sequence[Step], observation: Observation, config: ActorConfig
) -> tuple[Message, ...]:
    """The chat turns from which the policy writes its next action."""
    if config.prompt == "compact":
        return (Message(role="user", content=compact(instruction, steps, observation, config)),)
    page = views.render(observation, instruction=instruction, budget=config.observation_tokens, ids=True)
    history = "\n".join(_history(steps, config.history)) or "nothing yet"
    content = f"Task: {instruction}\n\nDone so far:\n{history}\n\nURL: {observation.url}\n{page}"
    if observation.last_action_error:
        content += f"\n\nThe last action failed: {observation.last_action_error[:_LONGEST_ERROR]}"
    return (Message(role="system", content=_full()), Message(role="user", content=content))


def compact(instruction: str, steps: Sequence[Step], observation: Observation, config: ActorConfig) -> str:
    """The embedded policy's prompt; the pretraining generator writes through this very function."""
    lines = [f"task {instruction}"]
    lines += [f"did {line}" for line in _history(steps, config.history)]
    if observation.last_action_error:
        lines.append(f"error {observation.last_action_error[:_LONGEST_ERROR]}")
    lines.append(views.render(observation, instruction=instruction, budget=config.observation_tokens))
    return "\n".join(lines)


def _history(steps: Sequence[Step], limit: int) -> list[str]:
    return [_written(step)[:_LONGEST_ACTION] for step in steps[len(steps) - min(limit, len(steps)) :]]


def _written(step: Step) -> str:
    """The canonical line of what was done; what could not be parsed is shown as it was written."""
    if step.action.name in actions.ACTION_NAMES:
        return actions.render(step.action)
    return " ".join(step.action.raw_text.split())


def offer(kind: str, name: str, parameters: Sequence[str]) -> str:
    """The line by which a skill or a tool is offered to the embedded policy, with its parameters."""
    named = " | ".join(actions.quote(parameter) for parameter in parameters)
    return f"{kind} {actions.quote(name)}" + (f" of {named}" if named else "")
