"""What a policy is shown before it acts: the instruction, what it did so far, and the page.

Two prompts: `compact`, a few plain lines for the embedded policy, and `full`, which explains the
action grammar to a general model (`prompts/full.md`). Both are one user turn a step with a bounded
history, so every step is a training row of its own. The full prompt may show pictures, before the words:
those of the last few steps in the order of time. Of earlier turns only the actions are shown, no thoughts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from core import actions, views
from core.config import ActorConfig
from core.types import ImageRef, Message, Observation, Record, Step

_LONGEST_ACTION = 160
_LONGEST_ERROR = 120
_IN_WORDS = 'the current page as lines of the form `[id] role "name" = "value"`'
_PICTURED = (
    "a picture of what is in view of the page, where each thing that can be used is boxed and labelled with its id"
)
_PAGE = {
    "text": _IN_WORDS,
    "both": f"{_IN_WORDS}, and {_PICTURED}",
    "marks": _PICTURED,
    "legend": f'{_PICTURED}, with some of these named as `[id] role "name"`',
}


class View(Record):
    """A marked picture of what the policy had in view, and the ids of the elements with a mark on it."""

    image: ImageRef
    marked: tuple[str, ...] = ()


@cache
def _full(page: str) -> str:
    text = (Path(__file__).parent / "prompts" / "full.md").read_text(encoding="utf-8")
    return text.replace("{page}", _PAGE[page])


def messages(
    instruction: str,
    steps: Sequence[Step],
    observation: Observation,
    config: ActorConfig,
    views_so_far: Sequence[View] = (),
) -> tuple[Message, ...]:
    """The chat turns from which the policy writes its next action.

    `views_so_far` are those of each step's page and, last, of the present one; the last `config.images` are shown.
    Raises `ValueError` where `config` wants pictures and there is not one for each.
    """
    if config.prompt == "compact":
        return (Message(role="user", content=compact(instruction, steps, observation, config)),)
    if config.sees and len(views_so_far) != len(steps) + 1:
        raise ValueError(f"{len(views_so_far)} pictures of {len(steps) + 1} pages")
    history = "\n".join(_history(steps, config.history)) or "nothing yet"
    content = f"Task: {instruction}\n\nDone so far:\n{history}\n\nURL: {observation.url}"
    page = _page(instruction, observation, config, views_so_far)
    if page:
        content += f"\n{page}"
    if observation.last_action_error:
        content += f"\n\nThe last action failed: {observation.last_action_error[:_LONGEST_ERROR]}"
    legend = config.observation == "marks" and config.legend_tokens
    images = tuple(view.image for view in views_so_far[-config.images :]) if config.sees else ()
    if len(images) > 1:
        earlier = len(images) - 1
        which = "the page before the last action" if earlier == 1 else f"the pages before the last {earlier} actions"
        content = f"The pictures show {which}, and last the present one.\n\n{content}"
    return (
        Message(role="system", content=_full("legend" if legend else config.observation)),
        Message(role="user", content=content, images=images),
    )


def _page(instruction: str, observation: Observation, config: ActorConfig, seen: Sequence[View]) -> str:
    """The present page in words; beside a picture alone only what is marked there, as far as there is room."""
    if config.observation != "marks":
        return views.render(observation, instruction=instruction, budget=config.observation_tokens, ids=True)
    if not config.legend_tokens:
        return ""
    marked = set(seen[-1].marked)
    named = observation.model_copy(
        update={"elements": tuple(element for element in observation.elements if element.id in marked)}
    )
    return views.render(named, instruction=instruction, budget=config.legend_tokens, ids=True)


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
