"""The experiment runner: each cell once, whatever interrupts it, and only on the terms it was begun with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.cells import Terms, cross, read_arms
from benchmarks.experiment import ROOT
from core.config import load
from environments.sites.tasks import load_split, task_file
from evals import taskfile
from tests.unit.benchmarks.conftest import FAKE, Fake


def test_every_arm_is_a_configuration_that_exists() -> None:
    arms = read_arms()
    assert {"default", "uniform", "warm_start"} <= set(arms)
    changed = {name: load(None, arm.overrides) for name, arm in arms.items()}
    assert changed.pop("default") == load()
    assert all(config != load() for config in changed.values())


def test_the_arms_of_a_seed_lie_side_by_side() -> None:
    cells = cross(["default", "uniform"], ["shop", "kb"], [0, 1], Terms("default", 1.0, "test"))
    assert [cell.name for cell in cells[:3]] == ["default-shop-0", "uniform-shop-0", "default-kb-0"]
    assert len(cells) == 8


def test_a_finished_cell_is_run_once_and_leaves_one_line(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    assert fake.run("--arms", "default", "uniform", "--seeds", "3", "--set", "browser.contexts=2") == 0
    assert fake.run("--arms", "default", "uniform", "--seeds", "3", "--set", "browser.contexts=2") == 0
    assert len(fake.calls) == 2
    assert fake.calls[1][1:] == [
        *("--config", "default", "--site", "shop", "--seed", "3", "--minutes", "9.5"),
        *("--run-dir", str(fake.output / "cells" / "uniform-shop-3")),
        *("--set", "sampler.kind=uniform", "--set", "browser.contexts=2"),
    ]
    assert [line["arm"] for line in fake.results] == ["default", "uniform"]
    said = capsys.readouterr().out
    assert "cell 2 of 2, uniform-shop-3: 15.0% to 30.0%, gain +15.0 [+5.0, +25.0] points" in said
    assert "cell 1 of 2, default-shop-3: done before" in said


def test_a_line_tells_what_was_asked_and_where_it_ran(fake: Fake) -> None:
    assert fake.run("--arms", "uniform", "--seeds", "0", "--minutes", "2") == 0
    (line,) = fake.results
    asked = {"arm": "uniform", "overrides": ["sampler.kind=uniform"], "site": "shop", "seed": 0, "minutes": 2.0}
    assert asked.items() <= line.items()
    assert (line["split"], line["sessions"], line["episodes"]) == ("test", 1, 240)
    assert set(line["machine"]) == {"cores", "cpu"}
    assert {"commit", "dirty", "started", "process_s", "stage_s", "episodes_per_s"} <= set(line)
    assert str(fake.folder) not in json.dumps(line)


def test_lost_results_are_derived_again_without_a_run(fake: Fake) -> None:
    assert fake.run("--arms", "default", "--seeds", "0") == 0
    before = fake.results
    (fake.output / "results.jsonl").unlink()
    assert fake.run("--arms", "default", "--seeds", "0") == 0
    assert fake.results == before
    assert len(fake.calls) == 1


def test_a_failed_cell_does_not_hold_up_the_others_and_is_resumed(
    fake: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.mode("crash")
    assert fake.run("--arms", "default", "uniform", "--seeds", "0") == 1
    assert [line["arm"] for line in fake.results] == ["uniform"]
    assert "not finished: default-shop-0" in capsys.readouterr().out
    assert fake.run("--arms", "default", "uniform", "--seeds", "0") == 0
    assert fake.calls[-1] == ["run", "--resume", "--run-dir", str(fake.output / "cells" / "default-shop-0")]
    assert fake.results[-1]["sessions"] == 2


def test_a_cell_that_cannot_be_resumed_begins_afresh(fake: Fake) -> None:
    fake.mode("crash")
    assert fake.run("--arms", "default", "--seeds", "0") == 1
    fake.mode("refuse")
    assert fake.run("--arms", "default", "--seeds", "0") == 0
    assert ["--resume" in call for call in fake.calls] == [False, True, False]
    assert fake.results[0]["sessions"] == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_run_under_way_and_the_same_command_goes_on(fake: Fake, number: signal.Signals) -> None:
    fake.mode("stop")
    program = f"import sys; from benchmarks import learning; sys.exit(learning.main(sys.argv[1:], command={FAKE!r}))"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "run", "--arms", "default", "--sites", "shop", "--output", str(fake.output)],
        stdout=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            if "practising" in line:
                process.send_signal(number)
                break
        rest = process.stdout.read()
    assert process.wait() == 130
    assert "the same command goes on" in rest
    assert len(fake.calls) == 1
    summary = fake.output / "cells" / "default-shop-0" / "summary.json"
    assert json.loads(summary.read_text())["status"] == "stopped"
    assert fake.run("--arms", "default") == 0
    assert ["--resume" in call for call in fake.calls] == [False, True, False, False]


def test_the_dev_split_is_measured_with_the_sites_own_file(fake: Fake) -> None:
    assert fake.run("--arms", "default", "--seeds", "0", "--split", "dev") == 0
    (call,) = fake.calls
    path = Path(call[call.index("--heldout") + 1])
    assert path == task_file("shop", "dev")
    found = taskfile.load(path)
    assert [task.id for task in found.tasks] == [task.id for task in load_split("shop", "dev")]
    assert found.problems == ()


def test_other_terms_are_refused(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    assert fake.run("--arms", "default", "--seeds", "0", "--minutes", "2") == 0
    assert fake.run("--arms", "default", "--seeds", "0", "--minutes", "3") == 2
    assert "default-shop-0 with minutes = 2.0, not 3.0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "--arms", "unifrom"], "there is no arm 'unifrom' in arms.toml; did you mean 'uniform'?"),
        (["run", "--arms", "zzz"], "there are default, uniform"),
        (["run", "--sites", "shopp"], "there is no bundled site 'shopp'; did you mean 'shop'?"),
        (["run", "--seeds", "1", "1"], "named twice"),
        (["run", "--seeds", "-1"], "a seed has to be 0 or more"),
        (["run", "--minutes", "0"], "--minutes has to be greater than 0"),
        (["run", "--config", "smok"], "did you mean the preset 'smoke'?"),
        (["run", "--set", "training.group_sice=2"], "the nearest is 'training.group_size'"),
        (["run", "--output", __file__], "is a file"),
        (["table", str(Path(__file__).parent)], "there are no results in"),
        (["table", __file__], "is not a file of results"),
    ],
)
def test_bad_input_is_one_sentence(
    fake: Fake, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmarks import learning

    assert learning.main(arguments, command=FAKE) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
    assert fake.calls == []


def test_it_runs_from_the_checkout() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.learning", "arms"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "uniform: the control" in done.stdout
