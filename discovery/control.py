"""The durable table of commands and events between a run and the people who steer it.

One SQLite file in the run directory. The run polls it; a terminal, a chat or a web page writes to it
from a process of its own, which can die without harm. A command stays pending until the run
acknowledges it, so none is lost when the run is killed in between.

    pause · resume · stop        the run as a whole; all but `stop` survive a restart
    set_goal {text}              practise what this is about, as far as there are tasks for it
    approve {required: bool}     ask, or stop asking, for approval before each iteration's practice
    approve {accept: [task ids]} the answer; or {reject: [task ids]}; or {} for all
    intervene {trajectory_id}    end that episode now; it stays unscored
"""

from __future__ import annotations

import difflib
import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import RunDirectoryError, StorageFault, UserError

COMMANDS = ("pause", "resume", "stop", "set_goal", "approve", "intervene")
_KEPT_EVENTS = 20_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS commands (
    id INTEGER PRIMARY KEY AUTOINCREMENT, sent_at REAL NOT NULL, command TEXT NOT NULL,
    arguments TEXT NOT NULL, acknowledged_at REAL, result TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS commands_pending ON commands (id) WHERE acknowledged_at IS NULL;
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, event TEXT NOT NULL, data TEXT NOT NULL);
"""


class SqliteControl:
    """`RunControl` over one file. Safe to use from several processes; each opens its own."""

    def __init__(self, path: Path, *, create: bool = True) -> None:
        """Raises `RunDirectoryError` when the file is missing (and not to be created) or is not ours."""
        if not create and not path.is_file():
            raise RunDirectoryError(f"'{path.parent}' holds no run: there is no {path.name} in it")
        try:
            self._connection = sqlite3.connect(path, timeout=30.0, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.executescript(_SCHEMA)
        except sqlite3.OperationalError as error:
            raise StorageFault(f"'{path}' cannot be opened: {error}") from error
        except sqlite3.DatabaseError as error:
            raise RunDirectoryError(f"'{path}' is not a control table: {error}; move it away") from error

    def send(self, command: str, arguments: Mapping[str, Any] | None = None) -> int:
        """Add a command and return its id; raises `UserError` for one that does not exist."""
        if command not in COMMANDS:
            near = difflib.get_close_matches(command, COMMANDS, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else f"; there are {', '.join(COMMANDS)}"
            raise UserError(f"'{command}' is not a command of a run{hint}")
        with self._guard():
            cursor = self._connection.execute(
                "INSERT INTO commands (sent_at, command, arguments) VALUES (?, ?, ?)",
                (time.time(), command, json.dumps(dict(arguments or {}))),
            )
        return int(cursor.lastrowid or 0)

    def pending(self) -> list[tuple[int, str, dict[str, Any]]]:
        """Commands not yet acknowledged, oldest first."""
        with self._guard():
            rows = self._connection.execute(
                "SELECT id, command, arguments FROM commands WHERE acknowledged_at IS NULL ORDER BY id"
            ).fetchall()
        return [(row[0], row[1], json.loads(row[2])) for row in rows]

    def acknowledge(self, command_id: int, result: str = "") -> None:
        """Mark a command as done; `result` is a sentence for whoever sent it."""
        with self._guard():
            self._connection.execute(
                "UPDATE commands SET acknowledged_at = ?, result = ? WHERE id = ?", (time.time(), result, command_id)
            )

    def result(self, command_id: int) -> str | None:
        """The run's answer to a command; None while it is pending."""
        with self._guard():
            row = self._connection.execute(
                "SELECT result FROM commands WHERE id = ? AND acknowledged_at IS NOT NULL", (command_id,)
            ).fetchone()
        return None if row is None else str(row[0])

    def emit(self, event: str, data: Mapping[str, Any] | None = None) -> None:
        """Add an event; the oldest go once there are many."""
        with self._guard():
            cursor = self._connection.execute(
                "INSERT INTO events (at, event, data) VALUES (?, ?, ?)",
                (time.time(), event, json.dumps(dict(data or {}), default=str)),
            )
            last = int(cursor.lastrowid or 0)
            if last % 1000 == 0:
                self._connection.execute("DELETE FROM events WHERE id <= ?", (last - _KEPT_EVENTS,))

    def events(self, after: int = 0) -> list[tuple[int, float, str, dict[str, Any]]]:
        """(id, seconds since the epoch, event, data) of the events after the id `after`."""
        with self._guard():
            rows = self._connection.execute(
                "SELECT id, at, event, data FROM events WHERE id > ? ORDER BY id", (after,)
            ).fetchall()
        return [(row[0], row[1], row[2], json.loads(row[3])) for row in rows]

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StorageFault(f"the control table refused: {error}") from error
