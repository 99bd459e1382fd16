"""Progress: on a terminal, in a log, and with pages that try to steer either."""

from __future__ import annotations

import io
import re
import time

import pytest
from rich.console import Console

from cli.console import printable, sparkline
from cli.lines import LineProgress
from cli.live import LiveProgress
from discovery.progress import Event, Phase, Status

STATUS = Status(
    phase=Phase.PRACTISING,
    iteration=3,
    iterations=10,
    done=12,
    total=64,
    success=0.25,
    episodes_per_s=3.21,
    seconds_left=125.0,
    task="Open the [bold]tent[/bold]\x1b[31m page",
)


def test_lines_tell_what_matters_with_the_time() -> None:
    out = io.StringIO()
    with LineProgress(out) as progress:
        progress(Event("phase", STATUS, "iteration 3: practising"))
        progress(Event("episode", STATUS))
        progress(Event("iteration", STATUS, "iteration 3: success 25%", {"success": 0.25}))
    assert [line[9:] for line in out.getvalue().splitlines()] == ["iteration 3: practising", "iteration 3: success 25%"]
    assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in out.getvalue().splitlines())


def test_a_long_phase_gives_a_sign_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    out = io.StringIO()
    progress = LineProgress(out)
    progress(Event("phase", STATUS, "practising"))
    for _ in range(60):
        now[0] += 1.0
        progress(Event("episode", STATUS))
    said = [line[9:] for line in out.getvalue().splitlines()[1:]]
    assert said == ["practising: 12 of 64 episodes, 25% succeeded"] * 2


def test_text_from_pages_cannot_steer_the_terminal() -> None:
    assert printable("a\x1b[2Jb\r\nc\u202ed\x07") == "a [2Jb c d"
    out = io.StringIO()
    LineProgress(out)(Event("notice", STATUS, "one\n12:00:00 two\x1b]0;owned\x07"))
    assert out.getvalue().count("\n") == 1
    assert "\x1b" not in out.getvalue()


def shown(*events: Event) -> str:
    console = Console(file=io.StringIO(), width=80, force_terminal=False)
    progress = LiveProgress(console, "autotelic · [red]shop")
    for event in events:
        progress(event)
    console.print(progress.render())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_panel_shows_where_the_run_stands() -> None:
    screen = shown(
        Event("iteration", STATUS, "iteration 1 done", {"success": 0.1}),
        Event("iteration", STATUS, "iteration 2 done", {"success": 0.9}),
        Event("measured", STATUS, "measured", {"name": "initial", "success": 0.2}),
        Event("episode", STATUS),
    )
    for words in (
        "practising  iteration 3 of 10",
        "12/64 episodes",
        "25% succeeded · 3.2 episodes/s · 2 min 05 s left",
        "→ Open the [bold]tent[/bold] [31m page",
        "▂▇  90%",
        "held out  initial 20.0%",
        "autotelic · [red]shop",
        "iteration 2 done",
    ):
        assert words in screen, screen
    assert "\x1b" not in screen


def test_the_panel_is_there_before_anything_happened() -> None:
    assert "starting" in shown()


def test_a_measurement_without_a_score_is_no_failure() -> None:
    assert "practising" in shown(Event("measured", STATUS, "nothing scored", {"name": "initial", "success": None}))


def test_sparklines_stay_in_their_range() -> None:
    assert sparkline([-1.0, 0.0, 0.5, 1.0, 7.0]) == "▁▁▅██"
    assert len(sparkline([0.5] * 100, width=12)) == 12
