"""The held-out task files of all bundled sites: their counts, their checks, and how a broken one is refused."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.actions import parse
from core.checks import AllCheck, AnyCheck, Check, FunctionalCheck, fold, needs_evidence
from core.errors import TaskFileError, UserError
from environments.sites import tasks as task_files
from environments.sites.registry import SITES
from environments.sites.tasks import BANDS, SPLITS, Split, load_solutions, load_split, task_file

BOTH = [(site, split) for site in SITES for split in SPLITS]


@pytest.mark.parametrize(("site", "split"), BOTH)
def test_a_split_has_enough_tasks_of_every_length(site: str, split: Split) -> None:
    tasks, solutions = load_split(site, split), load_solutions(site, split)
    assert len(tasks) >= 40
    assert [task.id for task in tasks] == list(solutions)
    counts: Counter[str] = Counter(solution.steps_band for solution in solutions.values())
    assert all(counts[band] >= 10 for band in BANDS), counts
    for solution in solutions.values():
        assert len(solution.actions) in BANDS[solution.steps_band], solution.id


@pytest.mark.parametrize(("site", "split"), BOTH)
def test_a_task_is_well_formed(site: str, split: Split) -> None:
    solutions = load_solutions(site, split)
    for task in load_split(site, split):
        assert task.check is not None
        assert needs_evidence(task.check), task.id
        assert task.start_url.startswith("/"), task.id
        assert task.family, task.id
        assert task.proposed_by == f"heldout/{site}/{split}"
        assert task.max_steps >= max(6, len(solutions[task.id].actions) + 2), task.id
        actions = [parse(line) for line in solutions[task.id].actions]
        assert [action.name for action in actions].count("answer") == 1, task.id
        assert actions[-1].name == "answer", task.id
        for expected in _expectations(task.check):
            assert list(_unfolded(expected)) == [], task.id


@pytest.mark.parametrize(("site", "split"), BOTH)
def test_a_check_says_what_may_change(site: str, split: Split) -> None:
    for task in load_split(site, split):
        assert task.check is not None
        assert any("changed" in expected for expected in _expectations(task.check)), task.id


@pytest.mark.parametrize("site", SITES)
def test_the_splits_have_nothing_in_common(site: str) -> None:
    dev, test = load_split(site, "dev"), load_split(site, "test")
    everything = [*dev, *test]
    for values in (
        [task.id for task in everything],
        [fold(task.instruction) for task in everything],
    ):
        assert len(set(values)) == len(values), [value for value, n in Counter(values).items() if n > 1]
    # Two different questions may have the same answer; the same effect from the same page is the same task.
    effects = [
        {(task.start_url, task.check.model_dump_json()) for task in split if isinstance(task.check, FunctionalCheck)}
        for split in (dev, test)
    ]
    assert all(effects)
    assert not effects[0] & effects[1]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{not json", "cannot be read"),
        ('{"id": "x"}', "line 2 is not a task"),
        ('{"id": "x", "instruction": "y", "start_url": "/", "check": {"kind": "magic"}}', "line 2 is not a task"),
        ('{"id": "x", "instruction": "y", "start_url": "/", "solution": []}', "line 2 is not a task"),
    ],
)
def test_a_broken_task_file_is_refused(line: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "dev.jsonl"
    good = json.dumps({"id": "a", "instruction": "b", "start_url": "/"})
    path.write_text(f"{good}\n{line}\n")
    monkeypatch.setattr(task_files, "task_file", lambda *_: path)
    with pytest.raises(TaskFileError, match=said):
        load_split("shop", "dev")


def test_a_broken_solution_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_files, "task_file", lambda *_: tmp_path / "dev.jsonl")
    with pytest.raises(TaskFileError, match="cannot be read"):
        load_solutions("shop", "dev")
    (tmp_path / "dev.solutions.jsonl").write_text('{"id": "a", "actions": [], "steps_band": "1-2"}\n')
    with pytest.raises(TaskFileError, match="line 1 is not a solution"):
        load_solutions("shop", "dev")


def test_the_tasks_of_an_unknown_site_are_refused() -> None:
    with pytest.raises(UserError, match="did you mean 'helpdesk'"):
        task_file("helpdisk", "dev")


def _expectations(check: Check) -> Iterator[dict[str, Any]]:
    if isinstance(check, AllCheck | AnyCheck):
        for part in check.of:
            yield from _expectations(part)
    elif isinstance(check, FunctionalCheck):
        yield check.expect


def _unfolded(value: Any) -> Iterator[str]:
    """Texts in an expectation that evidence, being folded, can never hold."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key != fold(key):
                yield key
            yield from _unfolded(item)
    elif isinstance(value, list):
        for item in value:
            yield from _unfolded(item)
    elif isinstance(value, str) and value != fold(value):
        yield value
