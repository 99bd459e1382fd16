"""What a model is told before it proposes: the site, the agent, the user's wishes, and what was rejected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from pydantic import Field

from agents.explorer.sitemap import SiteMap
from agents.llm import learnability, missing
from agents.llm.digest import crop, digest, fit
from agents.llm.fence import Fence
from agents.llm.missing import Profile
from core.config import LanguageProposerConfig
from core.types import Goal, Message, Record

_LONGEST_TASK = 140  # characters of a demonstration's instruction …
_LONGEST_STEPS = 170  # … and of its actions, where there are many
_PROMPTS = Path(__file__).parents[1] / "prompts"


class Demonstration(Record):
    """A task that was done, and the actions that did it, as lines of the action grammar."""

    instruction: str
    steps: tuple[str, ...]


class Brief(Record):
    """What is known about a site, apart from its map; `families` are those to cover, whether tried or not.

    Goals and rules of the user are the only texts here that are shown as wishes; all else may stem from pages.
    """

    name: str
    urls: tuple[str, ...] = Field(min_length=1)
    families: tuple[str, ...] = ()
    goals: tuple[Goal, ...] = ()
    demonstrations: tuple[Demonstration, ...] = ()
    failed: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    missing: Profile = Profile()


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
    parts = [
        *listed("The site's name", [brief.name]),
        *listed("The site's own addresses", brief.urls),
        fence.around("The site map", digest(site, config.map_tokens)),
        *_shown(brief.demonstrations, fence, config.list_tokens),
        *listed("Success rate by family", rates),
        *listed("Skills that the agent lacks", missing.lines(brief.missing.skills, mastered=config.mastered)),
        *listed("What those failures were about", missing.lines(brief.missing.topics, mastered=config.mastered)),
        *listed("Tasks that the agent failed, and how", brief.failed, newest=True),
        *listed("Tasks proposed before, not to be repeated", before, newest=True),
        *listed("Proposals that were just rejected, and why", rejected, newest=True),
        *listed("Goals that programs set", [one.text for one in brief.goals if one.source != "user"]),
        *_wishes([one for one in brief.goals if one.source == "user"], brief.rules, config.list_tokens),
        *_steering(brief, mastery, count, config),
        f"Propose {count} different task{'' if count == 1 else 's'}.",
    ]
    return (system("propose", fence), Message(role="user", content="\n\n".join(parts)))


def _shown(demonstrations: Sequence[Demonstration], fence: Fence, budget: int) -> list[str]:
    """What was done on the site. Where there are few, each may be longer, up to its share of the budget."""
    if not demonstrations:
        return []
    longest = max(_LONGEST_STEPS, 3 * budget // len(demonstrations) - _LONGEST_TASK)
    lines = [
        f"{crop(one.instruction, _LONGEST_TASK)} -> {crop('; '.join(one.steps), longest)}" for one in demonstrations
    ]
    text = fit(lines, budget)
    return [fence.around("Tasks done on this site, with their actions", text)] if text else []


def _wishes(goals: Sequence[Goal], rules: Sequence[str], budget: int) -> list[str]:
    lines: list[str] = []
    for goal in goals:
        lines.append(f"- {crop(goal.text)}")
        lines += [f"  - constraint: {crop(constraint)}" for constraint in goal.constraints]
    wanted = fit(lines, budget)
    kept = fit([f"- {crop(rule)}" for rule in rules], budget)
    return [
        *([f"What the user wants the agent to become good at:\n{wanted}"] if wanted else []),
        *([f"What every task has to keep to:\n{kept}"] if kept else []),
    ]


def _steering(brief: Brief, mastery: Mapping[str, float], count: int, config: LanguageProposerConfig) -> list[str]:
    """Which families to ask for; names that could say more than a name are left to the fenced list of rates."""
    rates = {name: rate for name, rate in mastery.items() if learnability.FAMILY.fullmatch(name)}
    families = [name for name in brief.families if learnability.FAMILY.fullmatch(name)]
    mastered = sorted(name for name, rate in rates.items() if rate >= config.mastered)
    lacking = learnability.missing(families, rates)
    wanted = [name for name in learnability.ranked(families, rates) if name not in mastered and name not in lacking]
    pairs = learnability.compositions(rates, above=config.compose_above)[: config.compositions]
    skills = missing.lacking(brief.missing.skills, mastered=config.mastered)
    failing = [name for name in skills if learnability.FAMILY.fullmatch(name)][: config.asked_families]
    needed = missing.allotted({name: skills[name] for name in failing}, round(config.missing_share * count))
    lines = []
    if needed:
        asked = ", ".join(f"{number} {name}" for name, number in needed.items())
        lines.append(f"By what the agent fails most, this many of the tasks should need these skills: {asked}.")
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
