"""Log-probabilities in micro-batches against the plain computation, row by row over the full vocabulary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM

from core.errors import ConfigError
from core.types import TrainingRow
from training import batches, losses
from training import model as models

MakeRows = Callable[..., list[TrainingRow]]


def held(row: TrainingRow) -> TrainingRow:
    """The row with every second trained token drawn among itself and three others."""
    choices = tuple(
        tuple(sorted({row.input_ids[place], place % 7, 11, 12 + place % 5})) if on and place % 2 else ()
        for place, on in enumerate(row.loss_mask)
    )
    return row.model_copy(update={"choices": choices if any(choices) else ()})


def naive(model: Any, row: TrainingRow) -> dict[int, tuple[float, float]]:
    """place → (log-probability, entropy) of each trained token of one row, from the model's ordinary forward."""
    with torch.no_grad():
        logits = model(torch.tensor([row.input_ids])).logits[0].double() / row.temperature
    for place, among in enumerate(row.choices):
        if among:
            logits[place - 1, [token for token in range(logits.shape[-1]) if token not in among]] = -1e30
    logs = torch.log_softmax(logits, dim=-1)
    return {
        place: (logs[place - 1, row.input_ids[place]].item(), -(logs[place - 1].exp() * logs[place - 1]).sum().item())
        for place, trained in enumerate(row.loss_mask)
        if trained
    }


def batched(
    model: Any, rows: list[TrainingRow], budget: int, share: bool
) -> dict[tuple[int, int], tuple[float, float]]:
    places = [iter([place for place, on in enumerate(row.loss_mask) if on]) for row in rows]
    found = {}
    for batch in batches.micro_batches(rows, budget, share=share):
        with torch.inference_mode():
            logprobs, entropy = models.token_statistics(model, batch)
        for index, logprob, value in zip(batch.rows.tolist(), logprobs.tolist(), entropy.tolist(), strict=True):
            found[index, next(places[index])] = (logprob, value)
    return found


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("budget", [64, 512, 8192])
def test_batched_logprobs_are_those_of_each_row_alone(
    model_dir: Path, make_rows: MakeRows, budget: int, share: bool
) -> None:
    model = models.load(model_dir)
    rows = [held(row) if index % 3 else row for index, row in enumerate(make_rows(40))]
    found = batched(model, rows, budget, share)
    assert len(found) == sum(sum(row.loss_mask) for row in rows)
    for index, row in enumerate(rows):
        for place, (logprob, entropy) in naive(model, row).items():
            assert found[index, place][0] == pytest.approx(logprob, rel=1e-5, abs=1e-5)
            assert found[index, place][1] == pytest.approx(entropy, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("share", [True, False])
def test_gradients_are_those_of_each_row_alone(model_dir: Path, make_rows: MakeRows, share: bool) -> None:
    model = models.load(model_dir)
    rows = make_rows(20, seed=5)
    for batch in batches.micro_batches(rows, 512, share=share):
        losses.imitation(models.token_logprobs(model, batch), batch.advantages, tokens=100).backward()  # type: ignore[no-untyped-call]
    found = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    model.zero_grad()
    terms = []
    for row in rows:
        logs = torch.log_softmax(model(torch.tensor([row.input_ids])).logits[0] / row.temperature, dim=-1)
        for place, on in enumerate(row.loss_mask):
            if on:
                terms.append(-row.advantages[place] * logs[place - 1, row.input_ids[place]] / 100)
    torch.stack(terms).sum().backward()  # type: ignore[no-untyped-call]
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, rtol=1e-4, atol=1e-5, msg=name)


def test_a_row_does_not_see_its_neighbours(model_dir: Path, make_rows: MakeRows) -> None:
    """Change every token of one branch: nothing else moves, not by a bit more than rounding."""
    model = models.load(model_dir)
    rows = make_rows(12, seed=2)
    before = batched(model, rows, 8192, True)
    other = rows[5].model_copy(update={"input_ids": tuple((token + 7) % 64 for token in rows[5].input_ids)})
    after = batched(model, [*rows[:5], other, *rows[6:]], 8192, True)
    for (index, place), (logprob, _) in before.items():
        if index != 5:
            assert after[index, place][0] == pytest.approx(logprob, abs=1e-5)
    assert any(abs(after[key][0] - value[0]) > 1e-2 for key, value in before.items() if key[0] == 5)


