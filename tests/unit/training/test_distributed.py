"""Two processes train as one does: the same numbers, the same checkpoints, and no process left behind.

Starting them takes ten seconds, so that most tests share a pair, which each sets back to the initial model.
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from core.config import TrainingConfig
from core.errors import ConfigError, RunDirectoryError, StorageFault, TrainerFault
from core.types import TrainingRow
from training import sft
from training.distributed import DistributedTrainer
from training.trainer import Trainer

MakeRows = Callable[..., list[TrainingRow]]
CONFIG = TrainingConfig(learning_rate=3e-3, micro_batch_tokens=512, minibatches=2, device="cpu")


def over_two(config: TrainingConfig) -> TrainingConfig:
    return config.model_copy(update={"processes": 2})


def same_metrics(one: dict[str, float], two: dict[str, float], rel: float = 1e-5) -> None:
    assert one.keys() == two.keys()
    for key in one.keys() - {"update_s"}:
        assert two[key] == pytest.approx(one[key], rel=rel, abs=1e-9), key


def near(wanted: torch.Tensor, found: torch.Tensor) -> None:
    """To 1e-5 of the tensor's norm: Adam divides by a gradient's size and so makes much of one that is all rounding."""
    assert wanted.shape == found.shape
    assert torch.linalg.vector_norm(found - wanted) <= 1e-5 * torch.linalg.vector_norm(wanted) + 1e-9


def same_checkpoints(one: Path, two: Path) -> None:
    """The same files with the same names of weights, and the same numbers to float32's precision."""
    names = sorted(path.name for path in one.iterdir())
    assert names == sorted(path.name for path in two.iterdir())
    for name in names:
        if name.endswith(".safetensors"):
            wanted, found = load_file(one / name), load_file(two / name)
            assert wanted.keys() == found.keys()
            for key, value in wanted.items():
                near(value, found[key])
        elif name != "trainer.pt":
            assert (one / name).read_bytes() == (two / name).read_bytes(), name
    wanted, found = (torch.load(folder / "trainer.pt", weights_only=True) for folder in (one, two))
    assert wanted["optimizer"]["param_groups"] == found["optimizer"]["param_groups"]
    assert wanted["optimizer"]["state"].keys() == found["optimizer"]["state"].keys()
    for index, state in wanted["optimizer"]["state"].items():
        for key, value in state.items():
            near(value, found["optimizer"]["state"][index][key])
    for key in wanted.keys() - {"optimizer"}:
        assert torch.equal(wanted[key], found[key]) if key == "generator" else wanted[key] == found[key]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def processes(trainer: DistributedTrainer) -> list[int]:
    return [member.process.pid for member in trainer._members]


@pytest.fixture(scope="module")
def pair(model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DistributedTrainer]:
    logs = tmp_path_factory.mktemp("logs")
    with closing(DistributedTrainer(model_dir, over_two(CONFIG), logs=logs, seed=3, threads=2)) as trainer:
        yield trainer
    assert not any(map(alive, processes(trainer)))


@pytest.fixture
def two(pair: DistributedTrainer, model_dir: Path, tmp_path: Path) -> DistributedTrainer:
    Trainer(model_dir, CONFIG, seed=3).save(tmp_path / "initial")
    pair.restore(tmp_path / "initial")
    return pair


@pytest.fixture
def one(model_dir: Path) -> Trainer:
    return Trainer(model_dir, CONFIG, seed=3)


def test_two_processes_give_the_numbers_and_the_checkpoint_of_one(
    one: Trainer, two: DistributedTrainer, make_rows: MakeRows, tmp_path: Path
) -> None:
    for index in range(3):
        rows = make_rows(24, seed=index)
        same_metrics(one.update(rows, batch_id=str(index)), two.update(rows, batch_id=str(index)))
    assert (two.version, two.batch_ids) == (one.version, one.batch_ids) == (3, ["0", "1", "2"])
    one.save(tmp_path / "one")
    two.save(tmp_path / "two")
    same_checkpoints(tmp_path / "one", tmp_path / "two")


def test_what_two_saved_one_goes_on_from_and_the_other_way_round(
    one: Trainer, two: DistributedTrainer, model_dir: Path, make_rows: MakeRows, tmp_path: Path
) -> None:
    first, second = make_rows(24, seed=0), make_rows(24, seed=1)
    one.update(first, batch_id="0")
    one.save(tmp_path / "by one")
    two.update(first, batch_id="0")
    two.save(tmp_path / "by two")
    wanted = one.update(second, batch_id="1")
    one.save(tmp_path / "wanted")
    alone = Trainer(model_dir, CONFIG, seed=99)
    alone.restore(tmp_path / "by two")
    same_metrics(wanted, alone.update(second, batch_id="1"))
    alone.save(tmp_path / "alone")
    same_checkpoints(tmp_path / "wanted", tmp_path / "alone")
    two.update(make_rows(24, seed=7), batch_id="astray")
    two.restore(tmp_path / "by one")
    assert (two.version, two.batch_ids) == (1, ["0"])
    same_metrics(wanted, two.update(second, batch_id="1"))
    two.save(tmp_path / "together")
    same_checkpoints(tmp_path / "wanted", tmp_path / "together")


