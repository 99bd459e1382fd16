"""Copy-on-write state and its evidence: what is shared, what is told, and in which form."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType

import pytest

from core.errors import UserError
from environments.sites.registry import SITES, check_names, default_user, site_class
from environments.sites.sessions import SessionStore
from environments.sites.site import redirect
from environments.sites.state import Overlay, SiteState, evident


@dataclass(frozen=True)
class Note:
    text: str
    day: date
    tags: tuple[str, ...] = ()


BASE = MappingProxyType({"First": Note("Hello  World", date(2026, 3, 1)), "Second": Note("Old", date(2026, 3, 2))})


def test_a_session_reads_the_shared_records_themselves() -> None:
    one, other = SiteState({"notes": BASE}), SiteState({"notes": BASE})
    assert one["notes"]["First"] is BASE["First"]
    assert one["notes"]["First"] is other["notes"]["First"]


def test_changes_stay_in_the_session_that_made_them() -> None:
    one, other = SiteState({"notes": BASE}), SiteState({"notes": BASE})
    one["notes"]["First"] = replace(BASE["First"], text="changed")
    one["notes"]["Third"] = Note("new", date(2026, 3, 3))
    del one["notes"]["Second"]
    assert list(one["notes"]) == ["First", "Third"]
    assert list(other["notes"]) == list(BASE) == ["First", "Second"]
    assert BASE["First"].text == "Hello  World"
    assert other.differences() == {}


def test_a_removed_record_is_gone_until_it_is_put_back() -> None:
    overlay = Overlay(BASE)
    del overlay["First"]
    assert "First" not in overlay
    assert len(overlay) == 1
    with pytest.raises(KeyError):
        overlay["First"]
    with pytest.raises(KeyError):
        del overlay["First"]
    assert overlay.differences() == {"first": None}
    overlay["First"] = BASE["First"]
    assert overlay.differences() == {}
    assert list(overlay) == ["First", "Second"]


def test_a_record_that_comes_and_goes_is_no_difference() -> None:
    overlay = Overlay(BASE)
    overlay["Third"] = Note("new", date(2026, 3, 3))
    del overlay["Third"]
    assert overlay.differences() == {}


def test_clearing_removes_what_the_base_has() -> None:
    overlay = Overlay(BASE)
    overlay.clear()
    assert not overlay
    assert overlay.differences() == {"first": None, "second": None}


def test_evidence_is_folded_json() -> None:
    overlay = Overlay(BASE)
    overlay["A  Key"] = Note("  Typed\n\tBY Hand ", date(2026, 3, 4), ("Red", "Blue"))
    assert overlay.differences() == {"a key": {"text": "typed by hand", "day": "2026-03-04", "tags": ["red", "blue"]}}
    assert evident({"B": {"Z", "A"}, "n": 3, "yes": True, "none": None}) == {
        "b": ["a", "z"],
        "n": 3,
        "yes": True,
        "none": None,
    }


def test_retyping_a_text_in_other_letters_is_no_difference() -> None:
    overlay = Overlay(BASE)
    overlay["First"] = replace(BASE["First"], text="hello world")
    assert overlay.differences() == {}


def test_messages_are_shown_once() -> None:
    state = SiteState({})
    state.tell("Saved.")
    state.tell("No.", "alert")
    assert state.take_messages() == [("status", "Saved."), ("alert", "No.")]
    assert state.take_messages() == []


@pytest.mark.parametrize("name", SITES)
def test_a_fresh_state_shows_no_change(name: str) -> None:
    site = site_class(name)(0)
    evidence = site.evidence(site.new_state(default_user(name)))
    assert evidence["changed"] == []
    assert evidence["changed_keys"] == {}
    assert evidence["page"] == {}
    assert set(evidence) == {"changed", "changed_keys", "user", "page"}


@pytest.mark.parametrize("name", SITES)
def test_states_of_a_site_share_its_records(name: str) -> None:
    site = site_class(name)(0)
    one, other = site.new_state(), site.new_state()
    for collection, records in site.base.items():
        assert list(one[collection]) == list(records)
        for key, record in records.items():
            assert one[collection][key] is record
            assert other[collection][key] is record


@pytest.mark.parametrize("name", SITES)
def test_a_seed_makes_the_same_records_again_and_another_seed_others(name: str) -> None:
    def records(seed: int) -> object:
        return {collection: evident(items) for collection, items in site_class(name)(seed).base.items()}

    assert records(0) == records(0)
    assert records(0) != records(1)


def test_an_unknown_user_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UserError, match="no user 'mallory'; it knows robin"):
        site_class("shop")(0).new_state("mallory")


def test_an_unknown_site_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UserError, match="did you mean 'shop'"):
        check_names(["kb", "shpo"])
    with pytest.raises(UserError, match="choose from shop, helpdesk, kb"):
        check_names(["zzz"])


@pytest.mark.parametrize("path", ["//evil.example/", "https://evil.example/", "/\\evil.example", ""])
def test_a_redirect_never_leaves_the_site(path: str) -> None:
    assert redirect(path).headers["location"] == "/"


def test_the_session_unused_for_longest_goes_first() -> None:
    store = SessionStore(limit=2)
    first, second = store.create(), store.create()
    assert store.get(first.id) is first
    third = store.create()
    assert store.get(second.id) is None
    assert store.get(first.id) is first
    assert store.get(third.id) is third
    assert len(store) == 2
    assert store.delete(first.id)
    assert not store.delete(first.id)
