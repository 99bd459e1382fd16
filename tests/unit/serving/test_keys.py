"""Keys: where they come from, and that they are not shown."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from serving.keys import Key, loopback

SECRET = 'sk-"quoted"/and+more'


def test_a_key_is_taken_out_of_texts_however_it_was_escaped() -> None:
    key = Key(SECRET)
    for text in (SECRET, json.dumps({"key": SECRET}), f"https://models.example/?key={quote(SECRET, safe='')}"):
        assert "quoted" not in key.removed(text)
        assert "quoted" not in key.told(text)
    assert "quoted" not in f"{key!r} {key} {vars(key)}"
    assert key
    assert not Key()


def test_placeholders_stay_in_answers_and_texts_without_a_key_as_they_are() -> None:
    assert Key("none").removed("there are none") == "there are none"
    assert Key("none").told("there are\n none") == "there are [key]"
    assert Key().removed("a") == Key().told("a") == "a"
    assert len(Key().told("x" * 1000)) == 301


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:8000/v1", True),
        ("http://127.8.9.1/v1", True),
        ("http://[::1]:8000/v1", True),
        ("http://localhost/v1", True),
        ("http://localhost.example/v1", False),
        ("http://192.168.0.1/v1", False),
        ("https://models.example/v1", False),
    ],
)
def test_only_this_machine_is_loopback(url: str, here: bool) -> None:
    assert loopback(url) is here