def test_one_row_for_two_processes_counts_once(one: Trainer, two: DistributedTrainer, make_rows: MakeRows) -> None:
    rows = make_rows(1)
    same_metrics(one.update(rows, batch_id="0"), two.update(rows, batch_id="0"))


def test_nothing_to_learn_from_is_no_update(two: DistributedTrainer) -> None:
    metrics = two.update([], batch_id="0")
    assert (metrics["updated"], metrics["rows"], two.version, two.batch_ids) == (0, 0, 0, ["0"])


def test_a_batch_is_applied_once(two: DistributedTrainer, make_rows: MakeRows, tmp_path: Path) -> None:
    two.update(make_rows(8), batch_id="0")
    two.save(tmp_path / "once")
    metrics = two.update(make_rows(8), batch_id="0")
    assert (metrics["repeated"], metrics["updated"], two.version) == (1, 0, 1)
    two.save(tmp_path / "twice")
    assert (tmp_path / "once/model.safetensors").read_bytes() == (tmp_path / "twice/model.safetensors").read_bytes()


def test_a_gradient_that_is_not_finite_in_one_process_is_skipped_in_both(
    one: Trainer, two: DistributedTrainer, make_rows: MakeRows, tmp_path: Path
) -> None:
    rows = make_rows(6)
    broken = rows[0].model_copy(update={"advantages": tuple(math.inf if on else 0.0 for on in rows[0].loss_mask)})
    alone, found = (trainer.update([broken, *rows[1:]], batch_id="0") for trainer in (one, two))
    same_metrics(alone, found)
    assert found["skipped_steps"] == 1
    one.save(tmp_path / "one")
    two.save(tmp_path / "two")
    same_checkpoints(tmp_path / "one", tmp_path / "two")


def test_rows_without_log_probabilities_get_the_same_in_both(
    one: Trainer, two: DistributedTrainer, make_rows: MakeRows
) -> None:
    rows = make_rows(9)
    rows = [row.model_copy(update={"rollout_logprobs": ()}) if i % 3 else row for i, row in enumerate(rows)]
    same_metrics(one.update(rows, batch_id="0"), two.update(rows, batch_id="0"))


def test_demonstrations_are_imitated_alike(one: Trainer, two: DistributedTrainer, make_rows: MakeRows) -> None:
    alone, found = (
        sft.imitate(trainer, make_rows(12), batch_id="0", epochs=2, batch_size=5, learning_rate=1e-3)
        for trainer in (one, two)
    )
    same_metrics(alone, found)
    assert found["steps"] == 6


def test_what_is_wrong_with_a_request_is_said_and_the_next_is_answered(
    two: DistributedTrainer, make_rows: MakeRows, tmp_path: Path
) -> None:
    outside = make_rows(2)[0].model_copy(update={"temperature": -1.0})
    with pytest.raises(ValueError, match=r"has temperature -1\.0"):
        two.update([outside], batch_id="0")
    with pytest.raises(RunDirectoryError, match=r"no trainer\.pt"):
        two.restore(tmp_path)
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(StorageFault, match="could not be written"):
        two.save(tmp_path / "file" / "weights")
    assert two.update(make_rows(8), batch_id="0")["updated"] == 1


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads what Linux tells of sockets")
def test_the_processes_listen_on_the_loopback_interface_alone(two: DistributedTrainer) -> None:
    held = set()
    for pid in processes(two):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            try:
                held.add(str(descriptor.readlink()))
            except FileNotFoundError:
                continue
    listening = [
        line.split()[1].rpartition(":")[0]
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]
        if line.split()[3] == "0A" and f"socket:[{line.split()[9]}]" in held
    ]
    assert set(listening) <= {"0100007F"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"lora_rank": 4},
        {"lora_rank": 4, "kl_coefficient": 0.1, "ratio": "sequence", "eps_low": 0.01, "eps_high": 0.02},
        {"kl_coefficient": 0.1, "entropy_coefficient": 0.01, "recompute_activations": True},
        {"ratio": "sequence", "eps_low": 0.01, "eps_high": 0.02, "importance_cap": 2.0, "epochs": 2},
        {"loss": "cispo", "lora_rank": 4, "recompute_activations": True},
        {"algorithm": "filtered_bc"},
    ],
    ids=str,
)
def test_every_way_to_train_gives_the_numbers_of_one_process(
    model_dir: Path, make_rows: MakeRows, tmp_path: Path, settings: dict[str, object]
) -> None:
    config = TrainingConfig.model_validate(CONFIG.model_dump() | settings)
    one = Trainer(model_dir, config)
    with closing(DistributedTrainer(model_dir, over_two(config), logs=tmp_path / "logs", threads=2)) as two:
        for index in range(2):
            rows = make_rows(24, seed=index)
            same_metrics(one.update(rows, batch_id=str(index)), two.update(rows, batch_id=str(index)))
        one.save(tmp_path / "one")
        two.save(tmp_path / "two")
        same_checkpoints(tmp_path / "one", tmp_path / "two")
        two.restore(tmp_path / "one")
        rows = make_rows(5, seed=2)
        same_metrics(one.update(rows, batch_id="2"), two.update(rows, batch_id="2"))
    resumed = Trainer(model_dir, config, seed=99)
    resumed.restore(tmp_path / "two")
    assert resumed.update(rows, batch_id="2")["updated"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 4])
