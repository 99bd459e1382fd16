"""Reinforcement learning on made-up sites: fresh wordings for measuring, rewards for the expert alone."""

from __future__ import annotations

import argparse
import asyncio

import pytest

from benchmarks import sandbox
from core import config as configs
from pretraining.environment import MadeUpEnvironment
from serving import EMBEDDED


def test_held_out_exercises_share_no_wording_with_those_practised() -> None:
    known: set[str] = set()
    held, pool = sandbox.tasks(3, 1_000_000, 12, known), sandbox.tasks(3, 0, 30, known)
    assert len({one.instruction for one in held + pool}) == 42


def test_the_expert_of_an_exercise_is_rewarded_and_silence_is_not() -> None:
    (one,) = sandbox.tasks(5, 0, 1, set())
    environment = MadeUpEnvironment()

    async def finish() -> tuple[float, float]:
        await environment.reset(one)
        for _ in range(one.max_steps):
            assert environment.expected is not None
            result = await environment.step(action := environment.expected)
            if result.terminated:
                break
        await environment.reset(one)
        wrong = await environment.step(action.model_copy(update={"arguments": {"text": "none of these"}}))
        return result.reward, wrong.reward

    assert asyncio.run(finish()) == (1.0, 0.0)


def test_an_arm_tells_what_it_measured() -> None:
    config = configs.load(None, ["training.tasks_per_iteration=2", "training.group_size=2", "training.probes=2"])
    options = argparse.Namespace(heldout=3, tasks=6, iterations=2, attempts=1)
    line = asyncio.run(sandbox.run(config, EMBEDDED, 2, options))
    assert line["gain"] == pytest.approx(line["after"] - line["before"], abs=0.002)
    assert line["ci95"][0] <= line["gain"] <= line["ci95"][1]
    assert len(line["practice"]) == 2
    assert all(0 <= value <= 1 for value in (line["before"], line["after"], *line["practice"]))
