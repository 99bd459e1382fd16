"""The forecast's arithmetic, worked out by hand for a tiny model, and what it refuses."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from core.config import Config, TrainingConfig, VLLMConfig, validate
from core.errors import ConfigError
from discovery import expenses, footprint, machine, modelfacts
from discovery.footprint import Batch
from discovery.forecast import Facts, forecast
from discovery.machine import Gpu, Machine
from discovery.modelfacts import Linear, ModelFacts, Tower

GIB = 2**30

# Two blocks of h=4, a=4, k=2, f=8 over a vocabulary of 10; the parameters are not those of a real one but round.
TINY = ModelFacts(
    folder="tiny",
    kind="qwen3",
    parameters=1000,
    stored=2000,
    blocks=2,
    hidden=4,
    intermediate=8,
    heads=2,
    kv_heads=1,
    head_size=2,
    vocabulary=10,
    context=512,
    largest_block=300,
    normed_heads=False,
    sees=False,
    linear=(
        Linear(name="q_proj", inputs=4, outputs=4),
        Linear(name="up_proj", inputs=4, outputs=8),
    ),
)
BATCH = Batch(tokens=100, trained=20)


def large(parameters: int) -> ModelFacts:
    return TINY.model_copy(update={"parameters": parameters, "stored": 2 * parameters})


def write(folder: Path, tensors: dict[str, list[int]], config: dict[str, Any]) -> Path:
    """A model folder whose weights are all zero."""
    header, offset = {}, 0
    for name, shape in tensors.items():
        length = 2
        for side in shape:
            length *= side
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, offset + length]}
        offset += length
    told = json.dumps(header).encode()
    folder.mkdir(exist_ok=True)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(told)) + told + bytes(offset))
    (folder / "config.json").write_text(json.dumps(config))
    return folder


CONFIG = {
    "model_type": "qwen3",
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 2,
    "num_hidden_layers": 1,
    "hidden_size": 4,
    "intermediate_size": 8,
    "vocab_size": 10,
    "max_position_embeddings": 64,
    "tie_word_embeddings": True,
}
TENSORS = {
    "model.embed_tokens.weight": [10, 4],
    "lm_head.weight": [10, 4],
    "model.layers.0.self_attn.q_proj.weight": [4, 4],
    "model.layers.0.self_attn.q_norm.weight": [2],
}


def test_full_training_in_float32_is_as_worked_out_by_hand() -> None:
    found = footprint.trainer(TINY, TrainingConfig(), BATCH)
    assert (found.weights, found.gradients, found.optimizer, found.gathered) == (4000, 4000, 8000, 0)
    # Per token and block 24*4 + 8*4 + 8*2 + 16*8 = 272; under way 3*4*8 = 96.
    assert found.activations == 2 * 272 * 100 + 96 * 100
    assert found.logits == 5 * 4 * 20 * 10
    assert found.total == 4000 + 4000 + 8000 + 64000 + 4000
    assert found.saving == 9000


def test_adapters_on_a_bfloat16_base_are_as_worked_out_by_hand() -> None:
    found = footprint.trainer(TINY, TrainingConfig(lora_rank=3, dtype="bfloat16"), BATCH)
    adapter = 3 * (4 + 4) + 3 * (4 + 8)
    assert found.weights == 2 * 1000 + 4 * adapter
    assert (found.gradients, found.optimizer) == (4 * adapter, 8 * adapter)
    # Per token and block 28*4 + 8*4 + 4*2 + 10*8 = 232; under way 3*2*8 = 48.
    assert found.activations == 2 * 232 * 100 + 48 * 100


def test_recomputed_activations_are_the_blocks_inputs_and_one_block() -> None:
    found = footprint.trainer(TINY, TrainingConfig(recompute_activations=True), BATCH)
    assert found.activations == (2 * 4 * 4 + 272) * 100 + 96 * 100


def test_processes_share_what_lasts_and_gather_some_of_it() -> None:
    found = footprint.trainer(TINY, TrainingConfig(processes=3), BATCH)
    assert (found.weights, found.optimizer) == (1334, 2667)
    assert found.gathered == 4 * (10 * 4 + 2 * 300)
    assert found.loading == 3 * 4000


def test_a_frozen_reference_is_counted_for_whole_weights_alone() -> None:
    plain = footprint.trainer(TINY, TrainingConfig(), BATCH).weights
    assert footprint.trainer(TINY, TrainingConfig(kl_coefficient=0.1), BATCH).weights == plain + 4000
    adapted = TrainingConfig(lora_rank=3)
    with_kl = adapted.model_copy(update={"kl_coefficient": 0.1})
    assert footprint.trainer(TINY, with_kl, BATCH) == footprint.trainer(TINY, adapted, BATCH)


def test_logits_are_bounded_however_large_the_vocabulary() -> None:
    model = TINY.model_copy(update={"vocabulary": 10**6})
    found = footprint.trainer(model, TrainingConfig(), Batch(tokens=10**4, trained=10**4))
    assert found.logits == 5 * 4 * 2**25


def test_a_servers_cache_is_keys_and_values_of_every_token_at_once() -> None:
    found = footprint.vllm(TINY, VLLMConfig(dtype="float32"), lora_rank=0, concurrency=3, tokens=100)
    assert (found.weights, found.adapters, found.cache) == (4000, 0, 2 * 2 * 2 * 4 * 3 * 100)
    shared = VLLMConfig(dtype="auto", tensor_parallel_size=2, max_lora_rank=8, max_loras=2)
    found = footprint.vllm(TINY, shared, lora_rank=3, concurrency=3, tokens=100)
    assert (found.weights, found.adapters) == (1000, 8 * (8 + 12) * 2 * 2 // 2)


def test_a_folder_is_read_by_its_headers(tmp_path: Path) -> None:
    found = modelfacts.read(write(tmp_path, TENSORS, CONFIG))
    assert (found.parameters, found.largest_block, found.normed_heads) == (40 + 16 + 2, 18, True)
    assert found.stored == 2 * 58
    assert found.linear == (Linear(name="q_proj", inputs=4, outputs=4),)
    assert found.adapter(5) == 5 * 8


def test_a_head_of_its_own_counts(tmp_path: Path) -> None:
    found = modelfacts.read(write(tmp_path, TENSORS, CONFIG | {"tie_word_embeddings": False}))
    assert found.parameters == 2 * 40 + 16 + 2


def test_a_target_that_is_no_layer_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"no linear layer 'w'; there are q_proj, up_proj"):
        TINY.adapter(4, ("w",))


@pytest.mark.parametrize("damage", ["weights", "cut", "config", "list", "shape"])
def test_a_damaged_folder_is_one_sentence(tmp_path: Path, damage: str) -> None:
    folder = write(tmp_path, TENSORS, CONFIG)
    weights = folder / "model.safetensors"
    match damage:
        case "weights":
            weights.unlink()
        case "cut":
            weights.write_bytes(weights.read_bytes()[:-1])
        case "config":
            (folder / "config.json").write_text("{")
        case "list":
            (folder / "config.json").write_text("[]")
        case _:
            (folder / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match=str(tmp_path)):
        modelfacts.read(folder)


def test_a_picture_takes_a_token_for_each_square_of_patches() -> None:
    tower = Tower(blocks=1, hidden=8, intermediate=16, patch=14, merge=2)
    assert tower.tokens(1024, 768) == 37 * 27


def test_requests_of_an_iteration_are_bounded_by_rounds_and_repairs() -> None:
    config = validate(
        {
            "proposer": {"kind": "language"},
            "endpoint": {
                "base_url": "http://127.0.0.1:1/v1",
                "model": "m",
                "price_prompt": 2.0,
                "price_completion": 10.0,
            },
            "language_proposer": {"tasks": 4, "batch": 2, "fruitless_rounds": 3, "max_tokens": 100},
        }
    )
    found = expenses.of_iteration(config)
    assert found is not None
    assert found.most.requests == 2 * (4 + 3 - 1)
    assert found.most.completion_tokens == 12 * 100
    assert found.typical.requests == 2
    amount = found.typical
    assert amount.cost == pytest.approx((2 * amount.prompt_tokens + 10 * amount.completion_tokens) / 1e6)
    assert expenses.iterations(amount, cost=amount.cost * 3.5, tokens=None) == 3
    assert expenses.iterations(amount, cost=None, tokens=amount.tokens * 2) == 2
    assert expenses.iterations(amount, cost=None, tokens=None) is None


def test_the_limits_of_who_asks_no_model_are_not_spent() -> None:
    assert expenses.of_iteration(Config()) is None


def test_weights_beyond_the_memory_are_refused_and_activations_beyond_it_only_told() -> None:
    config = validate({"policy": {"constrained": False}})
    room = Machine(memory=8 * GIB)
    assert forecast(config, Facts(machine=room, model=TINY)).problems == ()
    (problem,) = forecast(config, Facts(machine=room, model=large(10**9))).problems
    assert "this machine has 8.0 GiB" in problem
    wide = TINY.model_copy(update={"blocks": 1000, "hidden": 4096})
    plan = forecast(config, Facts(machine=room, model=wide))
    assert plan.problems == ()
    assert any("may need" in note for note in plan.notes)


def gpu_plan(settings: dict[str, Any], memory: int, model: ModelFacts) -> list[str]:
    base = {"policy": {"kind": "vllm", "constrained": False}, "training": {"lora_rank": 8, "dtype": "bfloat16"}}
    facts = Facts(machine=Machine(memory=512 * GIB, gpus=(Gpu(name="g", memory=memory),)), model=model)
    return list(forecast(validate(base | settings), facts).problems)


def test_one_gpu_holds_server_and_trainer_only_when_one_of_them_sleeps() -> None:
    model = large(3 * 10**9)
    (problem,) = gpu_plan({}, 24 * GIB, model)
    assert "vllm.sleep" in problem
    assert gpu_plan({"vllm": {"sleep": True}}, 24 * GIB, model) == []


def test_a_model_beyond_the_servers_share_of_the_gpu_is_refused() -> None:
    problems = gpu_plan({"vllm": {"sleep": True}}, 24 * GIB, large(15 * 10**9))
    assert any("vllm.tensor_parallel_size" in problem for problem in problems)


def test_more_processes_than_gpus_and_a_gpu_that_is_not_there_are_refused() -> None:
    one = Facts(machine=Machine(gpus=(Gpu(name="g", memory=GIB),)))
    (problem,) = forecast(validate({"training": {"processes": 2, "device": "cuda"}}), one).problems
    assert "there are 1 here" in problem
    (problem,) = forecast(validate({"training": {"device": "cuda"}}), Facts(machine=Machine())).problems
    assert "training.device=cpu" in problem


def test_only_changed_settings_are_listed() -> None:
    plan = forecast(validate({"run": {"seed": 3}, "training": {"group_size": 8}}), Facts(machine=Machine()))
    assert plan.changed == ("run.seed",)


def test_gpus_are_those_that_are_visible() -> None:
    gpus = machine.parse("NVIDIA H100, 80 GB, 81559\nno devices were found\nB, 10\n")
    assert [(gpu.name, gpu.memory) for gpu in gpus] == [("NVIDIA H100, 80 GB", 81559 * 2**20), ("B", 10 * 2**20)]
    assert machine.visible(gpus, None) == gpus
    assert machine.visible(gpus, "") == ()
    assert machine.visible(gpus, "1") == (gpus[1],)
    assert machine.visible(gpus, "0,-1,1") == (gpus[0],)
    assert machine.visible(gpus, "GPU-abc") == (gpus[0],)
