"""Lines of the action grammar, made from the elements of a page."""

from __future__ import annotations

from typing import Any

from core import actions
from core.actions import Target
from core.types import Action, Element

DONE = actions.render(Action(name="answer", arguments={"text": "done"}))


def target_of(element: Element) -> Target:
    """How the action grammar names an element."""
    return Target(role=element.role, name=element.name, nth=element.nth)


def click(target: Target) -> str:
    return _line("click", target)


def type_text(target: Target, text: str, *, enter: bool = False) -> str:
    return _line("type", target, text=text, enter=enter)


def select(target: Target, option: str) -> str:
    return _line("select", target, option=option)


def answer(text: str) -> str:
    return actions.render(Action(name="answer", arguments={"text": text}))


def goto(url: str) -> str:
    return actions.render(Action(name="goto", arguments={"url": url}))


def _line(name: str, target: Target, **arguments: Any) -> str:
    return actions.render(
        Action(name=name, arguments={"target": target.model_dump(exclude_defaults=True), **arguments})
    )
