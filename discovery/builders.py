"""From a configuration to the parts of a run; every kind of part is found by its name.

Built-in parts and those that other distributions add are the same thing: an entry point, as in
`[project.entry-points."autotelic.proposers"] mine = "package.module:factory"`. What each factory takes:

| group                     | setting            | factory                                                  |
|---------------------------|--------------------|----------------------------------------------------------|
| `autotelic.environments`  | `site.environment` | `async (Context) -> Place`                               |
| `autotelic.proposers`     | `proposer.kind`    | `(Context, Place) -> Proposer`                           |
| `autotelic.samplers`      | `sampler.kind`     | `(SamplerConfig) -> TaskSampler`                         |
| `autotelic.policies`      | `policy.kind`      | `(Context) -> PolicyKind`                                |
| `autotelic.judges`        | `judge.kind`       | `() -> Evaluator` (see `evals.judges`)                   |
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from core.config import Config
from core.errors import ConfigError
from core.protocols import EnvironmentPool, Evaluator, Policy, Proposer, TaskSampler
from core.types import Task
from discovery.executors import EpisodeRunner
from discovery.learning import Closes, Learner

if TYPE_CHECKING:
    from discovery.accounts import Accounts

_BUILT_IN = {
    "environments": {"web": "discovery.places:web"},
    "proposers": {name: f"discovery.proposers:{name}" for name in ("exploring", "language")},
    "samplers": dict.fromkeys(("sec", "learnability", "uniform"), "training.curriculum:build"),
    "policies": {
        "local": "discovery.policies:LocalKind",
        "served": "discovery.policies:ServedKind",
        "vllm": "discovery.policies:VLLMKind",
    },
}
_SETTINGS = {
    "environments": "site.environment",
    "proposers": "proposer.kind",
    "samplers": "sampler.kind",
    "policies": "policy.kind",
}


@dataclass(frozen=True)
class Context:
    """What factories may need. `run_dir` is where screenshots go; `explore_seconds` respects the time budget.

    `accounts` opens clients of the configured model endpoint; None outside of a run.
    """

    config: Config
    run_dir: Path
    explore_seconds: float
    accounts: Accounts | None = None


async def _nothing() -> None:
    """Closes nothing."""


@dataclass
class Place:
    """Where the agent practises: a pool of environments, and what is known about the site behind it.

    `heldout` are the bundled site's own held-out tasks (`split` names them), `resettable` says whether
    every episode begins from the same state. `close` ends everything that was started for it.
    """

    pool: EnvironmentPool
    urls: tuple[str, ...] = ()
    resettable: bool = True
    heldout: Sequence[Task] = ()
    split: str = ""
    close: Callable[[], Awaitable[None]] = _nothing


class PolicyKind(Protocol):
    """A way to get completions and, where `learner` gives one, to train the model behind them."""

    def learner(self) -> Learner | None:
        """The trainer of the configured initial model; None when this kind cannot be trained here."""
        ...

    async def open(self, weights: Path, version: int) -> Policy:
        """A policy that answers from a folder of weights; the folder is missing where there is no learner."""
        ...


@dataclass
class Parts:
    """Everything that a run is made of. The parts don't know the loop."""

    pool: EnvironmentPool
    proposer: Proposer
    sampler: TaskSampler
    judge: Evaluator
    heldout_judge: Evaluator
    trainer: Learner | None
    open_policy: Callable[[Path, int], Awaitable[Policy]]
    actor: Callable[[Policy], EpisodeRunner]
    heldout: list[Task] = field(default_factory=list)
    split: str = ""
    notes: list[str] = field(default_factory=list)
    close: Callable[[], Awaitable[None]] = _nothing


Build = Callable[[Context], Awaitable[Parts]]


async def build(context: Context) -> Parts:
    """The parts that the configuration names; raises `ConfigError` for a name that does not exist.

    Raises `TaskFileError` for an unusable held-out file, `EnvironmentFault` when browser or site do not start.
    """
    from evals import judges

    config = context.config
    # Names first, so that a typing error costs no browser.
    find("environments", config.site.environment)
    new_proposer = find("proposers", config.proposer.kind)
    sampler = find("samplers", config.sampler.kind)(config.sampler)
    kind = policy_kind(context)
    judge = judges.build(config.judge.kind)
    heldout, split, notes = _heldout_file(config)
    trainer = kind.learner()
    async with AsyncExitStack() as opened:
        if trainer is not None and isinstance(trainer, Closes):
            opened.push_async_callback(asyncio.to_thread, trainer.close)
        place = await open_place(context)
        opened.push_async_callback(place.close)
        if not split:
            heldout, split = list(place.heldout), place.split
        proposer = new_proposer(context, place)
        if heldout and hasattr(proposer, "exclude"):
            proposer.exclude(heldout)
        close = opened.pop_all().aclose
    return Parts(
        pool=place.pool,
        proposer=proposer,
        sampler=sampler,
        judge=judge,
        heldout_judge=judges.build("functional"),
        trainer=trainer,
        open_policy=kind.open,
        actor=lambda policy: actor(context, policy),
        heldout=heldout,
        split=split,
        notes=notes,
        close=close,
    )


async def open_place(context: Context) -> Place:
    """The configured environments, started; the caller closes them."""
    place: Place = await find("environments", context.config.site.environment)(context)
    return place


def actor(context: Context, policy: Policy) -> EpisodeRunner:
    """What acts in episodes of this policy; its pictures lie among those of the run."""
    from agents.actor import Actor
    from memory.screenshots import ScreenshotStore

    return Actor(policy, context.config.actor, ScreenshotStore(context.run_dir / "screenshots"))


def policy_kind(context: Context) -> PolicyKind:
    """The configured way to get completions."""
    kind: PolicyKind = find("policies", context.config.policy.kind)(context)
    return kind


def find(group: str, name: str) -> Callable[..., Any]:
    """The factory of this name in `autotelic.<group>`; raises `ConfigError` with the nearest valid name."""
    points = {known: EntryPoint(known, value, f"autotelic.{group}") for known, value in _BUILT_IN[group].items()}
    for point in entry_points(group=f"autotelic.{group}"):
        if point.name in points and points[point.name].value != point.value:
            raise ConfigError(f"{point.value} takes the name '{point.name}' in autotelic.{group}, which is taken")
        points[point.name] = point
    if name not in points:
        near = difflib.get_close_matches(name, points, n=1)
        hint = f"the nearest is '{near[0]}'" if near else f"there are {', '.join(sorted(points))}"
        raise ConfigError(f"{_SETTINGS[group]} = '{name}' does not exist; {hint}")
    try:
        factory: Callable[..., Any] = points[name].load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{_SETTINGS[group]} = '{name}' ({points[name].value}) cannot be loaded: {error}") from error
    return factory


def _heldout_file(config: Config) -> tuple[list[Task], str, list[str]]:
    """The tasks of `evaluation.heldout`, its name, and what should be said about bad lines."""
    if not config.evaluation.heldout:
        return [], "", []
    from evals import taskfile

    found = taskfile.load(Path(config.evaluation.heldout))
    return list(found.tasks), config.evaluation.heldout, [found.summary] if found.summary else []
