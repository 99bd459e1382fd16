"""A run on a fake site with a scripted, trainable policy: the loop's own parts are real, everything else is quick.

As a program it runs in a process of its own, so that tests can kill it: `loop_worker.py RUN_DIR [--resume]
[--kill INSTANT:N] [--iterations N] [--pace SECONDS]`; it is killed at the Nth time that it reaches the instant.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from agents.actor import Actor
from core import checks
from core.config import Config, validate
from core.types import Action, Element, GroundTruth, Observation, StepResult, Task, TrainingRow
from discovery import builders, loop, rundirectory
from discovery.rundirectory import RunDirectory
from evals import judges
from memory.trajectories import TrajectoryStore
from serving import scripted
from serving.scripted import ScriptedPolicy
from training import curriculum

NAMES = ("alpha", "beta", "gamma")


class Buttons:
    """A page with three buttons; a click on one ends the episode and shows which it was."""

    async def reset(self, task: Task) -> Observation:
        elements = tuple(Element(id=f"e{i}", role="button", name=n, interactive=True) for i, n in enumerate(NAMES))
        return Observation(url="http://site.test/", title="Buttons", elements=elements)

    async def step(self, action: Action) -> StepResult:
        name = action.arguments["target"]["name"]
        seen = Observation(url=f"http://site.test/{name}", title="Done", text=f"done {name}")
        return StepResult(observation=seen, terminated=True)

    async def collect_evidence(self, task: Task) -> GroundTruth | None:
        return None

    async def close(self) -> None:
        pass


class Pool:
    """As many fake pages as asked for. `pace` seconds pass before each is handed out, `lag` before it is closed."""

    lag = 0.0

    def __init__(self, size: int, pace: float = 0.0) -> None:
        self.size = size
        self.pace = pace
        self.lent = 0
        self.closed = False

    async def acquire(self) -> Buttons:
        await asyncio.sleep(self.pace)
        self.lent += 1
        return Buttons()

    async def release(self, environment: Any, *, broken: bool = False) -> None:
        self.lent -= 1

    async def close(self) -> None:
        await asyncio.sleep(self.lag)
        self.closed = True


def task(name: str, number: int) -> Task:
    return Task(
        id=f"{name}-{number}",
        instruction=f"press {name}, please, for the {number}th time",
        start_url="/",
        family=f"press {name}",
        check=checks.PageCheck(contains=(f"done {name}",)),
        max_steps=2,
    )


def held_out(name: str, number: int) -> Task:
    return Task(
        id=f"held-{number}",
        instruction=f"find what is called {name} and hit it ({number})",
        start_url="/",
        check=checks.UrlCheck(matches=f"{name}$"),
        max_steps=2,
    )


class Proposals:
    """Two new tasks a call for each button; its state is how often it was called."""

    def __init__(self) -> None:
        self.calls = 0

    async def propose(self, count: int, *, mastery: Mapping[str, float], seed: int) -> list[Task]:
        self.calls += 1
        return [task(name, number) for number in range(2 * self.calls) for name in NAMES][:count]

    def state(self) -> dict[str, Any]:
        return {"calls": self.calls}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.calls = state["calls"]


class LogitLearner:
    """Policy gradient on the scripted policy's logits, with momentum, so that its own state matters, too."""

    def __init__(self) -> None:
        self.version = 0
        self.weights: dict[str, float] = {}
        self.momentum: dict[str, float] = {}
        self.batches: list[str] = []

    def update(self, rows: Sequence[TrainingRow], *, batch_id: str) -> dict[str, float]:
        assert batch_id not in self.batches
        gradient: dict[str, float] = defaultdict(float)
        for row in rows:
            sampled = [token for token, mine in zip(row.input_ids, row.loss_mask, strict=True) if mine]
            advantage = next(a for a, mine in zip(row.advantages, row.loss_mask, strict=True) if mine)
            gradient[bytes(token for token in sampled if token < 256).decode()] += advantage / len(rows)
        for answer, slope in sorted(gradient.items()):
            self.momentum[answer] = 0.5 * self.momentum.get(answer, 0.0) + slope
            self.weights[answer] = self.weights.get(answer, 0.0) + 2.0 * self.momentum[answer]
        self.batches.append(batch_id)
        self.version += 1
        return {"loss": 0.0, "entropy": 1.0, "mismatch_kl": 0.0, "clip_fraction": 0.0, "tokens": float(len(rows))}

    def save(self, directory: Path) -> None:
        scripted.save(directory, self.weights)
        state = {"momentum": self.momentum, "batches": self.batches, "version": self.version}
        (directory / "state.json").write_text(json.dumps(state))

    def restore(self, directory: Path) -> None:
        state = json.loads((directory / "state.json").read_text())
        self.weights = json.loads((directory / scripted.WEIGHTS_FILE).read_text())
        self.momentum, self.batches, self.version = state["momentum"], state["batches"], state["version"]


