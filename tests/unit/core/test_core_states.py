"""Which observations are the same state."""

from __future__ import annotations

import pytest

from core.states import normal_url, state_key
from core.types import Element, Observation

BUTTON = Element(id="e1", role="button", name="Save", bounds=(0, 0, 10, 10), interactive=True)
FIELD = Element(id="e2", role="textbox", name="City", value="Bern", interactive=True)
PAGE = Observation(url="http://a.test/p?b=2&a=1#top", title="A", text="words", elements=(BUTTON, FIELD))


@pytest.mark.parametrize(
    "change",
    [
        {"url": "http://a.test/p?a=1&b=2"},
        {"url": "HTTP://A.test/p?a=1&b=2#end"},
        {"title": "B"},
        {"last_action_error": "nothing there"},
        {"elements": (BUTTON.model_copy(update={"id": "e77", "bounds": (1, 1, 2, 2)}), FIELD)},
    ],
)
def test_the_same_state(change: dict[str, object]) -> None:
    assert state_key(PAGE.model_copy(update=change)) == state_key(PAGE)


@pytest.mark.parametrize(
    "change",
    [
        {"url": "http://a.test/p?a=1&b=3"},
        {"url": "http://a.test/P?a=1&b=2"},
        {"url": "http://a.test/p?a=1&b=2&c="},
        {"elements": (FIELD, BUTTON)},
        {"elements": (BUTTON,)},
        {"elements": (BUTTON, FIELD.model_copy(update={"value": "Basel"}))},
        {"elements": (BUTTON.model_copy(update={"states": ("disabled",)}), FIELD)},
    ],
)
def test_another_state(change: dict[str, object]) -> None:
    assert state_key(PAGE.model_copy(update=change)) != state_key(PAGE)


def test_a_malformed_url_is_taken_as_it_is() -> None:
    assert normal_url("http://[::1/x") == "http://[::1/x"
