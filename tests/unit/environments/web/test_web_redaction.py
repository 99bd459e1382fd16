"""Secrets stay out of everything that is recorded."""

from __future__ import annotations

from urllib.parse import quote_plus

from core.types import Element, Observation
from environments.web.redaction import MASK, Redactor, SecretEnviron

SECRET = 'p&ss "wörd"/1'


def test_a_secret_is_masked_in_every_field_and_spelling() -> None:
    redactor = Redactor()
    redactor.add(SECRET)
    element = Element(id="e1", role="textbox", name=f"name {SECRET}", value=SECRET, options=(SECRET,), href=SECRET)
    seen = Observation(
        url=f"https://x.test/?p={quote_plus(SECRET)}",
        title=SECRET,
        text=f"said {SECRET} twice {SECRET}",
        elements=(element,),
        last_action_error=f"bad {SECRET}",
        tabs=(SECRET,),
    )
    masked = redactor.observation(seen)
    written = masked.model_dump_json()
    assert SECRET not in masked.text
    assert "wörd" not in written
    assert quote_plus(SECRET) not in written
    assert masked.text == f"said {MASK} twice {MASK}"
    assert masked.elements[0].options == (MASK,)


def test_nothing_changes_without_secrets_or_without_their_presence() -> None:
    seen = Observation(url="https://x.test/", text="plain")
    redactor = Redactor()
    assert redactor.observation(seen) is seen
    redactor.add("hidden-word")
    assert redactor.observation(seen) == seen


def test_a_secret_that_is_the_name_of_a_field_breaks_nothing() -> None:
    redactor = Redactor()
    for secret in ("text", "null", "true", "elements"):
        redactor.add(secret)
    element = Element(id="e1", role="textbox", name="plain text", interactive=True)
    masked = redactor.observation(Observation(url="https://x.test/", elements=(element,)))
    assert masked.elements[0].name == f"plain {MASK}"
    assert masked.elements[0].role == "textbox"


def test_short_secrets_do_not_tear_holes() -> None:
    redactor = Redactor()
    redactor.add("a")
    assert redactor.text("banana") == "banana"


def test_a_longer_secret_is_masked_before_one_inside_it() -> None:
    redactor = Redactor()
    redactor.add("token")
    redactor.add("token-extended")
    assert redactor.text("x token-extended y token") == f"x {MASK} y {MASK}"


def test_what_a_hook_reads_becomes_a_secret_and_nothing_else() -> None:
    redactor = Redactor()
    environ = SecretEnviron({"PASSWORD": "hunter22", "HOME": "/home/me"}, redactor)
    assert environ["PASSWORD"] == "hunter22"
    assert environ.get("MISSING") is None
    assert redactor.text("hunter22 /home/me") == f"{MASK} /home/me"
