"""What a check means: the conditions that tell whether a task was done, and how each is decided.

A check is data. It is decided from what could be seen: the agent's answer, the final URL, the visible text
of the final page, what stood in form fields on the way, and, for bundled sites, the evidence of their
ground-truth interface.
Patterns come from files and models: each is Python's `re` syntax, searched within a limit of time.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Annotated, Any, Literal

import regex  # type: ignore[import-untyped]
from pydantic import BaseModel, ConfigDict, Field, field_validator


class _Check(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AnswerCheck(_Check):
    """The agent's answer equals `equals`; case, white space, outer punctuation and number format are ignored."""

    kind: Literal["answer"] = "answer"
    equals: str

    @field_validator("equals", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


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


class EnteredCheck(_Check):
    """At one moment of the episode every field of `fields`, by its label, held its value (`checked` for a tick).

    For forms whose values show nowhere after they were sent; the page check beside it says that they were.
    """

    kind: Literal["entered"] = "entered"
    fields: dict[str, str] = Field(min_length=1)


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
    AnswerCheck | UrlCheck | PageCheck | EnteredCheck | AllCheck | AnyCheck | FunctionalCheck,
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
    entries: Sequence[AbstractSet[tuple[str, str]]] = (),
    evidence: Mapping[str, Any] | None = None,
) -> bool | None:
    """Decide a check (three-valued `all` and `any`); `entries` are those of the observations (`Observation.entries`).

    `None` when it cannot be decided: it needs evidence that is not there, or its pattern takes too long.
    """
    match check:
        case AnswerCheck(equals=expected):
            return answer is not None and normal_answer(answer) == normal_answer(expected)
        case UrlCheck(matches=pattern):
            return _found(pattern, url)
        case PageCheck(contains=texts, url=pattern):
            page = fold(page_text)
            if not all(fold(text) in page for text in texts):
                return False
            return pattern is None or _found(pattern, url)
        case EnteredCheck(fields=fields):
            wanted = {(fold(name), fold(value)) for name, value in fields.items()}
            return any(wanted <= shown for shown in entries)
        case FunctionalCheck(expect=expected):
            return None if evidence is None else matches(expected, evidence)
        case AllCheck(of=parts) | AnyCheck(of=parts):
            values = [
                holds(part, answer=answer, url=url, page_text=page_text, entries=entries, evidence=evidence)
                for part in parts
            ]
            deciding = isinstance(check, AnyCheck)
            if deciding in values:
                return deciding
            return None if None in values else not deciding


def needs_evidence(check: Check) -> bool:
    """Whether any part of the check reads ground truth."""
    return _has(check, FunctionalCheck)


def needs_answer(check: Check) -> bool:
    """Whether it matters to any part of the check what the agent answers."""
    return _has(check, AnswerCheck)


def needs_entries(check: Check) -> bool:
    """Whether any part of the check asks what stood in form fields."""
    return _has(check, EnteredCheck)


def _has(check: Check, kind: type[_Check]) -> bool:
    if isinstance(check, AllCheck | AnyCheck):
        return any(_has(part, kind) for part in check.of)
    return isinstance(check, kind)


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


_SEARCH_SECONDS = 0.5
_OUTER = " \t\n\"'`.,;:!?()[]{}<>*_“”‘’"  # noqa: RUF001
_NUMBER = re.compile(r"([-+]?)([$€£¥]?) ?(\d{1,3}(?:,\d{3})+|\d+|(?=\.))(\.\d+)? ?(%?)[$€£¥]?")


def normal_answer(text: str) -> str:
    """The form in which answers are compared: `$1,299.00` and ` 1299 ` are the same, so are `Yes.` and `yes`."""
    folded = fold(text)
    text = folded.strip(_OUTER) or folded
    before = folded[: folded.index(text)]
    if text[:1].isdigit() and before.endswith(".") and not before.endswith(".."):
        text = f".{text}"  # a decimal point, not a full stop
    number = _NUMBER.fullmatch(text)
    if number is None:
        return text
    sign, _currency, whole, fraction, percent = number.groups()
    digits = whole.replace(",", "").lstrip("0") or "0"
    fraction = (fraction or "").rstrip("0").rstrip(".")
    negative = "-" if sign == "-" and (digits, fraction) != ("0", "") else ""
    return f"{negative}{digits}{fraction}{percent}"


def _found(pattern: str, url: str) -> bool | None:
    """`re.search` that gives up: a pattern such as `(.*a){20}b` would hold up the whole process for years."""
    try:
        return regex.search(pattern, url, timeout=_SEARCH_SECONDS) is not None
    except TimeoutError:
        return None


def _valid_pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
        regex.compile(pattern)
    except (re.error, regex.error, RecursionError, OverflowError) as error:
        raise ValueError(f"'{pattern[:80]}' is not a regular expression: {error}") from error
    return pattern
