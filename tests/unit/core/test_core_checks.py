"""What a check means: formats that do not matter, three values where evidence is missing, patterns that cannot hang."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from core.checks import (
    AllCheck,
    AnswerCheck,
    AnyCheck,
    Check,
    EnteredCheck,
    FunctionalCheck,
    PageCheck,
    UrlCheck,
    fold,
    holds,
    matches,
    needs_evidence,
    normal_answer,
)

ADAPTER: TypeAdapter[Check] = TypeAdapter(Check)
TRUE, FALSE, UNKNOWN = PageCheck(contains=("page",)), PageCheck(contains=("none",)), FunctionalCheck(expect={"a": 1})


def decided(check: Check, **given: Any) -> bool | None:
    return holds(check, **{"answer": None, "url": "http://x/", "page_text": "the page", **given})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("$1,299.00", " 1299 "),
        ("Yes.", "yes"),
        ("“In stock”", "in   STOCK"),
        ("12.50", "$12.5"),
        ("5 €", "€ 5"),
        ("5 %", "5%"),
        ("0042", "42"),
        (".5", "0.50"),
        ("-.5", "-0.5"),
        ("-0.0", "0"),
        ("+3", "3"),
        ("(42)", "42!"),
        ("1,000,000", "1000000"),
        ("Ｃａｆé", "café"),
        ("Straße", "STRASSE"),
        ("line\nbreak", "line break"),
    ],
)
def test_formats_that_do_not_matter(one: str, other: str) -> None:
    assert decided(AnswerCheck(equals=one), answer=other) is True
    assert decided(AnswerCheck(equals=other), answer=one) is True


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1299", "129.9"),
        (".5", "5"),
        ("1,2", "12"),
        ("1,2,3", "123"),
        ("5", "5%"),
        ("-5", "5"),
        ("1.10", "1.01"),
        ("12", "12 mugs"),
        ("1.2.3", "1.23"),
        ("*", "?"),
        ("", "0"),
        ("yes", "yes no"),
        ("a b", "ab"),
    ],
)
def test_differences_that_do_matter(one: str, other: str) -> None:
    assert decided(AnswerCheck(equals=one), answer=other) is False
    assert decided(AnswerCheck(equals=other), answer=one) is False


@given(st.integers(-(10**12), 10**12))
def test_whole_numbers_however_they_are_written(number: int) -> None:
    written = {str(number), f"{number:,}", f"{number}.00", f" {number:,}. ", f"'{number}'"}
    assert {normal_answer(text) for text in written} == {str(number)}


@given(st.text(max_size=30))
def test_the_normal_form_is_normal(text: str) -> None:
    assert normal_answer(normal_answer(text)) == normal_answer(text)


@given(st.decimals(0, 10**6, places=2), st.decimals(0, 10**6, places=2))
def test_different_amounts_stay_different(one: Any, other: Any) -> None:
    assert (normal_answer(f"${one:,}") == normal_answer(f"{other}")) == (one == other)


def test_no_answer_is_no_answer() -> None:
    assert decided(AnswerCheck(equals="1"), answer=None) is False
    assert decided(AnswerCheck(equals="..."), answer="") is False


def test_pages_and_urls() -> None:
    page = PageCheck(contains=("Thank you", "ORDER 7"), url=r"/orders/\d+$")
    text = "thank \n\u00a0 you\tfor order  7"
    assert decided(page, page_text=text, url="http://x/orders/7") is True
    assert decided(page, page_text=text, url="http://x/orders/7/edit") is False
    assert decided(page, page_text="thank you", url="http://x/orders/7") is False
    assert decided(UrlCheck(matches="(?i)ORDERS"), url="http://x/orders") is True
    assert decided(UrlCheck(matches="^orders"), url="http://x/orders") is False


@pytest.mark.parametrize("size", [1, 2, 3])
def test_all_and_any_have_three_values(size: int) -> None:
    for pairs in itertools.product([(TRUE, True), (FALSE, False), (UNKNOWN, None)], repeat=size):
        parts, values = zip(*pairs, strict=True)
        expected_all = False if False in values else None if None in values else True
        expected_any = True if True in values else None if None in values else False
        assert decided(AllCheck(of=parts)) is expected_all
        assert decided(AnyCheck(of=parts)) is expected_any
        assert needs_evidence(AllCheck(of=(AnyCheck(of=parts),))) == (UNKNOWN in parts)


@given(st.recursive(st.sampled_from([TRUE, FALSE, UNKNOWN]), lambda inner: st.one_of(
    st.lists(inner, min_size=1, max_size=3).map(lambda parts: AllCheck(of=tuple(parts))),
    st.lists(inner, min_size=1, max_size=3).map(lambda parts: AnyCheck(of=tuple(parts))),
), max_leaves=12))  # fmt: skip
def test_what_is_decided_without_evidence_stays_so_with_any(check: Check) -> None:
    before = decided(check)
    after = {decided(check, evidence={"a": value}) for value in (1, 2)}
    assert None not in after
    if before is not None:
        assert after == {before}


@pytest.mark.parametrize(
    ("expected", "actual", "match"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"c": 2, "d": 3}]}}, True),
        ({"a": [1]}, {"a": [1, 2]}, False),
        ({"a": [1, 2]}, {"a": [2, 1]}, False),
        ({"a": "12"}, {"a": ["1", "2"]}, False),
        ({"a": []}, {"a": ""}, False),
        ({"a": 1}, {"a": True}, False),
        ({"a": False}, {"a": 0}, False),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": None}, {}, False),
        ({"a": None}, {"a": None}, True),
        ({"a": {}}, {"a": {"anything": 1}}, True),
        ({"a": {}}, {"a": []}, False),
    ],
)
def test_evidence_is_matched_by_the_keys_named(expected: Any, actual: Any, match: bool) -> None:
    assert matches(expected, actual) is match
    assert decided(FunctionalCheck(expect=expected), evidence=actual) is match


def test_a_pattern_that_would_run_for_years_is_undecided_and_soon() -> None:
    url = "http://x/" + "a" * 400
    started = time.process_time()
    assert decided(UrlCheck(matches="(.*a){20}b"), url=url) is None
    assert decided(PageCheck(contains=("page",), url="(.*a){20}b"), url=url) is None
    assert decided(PageCheck(contains=("none",), url="(.*a){20}b"), url=url) is False
    assert time.process_time() - started < 60  # without the limit: longer than anybody waits


@pytest.mark.parametrize(
    "pattern", ["(", "a**", "[", "(?<=a+)b", "(?P<1>a)", "a{99999999999999999999}", "(" * 2000, "\\"]
)
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    for build in (lambda: UrlCheck(matches=pattern), lambda: PageCheck(contains=("x",), url=pattern)):
        with pytest.raises(ValidationError, match="is not a regular expression"):
            build()


@pytest.mark.parametrize(
    "data",
    [
        {"kind": "answer", "equals": "1"},
        {"kind": "url", "matches": r"\d"},
        {"kind": "page", "contains": ["a", "b"], "url": None},
        {"kind": "all", "of": [{"kind": "any", "of": [{"kind": "functional", "expect": {"a": [1, {"b": None}]}}]}]},
    ],
)
def test_checks_are_data(data: dict[str, Any]) -> None:
    check = ADAPTER.validate_python(data)
    assert ADAPTER.validate_json(check.model_dump_json()) == check
    assert check.model_dump(mode="json") == data


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"kind": "code", "source": "True"},
        {"kind": "answer"},
        {"kind": "answer", "equals": True},
        {"kind": "answer", "equals": "1", "matches": "1"},
        {"kind": "page", "contains": "abc"},
        {"kind": "page", "contains": []},
        {"kind": "all", "of": []},
        {"kind": "functional", "expect": {}},
    ],
)
def test_what_is_no_check_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(data)


def test_numbers_are_expected_answers_too() -> None:
    assert decided(ADAPTER.validate_python({"kind": "answer", "equals": 12.5}), answer="$12.50") is True


def test_folding() -> None:
    assert fold("  \uff21\u00a0b\n\tC ") == "a b c"


def test_all_fields_held_their_values_at_one_moment() -> None:
    check = EnteredCheck(fields={"Full  name": "Ada Vale", "Mail me": "checked"})
    name, tick = ("full name", "ada vale"), ("mail me", "checked")

    def after(*moments: set[tuple[str, str]]) -> bool | None:
        return holds(check, answer=None, url="", page_text="Ada Vale", entries=moments)

    assert after(set(), {name, tick, ("town", "")}, set())
    assert not after({name}, {tick})
    assert not after({name, ("mail me", "unchecked")})
    assert not after()
    both = AllCheck(of=(check, PageCheck(contains=("saved",))))
    assert holds(both, answer=None, url="", page_text="Saved", entries=[{name, tick}])
    assert not holds(both, answer=None, url="", page_text="", entries=[{name, tick}])