def test_shared_prefixes_are_laid_out_once(make_rows: MakeRows) -> None:
    row = make_rows(1)[0]
    prompt = tuple(range(40))
    rows = [
        row.model_copy(
            update={
                "input_ids": (*prompt, 1, end),
                "loss_mask": (False,) * 40 + (True, True),
                "rollout_logprobs": (0.0,) * 42,
                "advantages": (1.0,) * 42,
            }
        )
        for end in (1, 2, 2, 3)
    ]
    (batch,) = batches.micro_batches(rows, 8192)
    assert batch.input_ids.shape == (1, 41)  # the prompt and the token 1; the ends are only ever targets
    assert batch.tokens == 8
    assert sum(b.input_ids.numel() for b in batches.micro_batches(rows, 8192, share=False)) == 4 * 41


def test_every_trained_token_is_in_one_batch_and_batches_keep_to_the_budget(make_rows: MakeRows) -> None:
    rows = make_rows(60, seed=9)
    for share in (True, False):
        laid = batches.micro_batches(rows, 300, share=share)
        counted = Counter(index for batch in laid for index in batch.rows.tolist())
        assert counted == {index: sum(row.loss_mask) for index, row in enumerate(rows)}
        assert all(batch.input_ids.numel() <= 300 or len(batch.input_ids) == 1 for batch in laid)
    padding = [(batch.input_ids == 0).sum().item() for batch in laid]
    zeros = sum(row.input_ids.count(0) for row in rows)
    assert sum(padding) - zeros < 0.2 * sum(batch.input_ids.numel() for batch in laid)


def test_temperature_is_the_rows_own(model_dir: Path, make_rows: MakeRows) -> None:
    model = models.load(model_dir)
    row = make_rows(1)[0]
    hot, cold = (row.model_copy(update={"temperature": value}) for value in (2.0, 0.5))
    values = {t: batched(model, [r], 512, True) for t, r in ((2.0, hot), (0.5, cold))}
    both = batched(model, [hot, cold], 512, True)
    for (_, place), (logprob, entropy) in values[2.0].items():
        assert entropy > values[0.5][0, place][1]
        assert both[0, place][0] == pytest.approx(logprob, abs=1e-5)
        assert both[1, place][0] == pytest.approx(values[0.5][0, place][0], abs=1e-5)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"input_ids": (1, 64)}, "outside the model's 64"),
        ({"input_ids": (1, -1)}, "outside the model's 64"),
        ({"input_ids": (1, 2, 3)}, "differ in length"),
        ({"loss_mask": (True, True)}, "nothing precedes"),
        ({"temperature": 0.0}, "temperature 0.0"),
    ],
)
def test_impossible_rows_are_refused(change: dict[str, Any], reason: str) -> None:
    row = TrainingRow(input_ids=(1, 2), loss_mask=(False, True), rollout_logprobs=(0, -1), advantages=(0, 1))
    batches.check([row], 64)
    with pytest.raises(ValueError, match=reason):
        batches.check([row.model_copy(update=change)], 64)


SMALL: dict[str, Any] = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
}


def test_other_architectures_with_a_model_and_a_head(tmp_path: Path, make_rows: MakeRows) -> None:
    torch.manual_seed(1)
    LlamaForCausalLM(LlamaConfig(**SMALL)).save_pretrained(tmp_path)
    model = models.load(tmp_path)
    assert models.can_share_prefixes(model)
    rows = make_rows(12)
    found = batched(model, rows, 512, True)
    assert all(
        found[index, place][0] == pytest.approx(logprob, abs=1e-5)
        for index, row in enumerate(rows)
        for place, (logprob, _) in naive(model, row).items()
    )


def test_sliding_window_attention_is_laid_out_row_by_row(tmp_path: Path, make_rows: MakeRows) -> None:
    torch.manual_seed(1)
    config = Qwen3Config(**SMALL, use_sliding_window=True, sliding_window=8, max_window_layers=1)
    Qwen3ForCausalLM(config).save_pretrained(tmp_path)
    model = models.load(tmp_path)
    assert not models.can_share_prefixes(model)
    rows = make_rows(12)
    found = batched(model, rows, 512, False)
    assert all(
        found[index, place][0] == pytest.approx(logprob, abs=1e-5)
        for index, row in enumerate(rows)
        for place, (logprob, _) in naive(model, row).items()
    )


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no config\.json"):
        models.load(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "no such thing"}')
    with pytest.raises(ConfigError, match="cannot be loaded"):
        models.load(tmp_path)


def test_the_model_is_loaded_in_float32_with_dropout_off(model_dir: Path) -> None:
    model = models.load(model_dir)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert not model.training
    assert model.config._attn_implementation == "sdpa"
    assert isinstance(model, type(AutoModelForCausalLM.from_pretrained(model_dir)))
