"""Cleaning recordings: detours go, the task stays, whatever values it was done with."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agents.extraneous import clean
from core.demos import RecordedStep, Recording, Seen

TASK = (
    'type searchbox "Search" "{0}" enter',
    'click link "{0} Deluxe 2"',
    'select combobox "Size" "{1}"',
    'click button "Add to basket"',
)
DETOURS = {
    "start": (0, ('click link "Help"', "back")),
    "middle": (2, ('click button "Enlarge"', 'press "Escape"')),
    "end": (4, ('click link "Imprint"',)),
}


def recording(*lines: str, task: str = "Put one into the basket", url: str = "shop") -> Recording:
    page = Seen(url="/")
    return Recording(
        url=url,
        task=task,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        steps=tuple(RecordedStep(action=line, seen=page) for line in lines),
        final=page,
    )


def done(value: str = "Tent", size: str = "L", *, detour: str = "") -> list[str]:
    lines = [line.format(value, size) for line in TASK]
    if detour:
        at, extra = DETOURS[detour]
        lines[at:at] = extra
    return lines


@pytest.mark.parametrize("detour", DETOURS)
def test_a_detour_of_one_is_dropped_wherever_it_is(detour: str) -> None:
    given = [recording(*done(detour=detour)), recording(*done()), recording(*done())]
    found = clean(given)
    assert [one.recording.lines for one in found] == [tuple(done())] * 3
    assert [one.line for one in found[0].dropped] == list(DETOURS[detour][1])
    assert (found[0].dropped[0].number, found[0].dropped[0].shared) == (DETOURS[detour][0] + 1, 1)


def test_values_may_differ_also_where_they_turn_up_again() -> None:
    given = [
        recording(*done("Tent", "S")),
        recording(*done("Stove", "M", detour="middle")),
        recording(*done("Rope", "L", detour="start")),
    ]
    assert [one.recording.lines for one in clean(given)] == [
        tuple(done("Tent", "S")),
        tuple(done("Stove", "M")),
        tuple(done("Rope", "L")),
    ]


def test_different_detours_do_not_support_each_other() -> None:
    given = [recording(*done(detour=detour)) for detour in DETOURS]
    assert {one.recording.lines for one in clean(given)} == {tuple(done())}


def test_the_same_steps_in_another_order_are_not_all_shared() -> None:
    lines = done()
    given = [recording(*reversed(lines)), recording(*lines), recording(*lines)]
    found = clean(given)
    assert found[1].recording.lines == tuple(lines)
    assert len(found[0].recording.lines) < len(lines)


@pytest.mark.parametrize("count", [1, 2])
def test_one_or_two_recordings_are_kept_as_they_are(count: int) -> None:
    given = [recording(*done(detour="start")), recording(*done())][:count]
    assert [one.recording for one in clean(given)] == given


def test_recordings_of_other_tasks_and_sites_have_no_vote() -> None:
    odd = recording(*done(detour="start"), task="Something else")
    elsewhere = recording(*done(detour="end"), url="kb")
    found = clean([odd, recording(*done()), elsewhere, recording(*done())])
    assert (found[0].recording, found[2].recording) == (odd, elsewhere)
    assert [one.of for one in found] == [1, 2, 1, 2]


@pytest.mark.parametrize(("majority", "kept"), [(0.25, 5), (0.5, 5), (0.6, 4), (1.0, 4)])
def test_the_majority_is_a_setting(majority: float, kept: int) -> None:
    with_it = recording(*done(), 'click button "Close"')
    found = clean([with_it, with_it, recording(*done()), recording(*done())], majority=majority)
    assert len(found[0].recording.steps) == kept
    assert len(found[2].recording.steps) == 4


def test_nothing_recorded_is_nothing_cleaned() -> None:
    assert clean([]) == []
    assert clean([recording()] * 3)[0].recording.lines == ()
