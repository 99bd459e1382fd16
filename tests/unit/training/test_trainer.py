"""The trainer on a real tiny model: it learns, it repeats itself to the bit, it survives and it tells."""

from __future__ import annotations

import json
import math
import random
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
import torch
from transformers import AutoModelForCausalLM

from core.config import TrainingConfig
from core.errors import RunDirectoryError, StorageFault
from core.types import TrainingRow
from training import batches, losses, sft
from training import model as models
from training.advantages import of_group
from training.trainer import Trainer

MakeRows = Callable[..., list[TrainingRow]]
CONFIG = TrainingConfig(learning_rate=3e-3, micro_batch_tokens=512, minibatches=2)


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in trainer.model.state_dict().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def on_policy(trainer: Trainer, rows: list[TrainingRow]) -> list[TrainingRow]:
    """The rows with the log-probabilities that the trainer's weights give now."""
    result = []
    for row in rows:
        (batch,) = batches.micro_batches([row], 8192)
        with torch.inference_mode():
            values = iter(models.token_logprobs(trainer.model, batch).tolist())
        rollout = tuple(next(values) if on else 0.0 for on in row.loss_mask)
        result.append(row.model_copy(update={"rollout_logprobs": rollout, "policy_version": trainer.version}))
    return result


def probability(trainer: Trainer, prompt: tuple[int, ...], token: int) -> float:
    with torch.inference_mode():
        logits = trainer.model(torch.tensor([prompt])).logits[0, -1]
    return torch.softmax(logits, -1)[token].item()


def bandit(trainer: Trainer, prompts: list[tuple[int, ...]], seed: int, group: int = 8) -> list[TrainingRow]:
    """Sample a token after each prompt; it is rewarded in proportion to how near it is to the prompt's last token."""
    torch.manual_seed(seed)
    rows = []
    for prompt in prompts:
        with torch.inference_mode():
            logs = torch.log_softmax(trainer.model(torch.tensor([prompt])).logits[0, -1], -1)
        drawn = torch.multinomial(logs.exp(), group, replacement=True).tolist()
        rewards = [float(token % 4 == prompt[-1] % 4) for token in drawn]
        for index, (token, advantage) in enumerate(zip(drawn, of_group(rewards, trainer.config), strict=True)):
            rows.append(
                TrainingRow(
                    input_ids=(*prompt, token),
                    loss_mask=(False,) * len(prompt) + (True,),
                    rollout_logprobs=(0.0,) * len(prompt) + (logs[token].item(),),
                    advantages=(0.0,) * len(prompt) + (advantage,),
                    rollout_id=f"{prompt}-{index}",
                    policy_version=trainer.version,
                )
            )
    return rows


@pytest.mark.parametrize("algorithm", ["grpo", "rloo", "filtered_bc"])
def test_rewarded_tokens_become_likely(model_dir: Path, algorithm: Literal["grpo", "rloo", "filtered_bc"]) -> None:
    trainer = Trainer(model_dir, CONFIG.model_copy(update={"algorithm": algorithm}), seed=1)
    generator = random.Random(0)
    prompts = [tuple(generator.randrange(64) for _ in range(6)) for _ in range(8)]

    def rewarded() -> float:
        return sum(probability(trainer, p, t) for p in prompts for t in range(64) if t % 4 == p[-1] % 4) / len(prompts)

    before = rewarded()
    for iteration in range(30):
        metrics = trainer.update(bandit(trainer, prompts, iteration), batch_id=str(iteration))
        if metrics["updated"]:  # not once every group succeeds as a whole
            assert metrics["mismatch_kl"] < 1e-6, "on policy, trainer and rollout are the same distribution"
            assert metrics["staleness"] == 0
    assert before < 0.4
    assert rewarded() > 0.9
    assert trainer.version > 5


def test_the_same_rows_on_the_same_state_give_the_same_weights(model_dir: Path, make_rows: MakeRows) -> None:
    first, second, other = (Trainer(model_dir, CONFIG, seed=seed) for seed in (3, 3, 4))
    for index in range(3):
        rows = make_rows(24, seed=index)
        reports = [trainer.update(rows, batch_id=str(index)) for trainer in (first, second, other)]
        assert all(report.pop("update_s") > 0 for report in reports)
        assert reports[0] == reports[1]
    assert same(weights(first), weights(second))
    assert not same(weights(first), weights(other)), "the seed decides the order of minibatches"


