"""Names of run directories: a fresh one, and the newest there is."""

from __future__ import annotations

import re
import time
from pathlib import Path
from urllib.parse import urlsplit

from core.errors import RunDirectoryError

RUNS = Path("runs")


def fresh(site: str, *, runs: Path = RUNS) -> Path:
    """`runs/SITE-DATE-TIME`, with a number when that is taken."""
    name = re.sub(r"[^a-z0-9]+", "-", (urlsplit(site).netloc or site).lower()).strip("-")[:40] or "run"
    base = runs / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    path, number = base, 1
    while path.exists():
        number += 1
        path = base.with_name(f"{base.name}-{number}")
    return path


def newest(*, runs: Path = RUNS) -> Path:
    """The run that was begun last; raises `RunDirectoryError` when there is none."""
    found = [path.parent for path in runs.glob("*/config.toml")]
    if not found:
        raise RunDirectoryError(f"there is no run in '{runs}/' to resume; name one with --run-dir")
    return max(found, key=lambda folder: (folder / "config.toml").stat().st_mtime)
