"""The trainer with each loss, ratio and correction: what it computes on a real model, and that it learns."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.config import TrainingConfig
from core.types import Action, Completion, Observation, Step, Task, TrainingRow, Trajectory
from training import batches, losses, proximal, sft
from training.advantages import of_group, of_steps
from training.rows import pack
from training.trainer import Trainer

BASE = TrainingConfig(learning_rate=3e-3, micro_batch_tokens=256, minibatches=1, warmup=0)
VARIANTS: dict[str, dict[str, Any]] = {
    "sequence": {"ratio": "sequence", "eps_low": 0.05, "eps_high": 0.08},
    "cispo": {"loss": "cispo", "eps_low": 0.3, "eps_high": 0.4},
    "capped": {"importance_cap": 1.5},
    "capped sequence": {"ratio": "sequence", "eps_low": 0.05, "eps_high": 0.08, "importance_cap": 1.2},
    "capped cispo": {"loss": "cispo", "importance_cap": 1.5},
}


def variant(name: str, **more: Any) -> TrainingConfig:
    return TrainingConfig(**(BASE.model_dump() | VARIANTS[name] | more))


def conversations(count: int, seed: int = 0) -> list[TrainingRow]:
    """Rows of several turns with gaps inside the turns, many of which begin alike and train what they share."""
    generator = random.Random(seed)
    trunk = [generator.randrange(64) for _ in range(50)]
    rows = []
    for index in range(count):
        held = generator.choice([0, 35, 50])
        ids, mask, turns = trunk[:held], [False] * held, [20] if held else []
        for place in range(20, min(28, held)):
            mask[place] = place != 23
        for _ in range(generator.randrange(1, 4)):
            context, spoken = generator.randrange(2, 9), generator.randrange(1, 8)
            turns.append(len(ids) + context)
            ids += [generator.randrange(64) for _ in range(context + spoken)]
            mask += [False] * context + [True] + [generator.random() < 0.8 for _ in range(spoken - 1)]
        advantage = generator.choice([-1.0, -0.5, 0.5, 1.0])
        rows.append(
            TrainingRow(
                input_ids=tuple(ids),
                loss_mask=tuple(mask),
                rollout_logprobs=tuple(generator.uniform(-5, -3) if on else 0.0 for on in mask),
                advantages=tuple(advantage * generator.choice([1, 0.5]) if on else 0.0 for on in mask),
                rollout_id=f"rollout-{index // 2}",
                turns=tuple(turns),
            )
        )
    return rows


def near(trainer: Trainer, rows: Sequence[TrainingRow], spread: float = 0.3) -> list[TrainingRow]:
    """The rows as a policy had sampled them that was near the trainer's."""
    generator = random.Random(1)
    return [
        row.model_copy(
            update={
                "rollout_logprobs": tuple(
                    value + generator.gauss(0, spread) if on else 0.0
                    for value, on in zip(values, row.loss_mask, strict=True)
                )
            }
        )
        for row, values in zip(rows, proximal.logprobs(trainer.model, rows, 8192, share=True), strict=True)
    ]


def turn_numbers(row: TrainingRow) -> list[int]:
    """For each trained token, how many turns of its row began at it or before it."""
    return [sum(begin <= place for begin in row.turns) for place, on in enumerate(row.loss_mask) if on]


def by_hand(trainer: Trainer, rows: Sequence[TrainingRow]) -> float:
    """The loss before the first step, row by row without any sharing, in float64 from the logits on."""
    config, total, count = trainer.config, 0.0, 0
    for row in rows:
        with torch.no_grad():
            logs = torch.log_softmax(trainer.model(torch.tensor([row.input_ids])).logits[0].double(), -1).numpy()
        trained = [place for place, on in enumerate(row.loss_mask) if on]
        new = np.array([logs[place - 1, row.input_ids[place]] for place in trained])
        difference = new - np.array([row.rollout_logprobs[place] for place in trained])
        if config.ratio == "sequence":
            numbers = np.array(turn_numbers(row))
            difference = np.array([difference[numbers == number].mean() for number in numbers])
        ratio, weight = np.exp(difference), np.ones(len(new))
        if config.importance_cap:
            ratio, weight = np.ones(len(new)), np.minimum(ratio, config.importance_cap)
        clipped = np.clip(ratio, 1 - config.eps_low, 1 + config.eps_high)
        advantages = np.array([row.advantages[place] for place in trained])
        if config.loss == "cispo":
            total += float(np.sum(weight * clipped * advantages * new))
        else:
            total += float(np.sum(weight * np.minimum(ratio * advantages, clipped * advantages)))
        count += len(trained)
    return -total / count


