"""`autotelic demo` without a browser: cleaning and showing files, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli import main
from core import demos
from core.demos import RecordedStep, Recording, Seen


def write(path: Path, *lines: str, task: str = "Add a tent") -> None:
    page = Seen(url="/", title="Home \x1b[31m", view='page "Home"')
    steps = tuple(RecordedStep(action=line, seen=page) for line in lines)
    recording = Recording(url="shop", task=task, started_at=datetime(2026, 1, 1, tzinfo=UTC), steps=steps, final=page)
    path.write_text(recording.as_text(), encoding="utf-8")


def test_cleaning_says_what_it_dropped_and_why(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "a.json", 'click link "Help"', 'click link "Tents"')
    write(tmp_path / "b.json", 'click link "Tents"')
    write(tmp_path / "c.json", 'click link "Tents"')
    write(tmp_path / "d.json", "back", task="Another")
    files = [str(tmp_path / f"{name}.json") for name in "abcd"]
    assert main.invoke(["demo", "clean", *files, "--output", str(tmp_path / "out")]) == 0
    said = capfd.readouterr().out
    assert 'dropped   1  click link "Help"  · in 1 of 3 recordings' in said
    assert "the only recording of its task, so kept as it is" in said
    assert demos.load(tmp_path / "out" / "a.clean.json").lines == ('click link "Tents"',)
    assert len(list((tmp_path / "out").iterdir())) == 4


def test_what_pages_say_does_not_steer_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "a.json", 'click link "\x1b]0;owned\x07"')
    assert main.invoke(["demo", "show", str(tmp_path / "a.json"), "--views"]) == 0
    said = capfd.readouterr().out
    assert "owned" in said
    assert "\x1b]" not in said
    assert "\x1b[31m" not in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["record", "shop"], "Missing"),
        (["record", "shop", "--task", " "], "--task has to say"),
        (["record", "shop", "--task", "x"], "there is no display"),
        (["record", "shop", "--task", "x", "--minutes", "0"], "--minutes has to be greater than 0"),
        (["record", "shpo", "--task", "x", "--headless"], "did you mean 'shop'?"),
        (["clean", "nowhere.json"], "there is no recording 'nowhere.json'"),
        (["clean", "nowhere.json", "--majority", "0"], "--majority has to be"),
        (["clean", "a/x.json", "b/x.json", "--output", "c"], "the same name"),
        (["show", "nowhere.json"], "autotelic demo record"),
        (["replay", "nowhere.json"], "there is no recording"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert main.invoke(["demo", *arguments]) == 2
    said = capfd.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["record", "clean", "show", "replay"])
def test_every_command_teaches_by_example(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main.invoke(["demo", command, "--help"]) == 0
    said = capfd.readouterr().out
    assert f"autotelic demo {command} " in said.partition("Example")[2]
    assert "--headless" not in said
