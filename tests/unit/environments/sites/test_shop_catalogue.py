"""The shop's records and the rules of its catalogue."""

from __future__ import annotations

import pytest

from environments.sites.shop.catalogue import PER_PAGE, browse, cents, page_number, search
from environments.sites.shop.data import CATEGORIES, ORDERS, STORES, build
from environments.sites.shop.records import CartLine, money

RECORDS = build(0)
GOODS = list(RECORDS.products.values())


def test_three_hundred_products_with_names_of_their_own() -> None:
    assert len(GOODS) == 300
    assert len(CATEGORIES) == 10
    for unique in ("name", "slug", "sku"):
        assert len({getattr(product, unique) for product in GOODS}) == 300, unique
    assert len(RECORDS.orders) == ORDERS
    assert len(RECORDS.stores) == STORES


def test_records_make_sense() -> None:
    names = {product.name for product in GOODS}
    for product in GOODS:
        assert product.price > 0
        assert product.old_price is None or product.old_price > product.price
        assert all(review.day > product.released for review in product.reviews), product.name
        assert all(1 <= review.rating <= 5 for review in product.reviews)
        assert all(len(set(choices)) == len(choices) >= 3 for choices in product.options.values())
    for order in RECORDS.orders.values():
        assert {key.partition(" (")[0] for key in order.lines} <= names
        assert (order.arrived is not None) == (order.status in ("Delivered", "Returned"))
    assert set(RECORDS.cart) | set(RECORDS.wishlist) <= names


def test_search_wants_every_word_and_forgives_plurals() -> None:
    found = search(GOODS, "  Trail LANTERNS ")
    assert [product.kind for product in found] == ["Trail Lantern"] * 3
    assert search(GOODS, "lantern zebra") == []
    assert len(search(GOODS, "")) == 300


def test_filters_combine() -> None:
    listing = browse(
        GOODS, {"category": "clothing", "min": "50", "max": "$100", "rating": "4", "stock": "yes", "brand": ""}
    )
    wanted = [
        product
        for product in GOODS
        if product.category == "Clothing"
        and 5000 <= product.price <= 10000
        and (product.rating or 0) >= 4
        and product.stock
    ]
    assert wanted
    assert listing.total == len(wanted)
    assert listing.products == wanted[:PER_PAGE]
    assert listing.query == {"category": "clothing", "min": "50", "max": "$100", "rating": "4", "stock": "yes"}


@pytest.mark.parametrize(
    ("order", "keys"),
    [
        ("price", lambda p: p.price),
        ("price-desc", lambda p: -p.price),
        ("newest", lambda p: -p.released.toordinal()),
        ("rating", lambda p: -(p.rating or 0)),
        ("name", lambda p: p.name),
    ],
)
def test_every_order_orders(order: str, keys: object) -> None:
    assert callable(keys)
    pages = [browse(GOODS, {"q": "boot", "sort": order, "page": page}) for page in ("1", "2")]
    shown = [product for page in pages for product in page.products]
    assert len(shown) == pages[0].total > PER_PAGE
    assert [keys(product) for product in shown] == sorted(keys(product) for product in shown)


def test_pages_cover_the_list_once() -> None:
    first = browse(GOODS, {"category": "Tents"})
    shown = [
        p.name for page in range(1, first.pages + 1) for p in browse(GOODS, dict(first.query, page=str(page))).products
    ]
    assert first.pages == 4
    assert sorted(shown) == sorted(product.name for product in GOODS if product.category == "Tents")
    assert first.url_of(2) == "/catalog?category=Tents&page=2"


@pytest.mark.parametrize(("text", "page"), [("3", 3), ("99", 4), ("0", 1), ("-1", 1), ("x", 1), ("", 1), ("٣", 1)])
def test_a_page_that_is_not_there_is_the_nearest(text: str, page: int) -> None:
    assert page_number(text, 4) == page


def test_a_price_that_is_no_number_is_a_problem_and_no_filter() -> None:
    listing = browse(GOODS, {"category": "Bags", "min": "cheap"})
    assert listing.problems == {"min": "Enter a price such as 25 or 49.90."}
    assert listing.total == 30


def test_money_reads_back() -> None:
    assert (cents("25"), cents("$49.90"), cents("0.5")) == (2500, 4990, 50)
    assert money(129900) == "$1,299.00"
    for wrong in ("", "1e3", "-5", "12.345", "1,299"):
        with pytest.raises(ValueError, match=wrong or "^$"):
            cents(wrong)


def test_a_line_is_named_by_its_options() -> None:
    assert CartLine("Hat", 1).key == "Hat"
    assert CartLine("Hat", 1, {"Size": "Small", "Colour": "Moss"}).key == "Hat (Small, Moss)"
