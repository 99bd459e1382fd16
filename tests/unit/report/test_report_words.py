"""Checks and figures in words."""

from __future__ import annotations

import pytest

from core.checks import AllCheck, AnswerCheck, AnyCheck, Check, EnteredCheck, FunctionalCheck, PageCheck, UrlCheck
from discovery.report.words import check_in_words, count, duration, points, share


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (None, "nothing is checked"),
        (AnswerCheck(equals="$4"), "the answer is “$4”"),
        (UrlCheck(matches="/a$"), "the address matches /a$"),
        (UrlCheck(matches=r"^https?://[^/?#]+/orders/FS\-2213/?(?=[?#]|$)"), "the address is /orders/FS-2213"),
        (UrlCheck(matches=r"^https?://[^/?#]+/?(?=[?#]|$)"), "the address is /"),
        (
            UrlCheck(matches=r"^https?://[^/?#]+/orders/?(?=[?#]|$)(?=.*[?&]status=(?:Delivered)(?:[&#]|$))"),
            "the address is /orders with status=Delivered",
        ),
        (
            UrlCheck(matches=r"^https?://[^/?#]+/orders/\d+/?(?=[?#]|$)"),
            r"the address matches ^https?://[^/?#]+/orders/\d+/?(?=[?#]|$)",
        ),
        (PageCheck(contains=("a", "b", "c")), "the page shows “a”, “b” and “c”"),
        (PageCheck(contains=("a",), url="x"), "the page shows “a” at an address that matches x"),
        (
            EnteredCheck(fields={"Name": "Ada", "Mail me": "checked"}),
            "“Ada” was entered as “Name” and “Mail me” was ticked",
        ),
        (FunctionalCheck(expect={"cart": [1]}), 'the site\'s records hold {"cart": [1]}'),
        (AnyCheck(of=(AnswerCheck(equals="1"), UrlCheck(matches="y"))), "the answer is “1” or the address matches y"),
        (
            AllCheck(of=(UrlCheck(matches="y"), AnyCheck(of=(AnswerCheck(equals="1"), AnswerCheck(equals="2"))))),
            "the address matches y and (the answer is “1” or the answer is “2”)",
        ),
    ],
)
def test_a_check_is_said_in_words(check: Check | None, words: str) -> None:
    assert check_in_words(check) == words


def test_figures() -> None:
    assert [share(None), share(0.256), share(0.256, 1)] == ["—", "26%", "25.6%"]
    assert [points(0.1234), points(-0.05)] == ["+12.3", "\u22125.0"]
    assert [duration(None), duration(59.6), duration(61), duration(3720)] == [
        "—",
        "1 min 00 s",
        "1 min 01 s",
        "1 h 02 min",
    ]
    assert count(1234567) == "1\u202f234\u202f567"
