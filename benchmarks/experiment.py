"""Runs the cells of an experiment one after the other, each in a process of its own, and keeps one line of each.

    DIR/results.jsonl            a line for each finished cell; this is the data worth keeping
    DIR/cells/ARM-SITE-SEED/     the cell's run directory
    DIR/cells/ARM-SITE-SEED.json what was asked for, and a record of each session
    DIR/cells/ARM-SITE-SEED.log  what the runs said

A cell with a line in `results.jsonl` is done. One whose run has finished gets its line anew, so deleting
`results.jsonl` derives it again. An unfinished one is resumed, or begun afresh when the run refuses that.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import outcomes
from benchmarks.cells import Cell, Terms
from core.errors import UserError
from discovery.report.words import duration, points, share
from discovery.rundirectory import RunDirectory, running_pid, storage_faults

ROOT = Path(__file__).resolve().parents[1]
AUTOTELIC = (sys.executable, "-m", "cli.main")
FILE = "results.jsonl"
INTERRUPTED = 130

_REFUSED = 2  # the exit code of input that has to be mended
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Experiment:
    """Cells in a folder. `command` starts the program; `say` takes a line for people."""

    def __init__(
        self,
        folder: Path,
        terms: Terms,
        *,
        command: Sequence[str] = AUTOTELIC,
        say: Callable[[str], None] = print,
    ) -> None:
        self.folder = folder.resolve()
        self.terms = terms
        self._command = command
        self._say = say
        self._files = RunDirectory(self.folder)
        self._child: subprocess.Popen[str] | None = None
        self._stopping = False

    def run(self, cells: Sequence[Cell]) -> int:
        """All cells that are not done; 0 when all are, 1 when some failed, 130 after Ctrl-C.

        Raises `UserError` where the folder holds cells on other terms, or one that another process runs.
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise UserError(f"'{self.folder}' is a file; give another --output")
        with storage_faults(f"'{self.folder}'"):
            (self.folder / "cells").mkdir(parents=True, exist_ok=True)
        done = {(line["arm"], line["site"], line["seed"]): line for line in self._files.read_lines(FILE)}
        for cell in cells:
            self._refuse_other_terms(cell, done.get(cell.key) or self._record(cell))
        failed = []
        with self._stoppable():
            for number, cell in enumerate(cells, 1):
                head = f"cell {number} of {len(cells)}, {cell.name}"
                if cell.key in done:
                    self._say(f"{head}: done before")
                elif self._finish(cell, head):
                    self._keep(cell, head)
                elif self._stopping:
                    self._say("interrupted; the same command goes on from here")
                    return INTERRUPTED
                else:
                    failed.append(cell.name)
        if failed:
            self._say(f"not finished: {', '.join(failed)}; the same command tries again")
        return 1 if failed else 0

    def _run_dir(self, cell: Cell) -> Path:
        return self.folder / "cells" / cell.name

    def _refuse_other_terms(self, cell: Cell, kept: dict[str, Any]) -> None:
        for name, value in cell.asked(self.terms).items():
            if kept and kept.get(name) != value:
                raise UserError(
                    f"'{self.folder}' has {cell.name} with {name} = {kept.get(name)}, not {value}; "
                    "give another --output, or the same terms as before"
                )

    def _record(self, cell: Cell) -> dict[str, Any]:
        return self._files.read_json(f"cells/{cell.name}.json") or {}

    def _note(self, cell: Cell, record: dict[str, Any]) -> None:
        self._files.write_json(f"cells/{cell.name}.json", record)

    def _finish(self, cell: Cell, head: str) -> bool:
        """Bring a cell's run to its end, in as many attempts as it takes; whether it got there."""
        run_dir = self._run_dir(cell)
        if outcomes.finished(run_dir):
            return True
        if self._stopping:
            return False
        pid = running_pid(run_dir)
        if pid is not None:
            raise UserError(f"{cell.name} is being run by process {pid}; wait for it, or stop it first")
        if (run_dir / "config.toml").is_file():
            self._say(f"{head}: going on")
            code = self._attempt(cell, ["run", "--resume", "--run-dir", str(run_dir)])
            if code != _REFUSED:
                return outcomes.finished(run_dir)
            self._say(f"{head}: it cannot be resumed")
        if self._stopping:
            return False
        self._say(f"{head}: starting, {self.terms.minutes:g} minutes")
        if run_dir.exists():
            shutil.rmtree(run_dir)
        self._note(cell, {**cell.asked(self.terms), "sessions": []})
        self._attempt(cell, cell.arguments(self.terms, run_dir))
        return outcomes.finished(run_dir)

    def _attempt(self, cell: Cell, arguments: list[str]) -> int:
        """One session of a run; its exit code. What it says is shown and kept."""
        record = self._record(cell) or {**cell.asked(self.terms), "sessions": []}
        session = {"started": datetime.now(UTC).isoformat(timespec="seconds"), **commit(), "s": 0.0}
        record["sessions"].append(session)
        self._note(cell, record)
        began = time.monotonic()
        log = self.folder / "cells" / f"{cell.name}.log"
        with log.open("a", encoding="utf-8") as kept:
            # A process group of its own: a terminal's Ctrl-C would reach it beside ours, and two break a run off.
            child = subprocess.Popen(
                [*self._command, *arguments],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                process_group=0,
            )
            self._child = child
            if self._stopping:
                self._forward()
            assert child.stdout is not None
            try:
                with child.stdout:
                    for line in child.stdout:
                        kept.write(line)
                        kept.flush()
                        self._say(f"  {line.rstrip()}")
            except BaseException:
                self._forward()
                raise
            finally:
                code = child.wait()
                self._child = None
        if code and not self._stopping:
            self._say(f"{cell.name} ended with exit code {code}; see cells/{cell.name}.log")
        session |= {"s": round(time.monotonic() - began, 1), "exit_code": code}
        self._note(cell, record)
        return code

    def _keep(self, cell: Cell, head: str) -> None:
        line = {
            "arm": cell.arm.name,
            "site": cell.site,
            "seed": cell.seed,
            **cell.asked(self.terms),
            **_provenance(self._record(cell).get("sessions", [])),
            "machine": machine(),
            **outcomes.describe(self._run_dir(cell)),
        }
        self._files.append_line(FILE, json.dumps(line, ensure_ascii=False))
        self._say(f"{head}: {headline(line)}")

    @contextmanager
    def _stoppable(self) -> Iterator[None]:
        """Signals end the cell under way cleanly, and no other begins; each further one is passed on, too."""

        def stop(*_: object) -> None:
            self._stopping = True
            self._forward()

        hung_up = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN  # nohup: then it stays ignored
        numbers = _SIGNALS if hung_up else (*_SIGNALS, signal.SIGHUP)
        before = {number: signal.signal(number, stop) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _forward(self) -> None:
        if self._child is not None:
            with suppress(ProcessLookupError):
                self._child.send_signal(signal.SIGINT)


def read(source: Path) -> list[dict[str, Any]]:
    """The results in a folder or a file; raises `UserError` when there are none."""
    path = source / FILE if source.is_dir() else source
    if not path.is_file():
        raise UserError(f"there are no results in '{source}': it has no {FILE}; make some with run --output {source}")
    try:
        lines = [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines() if text.strip()]
    except ValueError as error:
        raise UserError(f"'{path}' is not a file of results: {error}") from error
    if not lines or not all(isinstance(line, dict) and {"arm", "site", "seed", "gain"} <= set(line) for line in lines):
        raise UserError(f"'{path}' holds no results of finished cells")
    return lines


def headline(line: dict[str, Any]) -> str:
    """The outcome of a cell in one line."""
    heldout, gain = line["heldout"], line["gain"] or {}
    if gain.get("gain") is None:
        return "nothing could be measured"
    ends = f"{share(outcomes.initial_success(heldout), 1)} to {share((heldout['final'] or {}).get('success'), 1)}"
    low, high = gain["ci95"]
    return (
        f"{ends}, gain {points(gain['gain'])} [{points(low)}, {points(high)}] points, "
        f"{line['episodes']} episodes in {duration(line['wall_s'])}"
    )


def commit() -> dict[str, Any]:
    """The commit that is checked out, and whether tracked files differ from it; None where git cannot tell."""

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return None
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no")
    return {"commit": git("rev-parse", "HEAD"), "dirty": None if changed is None else bool(changed)}


def machine() -> dict[str, Any]:
    """Cores that this process may use, and the processor's name."""
    names = (
        line.partition(":")[2].strip()
        for line in (Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else ())
        if line.startswith("model name")
    )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"cores": cores, "cpu": next(names, "") or platform.processor() or platform.machine()}


def _provenance(sessions: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """When and from which commit a cell was run; a change of commit between its sessions counts as dirty."""
    if not sessions:
        return {"commit": None, "dirty": None, "started": None, "sessions": 0, "process_s": None}
    mixed = len({session["commit"] for session in sessions}) > 1
    return {
        "commit": sessions[0]["commit"],
        "dirty": mixed or any(session["dirty"] for session in sessions),
        "started": sessions[0]["started"],
        "sessions": len(sessions),
        "process_s": round(sum(session["s"] for session in sessions), 1),
    }
