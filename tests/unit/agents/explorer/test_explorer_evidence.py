"""Checks from what was seen: true at the end, false before, for wandering about and for wrong solutions."""

import re

import pytest

from agents.explorer import evidence
from core import checks
from core.checks import Check, PageCheck, UrlCheck
from core.types import Element, Observation

HOST = "http://127.0.0.1:5000"


def seen(path: str, *lines: str, status: str = "") -> Observation:
    elements = [Element(id="s", role="status", name=status)] if status else []
    return Observation(url=HOST + path, text="\n".join([*lines, status]), elements=tuple(elements))


def holds(check: Check | None, observation: Observation) -> bool:
    assert check is not None
    return checks.holds(check, answer=None, url=observation.url, page_text=observation.text) is True


def test_the_most_telling_new_text_is_checked() -> None:
    before = seen("/list", "Lamps", "Vases")
    after = seen("/list", "Lamps", "Vases", "New in June", status="Lamp saved")
    check = evidence.page_check([before, after])
    assert isinstance(check, PageCheck)
    assert check.contains == ("Lamp saved",)


def test_values_that_the_instruction_names_must_show() -> None:
    before, after = seen("/form", "Title"), seen("/done", "Thank you", "We got Blue door")
    check = evidence.page_check([before, after], wanted=["Blue door"])
    assert isinstance(check, PageCheck)
    assert check.contains == ("We got Blue door",)
    assert evidence.page_check([before, after], wanted=["Red door"]) is None


def test_a_change_is_not_proven_by_a_page_that_shows_it_anyway() -> None:
    before, after = seen("/a", "Start"), seen("/b", "Always here")
    assert holds(evidence.page_check([before, after]), after)
    assert evidence.page_check([before, after], changes=True, pristine=[(after.url, after.text)]) is None


def test_the_check_rejects_wrong_solutions() -> None:
    before = seen("/cart", "Basket 1")
    after = seen("/cart", "Basket 4", status="Added")
    wrong = seen("/cart", "Basket 3", status="Added")
    check = evidence.page_check([before, after], wrong=[[before, wrong]], changes=True)
    assert holds(check, after)
    assert not holds(check, wrong)


def test_what_shows_midway_is_not_evidence() -> None:
    steps = [seen("/a", "Start"), seen("/a", "Start", "Menu"), seen("/a", "Start", "Menu", "Done well")]
    check = evidence.page_check(steps)
    assert isinstance(check, PageCheck)
    assert check.contains == ("Done well",)
    assert evidence.page_check([steps[0], steps[1], steps[1]]) is None


def test_times_of_day_are_no_evidence() -> None:
    assert evidence.page_check([seen("/a", "x"), seen("/a", "x", "Saved at 12:31")]) is None


def test_an_address_alone_is_enough_to_have_arrived() -> None:
    check = evidence.page_check([seen("/a", "same"), seen("/b", "same")])
    assert isinstance(check, UrlCheck)


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("https://other.example:99/list?b=2&a=x+y", True),
        ("https://other.example/list/?a=x%20y&b=2&c=3", True),
        ("https://other.example/list?a=x", False),
        ("https://other.example/list?a=x+y&b=21", False),
        ("https://other.example/lists?a=x+y&b=2", False),
        ("https://other.example/deep/list?a=x+y&b=2", False),
    ],
)
def test_patterns_know_an_address_on_any_host(url: str, same: bool) -> None:
    pattern = evidence.url_pattern(f"{HOST}/list?a=x+y&b=2&empty=")
    assert (re.search(pattern, url) is not None) is same


def test_patterns_know_names_and_values_however_they_are_written() -> None:
    for written in ("@ok=item%201,%20done", "%40ok=item+1%2C+done"):
        pattern = evidence.url_pattern(f"{HOST}/list?{written}")
        for other in ("@ok=item%201,%20done", "%40ok=item+1%2C+done", "%40ok=item%201%2C%20done"):
            assert re.search(pattern, f"{HOST}/list?{other}"), (written, other)
        assert not re.search(pattern, f"{HOST}/list?ok=item+1%2C+done")


def test_complaints_are_what_is_newly_said_to_be_wrong() -> None:
    before = form()
    assert evidence.complaints(before, form('"Blue" is not a parent')) == ['"Blue" is not a parent']
    assert evidence.complaints(before, form("Settings saved")) == []
    assert evidence.complaints(form("A name is missing"), form("A name is missing")) == []
    told_in_passing = before.model_copy(update={"text": "Settings\nPage not found in the archive"})
    assert evidence.complaints(before, told_in_passing)
    assert evidence.complaints(before, told_in_passing, told=True) == []


def test_patterns_of_created_records_let_their_numbers_vary() -> None:
    pattern = evidence.url_pattern(f"{HOST}/tickets/41", general=True)
    assert re.search(pattern, f"{HOST}/tickets/977")
    assert not re.search(pattern, f"{HOST}/tickets/new")


def test_a_change_of_one_record_is_not_done_on_another() -> None:
    run = [seen("/list", "Lamps"), seen("/lamp/1", "Lamp one"), seen("/lamp/1", "Lamp one", status="Reserved")]
    check = evidence.page_check(run, changes=True, pristine=[(f"{HOST}/lamp/{at}", "Lamp") for at in (1, 2)])
    assert holds(check, run[-1])
    assert not holds(check, seen("/lamp/2", "Lamp two", status="Reserved"))


def form(status: str = "", **values: str) -> Observation:
    fields = (Element(id=name, role="textbox", name=name, value=value) for name, value in values.items())
    said = [Element(id="s", role="status", name=status)] if status else []
    return Observation(url=HOST + "/settings", text=f"Settings\n{status}", elements=(*fields, *said))


def test_a_form_that_shows_nothing_is_checked_by_what_was_entered() -> None:
    run = [form(Name="Old"), form(Name="New"), form("Settings saved", Name="New")]
    wrong = [form(Name="Old"), form(Name="Other"), form("Settings saved", Name="Other")]
    check = evidence.form_check(run, [{"Name": "New"}], pristine=[(run[0].url, run[0].text)], wrong=[wrong])
    assert check is not None
    assert evidence.holds_after(check, run)
    assert not any(evidence.holds_after(check, one) for one in (run[:1], run[:2], wrong))


def test_without_a_word_that_it_was_sent_there_is_no_check_of_a_form() -> None:
    silent = [form(Name="Old"), form(Name="New"), form(Name="New")]
    assert evidence.form_check(silent, [{"Name": "New"}]) is None
    spoken = [form(Name="Old"), form(Name="New"), form("Saved", Name="New")]
    assert evidence.form_check(spoken, []) is None
    assert evidence.form_check(spoken, [{"Name": "New"}], pristine=[(spoken[-1].url, "Saved")]) is not None
    assert evidence.form_check(spoken, [{"Name": "New"}, {"Town": "Oslo"}]) is None


def test_what_the_end_does_not_show_has_to_be_entered_all_the_same() -> None:
    run = [form(Name="", Town=""), form(Name="New", Town="Oslo"), form("Oslo saved", Name="New", Town="Oslo")]
    shown = evidence.page_check(run, wanted=("Oslo",), changes=True)
    assert shown is not None
    check = evidence.also_entered(shown, [{"Name": "New", "Town": "Oslo"}])
    other = [run[0], form(Name="Old", Town="Oslo"), form("Oslo saved", Name="Old", Town="Oslo")]
    assert evidence.holds_after(shown, other)
    assert [evidence.holds_after(check, one) for one in (run, other, run[:2])] == [True, False, False]
