"""Episodes on a tiny shop, for what is said of them afterwards."""

from __future__ import annotations

from typing import Any

from core import actions
from core.checks import AnswerCheck, Check
from core.types import Element, Observation, Step, StopReason, Task, Trajectory

HOME, MUGS, CART = (f"http://shop.test/{path}" for path in ("", "mugs", "cart"))
PAGES = {
    HOME: Observation(url=HOME, title="Tiny shop", text="Tiny shop Welcome"),
    MUGS: Observation(url=MUGS, title="Mugs", text="Mugs Red mug 4.50 Blue mug 5.00"),
    CART: Observation(
        url=CART,
        title="Cart",
        text="Cart Red mug added",
        elements=(Element(id="e1", role="textbox", name="Voucher", value="SPRING"),),
    ),
}


def task(instruction: str = "Tell me what the green mug costs", check: Check | None = None) -> Task:
    return Task(
        id="failed", instruction=instruction, start_url="/", family="lookup", check=check or AnswerCheck(equals="7.25")
    )


def episode(
    *way: tuple[str, str], final: str = MUGS, name: str = "0001-00-0", pages: Any = PAGES, **changed: Any
) -> Trajectory:
    """An episode of (page, action line) steps that ends on `final`."""
    steps = tuple(Step(observation=pages[url], action=actions.parse(line)) for url, line in way)
    last = steps[-1].action if steps else None
    given: dict[str, Any] = {
        "id": name,
        "task": task(),
        "steps": steps,
        "final_observation": pages[final],
        "answer": last.arguments["text"] if last is not None and last.name == "answer" else None,
        "stop_reason": StopReason.ANSWERED,
    }
    return Trajectory.model_validate(given | changed)
