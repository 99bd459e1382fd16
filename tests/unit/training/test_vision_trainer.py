"""The trainer on tiny vision-language models: what it computes is what the policy sampled from, pictures included."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import torch

from core.config import TrainingConfig, validate
from core.errors import ConfigError, ModelFault
from core.loading import weights_kind
from core.types import Action, Completion, Observation, Sampling, Step, Task, TrainingRow, Trajectory
from core.vision import FAMILIES
from serving.local import LocalPolicy
from tests.unit.serving.vision_fixtures import Album, save, show, vision_folder
from training.rows import pack
from training.trainer import Trainer

__all__ = ["vision_folder"]  # a fixture

CONFIG = TrainingConfig(learning_rate=1e-3, micro_batch_tokens=256, minibatches=1, warmup=0)


async def sampled(policy: LocalPolicy, album: Album) -> list[TrainingRow]:
    """Rows with no, one and two pictures, of two temperatures."""
    asked = [
        show("a long text, without any pictures"),
        show("b", album.drawn(1), album.drawn(2, 60, 200)),
        show("c", album.drawn(3, 300, 70)),
    ]
    sampling = [Sampling(max_tokens=6 + 5 * i, seed=i, temperature=1.0 - 0.3 * (i == 1)) for i in range(3)]
    done = await asyncio.gather(*(policy.generate(m, sampling=s) for m, s in zip(asked, sampling, strict=True)))
    return [row for number, one in enumerate(done) for row in pack(episode(number, one), (-1.0) ** number)]


def episode(number: int, *completions: Completion) -> Trajectory:
    steps = tuple(
        Step(observation=Observation(url="/"), completion=one, action=Action(name="wait")) for one in completions
    )
    return Trajectory(id=str(number), task=Task(id="t", instruction="x", start_url="/"), steps=steps)


def difference(trainer: Trainer, rows: list[TrainingRow]) -> float:
    found = trainer._present_logprobs(rows)
    return max(
        abs(a - b)
        for row, values in zip(rows, found, strict=True)
        for a, b in zip(row.rollout_logprobs, values, strict=True)
    )


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("rank", [0, 4])
async def test_the_trainer_computes_what_was_sampled_before_and_after_an_update(
    family: str, rank: int, tmp_path: Path
) -> None:
    folder, album = save(tmp_path / family, family), Album()
    trainer = Trainer(folder, CONFIG.model_copy(update={"lora_rank": rank}), load_image=album.read)
    policy = LocalPolicy(folder, load_image=album.read)
    try:
        rows = await sampled(policy, album)
        assert [len(row.images) for row in rows] == [0, 2, 1]
        assert difference(trainer, rows) < 1e-4
        metrics = trainer.update(rows, batch_id="one")
        assert metrics["updated"]
        assert metrics["mismatch_kl"] < 1e-6
        trainer.save(tmp_path / "weights")
        kind = weights_kind(tmp_path / "weights")
        assert kind == ("adapter" if rank else "full")
        await policy.publish(tmp_path / "weights", kind=kind, version=1)
        again = await sampled(policy, album)
        assert difference(trainer, again) < 1e-4
        assert difference(trainer, rows) > 1e-3, "the update changed something"
    finally:
        await policy.close()


async def test_the_vision_tower_is_not_trained(vision_folder: Path) -> None:
    album = Album()
    trainer = Trainer(vision_folder, CONFIG, load_image=album.read)
    before = {name: one.detach().clone() for name, one in trainer.model.named_parameters()}
    policy = LocalPolicy(vision_folder, load_image=album.read)
    trainer.update(await sampled(policy, album), batch_id="one")
    await policy.close()
    moved = {name for name, one in trainer.model.named_parameters() if not torch.equal(before[name], one)}
    assert moved
    assert not any("visual" in name for name in moved)


async def test_what_a_policy_was_shown_decides_what_is_learned(vision_folder: Path) -> None:
    album = Album()
    policy = LocalPolicy(vision_folder, load_image=album.read)
    rows = await sampled(policy, album)
    await policy.close()
    trainer = Trainer(vision_folder, CONFIG, load_image=album.read)
    swapped = rows[1].model_copy(update={"images": (album.drawn(9), album.drawn(8, 60, 200))})
    assert difference(trainer, [swapped]) > 1e-4
    with pytest.raises(ModelFault, match="image tokens"):
        trainer.update([rows[1].model_copy(update={"images": rows[1].images[:1]})], batch_id="one")
    album.held.clear()
    with pytest.raises(ModelFault, match="is not there"):
        trainer.update(rows, batch_id="two")


async def test_a_conversation_that_grows_is_one_row_with_all_of_its_pictures(vision_folder: Path) -> None:
    album = Album()
    policy = LocalPolicy(vision_folder, load_image=album.read)
    messages = show("look", album.drawn(1))
    first = await policy.generate(messages, sampling=Sampling(max_tokens=8, seed=1))
    grown = (*first.prompt_ids, *first.output_ids)
    later = await policy.generate(show("now", album.drawn(2, 60, 200)), sampling=Sampling(max_tokens=8, seed=2))
    second = later.model_copy(
        update={"prompt_ids": (*grown, *later.prompt_ids), "images": (*first.images, *later.images)}
    )
    await policy.close()
    (row,) = pack(episode(0, first, second), 1.0)
    assert row.images == second.images
    assert sum(row.loss_mask) == len(first.output_ids) + len(second.output_ids)
    trainer = Trainer(vision_folder, CONFIG, load_image=album.read)
    values = trainer._present_logprobs([row])[0]
    start = len(first.prompt_ids)
    turn = values[start : start + len(first.output_ids)]
    assert turn == pytest.approx(first.rollout_logprobs, abs=1e-4), "what comes later does not change it"


def test_a_row_with_pictures_is_refused_by_a_model_that_reads(model_dir: Path) -> None:
    row = TrainingRow(
        input_ids=(1, 2, 3),
        loss_mask=(False, True, True),
        rollout_logprobs=(0.0, -1.0, -1.0),
        advantages=(0.0, 1.0, 1.0),
        images=(Album().drawn(1),),
    )
    with pytest.raises(ValueError, match="cannot be shown"):
        Trainer(model_dir, CONFIG).update([row], batch_id="one")


def test_rehearsal_and_pictures_are_refused_together() -> None:
    settings = {"actor": {"observation": "both", "prompt": "full"}, "policy": {"constrained": False}}
    with pytest.raises(ConfigError, match=r"set training\.rehearsal=0"):
        validate(settings)
    validate(settings | {"training": {"rehearsal": 0}})