def test_a_restored_trainer_goes_on_to_the_bit(model_dir: Path, make_rows: MakeRows, tmp_path: Path) -> None:
    trainer = Trainer(model_dir, CONFIG, seed=3)
    trainer.update(make_rows(24, seed=0), batch_id="0")
    trainer.save(tmp_path / "0001")
    trainer.update(make_rows(24, seed=1), batch_id="1")
    resumed = Trainer(model_dir, CONFIG, seed=99)
    resumed.restore(tmp_path / "0001")
    assert (resumed.version, resumed.batch_ids) == (1, ["0"])
    resumed.update(make_rows(24, seed=1), batch_id="1")
    assert same(weights(trainer), weights(resumed))


def test_an_update_is_never_repeated(model_dir: Path, make_rows: MakeRows, tmp_path: Path) -> None:
    trainer = Trainer(model_dir, CONFIG)
    trainer.update(make_rows(8), batch_id="0")
    trainer.save(tmp_path / "c")
    resumed = Trainer(model_dir, CONFIG)
    resumed.restore(tmp_path / "c")
    before = weights(resumed)
    metrics = resumed.update(make_rows(8), batch_id="0")
    assert (metrics["repeated"], metrics["updated"], resumed.version) == (1, 0, 1)
    assert same(weights(resumed), before)


@pytest.mark.parametrize("empty", [True, False])
def test_an_update_of_nothing_changes_nothing_and_says_so(model_dir: Path, make_rows: MakeRows, empty: bool) -> None:
    trainer = Trainer(model_dir, CONFIG)
    before = weights(trainer)
    rows = [] if empty else [row.model_copy(update={"advantages": (0.0,) * len(row.input_ids)}) for row in make_rows(6)]
    metrics = trainer.update(rows, batch_id="0")
    assert (metrics["updated"], metrics["steps"], metrics["tokens"], metrics["rows"]) == (0, 0, 0, len(rows))
    assert trainer.version == 0
    assert same(weights(trainer), before)
    assert json.loads(json.dumps(metrics)) == metrics


def test_rows_without_advantage_change_nothing_about_the_others(model_dir: Path, make_rows: MakeRows) -> None:
    rows = make_rows(12)
    silent = [
        row.model_copy(update={"advantages": (0.0,) * len(row.input_ids), "rollout_id": f"silent-{index}"})
        for index, row in enumerate(make_rows(12, seed=8))
    ]
    alone, among = Trainer(model_dir, CONFIG), Trainer(model_dir, CONFIG)
    alone.update(rows, batch_id="0")
    metrics = among.update([*silent[:6], *rows, *silent[6:]], batch_id="0")
    assert same(weights(alone), weights(among))
    assert metrics["trained_row_share"] == 0.5


def test_a_forked_trajectory_weighs_no_more(model_dir: Path, make_rows: MakeRows) -> None:
    """One row with two turns, or the same two turns in two rows: the same gradient, so the same step."""
    prompt, turn, tail = (1, 2, 3), (4, 5), (6,)
    whole = TrainingRow(
        input_ids=(*prompt, *turn, *tail, 9),
        loss_mask=(False, False, False, True, True, False, True),
        rollout_logprobs=(0, 0, 0, -3.0, -3.5, 0, -4.0),
        advantages=(0, 0, 0, 1, 1, 0, 1),
        rollout_id="a",
    )
    cut = whole.model_copy(
        update={
            "input_ids": (*prompt, *turn),
            "loss_mask": whole.loss_mask[:5],
            "rollout_logprobs": whole.rollout_logprobs[:5],
            "advantages": whole.advantages[:5],
        }
    )
    rest = whole.model_copy(
        update={
            "loss_mask": (False,) * 6 + (True,),
            "rollout_logprobs": (0.0,) * 6 + (-4.0,),
            "advantages": (0.0,) * 6 + (1.0,),
        }
    )
    others = make_rows(6)
    one, two = Trainer(model_dir, CONFIG), Trainer(model_dir, CONFIG)
    joined = one.update([*others, whole], batch_id="0")
    forked = two.update([*others, cut, rest], batch_id="0")
    for name, value in weights(one).items():
        torch.testing.assert_close(value, weights(two)[name], rtol=1e-4, atol=1e-6)
    assert joined["tokens"] == forked["tokens"]
    assert joined["fork_rate"] == pytest.approx(3 / 4)
    assert forked["fork_rate"] == 1.0
    assert forked["rows_per_rollout"] == 2.0


