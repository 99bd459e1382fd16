"""Training through low-rank adapters, in less memory, and in bfloat16."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from core.config import TrainingConfig
from core.errors import ConfigError, RunDirectoryError
from core.loading import weights_kind
from core.types import TrainingRow
from training import batches, proximal
from training import model as models
from training.trainer import Trainer

MakeRows = Callable[..., list[TrainingRow]]
LORA = TrainingConfig(learning_rate=1e-2, micro_batch_tokens=512, minibatches=2, lora_rank=4)


def logprobs(model: Any, rows: list[TrainingRow]) -> torch.Tensor:
    return torch.tensor([value for row in proximal.logprobs(model, rows, 4096, share=True) for value in row])


def gradients(trainer: Trainer, rows: list[TrainingRow]) -> dict[str, torch.Tensor]:
    for batch in batches.micro_batches(rows, 4096):
        statistics = models.token_statistics(trainer.model, batch, entropy_gradient=True)
        (statistics.logprobs @ batch.advantages + statistics.entropy.sum()).backward()  # type: ignore[no-untyped-call]
    found = {name: one.grad for name, one in trainer.model.named_parameters() if one.grad is not None}
    assert found
    return found


def test_an_untrained_adapter_changes_nothing(model_dir: Path, make_rows: MakeRows) -> None:
    rows = make_rows(6)
    assert torch.equal(
        logprobs(Trainer(model_dir, LORA).model, rows), logprobs(Trainer(model_dir, TrainingConfig()).model, rows)
    )


def test_an_update_moves_the_adapter_and_leaves_the_base(model_dir: Path, make_rows: MakeRows) -> None:
    trainer = Trainer(model_dir, LORA)
    before = {name: value.detach().clone() for name, value in trainer.model.state_dict().items()}
    trainer.update(make_rows(8), batch_id="one")
    moved = {name for name, value in trainer.model.state_dict().items() if not torch.equal(before[name], value)}
    assert moved
    assert all("lora_" in name for name in moved)
    assert len([name for name in before if "lora_B" in name]) == 2 * 7, "every linear layer of both blocks"


def test_what_is_saved_is_an_adapter_that_peft_reads_the_same_policy_from(
    model_dir: Path, make_rows: MakeRows, tmp_path: Path
) -> None:
    trainer, rows = Trainer(model_dir, LORA), make_rows(8)
    trainer.update(rows, batch_id="one")
    trainer.save(tmp_path / "weights")
    assert weights_kind(tmp_path / "weights") == "adapter"
    assert weights_kind(model_dir) == "full"
    settings = json.loads((tmp_path / "weights/adapter_config.json").read_text(encoding="utf-8"))
    assert settings["base_model_name_or_path"] == str(model_dir.resolve())
    base = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32)
    merged = PeftModel.from_pretrained(base, str(tmp_path / "weights")).merge_and_unload()
    assert torch.allclose(logprobs(merged, rows), logprobs(trainer.model, rows), atol=1e-5)
    untouched = Trainer(model_dir, LORA).model
    assert not torch.allclose(logprobs(untouched, rows), logprobs(trainer.model, rows), atol=1e-3)


def test_a_restored_adapter_goes_on_to_the_bit(model_dir: Path, make_rows: MakeRows, tmp_path: Path) -> None:
    trainer, rows = Trainer(model_dir, LORA), make_rows(8)
    trainer.update(rows, batch_id="one")
    trainer.save(tmp_path / "weights")
    trainer.update(rows, batch_id="two")
    resumed = Trainer(model_dir, LORA, seed=9)
    resumed.restore(tmp_path / "weights")
    resumed.update(rows, batch_id="two")
    wanted = trainer.model.state_dict()
    assert all(torch.equal(wanted[name], value) for name, value in resumed.model.state_dict().items())


def test_an_adapter_of_another_rank_is_not_restored(model_dir: Path, tmp_path: Path) -> None:
    Trainer(model_dir, LORA).save(tmp_path / "weights")
    with pytest.raises(RunDirectoryError, match=r"does not fit|cannot be read"):
        Trainer(model_dir, LORA.model_copy(update={"lora_rank": 8})).restore(tmp_path / "weights")


def test_an_adapter_with_weights_that_the_model_lacks_is_not_restored(model_dir: Path, tmp_path: Path) -> None:
    trainer = Trainer(model_dir, LORA)
    trainer.save(tmp_path / "weights")
    path = tmp_path / "weights/adapter_model.safetensors"
    save_file({**load_file(path), "base_model.model.model.layers.7.q_proj.lora_A.weight": torch.zeros(4, 4)}, path)
    with pytest.raises(RunDirectoryError, match=r"layers\.7"):
        trainer.restore(tmp_path / "weights")


def test_the_reference_of_an_adapter_is_the_base(model_dir: Path, make_rows: MakeRows) -> None:
    rows = make_rows(8)
    config = LORA.model_copy(update={"kl_coefficient": 0.1, "minibatches": 1})
    adapted = Trainer(model_dir, config)
    first = adapted.update(rows, batch_id="one")
    second = adapted.update(rows, batch_id="two")
    assert first["reference_kl"] == pytest.approx(0, abs=1e-7)
    batch, *_ = batches.micro_batches(rows, 8192)
    base = models.token_logprobs(models.load(model_dir), batch)
    assert torch.allclose(adapted._reference_logprobs(batch), base, atol=1e-6)
    assert second["reference_kl"] > 1e-4


def test_chosen_layers_alone_get_adapters(model_dir: Path) -> None:
    trainer = Trainer(model_dir, LORA.model_copy(update={"lora_targets": ("q_proj", "down_proj")}))
    adapted = {name.split(".")[-4] for name, one in trainer.model.named_parameters() if one.requires_grad}
    assert adapted == {"q_proj", "down_proj"}
    with pytest.raises(ConfigError, match=r"no linear layer 'lm_head'; there are down_proj, gate_proj"):
        Trainer(model_dir, LORA.model_copy(update={"lora_targets": ("q_proj", "lm_head")}))


def test_the_seed_decides_where_an_adapter_begins(model_dir: Path) -> None:
    def start(seed: int) -> Any:
        return next(
            one for name, one in Trainer(model_dir, LORA, seed=seed).model.named_parameters() if "lora_A" in name
        )

    assert torch.equal(start(1), start(1))
    assert not torch.equal(start(1), start(2))


def test_logits_in_parts_give_the_same_numbers_and_gradients(
    model_dir: Path, make_rows: MakeRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row.model_copy(update={"choices": _some(row)}) for row in make_rows(8)]
    whole = Trainer(model_dir, TrainingConfig())
    wanted = gradients(whole, rows)
    monkeypatch.setattr(models, "_LOGITS", 3 * 64)  # three tokens at a time
    parts = Trainer(model_dir, TrainingConfig())
    found = gradients(parts, rows)
    assert all(torch.allclose(wanted[name], found[name], rtol=1e-4, atol=1e-6) for name in wanted)
    assert torch.allclose(logprobs(whole.model, rows), logprobs(parts.model, rows), atol=1e-6)


def _some(row: TrainingRow) -> tuple[tuple[int, ...], ...]:
    """Every other trained token was drawn among four."""
    return tuple(
        (token, (token + 1) % 64, (token + 2) % 64, (token + 3) % 64) if on and place % 2 else ()
        for place, (token, on) in enumerate(zip(row.input_ids, row.loss_mask, strict=True))
    )


def test_recomputed_activations_give_the_same_gradients_and_no_dropout(
    model_dir: Path, make_rows: MakeRows, tmp_path: Path
) -> None:
    dropping = tmp_path / "model"
    model = AutoModelForCausalLM.from_pretrained(model_dir)
    model.config.attention_dropout = 0.5
    model.save_pretrained(dropping)
    rows = make_rows(8)
    wanted = gradients(Trainer(dropping, TrainingConfig()), rows)
    trainer = Trainer(dropping, TrainingConfig(recompute_activations=True))
    assert trainer.model.is_activation_checkpointing
    found = gradients(trainer, rows)
    assert all(torch.allclose(wanted[name], found[name], rtol=1e-4, atol=1e-6) for name in wanted)


def test_adapters_train_with_recomputed_activations(model_dir: Path, make_rows: MakeRows) -> None:
    plain, thrifty = (
        Trainer(model_dir, LORA.model_copy(update={"recompute_activations": recompute})) for recompute in (False, True)
    )
    for trainer in (plain, thrifty):
        assert trainer.update(make_rows(8), batch_id="one")["updated"]
    wanted = plain.model.state_dict()
    assert all(torch.allclose(wanted[name], one, atol=1e-5) for name, one in thrifty.model.state_dict().items())


@pytest.mark.parametrize("rank", [0, 4])
def test_in_bfloat16_the_trained_weights_stay_float32_and_the_numbers_near(
    model_dir: Path, make_rows: MakeRows, rank: int
) -> None:
    rows = make_rows(8)
    config = TrainingConfig(dtype="bfloat16", lora_rank=rank, learning_rate=1e-3)
    half, exact = Trainer(model_dir, config), Trainer(model_dir, config.model_copy(update={"dtype": "float32"}))
    trained = [one for one in half.model.parameters() if one.requires_grad]
    assert {one.dtype for one in trained} == {torch.float32}
    if rank:
        assert {one.dtype for one in half.model.parameters() if not one.requires_grad} == {torch.bfloat16}
    near = torch.tensor(half._present_logprobs(rows)[0]) - torch.tensor(exact._present_logprobs(rows)[0])
    assert 1e-5 < near.abs().max() < 0.1
    metrics = half.update(rows, batch_id="one"), exact.update(rows, batch_id="one")
    assert metrics[0]["updated"]
    assert metrics[0]["grad_norm"] == pytest.approx(metrics[1]["grad_norm"], rel=0.05)


def test_settings_of_adapters_without_a_rank_are_refused() -> None:
    with pytest.raises(ValueError, match=r"set training\.lora_rank"):
        TrainingConfig(lora_targets=("q_proj",))


def test_a_gpu_that_is_not_there_is_refused(model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"set training\.device=cpu"):
        Trainer(model_dir, TrainingConfig(device="cuda"))
