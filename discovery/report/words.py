"""Checks, figures and times as a reader would say them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from core.checks import AllCheck, AnswerCheck, AnyCheck, Check, EnteredCheck, FunctionalCheck, PageCheck, UrlCheck


def check_in_words(check: Check | None) -> str:
    """What has to hold for the task to count as done, as a clause without a full stop."""
    match check:
        case None:
            return "nothing is checked"
        case AnswerCheck(equals=expected):
            return f"the answer is “{expected}”"
        case UrlCheck(matches=pattern):
            return f"the address {_address(pattern)}"
        case PageCheck(contains=texts, url=pattern):
            shown = _join([f"“{text}”" for text in texts], "and")
            return f"the page shows {shown}" + (f" at an address that {_address(pattern)}" if pattern else "")
        case EnteredCheck(fields=fields):
            return _join([_entered(*field) for field in fields.items()], "and")
        case FunctionalCheck(expect=expected):
            return f"the site's records hold {json.dumps(expected, ensure_ascii=False)}"
        case AllCheck(of=parts):
            return _join([_nested(part) for part in parts], "and")
        case AnyCheck(of=parts):
            return _join([_nested(part) for part in parts], "or")


def share(value: float | None, digits: int = 0) -> str:
    """A share of 1 as a percentage; an em dash when there is none."""
    return "—" if value is None else f"{value * 100:.{digits}f}%"


def points(value: float) -> str:
    """A difference of two shares, signed, in percentage points."""
    return f"{value * 100:+.1f}".replace("-", "−")  # noqa: RUF001


def duration(seconds: float | None) -> str:
    """A time span in its two largest units."""
    if seconds is None:
        return "—"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def count(value: float | None) -> str:
    """A whole number with thin spaces between thousands."""
    return "—" if value is None else f"{round(value):,}".replace(",", "\u202f")


_ORIGIN = re.compile(r"^\^https\?://\[\^/\?#\]\+")
_QUERY = re.compile(r"\(\?=\.\*\[\?&\]([\w.%+\\-]+)=\(\?:([\w.%+\\-]+)\)\(\?:\[&#\]\|\$\)\)")
_END = re.compile(r"/\?\(\?=\[\?#\]\|\$\)$")
_LITERAL = re.compile(r"(?:[\w/=&%~:, -]|\\[^\w\s])+")


def _address(pattern: str) -> str:
    """`matches …`, or what a pattern of the explorer's form means: `is /orders with status=Shipped`."""
    queries = [_unescaped(f"{key}={value}") for key, value in _QUERY.findall(pattern)]
    path, anchored = _ORIGIN.subn("", _QUERY.sub("", pattern))
    path, ended = _END.subn("", path)
    if not (anchored and ended and _LITERAL.fullmatch(path or "/")):
        return f"matches {pattern}"
    return f"is {_unescaped(path) or '/'}" + (f" with {_join(queries, 'and')}" if queries else "")


def _unescaped(literal: str) -> str:
    return re.sub(r"\\(\W)", r"\1", literal)


def _nested(check: Check) -> str:
    text = check_in_words(check)
    return f"({text})" if isinstance(check, AllCheck | AnyCheck) else text


def _entered(label: str, value: str) -> str:
    return f"“{label}” was ticked" if value == "checked" else f"“{value}” was entered as “{label}”"


def _join(parts: Sequence[str], word: str) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + f" {word} " + parts[-1]