def answers(prompt: str) -> list[str]:
    """The policy's choices depend on which button the task speaks of, so that each kind is learned apart."""
    wanted = next(name for name in NAMES if name in prompt.partition("\n")[0])
    return [f'thinking of {wanted}\nclick button "{name}"' for name in NAMES]


def builder(pace: float = 0.0, heldout: int = 4, judge: Any = None) -> builders.Build:
    """The parts of a run on the fake site; `heldout` tasks are held out."""

    async def build(context: builders.Context) -> builders.Parts:
        async def open_policy(weights: Path, version: int) -> ScriptedPolicy:
            policy = ScriptedPolicy(answers)
            await policy.publish(weights, kind="full", version=version)
            return policy

        config = context.config
        pool = Pool(config.browser.contexts, pace)
        return builders.Parts(
            pool=pool,
            proposer=Proposals(),
            sampler=curriculum.build(config.sampler),
            judge=judge or judges.build("checks"),
            heldout_judge=judges.build("functional"),
            trainer=LogitLearner(),
            open_policy=open_policy,
            actor=lambda policy: Actor(policy, config.actor),
            heldout=[held_out(NAMES[i % 3], i) for i in range(heldout)],
            split="fake/test",
            close=pool.close,
        )

    return build


def config(**run: Any) -> Config:
    return validate(
        {
            "run": {"seed": 3, "iterations": 3, **run},
            "training": {"tasks_per_iteration": 4, "group_size": 4},
            "browser": {"contexts": 1},
            "evaluation": {"episodes_per_task": 2, "every": 2},
        }
    )


# Instants at which a test may kill the process: what is wrapped, and whether the kill comes before or after.
INSTANTS: dict[str, tuple[Any, str, str]] = {
    "before-episode": (TrajectoryStore, "add", "before"),
    "after-episode": (TrajectoryStore, "add", "after"),
    "before-commit": (RunDirectory, "commit", "before"),
    "weights-written": (LogitLearner, "save", "after"),
    "committed-not-published": (ScriptedPolicy, "publish", "before"),
    "published": (ScriptedPolicy, "publish", "after"),
    "before-small-file": (RunDirectory, "write_text", "before"),
    "after-small-file": (RunDirectory, "write_text", "after"),
    "before-line": (RunDirectory, "append_line", "before"),
    "after-line": (RunDirectory, "append_line", "after"),
    "before-stable": (rundirectory, "_sync_all", "after"),
    "renaming": (Path, "rename", "before"),
}


def kill_at(instant: str, count: int) -> None:
    """This process dies without a warning at the `count`th time that it reaches `instant`."""
    owner, name, when = INSTANTS[instant]
    original: Callable[..., Any] = getattr(owner, name)
    seen = 0

    def reached() -> None:
        nonlocal seen
        seen += 1
        if seen == count:
            os.kill(os.getpid(), signal.SIGKILL)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if when == "before":
            reached()
        result = original(*args, **kwargs)
        if when == "after":
            reached()
        return result

    setattr(owner, name, wrapped)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--kill", default="")
    parser.add_argument("--iterations", type=int, default=3)
    parser.add_argument("--pace", type=float, default=0.0)
    parser.add_argument("--stubborn", action="store_true", help="environments that take long to let go of")
    given = parser.parse_args(arguments)
    if given.stubborn:
        Pool.lag = 600.0
    if given.kill:
        instant, _, count = given.kill.partition(":")
        kill_at(instant, int(count))
    settings = config(iterations=given.iterations).model_dump()
    settings["training"] |= {"probes": 2, "branching": True, "rehearsal": 0.5, "rehearsed": 3}
    summary = asyncio.run(
        loop.run(
            validate(settings),
            given.run_dir,
            resume=given.resume,
            build=builder(given.pace),
            progress=lambda event: print(event.kind, event.text, flush=True) if event.text else None,
        )
    )
    print("SUMMARY", summary.status)


if __name__ == "__main__":
    main()
