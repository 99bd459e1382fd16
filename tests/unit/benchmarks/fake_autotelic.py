"""Stands in for `autotelic run`: writes a plausible run directory at once.

The folder in FAKE_AUTOTELIC keeps the calls, and says in a file `mode` how the next call ends: `crash` (exit
code 1, half a run), `stop` (waits for SIGINT), `refuse` (a resume is refused), or, without it, well.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from discovery.control import SqliteControl

FOLDER = Path(os.environ["FAKE_AUTOTELIC"])
SUCCESS = {"default": [0.2, 0.3, 0.4], "uniform": [0.2, 0.25, 0.3]}
PHASES = ("starting", "measuring", "exploring", "practising", "updating", "measuring", "finishing", "done")


def measured(success: float) -> dict[str, Any]:
    return {"success": success, "n": 132, "ci95": [success - 0.05, success + 0.05], "unscored": 0, "tasks": 44}


def option(name: str) -> str | None:
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else None


def write(run_dir: Path, status: str) -> None:
    """Three iterations of 80 episodes; the held-out curve depends on the sampler."""
    uniform = "sampler.kind=uniform" in (run_dir / "asked").read_text()
    curve = SUCCESS["uniform" if uniform else "default"]
    lines = [
        {"iteration": i, "episodes": 80, "steps": 400, "success": 0.3 + 0.1 * i, "tokens": 1000.0, "heldout_success": s}
        for i, s in enumerate(curve, 1)
    ]
    (run_dir / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    control = SqliteControl(run_dir / "control.sqlite")
    for phase in PHASES:
        control.emit("phase", {"phase": phase, "iteration": 0})
        if phase == "measuring":
            control.emit("measured", {"name": "final"})
    control.close()
    gain = {"gain": curve[-1] - 0.15, "ci95": [curve[-1] - 0.25, curve[-1] - 0.05], "tasks": 44, "n": 132}
    heldout = {"initial": measured(0.1), "control": measured(0.15), "final": measured(curve[-1]), "gain": gain}
    summary = {"status": status, "iterations": 3, "episodes": 240, "steps": 1200, "wall_s": 500.0, "heldout": heldout}
    (run_dir / "summary.json").write_text(json.dumps(summary))


def main() -> int:
    with (FOLDER / "calls.jsonl").open("a") as calls:
        calls.write(json.dumps(sys.argv[1:]) + "\n")
    mode = FOLDER / "mode"
    what = mode.read_text() if mode.is_file() else ""
    run_dir = Path(option("--run-dir") or "")
    if "--resume" in sys.argv:
        if what == "refuse":
            mode.unlink()
            print("autotelic: it was written by another version of the program")
            return 2
    else:
        run_dir.mkdir()  # a run refuses a folder that is there
        (run_dir / "config.toml").write_text("# format 1\n[training]\nepochs = 2\n")
        (run_dir / "asked").write_text(" ".join(sys.argv))
    if what:
        mode.unlink()
    if what == "crash":
        return 1
    if what == "stop":
        received: list[int] = []
        signal.signal(signal.SIGINT, lambda number, _: received.append(number))
        print("practising", flush=True)
        while not received:
            time.sleep(0.02)
        write(run_dir, "stopped")
        return 130
    write(run_dir, "finished")
    print("report: written", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
