"""The program's endings: exit codes, one sentence for each failure, and how arguments are spread."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from cli import failures, main
from core.errors import ConfigError, StorageFault


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes `autotelic doctor` raise what it is given."""
    import cli.diagnosis

    def install(error: BaseException) -> None:
        def check() -> Any:
            raise error
            yield

        monkeypatch.setattr(cli.diagnosis, "CHECKS", {"python": check})

    return install


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (ConfigError("'a.b' is not a setting"), 2, "autotelic: 'a.b' is not a setting\n"),
        (StorageFault("the disk\nis full"), 1, "autotelic: the disk is full\n"),
        (KeyboardInterrupt(), 130, "autotelic: interrupted\n"),
    ],
)
def test_a_failure_is_one_sentence_and_an_exit_code(
    failing: Any, capfd: pytest.CaptureFixture[str], error: BaseException, code: int, sentence: str
) -> None:
    failing(error)
    assert main.invoke(["doctor"]) == code
    assert capfd.readouterr().err.lstrip("\n") == sentence


def test_an_unexpected_error_keeps_its_traceback(
    failing: Any, capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "_folder", [tmp_path])
    failing(ZeroDivisionError("an inner detail"))
    assert main.invoke(["doctor"]) == 1
    said = capfd.readouterr().err
    assert said == (
        f"autotelic: something unexpected happened (ZeroDivisionError); the traceback is in {tmp_path / 'error.log'}\n"
    )
    log = (tmp_path / "error.log").read_text()
    assert "Traceback" in log
    assert "an inner detail" in log


def test_without_a_run_folder_the_traceback_goes_to_a_temporary_file(
    failing: Any, capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "_folder", [tmp_path / "never made"])
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    failing(ValueError("x"))
    assert main.invoke(["doctor"]) == 1
    found = re.search(r"the traceback is in (\S+)", capfd.readouterr().err)
    assert found
    assert "ValueError: x" in Path(found[1]).read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rnu"], ["No such command 'rnu'", "Did you mean", "run"]),
        (["run", "--minuts", "3"], ["--minuts", "--minutes", "see autotelic run --help"]),
        (["run", "--minutes", "soon"], ["--minutes", "number"]),
        (["run", "--minutes", "0"], ["--minutes has to be greater than 0, not 0"]),
        (["run", "--minutes", "nan"], ["--minutes has to be greater than 0"]),
        (["run", "--iterations", "-2"], ["--iterations has to be greater than 0, not -2"]),
        (["run", "--seed", "-1"], ["--seed has to be 0 or more, not -1"]),
        (["run", "--config", "defualt"], ["'defualt'", "did you mean the preset 'default'?"]),
        (["run", "--set", "training.group_sze=4"], ["'training.group_sze' is not a setting", "'training.group_size'"]),
        (["run", "--set", "group_size"], ["section.key=value"]),
        (["run", "--heldout", "nowhere.jsonl"], ["there is no file 'nowhere.jsonl' for --heldout"]),
        (["run", "--resume", "--run-dir", "nowhere"], ["'nowhere' holds no run"]),
        (["run", "--resume"], ["there is no run in 'runs/' to resume"]),
        (["eval"], ["Missing"]),
        (["eval", "nowhere", "--tasks", "x", "--policy", "best"], ["--policy is 'initial', 'latest'", "'best'"]),
        (["explore", "shop", "--output", "x", "--pages", "0"], ["--pages has to be greater than 0"]),
        (["report", "nowhere"], ["'nowhere' holds no run"]),
        (["status", "nowhere"], ["'nowhere' holds no run"]),
        (["stop", "nowhere"], ["'nowhere' holds no run"]),
        (["doctor", "--only", "chrome"], ["did you mean 'chromium'?"]),
        (["sites", "serve", "shpo"], ["there is no bundled site 'shpo'", "shop"]),
    ],
)
def test_bad_input_is_one_sentence_that_names_the_fix(
    arguments: list[str],
    words: list[str],
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main.invoke(arguments) == 2
    said = capfd.readouterr().err
    assert said.startswith("autotelic: ")
    assert said.count("\n") == 1
    for word in words:
        assert word in said
    assert list(tmp_path.iterdir()) == []


def test_asking_nothing_shows_the_help(capfd: pytest.CaptureFixture[str]) -> None:
    assert main.invoke([]) == 0
    assert "Commands" in capfd.readouterr().out


@pytest.mark.parametrize(
    "command", ["run", "eval", "explore", "serve", "report", "status", "stop", "doctor", "sites serve"]
)
def test_every_command_teaches_by_example(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main.invoke([*command.split(), "--help"]) == 0
    said = capfd.readouterr().out
    assert "Example" in said
    assert f"autotelic {command} " in said.partition("Example")[2]


def test_the_version_is_the_distributions(capfd: pytest.CaptureFixture[str]) -> None:
    assert main.invoke(["--version"]) == 0
    assert re.fullmatch(r"autotelic \d+\.\d+\.\d+\S*\n", capfd.readouterr().out)


@pytest.mark.parametrize(
    ("given", "spread"),
    [
        (["run", "--set", "a=1", "b=2", "--seed", "3"], ["run", "--set", "a=1", "--set", "b=2", "--seed", "3"]),
        (["run", "--site", "x", "y"], ["run", "--site", "x", "--site", "y"]),
        (["run", "--seed", "3", "stray"], ["run", "--seed", "3", "stray"]),
        (["run", "--set=a=1", "b=2"], ["run", "--set=a=1", "b=2"]),
        (["eval", "d", "--set", "a", "b"], ["eval", "d", "--set", "a", "b"]),
        ([], []),
    ],
)
def test_options_may_take_several_values(given: list[str], spread: list[str]) -> None:
    assert main.spread(given) == spread
