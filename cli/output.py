"""Files that commands write where they were told to."""

from __future__ import annotations

import os
from pathlib import Path

from core.errors import StorageFault


def write_text(path: Path, text: str) -> None:
    """Write a file that appears whole or not at all; raises `StorageFault`."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StorageFault(f"'{path}' could not be written: {error.strerror or error}") from error
