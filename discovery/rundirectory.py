"""The run directory is the truth: its layout, its lock, and how an iteration becomes permanent.

    config.toml            what was asked for
    lock                   held by the process that runs; holds its process id
    trajectories.sqlite    the record of every episode (memory room); screenshots/ beside it
    tasks.jsonl            every task ever proposed, once
    plans/NNNN.json        what iteration NNNN set out to do: its task pool, its groups by round
    iterations/NNNN/       weights/, optimizer/ and state after iteration NNNN (0000: before the first)
    metrics.jsonl          one line an iteration
    control.sqlite         commands and events
    checkpoints.sqlite     LangGraph's interrupts of the open iteration
    costs.json             what the model endpoints were asked and what that cost, by role
    summary.json           the outcome

An iteration is written to a hidden folder, synced, marked `STABLE` last and renamed: either all of it
is there or none. Killing the process at any instant loses at most the episodes in flight.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from core import config as settings
from core.config import Config
from core.errors import ConfigError, RunDirectoryError, StorageFault

STABLE = "STABLE"
FORMAT = 1
# Settings that say how long or where a run goes, not what it is: these may differ when it is resumed.
FREE = (
    "run.iterations",
    "run.minutes",
    "run.cost",
    "run.tokens",
    "policy.urls",
    "evaluation.share",
    "retention.",
    "browser.executable",
    "browser.headless",
    "browser.processes",
    "browser.contexts",
)


@contextmanager
def storage_faults(what: str) -> Iterator[None]:
    """Turns a refused write into a `StorageFault` that says what could not be written."""
    try:
        yield
    except OSError as error:
        raise StorageFault(f"{what} could not be written ({error.strerror or error}); free some space") from error


class RunDirectory:
    """One run's folder. Open it with `create` or `resume`; only one process at a time may hold it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock: IO[str] | None = None

    # Opening and closing

    @classmethod
    def create(cls, root: Path, config: Config) -> RunDirectory:
        """A new run in a missing or empty folder; raises `RunDirectoryError` otherwise."""
        if root.exists() and not root.is_dir():
            raise RunDirectoryError(f"'{root}' is a file; choose another --run-dir")
        if (root / "config.toml").exists():
            _refuse_if_locked(root)
            raise RunDirectoryError(f"'{root}' already holds a run; add --resume to go on with it")
        if root.exists() and any(not entry.name.startswith(("lock", ".writing-")) for entry in root.iterdir()):
            raise RunDirectoryError(f"'{root}' is not empty and holds no run; choose another --run-dir")
        directory = cls(root)
        with storage_faults(f"'{root}'"):
            root.mkdir(parents=True, exist_ok=True)
            directory._acquire()
            directory.write_text("config.toml", f"# format {FORMAT}\n{settings.to_toml(config)}")
        return directory

    @classmethod
    def resume(cls, root: Path, config: Config | None) -> tuple[RunDirectory, Config]:
        """An existing run and its configuration, free settings taken from `config` where one is given.

        Raises `RunDirectoryError` when there is none or it is in use, `ConfigError` when `config`
        contradicts what the run was started with.
        """
        stored = stored_config(root)
        directory = cls(root)
        directory._acquire()
        try:
            merged = stored if config is None else _merge(stored, config)
            for leftover in [*root.glob(".writing-*"), *(root / "iterations").glob(".writing-*")]:
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
            if merged != stored:
                directory.write_text("config.toml", f"# format {FORMAT}\n{settings.to_toml(merged)}")
        except BaseException:
            directory.close()
            raise
        return directory, merged

    def close(self) -> None:
        """Give the folder back; harmless when it is not held."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def discard(self) -> None:
        """Remove a run that never began: nothing of it is worth resuming."""
        for entry in self.root.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def _acquire(self) -> None:
        handle = (self.root / "lock").open("a+", encoding="ascii")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.close()
            raise RunDirectoryError(_in_use(self.root)) from None
        handle.truncate(0)
        handle.write(f"{os.getpid()}\n")
        handle.flush()
        self._lock = handle

    # Iterations

    def iteration(self, number: int) -> Path:
        """The folder of an iteration, whether or not it exists."""
        return self.root / "iterations" / f"{number:04d}"

    def weights(self, number: int) -> Path:
        """The folder of the weights after an iteration (0: those the run began with)."""
        return self.iteration(number) / "weights"

    def state(self, number: int) -> Any:
        """The small state after an iteration, as `discovery.after.After` writes it; None when there is none."""
        return self.read_json(f"iterations/{number:04d}/state.json")

    def is_stable(self, number: int) -> bool:
        return (self.iteration(number) / STABLE).is_file()

    def stable(self) -> list[int]:
        """The numbers of all complete iterations, ascending."""
        folders = (self.root / "iterations").glob("[0-9]*")  # nothing where there are none yet
        return sorted(int(folder.name) for folder in folders if (folder / STABLE).is_file())

    def latest_stable(self) -> int | None:
        """The last complete iteration; None before the initial state was written."""
        found = self.stable()
        return found[-1] if found else None

    def commit(self, number: int, fill: Callable[[Path], None]) -> Path:
        """Make iteration `number` permanent: `fill` writes its files, then all is synced, marked and renamed.

        Raises `StorageFault` when the disk refuses; nothing is changed then.
        """
        target = self.iteration(number)
        temporary = target.with_name(f".writing-{number:04d}")
        with storage_faults(f"iteration {number}"):
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
            try:
                fill(temporary)
                _sync_all(temporary)
                (temporary / STABLE).write_text(f"{number}\n", encoding="ascii")
                _sync(temporary / STABLE)
                _sync(temporary)
                if target.exists():
                    shutil.rmtree(target)
                temporary.rename(target)
                _sync(target.parent)
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)
                raise
        return target

    def prune(self, keep: int) -> None:
        """Drop the weights and optimizer state of all but the first and the last `keep` iterations."""
        for number in self.stable()[1:-keep]:
            for part in ("weights", "trainer"):
                shutil.rmtree(self.iteration(number) / part, ignore_errors=True)

    # Small files

    def write_text(self, name: str, text: str) -> None:
        """Replace a file atomically; raises `StorageFault`."""
        target = self.root / name
        temporary = self.root / f".writing-{name.replace('/', '-')}"
        with storage_faults(f"'{target}'"):
            target.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("w", encoding="utf-8") as handle:
                handle.write(text)
                handle.flush()
                os.fsync(handle.fileno())
            temporary.replace(target)
            _sync(target.parent)

    def write_json(self, name: str, value: Any) -> None:
        self.write_text(name, json.dumps(value, indent=1, ensure_ascii=False) + "\n")

    def read_json(self, name: str) -> Any:
        """The content of a file written by `write_json`; None when there is none."""
        path = self.root / name
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def append_line(self, name: str, line: str) -> None:
        """Append one line in a single write, synced; a line that a full disk cut short is dropped first."""
        path = self.root / name
        with storage_faults(f"'{path}'"):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                end = _whole_lines(descriptor)
                os.ftruncate(descriptor, end)
                data = line.encode() + b"\n"
                if os.pwrite(descriptor, data, end) != len(data):
                    os.ftruncate(descriptor, end)
                    raise StorageFault(f"'{path}' could not be written in full; free some space")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def read_lines(self, name: str) -> list[dict[str, Any]]:
        """The objects of a JSONL file, whole lines only; empty when there is none."""
        path = self.root / name
        if not path.is_file():
            return []
        return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1] if line.strip()]


def stored_config(root: Path) -> Config:
    """The configuration that a run was started with; raises `RunDirectoryError` when there is no run."""
    path = root / "config.toml"
    if not path.is_file():
        raise RunDirectoryError(f"'{root}' holds no run to resume; start one without --resume")
    head = path.read_text(encoding="utf-8").partition("\n")[0]
    if head != f"# format {FORMAT}":
        raise RunDirectoryError(f"'{root}' was written by another version of the program; start a new run")
    return settings.load(path)


def running_pid(root: Path) -> int | None:
    """The process that holds a run directory, or None."""
    try:
        with (root / "lock").open(encoding="ascii") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        text = (root / "lock").read_text(encoding="ascii").strip()
        return int(text) if text.isdigit() else 0
    return None


def _refuse_if_locked(root: Path) -> None:
    if running_pid(root) is not None:
        raise RunDirectoryError(_in_use(root))


def _in_use(root: Path) -> str:
    with contextlib.suppress(OSError):
        pid = (root / "lock").read_text(encoding="ascii").strip()
        return f"'{root}' is in use by process {pid or '?'}; `autotelic stop {root}` ends that run"
    return f"'{root}' is in use by another process"


def _merge(stored: Config, given: Config) -> Config:
    """`given`, where it differs in free settings alone."""
    before, now = settings.flatten(stored), settings.flatten(given)
    for name, value in now.items():
        if value != before[name] and not name.startswith(FREE):
            raise ConfigError(
                f"{name} = {value!r} contradicts this run, which was started with {before[name]!r}; "
                "leave it out, or start a new run in another --run-dir"
            )
    return given


def _sync_all(folder: Path) -> None:
    for path in folder.rglob("*"):
        _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _whole_lines(descriptor: int) -> int:
    """The length of a file up to and including its last newline."""
    end = os.fstat(descriptor).st_size
    while end > 0:
        start = max(0, end - 65536)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
