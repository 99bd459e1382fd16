"""Whether a proposed task can be done at all, asked before anybody tries.

A further kind is another class with `reason_against`, as `agents.llm.solver` has one; the proposer takes any.
"""

from __future__ import annotations

from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from agents.explorer.sitemap import SiteMap
from agents.llm.context import system
from agents.llm.digest import digest
from agents.llm.fence import Fence
from core.protocols import ChatModel
from core.types import Message, Sampling, Task

_SAMPLING = Sampling(temperature=0.0, max_tokens=512)


class Feasibility(Protocol):
    """Says why a task is not to be proposed."""

    async def reason_against(self, task: Task, criterion: str, fence: Fence) -> str:
        """Empty if the task can be done; `criterion` is the judge's where it has no check. Raises `ModelFault`."""
        ...


class Opinion(BaseModel):
    """The answer to the question; the reason comes first, so that it is thought of before the verdict."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: str = Field(min_length=1)
    verdict: Literal["yes", "no", "unsure"]


class JudgedFeasibility:
    """Asks a model that is not told why the task was proposed; unsure counts as no."""

    def __init__(self, model: ChatModel, site: SiteMap, *, map_tokens: int) -> None:
        self._model = model
        self._map = digest(site, map_tokens)

    async def reason_against(self, task: Task, criterion: str, fence: Fence) -> str:
        """See `Feasibility`."""
        success = criterion if task.check is None else task.check.model_dump_json()
        content = "\n\n".join(
            [
                fence.around("The site map", self._map),
                # The task's own address may be relative to the site.
                fence.around("The task", f"start, within the site: {task.start_url}\ninstruction: {task.instruction}"),
                fence.around("How success is told", success),
                "Can this task be done, and does its criterion tell?",
            ]
        )
        turns = (system("feasible", fence), Message(role="user", content=content))
        opinion = await self._model.complete_as(turns, Opinion, sampling=_SAMPLING)
        return "" if opinion.verdict == "yes" else f"{opinion.verdict}: {opinion.reason}"
