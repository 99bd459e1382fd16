"""A run directory as a real run leaves it, written through the real stores from a fixed seed."""

from __future__ import annotations

import io
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from core import actions
from core.checks import AnswerCheck, FunctionalCheck, PageCheck
from core.config import Config
from core.types import Completion, Element, ImageRef, Observation, Step, StopReason, Task, Trajectory, Verdict
from discovery.rundirectory import RunDirectory
from memory.screenshots import ScreenshotStore
from memory.trajectories import TrajectoryStore

FAMILIES = ("open", "look_up", "fill_form", "compare")


class SyntheticRun:
    """Writes iterations, measurements and a summary into a fresh run directory."""

    def __init__(self, root: Path) -> None:
        self.directory = RunDirectory.create(root, Config())
        self.root = root
        self.store = TrajectoryStore(root)
        self.screenshots = ScreenshotStore(root / "screenshots")
        self.random = random.Random(7)
        self.episodes = 0

    def task(self, family: str, number: int) -> Task:
        check = {
            "open": PageCheck(contains=("Trail shoes",), url=r"/product/\d+"),
            "look_up": AnswerCheck(equals="$42.00"),
            "fill_form": FunctionalCheck(expect={"orders": [{"city": "Oslo"}]}),
            "compare": AnswerCheck(equals="Fjord jacket"),
        }[family]
        words = {
            "open": f"Open the page of product {number}",
            "look_up": f"How much does the tent number {number} cost?",
            "fill_form": f"Order {number} water bottles to Oslo",
            "compare": f"Which is the cheapest of the first {number + 2} jackets?",
        }[family]
        return Task(
            id=f"{family}-{number}", instruction=words, start_url="/", family=family, check=check, proposed_by="test"
        )

    def screenshot(self, text: str) -> ImageRef:
        image = Image.new("RGB", (640, 400), "#fbfaf7")
        draw = ImageDraw.Draw(image)
        draw.rectangle((0, 0, 640, 44), fill="#21453b")
        draw.text((16, 14), "Northwind Outfitters", fill="white")
        for index in range(4):
            draw.rectangle((20 + index * 154, 90, 156 + index * 154, 250), outline="#c9c4b8")
        draw.text((20, 60), text, fill="#222222")
        data = io.BytesIO()
        image.save(data, "WEBP")
        return self.screenshots.put(data.getvalue(), 640, 400)

    def observation(self, text: str, *, error: str = "", image: bool = False) -> Observation:
        return Observation(
            url="http://127.0.0.1:8000/product/3",
            title="Trail shoes",
            text=f"{text}\nTrail shoes\n$42.00",
            elements=(
                Element(id="e1", role="heading", name="Trail shoes", level=1),
                Element(id="e2", role="button", name="Add to cart", interactive=True),
                Element(id="e3", role="textbox", name="City", value="Os", interactive=True),
            ),
            last_action_error=error,
            screenshot=self.screenshot(text) if image else None,
        )

    def episode(
        self, task: Task, value: float | None, *, role: Any = "train", iteration: int = 1, error: str = ""
    ) -> Trajectory:
        line = 'click button "Add to cart"'
        completion = Completion(prompt_ids=(1,), output_ids=(2,), rollout_logprobs=(-0.1,), text=f"I think.\n{line}")
        steps = (
            Step(observation=self.observation(task.instruction), completion=completion, action=actions.parse(line)),
            Step(
                observation=self.observation("step two", error="no button has that name" if value == 0 else ""),
                action=actions.parse('answer "42"'),
            ),
        )
        self.episodes += 1
        trajectory = Trajectory(
            id=f"t{self.episodes:05d}",
            task=task,
            role=role,
            steps=() if error else steps,
            final_observation=None if error else self.observation("the end", image=self.episodes % 3 == 0),
            answer=None if error else "42",
            stop_reason=StopReason.ERROR if error else StopReason.ANSWERED,
            policy_version=0 if role == "control" else iteration,
            error=error,
            iteration=iteration,
            wall_s=1.25,
        )
        self.store.add(trajectory)
        self.store.set_verdict(
            trajectory.id, Verdict(value=value, explanation="the check holds" if value else "", evaluator="checks")
        )
        return trajectory

    def iterate(self, count: int, *, first: int = 1) -> None:
        for iteration in range(first, first + count):
            progress = iteration / (first + count)
            for family_index, family in enumerate(FAMILIES):
                for attempt in range(4):
                    task = self.task(family, attempt % 2 + iteration % 5)
                    chance = min(0.9, 0.1 + progress * (0.9 - 0.2 * family_index))
                    self.episode(task, float(self.random.random() < chance), iteration=iteration)
            line: dict[str, Any] = {
                "iteration": iteration,
                "wall_s": 14.5 * iteration,
                "episodes": 16,
                "steps": 32,
                "success": 0.2 + 0.5 * progress + self.random.uniform(-0.08, 0.08),
                "policy_version": iteration,
                "entropy": 1.4 - 0.5 * progress + self.random.uniform(-0.05, 0.05),
                "mismatch_kl": abs(self.random.gauss(0, 2e-4)),
                "clip_fraction": self.random.uniform(0.0, 0.04),
                "zero_variance_share": self.random.uniform(0.2, 0.6),
                "loss": self.random.uniform(-0.1, 0.1),
                "tokens": 4100,
            }
            if iteration % 10 == 0:
                line["heldout_success"] = 0.2 + 0.25 * progress
                line["heldout_ci95"] = [line["heldout_success"] - 0.07, line["heldout_success"] + 0.07]
            self.directory.append_line("metrics.jsonl", json.dumps(line))

    def measure(self, iteration: int) -> None:
        """The final measurement: 24 held-out tasks, control and final."""
        for number in range(24):
            task = self.task(FAMILIES[number % 4], 100 + number)
            self.episode(task, float(number % 5 == 0), role="control", iteration=iteration)
            self.episode(task, float(number % 2 == 0), role="heldout", iteration=iteration)
        self.directory.write_json(
            "summary.json",
            {
                "heldout": {
                    "initial": {"success": 0.19, "n": 24, "ci95": [0.08, 0.33]},
                    "control": {"success": 5 / 24, "n": 24, "ci95": [0.08, 0.375]},
                    "final": {"success": 0.5, "n": 24, "ci95": [0.29, 0.71]},
                    "gain": {"gain": 0.5 - 5 / 24, "tasks": 24, "unpaired": 0, "ci95": [0.08, 0.5]},
                },
                "status": "finished",
                "reason": "12 iterations are done",
                "iterations": iteration,
                "episodes": self.episodes,
                "wall_s": 568.2,
            },
        )

    def close(self) -> Path:
        self.store.close()
        self.directory.close()
        return self.root


@pytest.fixture
def synthetic(tmp_path: Path) -> Callable[[], SyntheticRun]:
    """Makes an empty synthetic run."""
    return lambda: SyntheticRun(tmp_path / "run")


@pytest.fixture(scope="session")
def _pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = SyntheticRun(tmp_path_factory.mktemp("synthetic") / "run")
    run.iterate(12)
    run.episode(run.task("open", 9), None, iteration=12, error="the browser crashed")
    run.measure(12)
    return run.close()


@pytest.fixture
def finished_run(_pristine: Path, tmp_path: Path) -> Path:
    """Twelve iterations and the final measurement; a copy of one's own."""
    return Path(shutil.copytree(_pristine, tmp_path / "finished"))
