"""Seeds: every random choice of a run is derived from the run's seed and from what it is for.

Nothing draws from a global generator, so what an iteration does depends on its number and on the state
after the one before it, and not on whether the process was restarted in between.
"""

from __future__ import annotations

import hashlib


def derive(*parts: int | str) -> int:
    """A seed below 2**48 from the run's seed and the names of its use, the same in every process."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")
