"""The program as people use it: explore, run, stop with Ctrl-C, resume, look, measure. Real browser, real sites."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

LINE_KEYS = {
    *("iteration", "wall_s", "episodes", "steps", "success", "policy_version", "entropy", "mismatch_kl"),
    *("clip_fraction", "zero_variance_share", "loss", "tokens"),
}
SMALL = (
    *("explore.pages=8", "explore.seconds=90", "explore.tasks=12", "explore.replays=1"),
    *("training.tasks_per_iteration=3", "training.group_size=3", "actor.max_steps=3", "actor.episode_seconds=30"),
)


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "cli.main", *map(str, arguments)]


def autotelic(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=800, check=False)


def start(run_dir: Path, policy: Path, heldout: Path, iterations: int) -> list[str]:
    return command(
        "run",
        "--run-dir",
        run_dir,
        "--iterations",
        str(iterations),
        "--heldout",
        heldout,
        "--set",
        f"policy.model={policy}",
        *SMALL,
    )


def metrics(run_dir: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]


def test_a_run_from_the_first_look_to_the_report(tmp_path: Path, random_policy: Path, heldout: Path) -> None:
    run_dir = tmp_path / "run"
    done = subprocess.run(
        start(run_dir, random_policy, heldout, 2), capture_output=True, text=True, timeout=800, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("1 of 4 lines skipped", "iteration 2", f"report: {run_dir / 'report.html'}"):
        assert words in done.stdout, done.stdout
    assert [line["iteration"] for line in metrics(run_dir)] == [1, 2]
    assert set(metrics(run_dir)[0]) >= LINE_KEYS
    summary = json.loads((run_dir / "summary.json").read_text())
    for name in ("initial", "control", "final"):
        low, high = summary["heldout"][name]["ci95"]
        assert low <= summary["heldout"][name]["success"] <= high
        assert summary["heldout"][name]["n"] > 0
    page = (run_dir / "report.html").read_text(encoding="utf-8")
    assert "Open the cart" in page
    assert "data:image/webp;base64," in page

    status = autotelic("status", run_dir, "--json")
    assert json.loads(status.stdout)["state"] == "finished"

    output = tmp_path / "result.json"
    measured = autotelic("eval", run_dir, "--tasks", heldout, "--policy", "initial", "--output", output)
    assert measured.returncode == 0, measured.stderr
    result = json.loads(output.read_text())
    assert result["n"] == 3
    assert set(result["by_task"]) == {"cart", "help", "never"}
    assert result["by_task"]["never"]["success"] == 0.0

    refused = autotelic("run", "--run-dir", run_dir)
    assert refused.returncode == 2
    assert "--resume" in refused.stderr


def test_ctrl_c_ends_a_run_cleanly_and_resume_finishes_it(tmp_path: Path, random_policy: Path, heldout: Path) -> None:
    run_dir = tmp_path / "run"
    process = subprocess.Popen(
        start(run_dir, random_policy, heldout, 2), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        seen = ""
        for line in process.stdout:
            seen += line
            if "iteration 1: practising" in line:
                break
        process.send_signal(signal.SIGINT)
        rest, error = process.communicate(timeout=300)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130, seen + rest + error
    assert f"go on with: autotelic run --resume --run-dir {run_dir}" in rest
    assert json.loads((run_dir / "summary.json").read_text())["status"] == "stopped"
    assert (run_dir / "report.html").is_file()

    resumed = autotelic("run", "--resume", "--run-dir", run_dir)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert [line["iteration"] for line in metrics(run_dir)] == [1, 2]
    assert json.loads((run_dir / "summary.json").read_text())["status"] == "finished"


def test_explore_writes_tasks_that_can_be_used(tmp_path: Path) -> None:
    from evals import taskfile

    output = tmp_path / "tasks.jsonl"
    done = autotelic("explore", "kb", "--output", output, "--pages", "8", "--seconds", "60", "--tasks", "10")
    assert done.returncode == 0, done.stderr
    found = taskfile.load(output)
    assert found.tasks
    assert found.problems == ()
    assert f"{len(found.tasks)} tasks written to {output}" in done.stdout
