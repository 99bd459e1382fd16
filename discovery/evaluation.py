"""What can be asked of a site or of a run without running the loop: find tasks, measure a policy, export it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from core.config import Config
from core.errors import ConfigError, RunDirectoryError
from core.types import Sampling, Task
from discovery import builders
from discovery.executors import AsyncExecutor, Job
from discovery.practice import verdict_of
from discovery.progress import Event, Listener, Phase, Status
from discovery.rundirectory import RunDirectory, stored_config
from discovery.seeds import derive
from evals import benchmark, heldout, judges, taskfile


async def evaluate(
    run_dir: Path,
    tasks: Path | Iterable[Task],
    *,
    policy: str,
    episodes_per_task: int,
    seed: int,
    progress: Listener | None,
) -> dict[str, Any]:
    """See `discovery.evaluate`."""
    config = stored_config(run_dir)
    number = _iteration(RunDirectory(run_dir), policy)
    watch = _Watch(progress)
    if isinstance(tasks, Path):
        found = taskfile.load(tasks)
        chosen, split = list(found.tasks), str(tasks)
        if found.summary:
            watch.say("notice", found.summary)
    else:
        chosen, split = list(tasks), "tasks given in memory"
    browser = config.browser.model_copy(update={"screenshots": "off"})
    context = builders.Context(config.model_copy(update={"browser": browser}), run_dir, config.explore.seconds)
    kind = builders.policy_kind(context)
    watch.phase(Phase.STARTING, "starting the sites, the browser and the policy")
    place = await builders.open_place(context)
    try:
        weights = RunDirectory(run_dir).weights(number)
        version = RunDirectory(run_dir).state(number)["policy_version"]
        model = await kind.open(weights, version)
        try:
            executor = AsyncExecutor(
                place.pool,
                builders.actor(context, model),
                seed=seed,
                episode_seconds=config.actor.episode_seconds,
                on_start=watch.started,
            )
            sampling = Sampling(temperature=config.evaluation.temperature, max_tokens=config.policy.max_tokens)
            jobs = [
                Job(
                    task,
                    f"eval-{index:04d}",
                    f"eval-{index:04d}-{attempt}",
                    executor.seeded(sampling, "heldout", task.id, attempt),
                    role="heldout",
                    iteration=number,
                )
                for attempt in range(episodes_per_task)
                for index, task in enumerate(chosen)
            ]
            watch.phase(Phase.MEASURING, f"measuring {len(chosen)} tasks", total=len(jobs))
            judge = judges.build("functional")
            results = []
            async with aclosing(executor.stream(jobs)) as outcomes:
                async for outcome in outcomes:
                    if outcome.settled:
                        value = (await verdict_of(outcome, judge)).value
                        results.append((outcome.job.trajectory_id, outcome.job.task.id, value))
                        watch.finished(value)
        finally:
            await model.close()
    finally:
        await place.close()
    # In the order of the file, and not in that of completion: the bootstrap's draws depend on it.
    values = [benchmark.TaskResult(task_id, value) for _, task_id, value in sorted(results)]
    result = benchmark.summarise(values, seed=seed)
    heldout.log_evaluation(
        run_dir,
        split=split,
        tasks=chosen,
        policy_version=version,
        n=result["n"],
        success=result["success"],
        purpose="eval",
    )
    return result


async def explore(config: Config, *, progress: Listener | None, demonstrations: Path | None = None) -> list[Task]:
    """See `discovery.explore`."""
    watch = _Watch(progress)
    watch.phase(Phase.STARTING, "starting the sites and the browser")
    with TemporaryDirectory() as folder:
        context = builders.Context(config, Path(folder), config.explore.seconds)
        place = await builders.open_place(context)
        try:
            watch.phase(Phase.EXPLORING, "looking around and proposing tasks")
            proposer = builders.find("proposers", config.proposer.kind)(context, place)
            if demonstrations is not None and not hasattr(proposer, "save"):
                raise ConfigError(f"the proposer '{config.proposer.kind}' does not tell how its tasks are done")
            seed = derive(config.run.seed, "propose", 1)
            found: list[Task] = await proposer.propose(config.explore.tasks, mastery={}, seed=seed)
            if demonstrations is not None:
                proposer.save(demonstrations)
            return found
        finally:
            await place.close()


def export(run_dir: Path, output: Path, *, policy: str) -> int:
    """See `discovery.export`."""
    from discovery.policies import model_folder
    from training.export import export as write

    config = stored_config(run_dir)
    number = _iteration(RunDirectory(run_dir), policy)
    write(RunDirectory(run_dir).weights(number), model_folder(config.policy.model), output)
    return number


def _iteration(directory: RunDirectory, policy: str) -> int:
    """The number of the iteration that a policy's name means; raises `RunDirectoryError`."""
    stable = directory.stable()
    if not stable:
        raise RunDirectoryError(f"'{directory.root}' has no weights yet; let the run begin first")
    if policy in ("initial", "latest"):
        return stable[0] if policy == "initial" else stable[-1]
    kept = [number for number in stable if directory.weights(number).is_dir()]
    if not policy.isdecimal() or int(policy) not in kept:
        raise RunDirectoryError(
            f"there are no weights of iteration '{policy}' in '{directory.root}'; "
            f"kept are {', '.join(map(str, kept))} (retention.weights says how many)"
        )
    return int(policy)


class _Watch:
    """Progress without a run: counts episodes and tells the listener."""

    def __init__(self, listener: Listener | None) -> None:
        self._listener = listener
        self._status = Status()
        self._values: list[float] = []

    def say(self, kind: Any, text: str) -> None:
        if self._listener is not None:
            self._listener(Event(kind, self._status, text))

    def phase(self, phase: Phase, text: str, *, total: int = 0) -> None:
        self._status = Status(phase=phase, total=total)
        self.say("phase", text)

    def started(self, job: Job) -> None:
        self._status = replace(self._status, task=job.task.instruction)
        self.say("episode", "")

    def finished(self, value: float | None) -> None:
        if value is not None:
            self._values.append(value)
        success = sum(self._values) / len(self._values) if self._values else None
        self._status = replace(self._status, done=self._status.done + 1, success=success)
        self.say("episode", "")
