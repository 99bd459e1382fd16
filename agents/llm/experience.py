"""What a proposer remembers of feedback: tasks that failed and how, skills that are missing, what the user wants."""

from __future__ import annotations

from agents.llm.context import Brief
from agents.llm.digest import crop
from agents.llm.missing import Profile
from core.types import Attempts, Feedback, Goal, Record, Task

_KEPT = 60  # failures, and tasks that wait; more than a request shows


class Failure(Record):
    """A task that attempts failed, the last time that it was practised. All of its texts may quote pages."""

    id: str
    instruction: str
    family: str = ""
    failed: int
    attempts: int
    causes: tuple[str, ...] = ()

    def line(self) -> str:
        """In one line; the instruction may take half of it."""
        told = f"{crop(self.instruction, 150)} -- {self.family or 'no family'}, {self.failed} of {self.attempts} failed"
        return "; ".join([told, *(crop(cause, 110) for cause in self.causes)])


class Experience(Record):
    """What is known after `iteration`; -1 before anything was told. Failures are in the order of their last time.

    `waiting` are tasks that failed episodes did all the same, yet to be proposed.
    """

    iteration: int = -1
    failures: tuple[Failure, ...] = ()
    profile: Profile = Profile()
    waiting: tuple[Task, ...] = ()
    goals: tuple[Goal, ...] = ()
    rules: tuple[str, ...] = ()

    def after(self, feedback: Feedback) -> Experience:
        """With what feedback adds; goals and rules are always those told last, an iteration counts once."""
        wanted = self.model_copy(update={"goals": feedback.goals, "rules": feedback.rules})
        if feedback.iteration <= self.iteration:
            return wanted
        failures = {one.id: one for one in self.failures}
        for one in feedback.attempts:
            failures.pop(one.task.id, None)
            if one.successes < one.scored:
                failures[one.task.id] = _failure(one)
        return wanted.model_copy(
            update={
                "iteration": feedback.iteration,
                "failures": tuple(failures.values())[-_KEPT:],
                "profile": self.profile.after(feedback.attempts),
                "waiting": (*self.waiting, *feedback.achieved)[-_KEPT:],
            }
        )

    def told(self, brief: Brief) -> Brief:
        """The brief with all of it."""
        return brief.model_copy(
            update={
                "goals": (*brief.goals, *self.goals),
                "rules": (*brief.rules, *self.rules),
                "failed": (*brief.failed, *(one.line() for one in self.failures)),
                "missing": self.profile,
            }
        )


def _failure(one: Attempts) -> Failure:
    return Failure(
        id=one.task.id,
        instruction=one.task.instruction,
        family=one.task.family,
        failed=one.scored - one.successes,
        attempts=one.scored,
        causes=one.causes,
    )
