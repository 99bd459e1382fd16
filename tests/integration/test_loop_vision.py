"""The loop with a tiny vision-language model that acts on numbered screenshots and is trained on them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from agents.actor import Actor
from core.config import Config, validate
from core.types import Element, ImageRef, Observation, Task
from discovery import builders, loop
from discovery.policies import LocalKind
from memory.screenshots import ScreenshotStore
from memory.trajectories import TrajectoryStore
from tests.integration import loop_worker
from tests.unit.serving import vision_fixtures

LINES = [f"click [e{number}]" for number in range(3)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random Qwen2.5-VL whose vocabulary has whole actions, so that chance finds the right one."""
    folder = vision_fixtures.save(tmp_path_factory.mktemp("vision"), "qwen2_5_vl")
    special = list(vision_fixtures.SPECIAL)
    named = ["?", "press", *loop_worker.NAMES]
    words = {word: number for number, word in enumerate(named)}
    words |= {" " * number + LINES[number % 3]: number for number in range(len(named), 256)}  # all else is an action
    words |= {word: 256 + number for number, word in enumerate(special)}
    inner = Tokenizer(models.WordLevel(words, unk_token="?"))
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("removed")]
    )
    inner.decoder = decoders.Fuse()
    inner.add_special_tokens(special)
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=inner, eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    tokenizer.chat_template = vision_fixtures.TEMPLATE
    tokenizer.save_pretrained(folder)
    return folder


class Pictured(loop_worker.Buttons):
    """The buttons side by side, and a picture of them."""

    def __init__(self, images: ScreenshotStore) -> None:
        self._images = images

    async def reset(self, task: Task) -> Observation:
        seen = await super().reset(task)
        elements = [
            one.model_copy(update={"bounds": (20 + 90 * number, 40, 70, 30)})
            for number, one in enumerate(seen.elements)
        ]
        return seen.model_copy(update={"elements": tuple(elements)})

    async def step(self, action: Any) -> Any:
        target = action.arguments.get("target", {}) if action.name == "click" else {}
        if target.get("id") not in {"e0", "e1", "e2"}:
            seen = await self.reset(None)  # type: ignore[arg-type]
            return _result(seen.model_copy(update={"last_action_error": "there is nothing to be clicked"}))
        name = loop_worker.NAMES[int(target["id"][1:])]
        return await super().step(action.model_copy(update={"arguments": {"target": {"name": name}}}))

    async def screenshot(self) -> ImageRef:
        picture = Image.new("RGB", (300, 110), "white")
        for number in range(3):
            ImageDraw.Draw(picture).rectangle((20 + 90 * number, 40, 90 + 90 * number, 70), fill=(90 * number, 80, 160))
        buffer = io.BytesIO()
        picture.save(buffer, "webp", lossless=True)
        return self._images.put(buffer.getvalue(), *picture.size)


def _result(seen: Observation) -> Any:
    from core.types import StepResult

    return StepResult(observation=seen)


class Pool(loop_worker.Pool):
    def __init__(self, images: ScreenshotStore) -> None:
        super().__init__(2)
        self._images = images

    async def acquire(self) -> Pictured:
        self.lent += 1
        return Pictured(self._images)


def config(model: Path, **training: Any) -> Config:
    data = loop_worker.config(iterations=2).model_dump()
    data["policy"] |= {"model": str(model), "max_tokens": 1, "constrained": False}
    data["actor"] |= {"prompt": "full", "observation": "both", "images": 2}
    data["training"] |= {"learning_rate": 0.01, "group_size": 8, "rehearsal": 0.0, "branching": False, **training}
    data["evaluation"] |= {"every": 0}
    return validate(data)


async def build(context: builders.Context) -> builders.Parts:
    kind = LocalKind(context)
    images = ScreenshotStore(context.run_dir / "screenshots")
    parts = await loop_worker.builder()(context)
    parts.trainer, parts.open_policy, parts.pool = kind.learner(), kind.open, Pool(images)
    parts.actor = lambda policy: Actor(policy, context.config.actor, images)
    return parts


@pytest.mark.parametrize("rank", [pytest.param(0, marks=pytest.mark.slow), 4])
async def test_what_it_was_shown_is_what_it_learns_from(model: Path, rank: int, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    summary = await loop.run(config(model, lora_rank=rank), run_dir, build=build)
    assert (summary.status, summary.policy_version) == ("finished", 2)
    lines = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    assert all(line["mismatch_kl"] < 1e-6 for line in lines), "the trainer saw what the policy saw"
    assert all(line["unscored"] == 0 for line in lines)
    assert all(0 < line["success"] < 1 for line in lines)
    with TrajectoryStore(run_dir, readonly=True) as store:
        steps = [step for episode, _ in store.iterate(iteration=2) for step in episode.steps]
    shown = {image for step in steps if step.completion for image in step.completion.images}
    assert shown
    assert all(ScreenshotStore(run_dir / "screenshots").read(image) for image in shown)
    assert {one.id for one in steps[0].observation.elements if isinstance(one, Element)} == {"e0", "e1", "e2"}
