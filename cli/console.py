"""Text for a terminal: what comes from a page or a model must not steer it."""

from __future__ import annotations

_BARS = "▁▂▃▄▅▆▇█"


def printable(text: str) -> str:
    """One line without control characters, escape sequences or characters that change the writing direction."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def sparkline(values: list[float], width: int = 40) -> str:
    """Shares of 1 as a row of bars, the last `width` of them."""
    top = len(_BARS) - 1
    return "".join(_BARS[min(max(round(value * top), 0), top)] for value in values[-width:])
