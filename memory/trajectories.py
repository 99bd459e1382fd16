"""The record of every finished episode: one SQLite file in the run directory, written once, never lost.

An episode is acknowledged when `add` returns: by then it is on the disk (write-ahead log,
`synchronous=FULL`). Ground truth lies in a table of its own, which nothing that feeds the policy reads.
"""

# ruff: noqa: S608 - only this module's own column names are formatted into queries, values are bound
from __future__ import annotations

import json
import sqlite3
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from core.errors import RunDirectoryError, StorageFault
from core.types import GroundTruth, Record, Trajectory, Verdict

FILE_NAME = "trajectories.sqlite"
SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE episodes (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    iteration INTEGER NOT NULL,
    role TEXT NOT NULL,
    family TEXT NOT NULL,
    task_id TEXT NOT NULL,
    group_id TEXT NOT NULL,
    policy_version INTEGER NOT NULL,
    stop_reason TEXT NOT NULL,
    error TEXT NOT NULL,
    steps INTEGER NOT NULL,
    started_at REAL NOT NULL,
    wall_s REAL NOT NULL,
    value REAL,
    verdict TEXT,
    data BLOB NOT NULL
);
CREATE INDEX episodes_by_iteration ON episodes (iteration, role, family);
CREATE INDEX episodes_by_role ON episodes (role, family);
CREATE TABLE ground_truth (id TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
"""
_SUMMARY = (
    "id, iteration, role, family, task_id, group_id, policy_version, stop_reason, error, steps, "
    "started_at, wall_s, value"
)
_COMPRESSION = 3
_R = TypeVar("_R", bound=Record)
_BUSY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Summary:
    """One episode's row without its steps; `value` is None while unjudged or when unscored."""

    id: str
    iteration: int
    role: str
    family: str
    task_id: str
    group_id: str
    policy_version: int
    stop_reason: str
    error: str
    steps: int
    started_at: float
    wall_s: float
    value: float | None


@dataclass(frozen=True, slots=True)
class Tally:
    """Episodes of one kind: all of them, those with a verdict's value, and those valued 0.5 or more."""

    episodes: int
    scored: int
    successes: int

    @property
    def success(self) -> float | None:
        """Share of the scored episodes that succeeded; None when none was scored."""
        return self.successes / self.scored if self.scored else None


class TrajectoryStore:
    """The episodes of one run. Threads may share a store; other processes open their own with `readonly=True`.

    Raises `RunDirectoryError` when the file is missing (readonly), foreign, or from a newer version, and
    `StorageFault` when the disk refuses a write; a refused write leaves the record as it was.
    """

    def __init__(self, run_dir: Path, *, readonly: bool = False) -> None:
        self.path = run_dir / FILE_NAME
        self._lock = threading.RLock()
        if readonly and not self.path.is_file():
            raise RunDirectoryError(f"'{run_dir}' has no record of episodes ({FILE_NAME}); is it a run directory?")
        try:
            if not readonly:
                run_dir.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise StorageFault(f"'{self.path}' cannot be opened: {error}") from error
        try:
            self._prepare(readonly)
        except BaseException:
            self._db.close()
            raise

    def _prepare(self, readonly: bool) -> None:
        try:
            if readonly:
                self._db.execute("PRAGMA query_only=ON")
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise RunDirectoryError(
                    f"'{self.path}' was written by a newer version (schema {version}, this one reads up to "
                    f"{SCHEMA_VERSION}); upgrade to open it"
                )
            tables = {name for (name,) in self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if version == 0 and tables:
                raise RunDirectoryError(f"'{self.path}' is not a record of episodes; move it away")
            if readonly:
                if version == 0:
                    raise RunDirectoryError(f"'{self.path}' holds no record yet; try again when the run has begun")
                return
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            if version == 0:
                # One transaction: a process killed here leaves an empty file, not half a schema.
                self._db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;")
        except sqlite3.OperationalError as error:
            raise StorageFault(f"'{self.path}' cannot be prepared: {error}") from error
        except sqlite3.DatabaseError as error:
            raise RunDirectoryError(f"'{self.path}' is damaged or not a record of episodes: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction, rolled back as a whole when anything in it fails."""
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                self._abandon()
                raise StorageFault(f"'{self.path}' could not be written: {error}") from error
            except BaseException:
                self._abandon()
                raise

    def _abandon(self) -> None:
        if self._db.in_transaction:  # a full disk may have rolled back by itself
            self._db.execute("ROLLBACK")

    def _read(self, query: str, arguments: Sequence[Any] = ()) -> list[Any]:
        with self._lock:
            try:
                return self._db.execute(query, arguments).fetchall()
            except sqlite3.Error as error:
                raise StorageFault(f"'{self.path}' could not be read: {error}") from error

    def add(self, trajectory: Trajectory, truth: GroundTruth | None = None, verdict: Verdict | None = None) -> bool:
        """Record a finished episode for good; True if it was new.

        An id that is already there keeps its trajectory; ground truth and verdict are filled in where they
        were missing. Raises `StorageFault`.
        """
        data = _pack(trajectory)
        evidence = None if truth is None else _pack(truth)
        with self._writing() as db:
            new = db.execute(
                f"INSERT OR IGNORE INTO episodes ({_SUMMARY}, data) VALUES ({'?, ' * 13}?)",
                (
                    trajectory.id,
                    trajectory.iteration,
                    trajectory.role,
                    trajectory.task.family,
                    trajectory.task.id,
                    trajectory.group_id,
                    trajectory.policy_version,
                    trajectory.stop_reason.value,
                    trajectory.error,
                    len(trajectory.steps),
                    trajectory.started_at,
                    trajectory.wall_s,
                    None,
                    data,
                ),
            ).rowcount
            if evidence is not None:
                db.execute("INSERT OR IGNORE INTO ground_truth VALUES (?, ?)", (trajectory.id, evidence))
            if verdict is not None:
                db.execute(
                    "UPDATE episodes SET value = ?, verdict = ? WHERE id = ? AND verdict IS NULL",
                    (verdict.value, _json(verdict), trajectory.id),
                )
        return new == 1

    def set_verdict(self, trajectory_id: str, verdict: Verdict) -> None:
        """Record or replace an episode's verdict; raises `RunDirectoryError` for an unknown id, `StorageFault`."""
        with self._writing() as db:
            changed = db.execute(
                "UPDATE episodes SET value = ?, verdict = ? WHERE id = ?",
                (verdict.value, _json(verdict), trajectory_id),
            ).rowcount
        if not changed:
            raise self._unknown(trajectory_id)

    def get(self, trajectory_id: str) -> Trajectory:
        """The episode with this id; raises `RunDirectoryError` when there is none."""
        rows = self._read("SELECT data FROM episodes WHERE id = ?", (trajectory_id,))
        if not rows:
            raise self._unknown(trajectory_id)
        return self._unpack(Trajectory, trajectory_id, rows[0][0])

    def verdict(self, trajectory_id: str) -> Verdict | None:
        """The episode's verdict; None while it is unjudged. Raises `RunDirectoryError` for an unknown id."""
        rows = self._read("SELECT verdict FROM episodes WHERE id = ?", (trajectory_id,))
        if not rows:
            raise self._unknown(trajectory_id)
        return None if rows[0][0] is None else Verdict.model_validate(json.loads(rows[0][0]))

    def truth(self, trajectory_id: str) -> GroundTruth | None:
        """What the environment's ground-truth interface said at the episode's end. For judges alone."""
        rows = self._read("SELECT data FROM ground_truth WHERE id = ?", (trajectory_id,))
        return self._unpack(GroundTruth, trajectory_id, rows[0][0]) if rows else None

    def finished(self, iteration: int, role: str | None = None) -> list[str]:
        """Ids of an iteration's recorded episodes, in the order in which they were added."""
        return [summary.id for summary in self.summaries(iteration=iteration, role=role)]

    def summaries(
        self, *, iteration: int | None = None, role: str | None = None, family: str | None = None
    ) -> list[Summary]:
        """The rows of the episodes that fit, without their steps, in the order in which they were added."""
        where, arguments = _where(iteration, role, family)
        return [Summary(*row) for row in self._read(f"SELECT {_SUMMARY} FROM episodes {where} ORDER BY seq", arguments)]

    def iterate(
        self, *, iteration: int | None = None, role: str | None = None, family: str | None = None
    ) -> Iterator[tuple[Trajectory, Verdict | None]]:
        """The episodes that fit, each with its verdict, one in memory at a time, in the order of adding."""
        for summary in self.summaries(iteration=iteration, role=role, family=family):
            for data, verdict in self._read("SELECT data, verdict FROM episodes WHERE id = ?", (summary.id,)):
                trajectory = self._unpack(Trajectory, summary.id, data)
                yield trajectory, None if verdict is None else Verdict.model_validate(json.loads(verdict))

    def count(self, *, iteration: int | None = None, role: str | None = None, family: str | None = None) -> int:
        """How many episodes fit."""
        where, arguments = _where(iteration, role, family)
        return int(self._read(f"SELECT count(*) FROM episodes {where}", arguments)[0][0])

    def by_family(self, *, iteration: int | None = None, role: str | None = None) -> dict[str, Tally]:
        """Episodes, scored episodes and successes of each task family."""
        where, arguments = _where(iteration, role, None)
        rows = self._read(
            "SELECT family, count(*), count(value), coalesce(sum(value >= 0.5), 0) "
            f"FROM episodes {where} GROUP BY family ORDER BY family",
            arguments,
        )
        return {family: Tally(episodes, scored, successes) for family, episodes, scored, successes in rows}

    def _unknown(self, trajectory_id: str) -> RunDirectoryError:
        return RunDirectoryError(f"there is no episode '{trajectory_id}' in '{self.path}'")

    def _unpack(self, kind: type[_R], trajectory_id: str, data: bytes) -> _R:
        try:
            return kind.model_validate(json.loads(zlib.decompress(data)))
        except (zlib.error, ValueError) as error:
            raise StorageFault(f"episode '{trajectory_id}' in '{self.path}' is damaged: {error}") from error


def _where(iteration: int | None, role: str | None, family: str | None) -> tuple[str, list[Any]]:
    given = {"iteration": iteration, "role": role, "family": family}
    terms = [(f"{column} = ?", value) for column, value in given.items() if value is not None]
    return ("WHERE " + " AND ".join(term for term, _ in terms) if terms else "", [value for _, value in terms])


def _json(record: Record) -> str:
    # json.dumps, not model_dump_json: infinities and lone surrogates (models write both) must come back.
    return json.dumps(record.model_dump(), separators=(",", ":"))


def _pack(record: Record) -> bytes:
    return zlib.compress(_json(record).encode("ascii"), _COMPRESSION)
