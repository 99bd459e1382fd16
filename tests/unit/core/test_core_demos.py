"""Recordings: they survive their file, and a file that is damaged or made up is refused with a sentence."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core import demos
from core.demos import RecordedStep, Recording, Seen
from core.errors import UserError

PAGE = Seen(url="/", title="Home", view='page "Home"')
ONE = Recording(
    url="shop",
    task='Find "the" tent\u2028 Ä',
    started_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    steps=(RecordedStep(action='type textbox "Search" "{secret}" enter', seen=PAGE),),
    final=PAGE,
)


def test_a_recording_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text(ONE.as_text(), encoding="utf-8")
    assert demos.load(path) == ONE


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"format": 2}, "format"),
        ({"task": ""}, "task"),
        ({"steps": [{"action": "import os", "seen": {"url": "/"}}]}, "'import' is not an action"),
        ({"steps": [{"action": 'back\nclick link "x"', "seen": {"url": "/"}}]}, "one line"),
        ({"steps": [{"action": "back", "seen": {"url": "x" * 9999}}]}, "steps.0.seen.url"),
        ({"steps": [{"action": "back", "seen": {"url": "/"}}] * (demos.MOST_STEPS + 1)}, "steps"),
        ({"script": "alert(1)"}, "script"),
    ],
)
def test_what_is_no_recording_is_refused_and_the_sentence_says_why(
    tmp_path: Path, changed: dict[str, Any], why: str
) -> None:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(json.loads(ONE.as_text()) | changed), encoding="utf-8")
    with pytest.raises(UserError, match=why):
        demos.load(path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"[]", b"null", ONE.as_text().encode()[:-20]])
def test_a_damaged_file_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match="no recording that can be used"):
        demos.load(path)


def test_a_file_that_is_not_there_or_far_too_large_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="make one with autotelic demo record"):
        demos.load(tmp_path / "nowhere.json")
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.truncate(20_000_000)
    with pytest.raises(UserError, match="larger than 16 MB"):
        demos.load(path)