def gradient(trainer: Trainer, rows: Sequence[TrainingRow], budget: int, *, share: bool) -> torch.Tensor:
    trainer.model.zero_grad()
    tokens = sum(sum(row.loss_mask) for row in rows)
    sums: dict[str, float] = dict.fromkeys(
        ("loss", "clipped", "tokens", "nll", "entropy", "rollout_kl", "ratio", "ratio_max"), 0.0
    )
    for batch in batches.micro_batches(rows, budget, share=share):
        trainer._loss(batch, "surrogate", tokens, sums, first=False).backward()  # type: ignore[no-untyped-call]
    return torch.cat([parameter.grad.flatten() for parameter in trainer.model.parameters()])


@pytest.mark.parametrize("name", VARIANTS)
def test_the_loss_is_that_of_the_rows_on_their_own(model_dir: Path, name: str) -> None:
    trainer = Trainer(model_dir, variant(name))
    rows = near(trainer, conversations(20))
    expected = by_hand(trainer, rows)
    metrics = trainer.update(rows, batch_id="0")
    assert metrics["loss"] == pytest.approx(expected, rel=1e-5)
    assert metrics["updated"] == 1


@pytest.mark.parametrize("name", ["sequence", "cispo"])
def test_neither_micro_batches_nor_shared_prefixes_change_the_gradient(model_dir: Path, name: str) -> None:
    trainer = Trainer(model_dir, variant(name))
    rows = near(trainer, conversations(20))
    assert any(batch.mask is not None for batch in batches.micro_batches(rows, 256)), "nothing is shared"
    alone = sum(len(batches.micro_batches([row], 256)) for row in rows)
    assert alone == len(rows)
    expected = gradient(trainer, rows, 1, share=False)  # every row in a batch of its own
    for budget in (256, 100_000):
        for share in (True, False):
            found = gradient(trainer, rows, budget, share=share)
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_a_turn_of_the_batch_is_a_turn_of_one_row() -> None:
    rows = conversations(30)
    shared = 0
    for batch in batches.micro_batches(rows, 600):
        shared += len(batch.source) - len(set(batch.source.tolist()))
        assert sorted(set(batch.turns.tolist())) == list(range(int(batch.turns.max()) + 1))
        named: dict[int, set[tuple[int, int]]] = {}
        numbers = {row: iter(turn_numbers(rows[row])) for row in set(batch.rows.tolist())}
        for row, turn in zip(batch.rows.tolist(), batch.turns.tolist(), strict=True):
            named.setdefault(turn, set()).add((row, next(numbers[row])))
        assert all(len(names) == 1 for names in named.values())
        assert len(set.union(*named.values())) == len(named)
    assert shared > 0, "no trained token is laid out once for several rows"


def test_turns_out_of_order_are_refused() -> None:
    row = TrainingRow(
        input_ids=(1, 2, 3), loss_mask=(False, True, True), rollout_logprobs=(), advantages=(0, 1, 1), turns=(2, 1)
    )
    with pytest.raises(ValueError, match="turns of a row of rollout '' are out of order"):
        batches.check([row], 64)


def spoken(prompt: Sequence[int], output: Sequence[int], url: str = "/") -> Step:
    completion = Completion(
        prompt_ids=tuple(prompt), output_ids=tuple(output), rollout_logprobs=(-4.0,) * len(output), policy_version=0
    )
    return Step(observation=Observation(url=url), completion=completion, action=Action(name="wait"))


def episode(name: str, *steps: Step) -> Trajectory:
    return Trajectory(id=name, task=Task(id="t", instruction="do it", start_url="/"), steps=steps)


def test_turns_are_where_completions_begin_whether_or_not_their_tokens_were_forced() -> None:
    first, second = spoken([1, 2], [3, 4, 5]), spoken([1, 2, 3, 4, 5, 6], [7, 8])
    assert first.completion is not None
    held = first.completion.model_copy(update={"choices": ((3,), (4, 9), ())})
    (row,) = pack(episode("a", first.model_copy(update={"completion": held}), second), 1.0)
    assert row.loss_mask == (False, False, False, True, True, False, True, True)
    assert row.turns == (2, 6)


