"""The loop and everything around it: runs, their directories, their control. Also the Python API.

    import asyncio, discovery
    from pathlib import Path

    config = discovery.load_config(overrides=["run.iterations=5", "run.seed=1"])
    summary = asyncio.run(discovery.run(config, Path("runs/first")))
    print(summary.heldout["final"])

`run` is a whole run, `evaluate` measures the weights of a run on a task file, `explore` finds and proves
tasks on a site, `export` writes the weights of a run as a model folder. Parts of your own are found by name
through entry points (see `discovery.builders`).
Importing this package is quick; what is heavy is imported when it is used.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.config import Config
    from core.types import Task
    from discovery.metrics import Summary
    from discovery.progress import Listener

__all__ = ["evaluate", "explore", "export", "load_config", "run"]


def load_config(path: Path | None = None, overrides: Iterable[str] = ()) -> Config:
    """The configuration of a TOML file with `section.key=value` overrides on top; raises `ConfigError`."""
    from core.config import load

    return load(path, overrides)


async def run(
    config: Config | None, run_dir: Path, *, resume: bool = False, progress: Listener | None = None
) -> Summary:
    """Explore, propose, practise, judge, learn and measure, until the limit or the budget is reached.

    With `resume`, go on with the run in `run_dir` (`config` None: with its own configuration). SIGINT,
    SIGTERM and `RunControl`'s stop end it cleanly: the summary's `status` is then "stopped". Raises
    `UserError` for bad input and `InfrastructureError` when browser, site or disk make going on impossible.
    """
    from discovery import loop

    return await loop.run(config, run_dir, resume=resume, progress=progress)


async def evaluate(
    run_dir: Path,
    tasks: Path | Iterable[Task],
    *,
    policy: str = "latest",
    episodes_per_task: int = 1,
    seed: int = 0,
    progress: Listener | None = None,
) -> dict[str, Any]:
    """Success of a run's policy on tasks: `success`, `n`, `ci95` (bootstrap by task), `by_task`.

    `policy` is `initial`, `latest` or the number of an iteration. Nothing is added to the run but a line in
    its log of evaluations. Raises `UserError` for bad input.
    """
    from discovery import evaluation

    return await evaluation.evaluate(
        run_dir, tasks, policy=policy, episodes_per_task=episodes_per_task, seed=seed, progress=progress
    )


async def explore(
    config: Config, *, progress: Listener | None = None, demonstrations: Path | None = None
) -> list[Task]:
    """Explore the configured site and return tasks that were proven feasible; raises `EnvironmentFault`.

    With `demonstrations`, that file tells how each proven task is done. Raises `ConfigError` for a proposer that
    does not know that, and `StorageFault`.
    """
    from discovery import evaluation

    return await evaluation.explore(config, progress=progress, demonstrations=demonstrations)


def export(run_dir: Path, output: Path, *, policy: str = "latest") -> int:
    """Write a run's weights to a new folder in Hugging Face format, adapters merged in; returns their iteration.

    `policy` is `initial`, `latest` or the number of an iteration. Raises `UserError` and `StorageFault`.
    """
    from discovery import evaluation

    return evaluation.export(run_dir, output, policy=policy)
