"""How much sooner iterations are over when practice goes on during updates: `python -m benchmarks.asynchronous`.

Runs on a bundled site with the embedded policy, in the real browser, `training.asynchronous` off and on in turn. A
site across a network answers later than one on this machine, so `--latency` seconds are waited before each step.
What is compared is the time of the iterations after the first, exploration and measurements left out; episodes
an iteration differ a little from run to run, so the rate of episodes is what counts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.experiment import commit, machine
from core.config import Config, validate
from core.protocols import Environment, EnvironmentPool
from core.types import Action, GroundTruth, Observation, StepResult, Task
from discovery import builders, loop


class Distant:
    """An environment as if it were far away."""

    def __init__(self, inner: Environment, latency: float) -> None:
        self.inner = inner
        self._latency = latency

    async def reset(self, task: Task) -> Observation:
        await asyncio.sleep(self._latency)
        return await self.inner.reset(task)

    async def step(self, action: Action) -> StepResult:
        await asyncio.sleep(self._latency)
        return await self.inner.step(action)

    async def collect_evidence(self, task: Task) -> GroundTruth | None:
        return await self.inner.collect_evidence(task)

    async def close(self) -> None:
        await self.inner.close()


class DistantPool:
    """A pool of such environments."""

    def __init__(self, inner: EnvironmentPool, latency: float) -> None:
        self._inner = inner
        self._latency = latency

    @property
    def size(self) -> int:
        return self._inner.size

    async def acquire(self) -> Distant:
        return Distant(await self._inner.acquire(), self._latency)

    async def release(self, environment: Any, *, broken: bool = False) -> None:
        await self._inner.release(environment.inner, broken=broken)

    async def close(self) -> None:
        await self._inner.close()


def config(arguments: argparse.Namespace, *, asynchronous: bool) -> Config:
    training = {"asynchronous": asynchronous, "importance_cap": 2.0, "threads": arguments.threads}
    return validate(
        {
            "run": {"iterations": arguments.iterations, "seed": 0},
            "site": {"urls": [arguments.site]},
            "explore": {"pages": 20, "seconds": 20.0, "tasks": 60},
            "training": training | {"tasks_per_iteration": arguments.tasks, "epochs": arguments.epochs},
            "browser": {"contexts": arguments.contexts, "screenshots": "off"},
        }
    )


async def measure(settings: Config, latency: float) -> dict[str, float]:
    """Episodes a second after the first iteration, and seconds of practice and update an iteration."""

    async def build(context: builders.Context) -> builders.Parts:
        parts = await builders.build(context)
        parts.pool = DistantPool(parts.pool, latency)
        parts.heldout = []
        return parts

    with tempfile.TemporaryDirectory() as folder:
        await loop.run(settings, Path(folder) / "run", build=build)
        lines = [json.loads(line) for line in (Path(folder) / "run/metrics.jsonl").read_text().splitlines()]
    seconds = lines[-1]["wall_s"] - lines[0]["wall_s"]
    later = lines[1:]
    return {
        "episodes_per_s": sum(line["episodes"] for line in later) / seconds,
        "iteration_s": seconds / len(later),
        "update_s": sum(line.get("update_s") or 0.0 for line in later) / len(later),
        "staleness": sum(line.get("staleness") or 0.0 for line in later) / len(later),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--site", default="shop")
    parser.add_argument("--latency", type=float, nargs="+", default=[0.0, 0.5], help="seconds before each step")
    parser.add_argument("--iterations", type=int, default=5)
    parser.add_argument("--tasks", type=int, default=8, help="an iteration")
    parser.add_argument("--contexts", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1, help="torch threads of an update")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    for latency in arguments.latency:
        found: dict[bool, list[dict[str, float]]] = {False: [], True: []}
        for _ in range(arguments.repeats):
            for asynchronous in (False, True):
                found[asynchronous].append(asyncio.run(measure(config(arguments, asynchronous=asynchronous), latency)))
        rates = {way: median(one["episodes_per_s"] for one in runs) for way, runs in found.items()}
        print(
            f"latency {latency:g} s: {rates[False]:.2f} episodes/s one after the other, {rates[True]:.2f} during"
            f" updates, {rates[True] / rates[False]:.2f} times",
            flush=True,
        )
        if arguments.output is not None:
            line = {"latency": latency, "runs": {"synchronous": found[False], "asynchronous": found[True]}}
            line |= {"time": datetime.now(UTC).isoformat(timespec="seconds"), "commit": commit(), "machine": machine()}
            with arguments.output.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
