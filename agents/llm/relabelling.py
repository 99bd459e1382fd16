"""What failed episodes achieved all the same, as a language model says and code and a second request confirm.

After LMA3 (arXiv 2305.12487): a relabeller names what a trajectory did. A model that claims what was asked for does
harm, so its word alone counts for nothing: the criterion has to be a check in the fixed form, false on the first page
and true at the end; the instruction must pass the screen that proposals pass, and not be the failed task over again;
and a second request, which is not told where the instruction comes from, has to confirm it by what the pages show.
LMA3 draws several goals from a trajectory; here it is one, cut off where its check became true.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents.explorer.hindsight import Achieved
from agents.llm import learnability
from agents.llm.context import system
from agents.llm.digest import crop
from agents.llm.embedding import Embedder, Nearness
from agents.llm.episodes import reached
from agents.llm.feasibility import Opinion
from agents.llm.fence import Fence
from agents.llm.screening import Dropped, Screen
from agents.llm.suggestion import Answer, Both, Entered, Shown, Suggestion, Url
from agents.llm.together import together
from agents.llm.transcript import transcript
from core import checks
from core.config import LanguageProposerConfig
from core.errors import BudgetSpent, ModelFault
from core.protocols import ChatModel
from core.types import Message, Sampling, Task, Trajectory

_SAMPLING = Sampling(temperature=0.0, max_tokens=768)
_FAMILIES = 20
_STEPS = (3, 7)  # what a suggestion may expect; an episode has as many as it has

Outcome = Literal["achieved", "nothing", "unusable", "untrue", "unconfirmed", "unanswered"]


class Achievement(BaseModel):
    """What an episode did, in the form of suggestions; nothing that only a judge could decide."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instruction: Annotated[str, Field(min_length=8, max_length=400)]
    family: Annotated[str, Field(max_length=100)]
    changes_state: bool
    success: Annotated[Answer | Url | Shown | Entered | Both, Field(discriminator="kind")]


class Account(BaseModel):
    """The answer to the first request."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    achieved: Achievement | None


@dataclass(frozen=True)
class Relabelling:
    """What was found, an entry for each episode; how often what came of it; and the last fault, empty if none."""

    achieved: list[Achieved | None]
    outcomes: dict[str, int]
    fault: str = ""


class Relabeller:
    """Asks `model`, and `judge` for the confirmation. `screen` is the one of proposals."""

    def __init__(
        self,
        model: ChatModel,
        judge: ChatModel,
        screen: Screen,
        embedder: Embedder,
        *,
        config: LanguageProposerConfig,
        fence: Callable[[], Fence] = Fence,
    ) -> None:
        self._model = model
        self._judge = judge
        self._screen = screen
        self._embedder = embedder
        self._config = config
        self._fence = fence

    async def relabel(
        self, episodes: Sequence[Trajectory], *, families: Sequence[str], excluded: Sequence[Task], seed: int
    ) -> Relabelling:
        """What the first `config.relabels` episodes achieved; the others are not asked about.

        A request that is not answered, or must not be paid for any more, leaves its episode without a result.
        """
        named = [name for name in families if learnability.FAMILY.fullmatch(name)][:_FAMILIES]
        asked = episodes[: self._config.relabels]
        found = await together(self._one(episode, named, excluded, seed) for episode in asked)
        return Relabelling(
            achieved=[one for one, _, _ in found] + [None] * (len(episodes) - len(asked)),
            outcomes=dict(Counter(outcome for _, outcome, _ in found)),
            fault=next((fault for _, _, fault in reversed(found) if fault), ""),
        )

    async def _one(
        self, episode: Trajectory, families: Sequence[str], excluded: Sequence[Task], seed: int
    ) -> tuple[Achieved | None, Outcome, str]:
        if episode.error or not episode.steps or episode.final_observation is None:
            return None, "nothing", ""
        sampling = _SAMPLING.model_copy(update={"seed": seed & 0x7FFFFFFF})
        try:
            account = await self._model.complete_as(self._question(episode, families), Account, sampling=sampling)
            if account.achieved is None:
                return None, "nothing", ""
            found = self._verified(episode, account.achieved, excluded)
            if not isinstance(found, Achieved):
                return None, found, ""
            opinion = await self._judge.complete_as(self._blind(episode, found), Opinion, sampling=sampling)
        except (ModelFault, BudgetSpent) as fault:
            # A budget that is spent ends the run where the next task would be proposed, not amid an update.
            return None, "unanswered", str(fault)
        return (found, "achieved", "") if opinion.verdict == "yes" else (None, "unconfirmed", "")

    def _verified(
        self, episode: Trajectory, claimed: Achievement, excluded: Sequence[Task]
    ) -> Achieved | Literal["unusable", "untrue"]:
        """The claim as far as code can tell, with its task and the steps after which it was true."""
        near = Nearness(self._embedder)
        near.add([episode.task.instruction])
        try:
            suggestion = Suggestion(
                instruction=claimed.instruction,
                start_url=episode.task.start_url,
                family=claimed.family,
                expected_steps=min(max(len(episode.steps), _STEPS[0]), _STEPS[1]),
                changes_state=claimed.changes_state,
                success=claimed.success,
            )
        except ValidationError:  # an address that no suggestion could have
            return "unusable"
        screened = self._screen.screen(suggestion, near, [*excluded, episode.task])
        if isinstance(screened, Dropped):
            return "unusable"
        task = screened.task
        assert task.check is not None
        until = reached(task.check, episode)
        answers = checks.needs_answer(task.check)
        if until is None or (answers and not _shown(episode)):
            return "untrue"
        # An attempt has to end with an answer, whether one was asked for or not.
        known = task.model_copy(update={"parent_id": episode.task.id, "steps": until + (not answers)})
        return Achieved(task.instruction, 0, until, known)

    def _question(self, episode: Trajectory, families: Sequence[str]) -> tuple[Message, ...]:
        assert episode.final_observation is not None
        fence, failed = self._fence(), episode.task.instruction
        told = transcript(episode.steps, episode.final_observation, failed, self._config.episode_tokens)
        parts = [
            fence.around("The task that it failed", crop(failed)),
            fence.around("What it saw and did", told),
            *([f"Families: {', '.join(families)}."] if families else []),
            "What did it achieve?",
        ]
        return (system("relabel", fence), Message(role="user", content="\n\n".join(parts)))

    def _blind(self, episode: Trajectory, found: Achieved) -> tuple[Message, ...]:
        """The question whether an instruction was carried out; no word of a failure, or of who gave it."""
        fence = self._fence()
        pages = [step.observation for step in episode.steps]
        assert episode.final_observation is not None
        last = [*pages, episode.final_observation][len(pages) if found.until is None else found.until]
        told = transcript(episode.steps[: found.until], last, found.instruction, self._config.episode_tokens)
        content = "\n\n".join(
            [
                fence.around("The instruction", found.instruction),
                fence.around("What the agent saw and did", told),
                "Was the instruction carried out?",
            ]
        )
        return (system("confirm", fence), Message(role="user", content=content))


def _shown(episode: Trajectory) -> bool:
    """Whether the last page shows the episode's answer."""
    assert episode.final_observation is not None
    return checks.fold(episode.answer or "") in checks.fold(episode.final_observation.text)
