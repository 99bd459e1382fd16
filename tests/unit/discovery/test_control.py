"""The control table: nothing that was sent is lost, whoever dies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import RunDirectoryError, UserError
from core.protocols import RunControl
from discovery.control import SqliteControl


@pytest.fixture
def control(tmp_path: Path) -> Iterator[SqliteControl]:
    table = SqliteControl(tmp_path / "control.sqlite")
    yield table
    table.close()


def test_a_command_stays_until_it_is_acknowledged(control: SqliteControl, tmp_path: Path) -> None:
    assert isinstance(control, RunControl)
    first = control.send("pause")
    second = control.send("set_goal", {"text": "carts"})
    other = SqliteControl(tmp_path / "control.sqlite", create=False)
    assert other.pending() == [(first, "pause", {}), (second, "set_goal", {"text": "carts"})]
    assert other.result(first) is None
    other.acknowledge(first, "paused")
    other.close()
    assert control.pending() == [(second, "set_goal", {"text": "carts"})]
    assert control.result(first) == "paused"


def test_events_can_be_followed(control: SqliteControl) -> None:
    control.emit("phase", {"text": "starting"})
    control.emit("notice", {"path": Path("x")})
    (first, _, name, data), (second, at, _, _) = control.events()
    assert (name, data) == ("phase", {"text": "starting"})
    assert at > 0
    assert [event[0] for event in control.events(after=first)] == [second]


def test_old_events_go(control: SqliteControl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("discovery.control._KEPT_EVENTS", 100)
    for number in range(1000):
        control.emit("episode", {"n": number})
    assert [data["n"] for *_, data in control.events()] == list(range(900, 1000))


def test_what_is_no_command_or_no_table_is_refused(control: SqliteControl, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did you mean 'resume'"):
        control.send("resum")
    with pytest.raises(RunDirectoryError, match="holds no run"):
        SqliteControl(tmp_path / "none" / "control.sqlite", create=False)
    (tmp_path / "text").write_text("not a database, but long enough to be taken for one" * 20)
    with pytest.raises(RunDirectoryError, match="not a control table"):
        SqliteControl(tmp_path / "text")
