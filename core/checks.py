"""What a check means: the conditions that tell whether a task was done, and how each is decided.

A check is data. It is decided from the end of an episode alone: the agent's answer, the final URL,
the visible text of the final page and, for bundled sites, the evidence of their ground-truth interface.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


class _Check(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AnswerCheck(_Check):
    """The agent's answer equals `equals`; case, white space, outer punctuation and number format are ignored."""

    kind: Literal["answer"] = "answer"
    equals: str


class UrlCheck(_Check):
    """`re.search(matches, final_url)` finds something."""

    kind: Literal["url"] = "url"
    matches: str

    @field_validator("matches")
    @classmethod
    def _compiles(cls, value: str) -> str:
        return _valid_pattern(value)


class PageCheck(_Check):
    """Every text of `contains` is in the final page's visible text (white space folded), and `url` matches."""

    kind: Literal["page"] = "page"
    contains: tuple[str, ...] = Field(min_length=1)
    url: str | None = None

    @field_validator("url")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        return value if value is None else _valid_pattern(value)


class AllCheck(_Check):
    """Every one of `of` holds."""

    kind: Literal["all"] = "all"
    of: tuple[Check, ...] = Field(min_length=1)


class AnyCheck(_Check):
    """At least one of `of` holds."""

    kind: Literal["any"] = "any"
    of: tuple[Check, ...] = Field(min_length=1)


class FunctionalCheck(_Check):
    """The ground-truth evidence matches `expect`: objects by the keys named, everything else exactly."""

    kind: Literal["functional"] = "functional"
    expect: dict[str, Any] = Field(min_length=1)


Check = Annotated[
    AnswerCheck | UrlCheck | PageCheck | AllCheck | AnyCheck | FunctionalCheck,
    Field(discriminator="kind"),
]

AllCheck.model_rebuild()
AnyCheck.model_rebuild()


def holds(
    check: Check,
    *,
    answer: str | None,
    url: str,
    page_text: str,
    evidence: Mapping[str, Any] | None = None,
) -> bool | None:
    """Decide a check; `None` when it needs evidence that is not there (three-valued `all` and `any`)."""
    match check:
        case AnswerCheck(equals=expected):
            return answer is not None and normal_answer(answer) == normal_answer(expected)
        case UrlCheck(matches=pattern):
            return re.search(pattern, url) is not None
        case PageCheck(contains=texts, url=pattern):
            page = fold(page_text)
            return all(fold(text) in page for text in texts) and (
                pattern is None or re.search(pattern, url) is not None
            )
        case FunctionalCheck(expect=expected):
            return None if evidence is None else matches(expected, evidence)
        case AllCheck(of=parts) | AnyCheck(of=parts):
            values = [holds(part, answer=answer, url=url, page_text=page_text, evidence=evidence) for part in parts]
            deciding = isinstance(check, AnyCheck)
            if deciding in values:
                return deciding
            return None if None in values else not deciding


def needs_evidence(check: Check) -> bool:
    """Whether any part of the check reads ground truth."""
    if isinstance(check, AllCheck | AnyCheck):
        return any(needs_evidence(part) for part in check.of)
    return isinstance(check, FunctionalCheck)


def matches(expected: Any, actual: Any) -> bool:
    """Subset match: an object must have the keys named, with matching values; lists and scalars are equal."""
    if isinstance(expected, Mapping):
        return isinstance(actual, Mapping) and all(
            key in actual and matches(value, actual[key]) for key, value in expected.items()
        )
    if isinstance(expected, Sequence) and not isinstance(expected, str):
        return (
            isinstance(actual, Sequence)
            and not isinstance(actual, str)
            and len(expected) == len(actual)
            and all(matches(e, a) for e, a in zip(expected, actual, strict=True))
        )
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    return bool(expected == actual)


def fold(text: str) -> str:
    """White space folded to single spaces, compatibility characters unified, case ignored."""
    return " ".join(unicodedata.normalize("NFKC", text).split()).casefold()


_OUTER = " \t\n\"'`.,;:!?()[]{}<>*_“”‘’"  # noqa: RUF001
_NUMBER = re.compile(r"([-+]?)([$€£¥]?)\s*(\d[\d,]*)(\.\d+)?\s*(%?)")


def normal_answer(text: str) -> str:
    """The form in which answers are compared: `$1,299.00` and ` 1299 ` are the same, so are `Yes.` and `yes`."""
    text = fold(text).strip(_OUTER)
    number = _NUMBER.fullmatch(text)
    if number is None:
        return text
    sign, _currency, whole, fraction, percent = number.groups()
    digits = whole.replace(",", "").lstrip("0") or "0"
    fraction = (fraction or "").rstrip("0").rstrip(".")
    negative = "-" if sign == "-" and (digits, fraction) != ("0", "") else ""
    return f"{negative}{digits}{fraction}{percent}"


def _valid_pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"'{pattern}' is not a regular expression: {error}") from error
    return pattern