def test_micro_batches_and_one_batch_take_the_same_step(model_dir: Path, make_rows: MakeRows) -> None:
    rows = make_rows(24)
    small, large = (
        Trainer(model_dir, CONFIG.model_copy(update={"micro_batch_tokens": budget})) for budget in (256, 100_000)
    )
    reports = [trainer.update(rows, batch_id="0") for trainer in (small, large)]
    for key in ("loss", "entropy", "grad_norm", "mismatch_kl", "clip_fraction"):
        assert reports[0][key] == pytest.approx(reports[1][key], rel=1e-4), key
    for name, value in weights(small).items():
        torch.testing.assert_close(value, weights(large)[name], rtol=1e-3, atol=1e-5)


def test_a_gradient_that_is_not_finite_is_skipped_and_told(model_dir: Path, make_rows: MakeRows) -> None:
    trainer = Trainer(model_dir, CONFIG.model_copy(update={"minibatches": 1}))
    before = weights(trainer)
    rows = make_rows(6)
    broken = rows[0].model_copy(update={"advantages": tuple(math.inf if on else 0.0 for on in rows[0].loss_mask)})
    metrics = trainer.update([broken, *rows[1:]], batch_id="0")
    assert (metrics["skipped_steps"], metrics["steps"], metrics["updated"], trainer.version) == (1, 0, 0, 0)
    assert same(weights(trainer), before)
    assert all(math.isfinite(value) for value in metrics.values())
    assert trainer.update(rows, batch_id="1")["updated"] == 1


def test_metrics_are_those_of_the_rows(model_dir: Path, make_rows: MakeRows) -> None:
    trainer = Trainer(model_dir, CONFIG.model_copy(update={"minibatches": 1}))
    rows = make_rows(10, temperatures=(1.3,))
    logprobs, rollout, entropies, advantages = [], [], [], []
    for row in rows:
        with torch.no_grad():
            logs = torch.log_softmax(trainer.model(torch.tensor([row.input_ids])).logits[0].double() / 1.3, -1)
        for place, on in enumerate(row.loss_mask):
            if on:
                logprobs.append(logs[place - 1, row.input_ids[place]])
                entropies.append(-(logs[place - 1].exp() * logs[place - 1]).sum())
                rollout.append(row.rollout_logprobs[place])
                advantages.append(row.advantages[place])
    new, old, a = torch.stack(logprobs), torch.tensor(rollout).double(), torch.tensor(advantages).double()
    ratio = (new - old).exp()
    loss = -torch.minimum(ratio * a, ratio.clamp(0.8, 1.28) * a).mean()
    clipped = ((ratio > 1.28) & (a > 0)) | ((ratio < 0.8) & (a < 0))
    metrics = trainer.update(rows, batch_id="0")
    assert metrics["loss"] == pytest.approx(loss.item(), rel=1e-5)
    assert metrics["entropy"] == pytest.approx(torch.stack(entropies).mean().item(), rel=1e-5)
    assert metrics["mismatch_kl"] == pytest.approx((ratio - 1 - (new - old)).mean().item(), rel=1e-4)
    assert metrics["clip_fraction"] == pytest.approx(clipped.double().mean().item())
    assert metrics["ratio_mean"] == pytest.approx(ratio.mean().item(), rel=1e-5)
    assert metrics["ratio_max"] == pytest.approx(ratio.max().item(), rel=1e-5)
    assert metrics["tokens"] == len(new)
    assert metrics["learning_rate"] == CONFIG.learning_rate


