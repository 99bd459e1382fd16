"""Pauses between tries: they double, are bounded, and never fall short of what the server asks for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from serving.backoff import Backoff


@given(chance=st.floats(0, 1, exclude_max=True), attempt=st.integers(1, 20), asked=st.floats(0, 1000))
def test_a_pause_is_bounded_and_no_shorter_than_asked(chance: float, attempt: int, asked: float) -> None:
    backoff = Backoff(10.0, chance=lambda: chance)
    own = backoff.pause(attempt)
    assert min(10.0, 0.5 * 2 ** (attempt - 1)) / 2 <= own <= 10.0
    assert asked <= backoff.pause(attempt, asked) <= max(own, asked + 2.0)


def test_the_header_is_a_number_or_a_date_and_nonsense_asks_for_nothing() -> None:
    backoff = Backoff(10.0, now=lambda: 784111777.0)  # 1994-11-06 08:49:37
    asked = {
        None: 0.0,
        "3": 3.0,
        "0.5": 0.5,
        "-3": 0.0,
        "nan": 0.0,
        "inf": 0.0,
        "": 0.0,
        "soon": 0.0,
        "Sun, 06 Nov 1994 08:50:37 GMT": 60.0,
        "Sun, 06 Nov 1994 08:40:37 GMT": 0.0,
        "Sun, 99 Nov 1994 08:40:37 GMT": 0.0,
    }
    assert {header: backoff.asked(header) for header in asked} == asked