def test_in_bfloat16_the_numbers_are_near(model_dir: Path, make_rows: MakeRows, tmp_path: Path, rank: int) -> None:
    config = CONFIG.model_copy(update={"dtype": "bfloat16", "lora_rank": rank, "minibatches": 1})
    wanted = Trainer(model_dir, config).update(make_rows(12), batch_id="0")
    with closing(DistributedTrainer(model_dir, over_two(config), logs=tmp_path / "logs", threads=2)) as two:
        found = two.update(make_rows(12), batch_id="0")
        two.save(tmp_path / "weights")
    assert found["updated"] == 1
    for key in ("grad_norm", "nll", "entropy", "mismatch_kl"):
        assert found[key] == pytest.approx(wanted[key], rel=0.05), key
    name = "adapter_model.safetensors" if rank else "model.safetensors"
    assert {value.dtype for value in load_file(tmp_path / "weights" / name).values()} == {torch.float32}


@pytest.mark.slow
def test_a_process_that_is_killed_ends_the_update_the_others_and_the_trainer(
    model_dir: Path, make_rows: MakeRows, tmp_path: Path
) -> None:
    with closing(DistributedTrainer(model_dir, over_two(CONFIG), logs=tmp_path, threads=2)) as trainer:
        pids = processes(trainer)
        timer = threading.Timer(0.5, os.kill, (pids[1], signal.SIGKILL))
        timer.start()
        with pytest.raises(TrainerFault, match=r"process 1 of the trainer was killed by SIGKILL: .*rank-1\.log"):
            trainer.optimise(make_rows(24), "surrogate", batch_id="0", epochs=1000)
        timer.join()
        assert not any(map(alive, pids))
        with pytest.raises(TrainerFault, match="SIGKILL"):
            trainer.save(tmp_path / "weights")
    assert not (tmp_path / "weights").exists()


@pytest.mark.slow
def test_closing_during_an_update_ends_it(model_dir: Path, make_rows: MakeRows, tmp_path: Path) -> None:
    trainer = DistributedTrainer(model_dir, over_two(CONFIG), logs=tmp_path, threads=2)
    timer = threading.Timer(0.5, trainer.close)
    timer.start()
    with pytest.raises(TrainerFault, match="the trainer is closed"):
        trainer.optimise(make_rows(24), "surrogate", batch_id="0", epochs=1000)
    timer.join()
    assert not any(map(alive, processes(trainer)))
    assert not Path(trainer._folder.name).exists()
    with pytest.raises(TrainerFault, match="the trainer is closed"):
        trainer.update([], batch_id="1")
    trainer.close()


_PARENT = """
import sys
from pathlib import Path
from core.config import TrainingConfig
from training.distributed import DistributedTrainer
trainer = DistributedTrainer(Path(sys.argv[1]), TrainingConfig(processes=2, device="cpu"), logs=Path(sys.argv[2]))
print(trainer._folder.name, *(member.process.pid for member in trainer._members), flush=True)
sys.stdin.read()
"""


@pytest.mark.slow
def test_nothing_outlives_a_parent_that_is_killed(model_dir: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", _PARENT, str(model_dir), str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        folder, *pids = parent.stdout.readline().split()
        assert all(alive(int(pid)) for pid in pids)
        parent.kill()
        parent.wait()
    until = time.monotonic() + 10
    while any(alive(int(pid)) for pid in pids) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(alive(int(pid)) for pid in pids)
    assert not Path(folder).exists()


@pytest.mark.slow
def test_a_folder_without_a_model_is_refused_as_by_one_process(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"it has no config\.json"):
        DistributedTrainer(tmp_path, over_two(CONFIG), logs=tmp_path / "logs")


def test_a_process_that_cannot_start_says_why(model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(TrainerFault, match="process 0 of the trainer ended: it said nothing"):
        DistributedTrainer(model_dir, over_two(CONFIG), logs=tmp_path)


def test_more_processes_than_gpus_are_refused(model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ConfigError, match=r"training\.processes=2 needs as many GPUs, and torch finds 1 here"):
        DistributedTrainer(model_dir, TrainingConfig(processes=2), logs=tmp_path)


def test_a_model_that_sees_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "qwen2_vl"}', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"set training\.processes=1"):
        DistributedTrainer(tmp_path, over_two(CONFIG), logs=tmp_path)


def test_one_gpu_named_for_several_processes_is_refused() -> None:
    with pytest.raises(ValueError, match=r"set training\.device='cuda'"):
        TrainingConfig(processes=2, device="cuda:1")
