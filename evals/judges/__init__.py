"""Judges, found by name: the two of this package and those that others add as entry points.

A distribution adds one under the entry point group `autotelic.judges`; what it names is called without
arguments and must return a `core.protocols.Evaluator`.
"""

from __future__ import annotations

import difflib
from importlib.metadata import entry_points

from core.errors import ConfigError
from core.protocols import Evaluator
from evals.judges.checks import ChecksJudge
from evals.judges.functional import FunctionalJudge

GROUP = "autotelic.judges"
_BUILT_IN: dict[str, type[Evaluator]] = {ChecksJudge.name: ChecksJudge, FunctionalJudge.name: FunctionalJudge}


def build(name: str) -> Evaluator:
    """The judge with this name; raises `ConfigError` that names the nearest when there is none."""
    if name in _BUILT_IN:
        return _BUILT_IN[name]()
    added = {point.name: point for point in entry_points(group=GROUP)}
    if name not in added:
        known = sorted({*_BUILT_IN, *added})
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(known)}"
        raise ConfigError(f"there is no judge '{name}'; {hint}")
    try:
        judge = added[name].load()()
    except Exception as error:  # foreign code may fail in any way
        raise ConfigError(f"the judge '{name}' ({added[name].value}) cannot be made: {error}") from error
    if not isinstance(judge, Evaluator):
        raise ConfigError(f"the judge '{name}' ({added[name].value}) lacks 'name' or cannot be called")
    return judge