def test_a_forked_episode_has_the_same_sequence_ratios(model_dir: Path) -> None:
    first, second = spoken([1, 2], [3, 4, 5]), spoken([1, 2, 3, 4, 5, 6], [7, 8])
    joined = pack(episode("a", first, second), 1.0)
    forked = pack(episode("a", first), 1.0) + pack(episode("a", second), 1.0)
    assert (len(joined), len(forked)) == (1, 2)
    trainer = Trainer(model_dir, variant("sequence"))
    torch.testing.assert_close(
        gradient(trainer, joined, 256, share=True), gradient(trainer, forked, 256, share=True), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("sequences", [False, True])
def test_the_corrected_objective_is_areals(sequences: bool) -> None:
    """E[min(π_prox/π_rollout, cap)·min(r·A, clip(r)·A)], r = π/π_prox, and its gradient, in the middle of an update."""
    cap, clip, rows = 1.3, {"eps_low": 0.2, "eps_high": 0.28}, conversations(6)
    generator = np.random.default_rng(2)
    present = [[value + generator.normal(0, 0.5) for value in row.rollout_logprobs] for row in rows]
    anchored, _ = proximal.decouple(rows, present, cap, sequences=sequences)
    places = [(index, place) for index, row in enumerate(rows) for place, on in enumerate(row.loss_mask) if on]
    rollout, near_by, advantages = (
        np.array([values[index][place] for index, place in places])
        for values in ([row.rollout_logprobs for row in rows], present, [row.advantages for row in rows])
    )
    logs = near_by - rollout
    if sequences:
        names = [(index, number) for index, row in enumerate(rows) for number in turn_numbers(row)]
        logs = np.array([np.mean([log for log, name in zip(logs, names, strict=True) if name == own]) for own in names])
    weight = np.minimum(np.exp(logs), cap)
    now = near_by + generator.normal(0, 0.3, len(places))

    def objective(at: np.ndarray[Any, np.dtype[np.float64]]) -> float:
        r = np.exp(at - near_by)
        return -float(np.sum(weight * np.minimum(r * advantages, np.clip(r, 0.8, 1.28) * advantages))) / len(places)

    leaf = torch.tensor(now, requires_grad=True)
    loss = losses.clipped_surrogate(
        leaf,
        torch.tensor([anchored[index].rollout_logprobs[place] for index, place in places], dtype=torch.float64),
        torch.tensor([anchored[index].advantages[place] for index, place in places], dtype=torch.float64),
        **clip,
        tokens=len(places),
    )
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == pytest.approx(objective(now), rel=1e-9)
    assert leaf.grad is not None
    width = 1e-6
    expected = [(objective(now + step) - objective(now - step)) / (2 * width) for step in np.eye(len(now)) * width]
    np.testing.assert_allclose(leaf.grad.numpy(), expected, rtol=1e-5, atol=1e-8)


def test_the_correction_is_told(model_dir: Path) -> None:
    trainer = Trainer(model_dir, variant("capped"))
    rows = near(trainer, conversations(20))
    present = proximal.logprobs(trainer.model, rows, 8192, share=True)
    logs = np.array(
        [
            values[place] - row.rollout_logprobs[place]
            for row, values in zip(rows, present, strict=True)
            for place, on in enumerate(row.loss_mask)
            if on
        ]
    )
    metrics = trainer.update(rows, batch_id="0")
    assert metrics["importance_mean"] == pytest.approx(np.minimum(np.exp(logs), 1.5).mean(), rel=1e-5)
    assert metrics["importance_max"] == 1.5
    assert metrics["truncated_share"] == pytest.approx((np.exp(logs) > 1.5).mean())
    assert metrics["truncated_share"] > 0
    assert metrics["mismatch_kl"] == pytest.approx((np.expm1(logs) - logs).mean(), rel=1e-4)
    assert metrics["ratio_mean"] == pytest.approx(1, abs=1e-5), "the ratio is against the weights before the update"
    assert metrics["proximal_kl"] == pytest.approx(0, abs=1e-9)
    assert "rollout_kl" not in metrics
    assert all(math.isfinite(value) for value in metrics.values())


def test_without_staleness_the_correction_changes_nothing(model_dir: Path) -> None:
    corrected, plain = Trainer(model_dir, variant("capped")), Trainer(model_dir, BASE)
    sampled = conversations(20)
    present = proximal.logprobs(plain.model, sampled, BASE.micro_batch_tokens, share=True)
    rows = [proximal.with_logprobs(row, values) for row, values in zip(sampled, present, strict=True)]
    metrics = corrected.update(rows, batch_id="0")
    report = plain.update(rows, batch_id="0")
    assert (metrics["importance_mean"], metrics["importance_max"], metrics["truncated_share"]) == (1, 1, 0)
    assert "importance_mean" not in report
    for name, value in corrected.model.state_dict().items():
        assert torch.equal(value, plain.model.state_dict()[name]), name


def test_what_nobody_sampled_has_no_age(model_dir: Path) -> None:
    trainer = Trainer(model_dir, variant("capped"))
    rows = [row.model_copy(update={"rollout_logprobs": ()}) for row in conversations(6)]
    metrics = trainer.update(rows, batch_id="0")
    assert (metrics["importance_mean"], metrics["truncated_share"], metrics["updated"]) == (1, 0, 1)


@pytest.mark.parametrize("name", VARIANTS)
def test_imitation_is_none_of_their_business(model_dir: Path, name: str) -> None:
    plain, varied = Trainer(model_dir, BASE), Trainer(model_dir, variant(name))
    for trainer in (plain, varied):
        sft.imitate(trainer, conversations(8), batch_id="warm")
    assert all(torch.equal(value, varied.model.state_dict()[key]) for key, value in plain.model.state_dict().items())


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_repeat_themselves_to_the_bit(model_dir: Path, name: str) -> None:
    first, second = (Trainer(model_dir, variant(name, epochs=2, minibatches=2), seed=3) for _ in range(2))
    rows = near(first, conversations(12))
    for trainer in (first, second):
        trainer.update(rows, batch_id="0")
    assert all(torch.equal(value, second.model.state_dict()[key]) for key, value in first.model.state_dict().items())


def log_likelihood(trainer: Trainer, row: TrainingRow) -> float:
    (values,) = proximal.logprobs(trainer.model, [row], 8192, share=True)
    return sum(values)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_sequence_with_credit_becomes_likely(model_dir: Path, name: str) -> None:
    trainer = Trainer(model_dir, variant(name, epochs=4, learning_rate=1e-3))
    good, bad = (
        row.model_copy(update={"advantages": tuple(sign * float(on) for on in row.loss_mask), "rollout_id": str(sign)})
        for row, sign in zip(conversations(2, seed=4), (1, -1), strict=True)
    )
    before = log_likelihood(trainer, good), log_likelihood(trainer, bad)
    for index in range(5):
        metrics = trainer.update(near(trainer, [good, bad], spread=0.02), batch_id=str(index))
        assert metrics["steps"] == 4
    assert log_likelihood(trainer, good) > before[0] + 0.1
    assert log_likelihood(trainer, bad) < before[1] - 0.1


def test_gigpo_prefers_the_better_step_where_episodes_parted(model_dir: Path) -> None:
    """Both succeed, so that the episodes have no advantage; at the state that both met, one took the longer way."""
    trainer = Trainer(model_dir, TrainingConfig(**(BASE.model_dump() | {"algorithm": "gigpo", "learning_rate": 1e-3})))
    short = episode("short", spoken([1, 2], [3, 4], "a"), spoken([1, 2, 3, 4, 5], [6], "b"))
    long = episode("long", spoken([1, 2], [7, 8], "a"), spoken([1, 9], [10], "c"), spoken([5, 6], [7], "b"))
    group, rewards = [short, long], [1.0, 1.0]
    states = [[step.observation.url for step in one.steps] for one in group]
    steps = of_steps(rewards, states, trainer.config)
    assert [value for path in steps for value in path] == pytest.approx([1.0, 0.0, -1.0, 0.0, 0.0])
    rows = [
        row
        for one, credit, added in zip(group, of_group(rewards, trainer.config), steps, strict=True)
        for row in pack(one, credit or 0.0, added)
    ]
    better, worse = pack(episode("short", short.steps[0]), 1.0)[0], pack(episode("long", long.steps[0]), 1.0)[0]
    before = log_likelihood(trainer, better), log_likelihood(trainer, worse)
    for index in range(3):
        trainer.update([row.model_copy(update={"rollout_logprobs": ()}) for row in rows], batch_id=str(index))
    assert log_likelihood(trainer, better) > before[0] + 0.05
    assert log_likelihood(trainer, worse) < before[1] - 0.05