def test_staleness_counts_the_updates_since_the_rollout(model_dir: Path, make_rows: MakeRows) -> None:
    trainer = Trainer(model_dir, CONFIG)
    for index in range(3):
        trainer.update(make_rows(4), batch_id=str(index))
    rows = [row.model_copy(update={"policy_version": 2 - index % 2}) for index, row in enumerate(make_rows(4))]
    assert trainer.update(rows, batch_id="last")["staleness"] == 1.5


def test_rows_that_nobody_sampled_start_at_a_ratio_of_one(model_dir: Path, make_rows: MakeRows) -> None:
    rows = make_rows(6)
    unsampled = [row.model_copy(update={"rollout_logprobs": ()}) for row in rows[::2]]
    trainer = Trainer(model_dir, TrainingConfig(minibatches=1))
    metrics = trainer.update([*rows[1::2], *unsampled], batch_id="mixed")
    known = Trainer(model_dir, TrainingConfig(minibatches=1))
    apart = known.update(unsampled, batch_id="apart")
    assert apart["mismatch_kl"] == pytest.approx(0, abs=1e-9)
    assert apart["ratio_mean"] == pytest.approx(1, abs=1e-5)
    assert apart["updated"] == metrics["updated"] == 1
    assert metrics["tokens"] == sum(sum(row.loss_mask) for row in rows)


def test_several_epochs_move_further_and_are_clipped(model_dir: Path, make_rows: MakeRows) -> None:
    short, long = Trainer(model_dir, CONFIG), Trainer(model_dir, CONFIG.model_copy(update={"epochs": 12}))
    rows = on_policy(short, make_rows(16))
    once, often = short.update(rows, batch_id="0"), long.update(rows, batch_id="0")
    assert once["mismatch_kl"] < 1e-6
    assert often["mismatch_kl"] < 1e-6, "measured before the weights move"
    assert often["steps"] == 12 * once["steps"]
    assert often["rollout_kl"] > once["rollout_kl"] > 0
    assert often["clip_fraction"] > once["clip_fraction"]


def test_the_entropy_bonus_raises_entropy(model_dir: Path, make_rows: MakeRows) -> None:
    def entropy_after(coefficient: float) -> float:
        trainer = Trainer(model_dir, CONFIG.model_copy(update={"entropy_coefficient": coefficient}))
        rows = make_rows(16)
        for index in range(8):
            metrics = trainer.update(on_policy(trainer, rows), batch_id=str(index))
        return metrics["entropy"]

    assert entropy_after(2.0) > entropy_after(0.0) + 0.1


def test_the_kl_term_holds_the_policy_at_the_initial_model(model_dir: Path, make_rows: MakeRows) -> None:
    def drift_after(coefficient: float) -> float:
        trainer = Trainer(model_dir, CONFIG.model_copy(update={"kl_coefficient": coefficient}))
        rows = make_rows(16)
        for index in range(8):
            metrics = trainer.update(on_policy(trainer, rows), batch_id=str(index))
            if index == 0 and coefficient:
                assert metrics["reference_kl"] < 0.1
        final = models.load(model_dir)
        kl = 0.0
        for batch in batches.micro_batches(rows, 8192):
            with torch.inference_mode():
                new, old = (models.token_logprobs(model, batch) for model in (trainer.model, final))
            kl += losses.k3(new, old).sum().item()
        return kl

    assert drift_after(5.0) < 0.5 * drift_after(0.0)


def test_a_checkpoint_is_a_model_folder(model_dir: Path, make_rows: MakeRows, tmp_path: Path) -> None:
    trainer = Trainer(model_dir, CONFIG)
    trainer.update(make_rows(8), batch_id="0")
    target = tmp_path / "weights"
    (tmp_path / ".weights.partial").mkdir()
    (tmp_path / ".weights.partial" / "half").write_text("of a killed attempt")
    trainer.save(target)
    loaded = AutoModelForCausalLM.from_pretrained(target)
    assert same(dict(loaded.state_dict()), weights(trainer))
    assert (target / "tokenizer.json").read_text() == (model_dir / "tokenizer.json").read_text()
    assert (target / "chat_template.jinja").is_file()
    trainer.update(make_rows(8, seed=1), batch_id="1")
    trainer.save(target)
    assert same(dict(AutoModelForCausalLM.from_pretrained(target).state_dict()), weights(trainer))
    assert [path.name for path in tmp_path.iterdir()] == ["weights"]


