"""The profile of missing skills: of what kind the tasks are that attempts fail, and how many to ask for of each.

After STAT, which labels each difficult question with the skills that it shows to be missing, counts the labels, and
makes new questions in proportion. Here no model labels anything: a task's family, its parts where it is composed, its
skill tags and its topic stand for the skills it needs, and all of them count for each attempt that failed as a whole.
Two more departures: failures count relative to attempts, since practice draws kinds unevenly, and older ones less.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from core.types import Attempts, Record

_DECAY = 0.8  # of what was counted, with each iteration
_FORGOTTEN = 0.1  # attempts that are left of a kind which nobody practises any more


class Tally(Record):
    """Attempts at tasks that need a skill, and those that failed; fractions, as older ones count less."""

    attempts: float
    failures: float


class Profile(Record):
    """Tallies by skill (families and tags) and by topic. Topics, and tags of foreign proposers, may quote pages."""

    skills: dict[str, Tally] = Field(default_factory=dict)
    topics: dict[str, Tally] = Field(default_factory=dict)

    def after(self, attempts: tuple[Attempts, ...]) -> Profile:
        """The profile one iteration later."""
        skills, topics = _decayed(self.skills), _decayed(self.topics)
        for one in attempts:
            task = one.task
            for name in {task.family, *task.family.split("+"), *task.skill_tags} - {""}:
                _count(skills, name, one)
            if task.topic:
                _count(topics, task.topic, one)
        return Profile(skills=skills, topics=topics)


def lacking(tallies: Mapping[str, Tally], *, mastered: float) -> dict[str, float]:
    """How much each skill is missing: its rate of failure, the most missing first; without mastered ones.

    A rate counts for less where there were few attempts: one that failed is no sure sign.
    """
    rates = {
        name: tally.failures / (tally.attempts + 1)
        for name, tally in tallies.items()
        if tally.failures > (1 - mastered) * tally.attempts
    }
    return dict(sorted(rates.items(), key=lambda item: (-item[1], item[0])))


def allotted(weights: Mapping[str, float], count: int) -> dict[str, int]:
    """`count` tasks in proportion to the weights, by largest remainders; names that get none are left out."""
    total = sum(weights.values())
    if total <= 0:
        return {}
    exact = {name: count * weight / total for name, weight in weights.items()}
    whole = {name: int(share) for name, share in exact.items()}
    rest = sorted(exact, key=lambda name: whole[name] - exact[name])[: count - sum(whole.values())]
    return {name: number for name in weights if (number := whole[name] + (name in rest))}


def lines(tallies: Mapping[str, Tally], *, mastered: float) -> list[str]:
    """The missing ones in words, the most missing first."""
    return [
        f"{name}: {tallies[name].failures:.1f} of {tallies[name].attempts:.1f} attempts failed"
        for name in lacking(tallies, mastered=mastered)
    ]


def _decayed(tallies: Mapping[str, Tally]) -> dict[str, Tally]:
    return {
        name: Tally(attempts=left, failures=tally.failures * _DECAY)
        for name, tally in tallies.items()
        if (left := tally.attempts * _DECAY) >= _FORGOTTEN
    }


def _count(tallies: dict[str, Tally], name: str, one: Attempts) -> None:
    known = tallies.get(name, Tally(attempts=0, failures=0))
    tallies[name] = Tally(attempts=known.attempts + one.scored, failures=known.failures + one.scored - one.successes)
