"""Held-out tasks: what coincides with them is recognised, what merely resembles them is kept; the log is complete."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.checks import AllCheck, AnswerCheck, AnyCheck, Check, EnteredCheck, FunctionalCheck, PageCheck, UrlCheck
from core.errors import StorageFault
from core.types import Task
from evals.heldout import LOG_NAME, HeldoutTasks, coincides, fingerprint, log_evaluation, logged

PAGE = PageCheck(contains=("Thank you", "Order 7"), url="/done")


def task(instruction: str, check: Check | None = None, start_url: str = "/", **fields: Any) -> Task:
    return Task(id=fields.pop("id", instruction), instruction=instruction, start_url=start_url, check=check, **fields)


@pytest.mark.parametrize(
    ("proposed", "heldout"),
    [
        ("Add the Blue Mug to the cart", "add blue mug to cart."),
        ("Please add 2 blue mugs to the cart!", "Add two Blue Mug to cart"),
        ("Sort by price, then open the first product", "Open the first product, sort by price"),
        ("Öffne das Ticket „Drucker“", "öffne das ticket DRUCKER"),
        ("打开第三个订单", "打开第三个订单。"),
        (
            "On the support queue page assign ticket Printer jam to agent Dana Ruiz and set its priority to urgent",
            "On support queue page assign ticket Printer jam to agent Dana Ruiz and set priority to urgent",
        ),
    ],
)
def test_the_same_instruction_in_other_words_coincides(proposed: str, heldout: str) -> None:
    assert coincides(task(proposed), [task("Something else entirely"), task(heldout)])


@pytest.mark.parametrize(
    ("proposed", "heldout"),
    [
        ("Add the Blue Mug to the cart", "Add the Red Mug to the cart"),
        ("Open order 1001", "Open order 1002"),
        (
            "Using the orders table of your customer account page open order 1001, read which delivery date is shown "
            "there, compare it against today, then write down how many days remain until that parcel should arrive",
            "Using the orders table of your customer account page open order 1002, read which delivery date is shown "
            "there, compare it against today, then write down how many days remain until that parcel should arrive",
        ),
        (
            "Assign ticket Printer jam to Dana and set priority high",
            "Assign ticket Printer jam to Omar and set priority high",
        ),
        ("打开第三个订单", "关闭第三个订单"),
        ("Add the Blue Mug to the cart", "Add the Blue Mug to the cart and check out with express delivery"),
        ("at the", "to a"),
    ],
)
def test_another_task_of_the_same_sort_does_not(proposed: str, heldout: str) -> None:
    assert not coincides(task(proposed), [task(heldout)])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (PAGE, PageCheck(contains=("order  7", "THANK YOU", "Order 7"), url="/done")),
        (
            PAGE,
            AllCheck(
                of=(PageCheck(contains=("Order 7",)), UrlCheck(matches="/done"), PageCheck(contains=("Thank you",)))
            ),
        ),
        (UrlCheck(matches="/x"), AnyCheck(of=(AllCheck(of=(UrlCheck(matches="/x"), UrlCheck(matches="/x"))),))),
        (FunctionalCheck(expect={"a": 1, "b": [2]}), FunctionalCheck(expect={"b": [2], "a": 1})),
        (
            EnteredCheck(fields={"Name": "Ada Vale", "Town": "Oslo"}),
            EnteredCheck(fields={"town": "OSLO", "name": "ada  vale"}),
        ),
    ],
)
def test_the_same_start_with_checks_of_the_same_meaning_coincides(one: Check, other: Check) -> None:
    heldout = [task("Order something", one, "http://127.0.0.1:8000/items/?b=2&a=1")]
    assert coincides(task("Buy a thing", other, "/items?a=1&b=2#top"), heldout)
    assert not coincides(task("Buy a thing", other, "/items?a=1"), heldout)


@pytest.mark.parametrize(
    "check",
    [
        PageCheck(contains=("Thank you",), url="/done"),
        PageCheck(contains=("Thank you", "Order 7")),
        PageCheck(contains=("Thank you", "Order 8"), url="/done"),
        AnyCheck(of=(PageCheck(contains=("Thank you", "Order 7")), UrlCheck(matches="/done"))),
        UrlCheck(matches="/done"),
        None,
    ],
)
def test_checks_of_another_meaning_do_not(check: Check | None) -> None:
    assert not coincides(task("Buy a thing", check), [task("Order something", PAGE)])


def test_an_answer_alone_needs_a_related_question() -> None:
    heldout = HeldoutTasks([task("How many mugs are in stock?", AnswerCheck(equals="3"))])
    assert not heldout.coincides(task("What is the rating of the desk lamp?", AnswerCheck(equals="3")))
    assert heldout.coincides(task("How many mugs are there in stock today?", AnswerCheck(equals="3.0")))
    assert not heldout.coincides(task("How many mugs are there in stock today?", AnswerCheck(equals="4")))


def test_the_functional_part_of_a_heldout_check_does_not_hide_what_it_asks() -> None:
    unchanged = FunctionalCheck(expect={"changed": []})
    heldout = HeldoutTasks([task("How many mugs are in stock?", AllCheck(of=(AnswerCheck(equals="3"), unchanged)))])
    assert heldout.coincides(task("How many mugs are there in stock today?", AnswerCheck(equals="3")))
    same_check = AllCheck(of=(AnswerCheck(equals="3"), unchanged))
    assert not heldout.coincides(task("What is the rating of the desk lamp?", same_check))
    bought = HeldoutTasks([task("Buy the mug", AllCheck(of=(PAGE, FunctionalCheck(expect={"orders": ["mug"]}))))])
    assert bought.coincides(task("Buy the blue mug", PAGE))
    assert not bought.coincides(task("Order two desk lamps by express", PAGE))


def test_nothing_coincides_with_nothing() -> None:
    assert not coincides(task("Open the cart", PAGE), [])


def test_every_evaluation_is_logged_with_what_was_evaluated(tmp_path: Path) -> None:
    tasks = [task("Open the cart", PAGE), task("Open the shop", PAGE)]
    log_evaluation(tmp_path, split="shop/test", tasks=tasks, policy_version=0, n=80, success=0.1, purpose="initial")
    log_evaluation(tmp_path, split="shop/test", tasks=tasks[:1], policy_version=3, n=0, success=None, purpose="final")
    first, second = logged(tmp_path)
    assert {key: first[key] for key in ("split", "tasks", "policy_version", "n", "success", "purpose")} == {
        "split": "shop/test", "tasks": 2, "policy_version": 0, "n": 80, "success": 0.1, "purpose": "initial",
    }  # fmt: skip
    assert first["time"].endswith("+00:00")
    assert first["sha256"] == fingerprint(tasks) != second["sha256"]
    assert second["success"] is None


def test_a_line_that_was_cut_off_does_not_swallow_the_next(tmp_path: Path) -> None:
    (tmp_path / LOG_NAME).write_bytes(b'{"n": 1}\n{"n": 2, "spl\xff')
    log_evaluation(tmp_path, split="x", tasks=[], policy_version=1, n=5, success=1.0, purpose="final")
    assert [entry["n"] for entry in logged(tmp_path)] == [1, 5]
    assert json.loads((tmp_path / LOG_NAME).read_bytes().splitlines()[-1])["n"] == 5


def test_a_log_that_cannot_be_written_is_a_storage_fault(tmp_path: Path) -> None:
    assert logged(tmp_path) == []
    with pytest.raises(StorageFault, match="could not be logged"):
        log_evaluation(tmp_path / "no", split="x", tasks=[], policy_version=1, n=5, success=1.0, purpose="final")
