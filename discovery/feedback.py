"""What a proposer is told of an iteration, from what the run directory holds of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from core.config import ProposerConfig
from core.errors import ConfigError
from core.protocols import Attentive, Proposer
from core.types import Attempts, Feedback, Goal, Task, Trajectory, Verdict
from discovery.practice import Group
from memory.trajectories import TrajectoryStore

_CAUSES = 2  # of a task; more would say the same again
_LONGEST = 160


def require_heed(proposer: Proposer, config: ProposerConfig) -> None:
    """Raises `ConfigError` where goals or rules are set that this proposer would not hear of."""
    if (config.goals or config.rules) and not isinstance(proposer, Attentive):
        raise ConfigError(
            f"proposer.kind = '{config.kind}' does not read proposer.goals and proposer.rules; set it to 'language', or"
            " leave them empty"
        )


def feedback(
    iteration: int,
    groups: Sequence[Group],
    store: TrajectoryStore,
    *,
    achieved: Iterable[Task],
    config: ProposerConfig,
    goal: str,
) -> Feedback:
    """How an iteration's groups went, and what the user wants: the configured goals and the one set on the way."""
    texts = dict.fromkeys([*config.goals, *([goal] if goal else [])])
    return Feedback(
        iteration=iteration,
        attempts=tuple(
            Attempts(
                task=group.task,
                scored=len(group.scored),
                successes=sum(value >= 0.5 for value in group.scored),
                causes=tuple(_causes(group, store)),
            )
            for group in groups
            if group.scored
        ),
        achieved=tuple({task.id: task for task in achieved}.values()),
        goals=tuple(Goal(id=f"user-{number}", text=text, source="user") for number, text in enumerate(texts, 1)),
        rules=config.rules,
    )


def _causes(group: Group, store: TrajectoryStore) -> Iterator[str]:
    """How the failed attempts ended, each way once."""
    told: set[str] = set()
    for member in group.members:
        if member.value is None or member.value >= 0.5:
            continue
        cause = _cause(store.get(member.id), store.verdict(member.id))
        if cause not in told:
            told.add(cause)
            yield cause
        if len(told) == _CAUSES:
            return


def _cause(trajectory: Trajectory, verdict: Verdict | None) -> str:
    """The stop reason, the last error that the agent was shown, and why the judge said no."""
    seen = [step.observation for step in trajectory.steps]
    if trajectory.final_observation is not None:
        seen.append(trajectory.final_observation)
    error = next((one.last_action_error for one in reversed(seen) if one.last_action_error), "")
    said = verdict.explanation if verdict is not None else ""
    return "; ".join(part[:_LONGEST] for part in (trajectory.stop_reason.value, error, said) if part)
