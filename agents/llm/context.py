"""What a model is told before it proposes: the site, the agent, the user's wishes, and what was rejected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from pydantic import Field

from agents.explorer.sitemap import SiteMap
from agents.llm import learnability
from agents.llm.digest import crop, digest, fit
from agents.llm.fence import Fence
from core.config import LanguageProposerConfig
from core.types import Goal, Message, Record

_PROMPTS = Path(__file__).parents[1] / "prompts"


class Demonstration(Record):
    """A task that was done, and the actions that did it, as lines of the action grammar."""

    instruction: str
    steps: tuple[str, ...]


class Brief(Record):
    """What is known about a site, apart from its map; `families` are those to cover, whether tried or not.

    Goals of the user are the only texts here that are shown as wishes; all else may stem from pages.
    """

    name: str
    urls: tuple[str, ...] = Field(min_length=1)
    families: tuple[str, ...] = ()
    goals: tuple[Goal, ...] = ()
    demonstrations: tuple[Demonstration, ...] = ()
    failed: tuple[str, ...] = ()


@cache
def prompt(name: str) -> str:
    """A prompt of the folder `prompts`."""
    return (_PROMPTS / f"{name}.md").read_text(encoding="utf-8")


def system(name: str, fence: Fence) -> Message:
    """A prompt that explains the fence, with this request's delimiters."""
    text = prompt(name).replace("{opening}", fence.opening).replace("{closing}", fence.closing)
    return Message(role="system", content=text)


def messages(
    brief: Brief,
    site: SiteMap,
    count: int,
    *,
    mastery: Mapping[str, float],
    before: Sequence[str],
    rejected: Sequence[str],
    fence: Fence,
    config: LanguageProposerConfig,
) -> tuple[Message, ...]:
    """The turns that ask for `count` tasks; `before` are instructions proposed so far, `rejected` what was and why.

    The newest of `before`, `rejected` and `brief.failed`, which are their last, are kept where not all fit.
    """

    def listed(title: str, lines: Sequence[str], *, newest: bool = False) -> list[str]:
        ordered = list(reversed(lines)) if newest else list(lines)
        text = fit((crop(line) for line in ordered), config.list_tokens)
        return [fence.around(title, text)] if text else []

    rates = [f"{name}: {mastery[name]:.0%}" for name in learnability.ranked((), mastery)]
    demonstrations = [
        f"{crop(one.instruction, 140)} -> {crop('; '.join(one.steps), 170)}" for one in brief.demonstrations
    ]
    parts = [
        *listed("The site's name", [brief.name]),
        *listed("The site's own addresses", brief.urls),
        fence.around("The site map", digest(site, config.map_tokens)),
        *listed("Tasks done on this site, with their actions", demonstrations),
        *listed("Success rate by family", rates),
        *listed("Tasks that the agent failed", brief.failed, newest=True),
        *listed("Tasks proposed before, not to be repeated", before, newest=True),
        *listed("Proposals that were just rejected, and why", rejected, newest=True),
        *listed("Goals that programs set", [one.text for one in brief.goals if one.source != "user"]),
        *_wishes([one for one in brief.goals if one.source == "user"], config.list_tokens),
        *_steering(brief, mastery, config),
        f"Propose {count} different task{'' if count == 1 else 's'}.",
    ]
    return (system("propose", fence), Message(role="user", content="\n\n".join(parts)))


def _wishes(goals: Sequence[Goal], budget: int) -> list[str]:
    lines = []
    for goal in goals:
        lines.append(f"- {crop(goal.text)}")
        lines += [f"  - constraint: {crop(constraint)}" for constraint in goal.constraints]
    text = fit(lines, budget)
    return [f"What the user wants the agent to become good at:\n{text}"] if text else []


def _steering(brief: Brief, mastery: Mapping[str, float], config: LanguageProposerConfig) -> list[str]:
    """Which families to ask for; names that could say more than a name are left to the fenced list of rates."""
    rates = {name: rate for name, rate in mastery.items() if learnability.FAMILY.fullmatch(name)}
    families = [name for name in brief.families if learnability.FAMILY.fullmatch(name)]
    mastered = sorted(name for name, rate in rates.items() if rate >= config.mastered)
    lacking = learnability.missing(families, rates)
    wanted = [name for name in learnability.ranked(families, rates) if name not in mastered and name not in lacking]
    pairs = learnability.compositions(rates, above=config.compose_above)[: config.compositions]
    lines = []
    if wanted:
        lines.append(f"Most can be learned from these families, best first: {_few(wanted, config)}.")
    if lacking:
        lines.append(f"Missing so far, never done with success: {_few(lacking, config)}. Begin with easy ones.")
    if mastered:
        lines.append(f"Mastered, propose none of these alone: {', '.join(mastered[:20])}.")
    if pairs:
        named = ", ".join(f"{first}+{then}" for first, then in pairs)
        lines.append(f"Worth composing, a task of the second on what the first led to, named as here: {named}.")
    return ["\n".join(lines)] if lines else []


def _few(names: Sequence[str], config: LanguageProposerConfig) -> str:
    return ", ".join(names[: config.asked_families])
