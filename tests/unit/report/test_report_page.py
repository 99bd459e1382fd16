"""The page as a whole: self-contained, honest about unfinished runs, and deaf to what pages and models write."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core.errors import RunDirectoryError, StorageFault
from discovery.report.build import build, script_json

NASTY = '</script><script>document.title = "owned"</script><img src=x onerror=alert(1)>'


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    loaded: dict[str, Any] = json.loads(found[1])
    return loaded


def test_a_finished_run_shows_its_gain(finished_run: Path) -> None:
    path = build(finished_run)
    page = path.read_text(encoding="utf-8")
    assert path == finished_run / "report.html"
    assert "+29.2" in page
    assert "The interval excludes zero." in page
    assert "finished" in page


def test_the_page_needs_nothing_from_elsewhere(finished_run: Path) -> None:
    page = build(finished_run).read_text(encoding="utf-8")
    assert re.findall(r'(?:src|href)="(?!#|data:)[^"]*"', page) == []
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src 'none'" in page


def test_the_plots_are_pictures(finished_run: Path) -> None:
    build(finished_run)
    names = {path.stem for path in (finished_run / "plots").glob("*.png")}
    assert {"headline", "heldout", "training", "entropy", "mismatch_kl", "clip_fraction", "family_open"} <= names
    with Image.open(finished_run / "plots" / "heldout.png") as picture:
        assert picture.width > 800
        assert len(picture.convert("RGB").getcolors(1 << 24) or ()) > 10


def test_recordings_hold_steps_screenshots_and_verdicts(finished_run: Path) -> None:
    data = data_of(build(finished_run).read_text(encoding="utf-8"))
    solved = next(rec for rec in data["recordings"] if rec["outcome"] == "solved")
    assert [frame["action"] for frame in solved["frames"]] == ['click button "Add to cart"', 'answer "42"', ""]
    assert solved["why"] == "the check holds"
    assert "Add to cart" in data["texts"][solved["frames"][0]["view"]]
    shown = [frame["image"] for rec in data["recordings"] for frame in rec["frames"] if frame["image"]]
    assert shown
    assert all(data["images"][key].startswith("data:image/webp;base64,") for key in shown)
    crashed = next(rec for rec in data["recordings"] if rec["error"])
    assert crashed["outcome"] == "unscored"
    assert crashed["frames"] == []


def test_recordings_show_every_role_family_and_outcome(finished_run: Path) -> None:
    data = data_of(build(finished_run, recordings=24).read_text(encoding="utf-8"))
    kinds = {(rec["role"], rec["family"], rec["outcome"]) for rec in data["recordings"]}
    assert len(data["recordings"]) == 24
    assert {role for role, _, _ in kinds} == {"train", "heldout", "control"}
    assert {("train", family, outcome) for family in ("open", "compare") for outcome in ("solved", "failed")} <= kinds


def test_the_page_stays_within_its_budget(finished_run: Path) -> None:
    page = build(finished_run, image_mb=0.002, text_mb=0.001).read_text(encoding="utf-8")
    data = data_of(page)
    assert sum(len(image) for image in data["images"].values()) < 3000
    assert sum(len(text) for text in data["texts"]) <= 1000
    assert "left out for size" in page


def test_a_screenshot_that_is_gone_or_damaged_is_left_out(finished_run: Path) -> None:
    for picture in (finished_run / "screenshots").glob("*.webp"):
        picture.write_bytes(b"<svg onload=alert(1)>")
    data = data_of(build(finished_run).read_text(encoding="utf-8"))
    assert data["images"] == {}


def test_tasks_count_attempts_without_the_controls(finished_run: Path) -> None:
    tasks = data_of(build(finished_run).read_text(encoding="utf-8"))["tasks"]
    heldout = [task for task in tasks if task["role"] == "heldout"]
    assert len(heldout) == 24
    assert {task["attempts"] for task in heldout} == {1}
    assert sum(task["attempts"] for task in tasks if task["role"] == "train") == 12 * 16 + 1


def test_nothing_from_a_page_or_a_model_becomes_markup(synthetic: Callable[[], Any]) -> None:
    run = synthetic()
    task = run.task("open", 1).model_copy(update={"instruction": NASTY, "family": NASTY})
    trajectory = run.episode(task, 1.0)
    run.directory.append_line("metrics.jsonl", json.dumps({"iteration": 1, "success": 0.5, "note": NASTY}))
    page = build(run.close()).read_text(encoding="utf-8")
    assert "<img src=x" not in page
    assert page.count("<script") == 2
    assert data_of(page)["recordings"][0]["instruction"] == trajectory.task.instruction


def test_script_json_cannot_end_its_element() -> None:
    text = script_json({"a": "</script><!--&\u2028"})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"a": "</script><!--&\u2028"}


def test_a_run_with_no_iteration_has_a_report(synthetic: Callable[[], Any]) -> None:
    run = synthetic()
    page = build(run.close()).read_text(encoding="utf-8")
    assert "under way" in page
    assert "autotelic run --resume" in page
    assert "No task has been attempted yet" in page
    assert "No episode has been recorded yet" in page


def test_a_run_that_only_has_a_configuration_has_a_report(synthetic: Callable[[], Any]) -> None:
    root = synthetic().close()
    for path in root.glob("trajectories.sqlite*"):
        path.unlink()
    assert "under way" in build(root).read_text(encoding="utf-8")


def test_a_measured_loss_is_called_a_loss(finished_run: Path) -> None:
    path = finished_run / "summary.json"
    summary = json.loads(path.read_text())
    summary["heldout"]["gain"] = {"gain": -0.2, "tasks": 24, "ci95": [-0.3, -0.1]}
    path.write_text(json.dumps(summary))
    page = build(finished_run).read_text(encoding="utf-8")
    assert "got worse" in page
    assert "\u221220.0" in page


def test_a_folder_that_holds_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError):
        build(tmp_path)


def test_a_report_that_cannot_be_written_is_a_storage_fault(finished_run: Path) -> None:
    (finished_run / "plots").write_text("in the way")
    with pytest.raises(StorageFault, match="could not be written"):
        build(finished_run)
