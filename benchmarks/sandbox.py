"""Reinforcement learning on made-up websites, without a browser: settings compared in minutes instead of hours.

    python -m benchmarks.sandbox MODEL --arm base --arm "gentle: training.learning_rate=1e-4" [--iterations 12]

Each arm starts from the same weights and practises exercises of one made-up site (actor, advantages, rows,
trainer and policy are those of a run); success is measured on other exercises of that site, before and
after, with the same seeds. A line of JSON an arm and site is printed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch

from agents.actor import Actor
from core import config as configs
from core.config import Config
from core.types import Sampling, Task, Trajectory
from discovery import rehearsal
from discovery.seeds import derive
from evals import benchmark
from pretraining.environment import MadeUpEnvironment, task
from serving.local import LocalPolicy
from training import advantages, curriculum, rows
from training.trainer import Trainer

AT_ONCE = 32


def tasks(site: int, first: int, count: int, known: set[str]) -> list[Task]:
    """`count` exercises of a site whose wordings are new."""
    found: list[Task] = []
    number = first
    while len(found) < count:
        made = task(site, number)
        number += 1
        if made.instruction not in known:
            known.add(made.instruction)
            found.append(made)
    return found


async def episodes(actor: Actor, jobs: list[tuple[Task, str, Sampling]]) -> dict[str, Trajectory]:
    """Trajectories by name, many at once."""
    free = asyncio.Semaphore(AT_ONCE)

    async def one(job: tuple[Task, str, Sampling]) -> tuple[str, Trajectory]:
        async with free:
            trajectory, _ = await actor.run(
                job[0], MadeUpEnvironment(), trajectory_id=job[1], group_id=job[1].rpartition("-")[0], sampling=job[2]
            )
        return job[1], trajectory

    return dict(await asyncio.gather(*map(one, jobs)))


def reward(trajectory: Trajectory) -> float:
    """1 for success; a trajectory that never answered is a failure."""
    return trajectory.steps[-1].reward if trajectory.steps else 0.0


async def measure(actor: Actor, held: list[Task], attempts: int) -> list[benchmark.TaskResult]:
    """Success on held-out exercises, with seeds that depend on exercise and attempt alone."""
    jobs = [
        (one, f"{one.id}-{k}", Sampling(seed=derive(0, "held", one.id, k))) for k in range(attempts) for one in held
    ]
    done = await episodes(actor, jobs)
    return [benchmark.TaskResult(one.id, reward(done[name])) for one, name, _ in jobs]


async def run(config: Config, model: Path, site: int, options: argparse.Namespace) -> dict[str, Any]:
    """One arm on one site."""
    torch.manual_seed(0)
    known: set[str] = set()
    held = tasks(site, 1_000_000, options.heldout, known)
    pool = tasks(site, 0, options.tasks, known)
    sampler = curriculum.build(config.sampler)
    trainer = Trainer(model, config.training, seed=0)
    policy = LocalPolicy(model, constrained=True)
    actor = Actor(policy, config.actor)
    began = time.monotonic()
    before = await measure(actor, held, options.attempts)
    curve: list[float] = []
    update: dict[str, float] = {}
    past: dict[str, list[tuple[str, float]]] = {}
    kept: dict[str, Trajectory] = {}
    for iteration in range(1, options.iterations + 1):
        drawn = sampler.sample(pool, config.training.tasks_per_iteration, seed=derive(0, "tasks", iteration))
        jobs = [
            (one, f"{iteration}-{g}-{k}", Sampling(seed=derive(0, iteration, g, k)))
            for g, one in enumerate(drawn)
            for k in range(config.training.group_size)
        ]
        done = await episodes(actor, jobs)
        batch = []
        for g, one in enumerate(drawn):
            members = [done[f"{iteration}-{g}-{k}"] for k in range(config.training.group_size)]
            rewards = [reward(member) for member in members]
            sampler.update(one, rewards, [value or 0.0 for value in advantages.grpo(rewards)])
            lengths = [len(member.steps) for member in members]
            for member, credit in zip(
                members, advantages.of_group(rewards, config.training, lengths=lengths), strict=True
            ):
                if credit:
                    batch += rows.pack(member, credit)
        if config.training.rehearsal:
            drawn_again = rehearsal.draw(past, config.training, seed=derive(0, "rehearsal", iteration))
            batch += rehearsal.rows(drawn_again, kept.__getitem__)
            kept |= done
            for name, trajectory in done.items():
                past.setdefault(trajectory.group_id, []).append((name, reward(trajectory)))
        curve.append(sum(map(reward, done.values())) / len(done))
        update = trainer.update(batch, batch_id=str(iteration))
        with tempfile.TemporaryDirectory() as folder:
            trainer.save(Path(folder))
            await policy.publish(Path(folder), kind="full", version=iteration)
    after = await measure(actor, held, options.attempts)
    await policy.close()
    families: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    family_of = {one.id: one.family for one in held}
    for old, new in zip(before, after, strict=True):
        entry = families[family_of[old.task_id]]
        for place, value in enumerate((old.value or 0.0, new.value or 0.0, 1.0)):
            entry[place] += value
    gain = benchmark.difference(after, before, seed=0)
    return {
        "site": site,
        "before": round(benchmark.summarise(before)["success"], 3),
        "after": round(benchmark.summarise(after)["success"], 3),
        "gain": round(gain["gain"], 3),
        "ci95": [round(bound, 3) for bound in gain["ci95"]],
        "practice": [round(value, 2) for value in curve],
        "families": {name: f"{a / n:.2f}>{b / n:.2f}" for name, (a, b, n) in sorted(families.items())},
        "entropy": round(update.get("entropy", 0.0), 3),
        "seconds": round(time.monotonic() - began, 1),
    }


def main() -> None:
    """Run the arms one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--arm", action="append", default=[], help="NAME or 'NAME: section.key=value …'")
    parser.add_argument("--sites", type=int, nargs="+", default=[1])
    parser.add_argument("--iterations", type=int, default=12)
    parser.add_argument("--tasks", type=int, default=120)
    parser.add_argument("--heldout", type=int, default=60)
    parser.add_argument("--attempts", type=int, default=2)
    options = parser.parse_args()
    for arm in options.arm or ["base"]:
        name, _, overrides = arm.partition(":")
        config = configs.load(None, overrides.split())
        for site in options.sites:
            print(json.dumps({"arm": name, **asyncio.run(run(config, options.model, site, options))}), flush=True)


if __name__ == "__main__":
    main()