def test_a_disk_that_refuses_leaves_the_old_checkpoint(model_dir: Path, make_rows: MakeRows, tmp_path: Path) -> None:
    trainer = Trainer(model_dir, CONFIG)
    trainer.save(tmp_path / "weights")
    before = {path.name: path.read_bytes() for path in (tmp_path / "weights").iterdir()}
    trainer.update(make_rows(8), batch_id="0")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(StorageFault, match="could not be written"):
            trainer.save(tmp_path / "weights")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {path.name: path.read_bytes() for path in (tmp_path / "weights").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["weights"]


def test_damaged_and_foreign_checkpoints_are_refused(model_dir: Path, make_rows: MakeRows, tmp_path: Path) -> None:
    trainer = Trainer(model_dir, CONFIG)
    with pytest.raises(RunDirectoryError, match=r"no trainer\.pt"):
        trainer.restore(tmp_path)
    trainer.save(tmp_path / "c")
    state = tmp_path / "c" / "trainer.pt"
    whole = state.read_bytes()
    state.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RunDirectoryError, match="cannot be read"):
        trainer.restore(tmp_path / "c")
    torch.save({"format": 99}, state)
    with pytest.raises(RunDirectoryError, match="format 99"):
        trainer.restore(tmp_path / "c")


def demonstrations(count: int, seed: int) -> list[TrainingRow]:
    """Copy the second token of the prompt twice, then stop (token 0)."""
    generator = random.Random(seed)
    rows = []
    for index in range(count):
        prompt = [generator.randrange(1, 64) for _ in range(5)]
        rows.append(
            TrainingRow(
                input_ids=(*prompt, prompt[1], prompt[1], 0),
                loss_mask=(False,) * 5 + (True,) * 3,
                rollout_logprobs=(0.0,) * 8,
                advantages=(0.0,) * 5 + (1.0,) * 3,
                rollout_id=f"demo-{index}",
            )
        )
    return rows


def test_imitation_lowers_the_loss_on_unseen_rows(model_dir: Path) -> None:
    trainer = Trainer(model_dir, CONFIG)
    first = sft.imitate(trainer, demonstrations(128, 0), batch_id="warm", epochs=1)
    for index in range(12):
        last = sft.imitate(trainer, demonstrations(128, index + 1), batch_id=f"warm-{index}", epochs=3)
    assert (first["steps"], last["steps"], trainer.version) == (4, 12, 13)
    assert last["loss"] == pytest.approx(last["nll"], rel=0.05)
    unseen = demonstrations(50, 999)
    with torch.inference_mode():
        nll = -torch.cat([models.token_logprobs(trainer.model, b) for b in batches.micro_batches(unseen, 4096)]).mean()
    assert nll < 0.6 * first["nll"]
    assert "mismatch_kl" not in last


def test_imitation_of_nothing(model_dir: Path) -> None:
    trainer = Trainer(model_dir, CONFIG)
    assert sft.imitate(trainer, [], batch_id="0")["updated"] == 0


def test_the_first_steps_are_smaller_and_a_restart_does_not_begin_again(
    model_dir: Path, make_rows: MakeRows, tmp_path: Path
) -> None:
    config = TrainingConfig(minibatches=1, warmup=3)

    def moved(trainer: Trainer, rows: list[TrainingRow], batch_id: str) -> float:
        before = weights(trainer)
        trainer.update(rows, batch_id=batch_id)
        return max((value - before[name]).abs().max().item() for name, value in weights(trainer).items())

    warm, cold = Trainer(model_dir, config), Trainer(model_dir, config.model_copy(update={"warmup": 0}))
    rows = make_rows(6)
    assert moved(warm, rows, "1") == pytest.approx(moved(cold, rows, "1") / 4, rel=1e-3), (
        "Adam's first step is the rate"
    )
    warm.save(tmp_path / "one")
    again = Trainer(model_dir, config)
    again.restore(tmp_path / "one")
    for trainer in (warm, again):
        trainer.update(make_rows(6), batch_id="2")
    assert same(weights(warm), weights(again))
