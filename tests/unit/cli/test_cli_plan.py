"""`autotelic run --dry-run`: what it says, how it exits, and that it starts nothing."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli import main, plan
from cli.configuration import assemble, find, presets_folder
from core.errors import ModelFault
from discovery import machine, preflight
from discovery.forecast import Forecast, forecast
from discovery.machine import Machine
from serving.keys import Key

SECRET = "sk-do-not-show-me"
HOSTED = ["run", "--dry-run", "--config", "hosted"]


@pytest.fixture(autouse=True)
def nothing_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder of its own, a known machine, and no process."""

    def refuse(*arguments: Any, **more: Any) -> Any:
        raise AssertionError(f"a process was started: {arguments}")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "look", lambda: Machine(memory=64 * 2**30))
    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr(asyncio, "create_subprocess_exec", refuse)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def answer(monkeypatch: pytest.MonkeyPatch, said: str | ModelFault) -> list[str]:
    """Have every address answer this; the addresses that were asked."""
    asked: list[str] = []

    async def ask(url: str, key: Key) -> str:
        asked.append(url)
        if isinstance(said, ModelFault):
            raise ModelFault(f"{url}: {said}")
        return said

    monkeypatch.setattr(preflight, "show_models", ask)
    return asked


def test_the_default_run_could_start_and_nothing_is_made(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main.invoke(["run", "--dry-run", "--minutes", "5", "--run-dir", "mine"]) == 0
    said = capfd.readouterr()
    assert said.err == ""
    for words in ("sites: shop", "2.8M parameters", "128 episodes", "ends after: 5 minutes", "mine, not made yet"):
        assert words in said.out
    assert "\x1b" not in said.out
    assert list(tmp_path.iterdir()) == []


def test_neither_torch_nor_transformers_is_imported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()  # this one starts a process, to begin without any module
    code = (
        "import sys; from cli import main; code = main.invoke(['run', '--dry-run']);"
        "assert not {'torch', 'transformers', 'langgraph'} & set(sys.modules); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("preset", sorted(presets_folder().glob("*.toml")), ids=lambda path: path.stem)
def test_every_preset_has_a_plan_without_the_network(preset: Path, tmp_path: Path) -> None:
    config = assemble(base=find(preset.stem))
    found = forecast(config, asyncio.run(preflight.gather(config, tmp_path / "run", ask=None, environ={})))
    told = [text for _, lines in plan.sections(found, tmp_path / "run") for _, text in lines]
    assert all(told)
    missing = "models/" in config.policy.model
    assert any("there is no model" in problem for problem in found.problems) == missing
    assert list(tmp_path.iterdir()) == []
    assert Forecast.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (["policy.model=models/none"], "there is no model in 'models/none'"),
        (["sampler.kind=secc"], "sampler.kind = 'secc' does not exist; the nearest is 'sec'"),
        (["judge.kind=chekcs"], "did you mean 'checks'?"),
        (["policy.kind=locl"], "policy.kind = 'locl' does not exist"),
        (["site.urls=['shpo']"], "there is no bundled site 'shpo'"),
        (["site.urls=['shop','http://127.0.0.1:1']"], "mixes bundled sites and URLs"),
        (["browser.executable=/no/such"], "browser.executable = '/no/such'"),
        (["evaluation.heldout=none.jsonl"], "none.jsonl"),
        (["training.device=cuda"], "there is no GPU here"),
        (["training.lora_rank=4", "training.lora_targets=['w']"], "no linear layer 'w'"),
        (
            ["policy.kind=vllm", "policy.constrained=false", "vllm.interpreter=no/python"],
            "'no/python' is not a program",
        ),
    ],
)
def test_what_keeps_a_run_from_starting_is_one_sentence_and_code_2(
    settings: list[str], sentence: str, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main.invoke(["run", "--dry-run", "--set", *settings]) == 2
    said = capfd.readouterr().err
    assert sentence in said
    assert said.startswith("autotelic: ")
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_every_problem_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    wrong = ["sampler.kind=x", "judge.kind=y", "policy.model=z"]
    assert main.invoke(["run", "--dry-run", "--set", *wrong]) == 2
    assert capfd.readouterr().err.count("autotelic: ") == 3


def test_a_folder_that_is_taken_is_refused(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "x").touch()
    assert main.invoke(["run", "--dry-run", "--run-dir", "taken"]) == 2
    assert "'taken' is not empty" in capfd.readouterr().err


def test_a_missing_key_is_named_and_the_endpoint_is_not_asked(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answer(monkeypatch, "{}")
    assert main.invoke(HOSTED) == 2
    said = capfd.readouterr()
    assert "OPENAI_API_KEY has to hold the key" in said.err
    assert "OPENAI_API_KEY is not set" in said.out
    assert asked == []


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_key_is_never_shown(
    more: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    answer(monkeypatch, ModelFault(f"401: the key {SECRET} is wrong"))
    assert main.invoke([*HOSTED, *more]) == 2
    said = capfd.readouterr()
    assert SECRET not in said.out + said.err
    assert "401: the key [key] is wrong" in said.err
    assert "OPENAI_API_KEY is set" in said.out


def test_an_endpoint_that_answers_is_asked_once(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    asked = answer(monkeypatch, '{"data": [{"id": "another"}]}')
    assert main.invoke([*HOSTED, "--set", "run.cost=1"]) == 0
    said = capfd.readouterr().out
    assert asked == ["https://api.openai.com/v1"]
    assert "does not list endpoint.model = 'gpt-4.1-mini'" in said
    assert "run.cost = 1, enough for about" in said


def test_servers_that_do_not_answer_are_named_each(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answer(monkeypatch, ModelFault("nobody there"))
    urls = "['http://127.0.0.1:1/v1','http://127.0.0.1:2/v1']"
    settings = ["policy.kind=vllm", "policy.constrained=false", "training.lora_rank=8", f"vllm.urls={urls}"]
    assert main.invoke(["run", "--dry-run", "--set", *settings]) == 2
    assert len(asked) == 2
    assert capfd.readouterr().err.count("nobody there") == 2


def test_a_refused_connection_is_a_sentence() -> None:
    with pytest.raises(ModelFault, match=r"http://127\.0\.0\.1:9/v1 cannot be reached"):
        asyncio.run(preflight.show_models("http://127.0.0.1:9/v1", Key()))


def test_the_plan_for_programs_is_json_alone(capfd: pytest.CaptureFixture[str]) -> None:
    assert main.invoke(["run", "--dry-run", "--json", "--iterations", "2"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["practice"]["episodes"] == 128
    assert found["problems"] == []


def test_json_is_for_a_plan(capfd: pytest.CaptureFixture[str]) -> None:
    assert main.invoke(["run", "--json"]) == 2
    assert "--dry-run" in capfd.readouterr().err
