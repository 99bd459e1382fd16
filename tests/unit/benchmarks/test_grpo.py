"""The comparison with TRL, without TRL: its rows, the search for the fastest setting, and the process it talks to."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import grpo, grpo_settings
from benchmarks.grpo_peer import Peer
from benchmarks.grpo_settings import GROUPS, START, Outcome, Setting
from benchmarks.update import make_rows
from core.config import TrainingConfig
from core.errors import InfrastructureError, UserError

# Stands in for an interpreter with TRL: answers as `grpo_trl.py` does.
PRETENDER = """
import json, sys, time
print(json.dumps({"trl": "pretended"}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    if "setting" not in request:
        answer = {"wall": float(request["kind"]), "cpu": 2.0} if request else {"ended": ""}
    elif request["setting"].get("breaks"):
        answer = {"ended": "ValueError: it\\nbreaks"}
    elif request["setting"].get("hangs"):
        time.sleep(60)
    elif request["setting"].get("dies"):
        sys.exit("out of memory")
    else:
        answer = {"ready": True}
    print(json.dumps(answer), flush=True)
"""


def interpreter(folder: Path, program: str) -> Path:
    path = folder / "python"
    path.write_text(f"#!{sys.executable}\n{program}")
    path.chmod(0o755)
    return path


def test_unshared_rows_are_as_long_and_train_the_same_tokens() -> None:
    rows = make_rows(128, alike=0.4, silent=0.0)
    fresh = grpo.unshared(rows)
    assert grpo.recurring(rows) > 0.3
    assert grpo.recurring(fresh) == 0
    assert [len(row.input_ids) for row in fresh] == [len(row.input_ids) for row in rows]
    for row, old in zip(fresh, rows, strict=True):
        begin = row.loss_mask.index(True)
        assert row.input_ids[:begin] != old.input_ids[:begin]
        assert row.input_ids[begin:] == old.input_ids[begin:]


def test_only_shared_rows_are_laid_out_in_fewer_tokens_than_they_have() -> None:
    rows = make_rows(128, alike=0.4, silent=0.0)
    shared, fresh = (grpo.described(kind, TrainingConfig(), 64) for kind in (rows, grpo.unshared(rows)))
    assert shared["tokens"] == fresh["tokens"]
    assert shared["laid_out"]["trl"] == fresh["laid_out"]["trl"] > fresh["tokens"]
    assert shared["laid_out"]["ours"] < 0.8 * shared["tokens"] < fresh["laid_out"]["ours"]


def test_rows_are_padded_to_the_longest_prompt_and_completion_of_a_generation_batch() -> None:
    rows = make_rows(4, alike=0.0, silent=0.0)
    prompts = [row.loss_mask.index(True) for row in rows]
    completions = [sum(row.loss_mask) for row in rows]
    assert grpo.padded(rows, 1) == sum(len(row.input_ids) for row in rows)
    assert grpo.padded(rows, 4) == 4 * (max(prompts) + max(completions))
    halves = [2 * (max(prompts[at : at + 2]) + max(completions[at : at + 2])) for at in (0, 2)]
    assert grpo.padded(rows, 2) == sum(halves)


def test_a_portable_row_is_the_row() -> None:
    row = make_rows(1, alike=0.0, silent=0.0)[0]
    told = json.loads(json.dumps(grpo.portable(row)))
    assert (*told["prompt"], *told["completion"]) == row.input_ids
    assert len(told["completion"]) == len(told["logprobs"]) == sum(row.loss_mask)
    assert told["advantage"] == row.advantages[-1] != 0


def test_gradients_agree_in_direction_whatever_their_scale() -> None:
    ours = {"a": torch.tensor([3.0, 0.0]), "b": torch.tensor([[4.0]])}
    doubled = {name: 2 * value for name, value in ours.items()}
    assert grpo.agreement(ours, doubled) == pytest.approx({"cosine": 1.0, "norm_ratio": 0.5})
    turned = {"a": torch.tensor([0.0, 5.0]), "b": torch.tensor([[0.0]])}
    assert grpo.agreement(ours, turned) == pytest.approx({"cosine": 0.0, "norm_ratio": 1.0})
    with pytest.raises(InfrastructureError, match="different parameters"):
        grpo.agreement(ours, {"a": ours["a"]})


def test_turns_are_compared_pair_by_pair() -> None:
    ours = [{"wall": wall, "cpu": 1.0} for wall in (1.0, 2.0, 10.0)]
    theirs = [{"wall": wall, "cpu": 3.0} for wall in (2.0, 5.0, 15.0)]
    result = grpo.compared(ours, theirs, 100)
    assert result["ours_tokens_per_s"] == [50.0, 10.0, 100.0]
    assert result["ratio"] == [2.0, 1.5, 2.5]
    assert result["cpu_ratio"] == [3.0, 3.0, 3.0]


def test_each_group_changes_the_fastest_so_far() -> None:
    seconds = {(1, 1): 4.0, (2, 1): 3.0, (3, 1): 5.0, (2, 2): 2.0}
    bests = []

    def attempt(setting: Setting, best: float) -> Outcome:
        bests.append(best)
        known = seconds.get((setting["a"], setting["b"]))
        return Outcome(setting, [known, known, known]) if known else Outcome(setting, reason="failed: why")

    groups = ([{"a": 2}, {"a": 3}, {"a": 4}], [{"b": 2}, {"b": 3}])
    best, tried = grpo_settings.search(attempt, {"a": 1, "b": 1}, groups)
    assert best.setting == {"a": 2, "b": 2}
    assert [one.setting for one in tried[1:]] == [{"a": a, "b": b} for a, b in ((2, 1), (3, 1), (4, 1), (2, 2), (2, 3))]
    assert bests == [float("inf"), 4.0, 4.0, 4.0, 3.0, 3.0]
    assert [one.reason for one in tried if not one.measured] == ["failed: why"] * 2


def test_nothing_is_compared_when_the_first_setting_fails() -> None:
    with pytest.raises(InfrastructureError, match="fp32, sdpa, batches of 8: failed: why"):
        grpo_settings.search(lambda setting, _: Outcome(setting, reason="failed: why"), START, GROUPS)


def test_settings_differ_in_words() -> None:
    settings = [START, *(START | change for group in GROUPS for change in group)]
    assert len({grpo_settings.words(one) for one in settings}) == len(settings)
    assert grpo_settings.words(START | {"bf16": True, "torch_compile": True}) == "bf16, sdpa, batches of 8, compiled"


def test_a_session_answers_until_it_is_left(tmp_path: Path) -> None:
    peer = Peer(interpreter(tmp_path, PRETENDER), tmp_path, patience=30)
    peer.start()
    try:
        assert peer.versions == {"trl": "pretended"}
        for _ in range(2):
            with peer.session({}, threads=1, rows=8, steps=1) as update:
                assert [update(kind)["wall"] for kind in ("1", "2")] == [1.0, 2.0]
        with (
            pytest.raises(InfrastructureError, match=r"^ValueError: it breaks$"),
            peer.session({"breaks": True}, threads=1, rows=8, steps=1),
        ):
            pass
        with peer.session({}, threads=1, rows=8, steps=1) as update:
            assert update("3")["cpu"] == 2.0
    finally:
        peer.close()


@pytest.mark.parametrize(("fault", "reason"), [("hangs", "no answer within 0.5 s"), ("dies", "out of memory")])
def test_a_setting_that_takes_the_process_down_is_told_and_the_next_one_measured(
    tmp_path: Path, fault: str, reason: str
) -> None:
    peer = Peer(interpreter(tmp_path, PRETENDER), tmp_path, patience=30)
    peer.start()
    try:
        peer.patience = 0.5 if fault == "hangs" else 30
        outcome = grpo.tried(peer, START | {fault: True}, 1.0, threads=1, repeats=1)
        assert outcome.reason == f"failed: {reason}"
        peer.patience = 30
        with peer.session({}, threads=1, rows=8, steps=1) as update:
            assert update("1")["wall"] == 1.0
    finally:
        peer.close()


@pytest.mark.parametrize(("option", "value"), [("--rows", "100"), ("--alike", "2"), ("--threads", "0")])
def test_what_cannot_be_measured_is_refused(option: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert grpo.main(["--trl-python", "anything", option, value]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"grpo: {option} has to be")
    assert error.count("\n") == 1


def test_an_output_without_a_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert grpo.main(["--trl-python", "anything", "--output", str(tmp_path / "none" / "line.jsonl")]) == 2
    assert "make it first" in capsys.readouterr().err


def test_a_missing_interpreter_is_one_sentence_that_names_the_fix(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert grpo.main(["--trl-python", str(tmp_path / "python")]) == 2
    error = capsys.readouterr().err
    assert "cannot be started" in error
    assert "python -m benchmarks.grpo --help" in error
    assert error.count("\n") == 1


def test_a_missing_trl_is_one_sentence_that_names_the_fix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    python = interpreter(tmp_path, "raise ModuleNotFoundError(\"No module named 'trl'\")")
    assert grpo.main(["--trl-python", str(python)]) == 2
    error = capsys.readouterr().err
    assert "has no working TRL (ModuleNotFoundError: No module named 'trl')" in error
    assert f"{python} -m pip install -r" in error
    assert error.count("\n") == 1


def test_a_process_that_starts_and_says_nothing_is_no_trl(tmp_path: Path) -> None:
    peer = Peer(interpreter(tmp_path, ""), tmp_path, patience=30)
    with pytest.raises(UserError, match="it said nothing"):
        peer.start()


def test_the_table_tells_settings_reasons_and_ratios() -> None:
    spread: dict[str, Any] = {"ours_tokens_per_s": [400.0, 390.0, 410.0], "trl_tokens_per_s": [200.0, 190.0, 210.0]}
    line = {
        "versions": {"trl": {"trl": "1.16.0"}},
        "repeats": 3,
        "screening": {"rows": 32, "threads": 2},
        "gradient": {"none": {"cosine": 1.0, "norm_ratio": 1.0}},
        "settings": [
            {"setting": START, "s": [1.0, 2.0, 4.0]},
            {"setting": START | {"bf16": True}, "s": [], "reason": "failed: why"},
        ],
        "best": START,
        "rows": {"none": {"recurring": 0.0, "tokens": 31000, "laid_out": {"ours": 31500, "trl": 40000}}},
        "results": [{"threads": 2, "kind": "none", "ratio": [2.0, 1.9, 2.1], "cpu_ratio": [2.2, 2.1, 2.3], **spread}],
    }
    text = grpo.table(line)
    assert "2.00 s (1.00 to 4.00)" in text
    assert "failed: why" in text
    assert "fastest: fp32, sdpa, batches of 8" in text
    assert "31500 / 40000" in text
    assert "400 (390 to 410)" in text
    assert text.endswith("2.00 (1.90 to 2.10)  2.20 (2.10 to 2.30)")
