"""The vocabulary of failure, named after the boundary that was crossed.

Two kinds matter to callers. A `UserError` is the caller's to mend: the command line prints its one
sentence and exits with 2. An `InfrastructureError` is nobody's fault: it becomes data (`error`,
*unscored*), is retried where that is safe, and never counts as a failed task.
"""

from __future__ import annotations


class AutotelicError(Exception):
    """Base of every error that we raise on purpose."""


class UserError(AutotelicError):
    """Bad input, said in one sentence that names the fix; exit code 2."""


class ConfigError(UserError):
    """A setting is unknown, unsupported or out of range."""


class TaskFileError(UserError):
    """A task file cannot be used at all (single bad lines are skipped and counted, not raised)."""


class RunDirectoryError(UserError):
    """A run directory is missing, in use, or from an incompatible version."""


class InfrastructureError(AutotelicError):
    """Something outside the task failed; the episode is unscored."""


class EnvironmentFault(InfrastructureError):
    """The browser, the site or a tool server failed to do its part."""


class ModelFault(InfrastructureError):
    """A model endpoint failed to answer, or answered with something unusable after repair."""


class StorageFault(InfrastructureError):
    """The disk refused a write: full, read-only or gone."""


class TrainerFault(InfrastructureError):
    """A process that trains the model ended before its work was done."""


class BudgetSpent(AutotelicError):
    """What may be spent on model endpoints is used up; raised before the request that would go beyond it.

    It is nobody's mistake, so no `UserError` with its exit code 2. It is no `InfrastructureError` either: those become
    data and are retried, and a run that did so would only meet the next refusal. It passes through all that handles
    either, up to the loop, which ends the run as it does when the minutes are used up.
    """


class ActionError(AutotelicError):
    """An action could not be parsed or carried out; it reaches the agent as `last_action_error`."""
