"""Where the traceback of an unexpected error goes."""

from __future__ import annotations

import os
import tempfile
import time
import traceback
from pathlib import Path

_NAME = "error.log"
_folder: list[Path] = []


def log_to(folder: Path) -> None:
    """From now on tracebacks belong to this run's folder, once it exists."""
    _folder[:] = [folder]


def keep_traceback() -> Path:
    """Append the traceback of the error being handled to the run's error.log, or to a temporary file; its path."""
    text = f"{time.strftime('%Y-%m-%d %H:%M:%S')}\n{traceback.format_exc()}\n"
    for folder in _folder:
        try:
            if folder.is_dir():
                with (folder / _NAME).open("a", encoding="utf-8") as log:
                    log.write(text)
                return folder / _NAME
        except OSError:
            break
    descriptor, name = tempfile.mkstemp(prefix="autotelic-", suffix=".log")
    with os.fdopen(descriptor, "w", encoding="utf-8") as log:
        log.write(text)
    return Path(name)
