"""The doctor names what is missing and the command that mends it."""

from __future__ import annotations

import os
import shutil
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from cli import diagnosis, main


def only(name: str) -> diagnosis.Finding:
    (found,) = diagnosis.CHECKS[name]()
    return found


def test_this_machine_can_run_the_project() -> None:
    assert only("python").ok
    assert only("packages").ok, list(diagnosis.packages())


def test_a_browser_opens_a_page() -> None:
    found = only("chromium")
    assert found.ok, found
    assert "/" in found.detail


def test_without_a_browser_it_names_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    assert main.invoke(["doctor", "--only", "chromium"]) == 1
    said = capfd.readouterr().out
    assert said.startswith("missing")
    assert f"{sys.executable} -m playwright install --with-deps chromium" in said


def test_a_missing_and_an_old_package_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = ["rich>=99", "no-such-distribution>=1", "typer>=0.1", "vllm>=1; extra == 'vllm'"]
    monkeypatch.setattr(metadata, "requires", lambda name: declared)
    found = list(diagnosis.packages())
    assert [each.name for each in found] == ["rich", "no-such-distribution"]
    assert found[0].mend == f"{sys.executable} -m pip install 'rich>=99'"
    assert "nothing installed" in found[1].detail


def test_extras_are_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = ["rich>=1", "no-such-distribution>=1; extra == 'ray'", "rich>=1; extra == 'trl'"]
    monkeypatch.setattr(metadata, "requires", lambda name: declared)
    found = {each.name: each for each in diagnosis.extras()}
    assert not any(each.needed for each in found.values())
    assert found["extra trl"].ok
    assert not found["extra ray"].ok
    checkout = Path(diagnosis.__file__).parents[1]
    assert found["extra ray"].mend == f"{sys.executable} -m pip install -e '{checkout}[ray]'"


def test_a_full_disk_and_an_old_python_are_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=10**8))
    writable, disk = diagnosis.CHECKS["folder"]()
    assert writable.ok
    assert not disk.ok
    assert "0.1 GB free" in disk.detail
    monkeypatch.setattr(diagnosis, "NEEDED_PYTHON", (9, 0))
    assert "PYTHON=" in only("python").mend


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_that_cannot_be_written_is_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o500)
    writable, _ = diagnosis.CHECKS["folder"]()
    assert not writable.ok


def test_few_cores_are_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0}, raising=False)
    found = only("cores")
    assert not found.ok
    assert not found.needed
