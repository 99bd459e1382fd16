"""What a customer of the shop can change, over HTTP: the wanted effect, the refusals, and nothing else."""

from __future__ import annotations

import http.client
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import pytest_asyncio

from environments.sites.process import SitesProcess
from environments.sites.sessions import COOKIE

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADDRESS = {"name": "Ann", "street": "1 Mill Lane", "postcode": "AA1", "city": "tolbury", "delivery": "express"}


class Customer:
    """A session in the shop."""

    def __init__(self, sites: SitesProcess, session: str) -> None:
        self.sites, self.session = sites, session

    def ask(self, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        """Status and page; the page that a change leads to."""
        connection = http.client.HTTPConnection(urlsplit(self.sites.urls["shop"]).netloc, timeout=30)
        headers = {"Cookie": f"{COOKIE}={self.session}"}
        try:
            if form is None:
                connection.request("GET", path, headers=headers)
            else:
                headers["Content-Type"] = "application/x-www-form-urlencoded"
                connection.request("POST", path, urlencode(form), headers)
            response = connection.getresponse()
            body = response.read().decode()
        finally:
            connection.close()
        if response.status == 303:
            return self.ask(response.getheader("Location") or "")
        return response.status, body

    async def truth(self) -> dict[str, Any]:
        return await self.sites.truth.read("shop", self.session)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sites() -> AsyncIterator[SitesProcess]:
    async with await SitesProcess.start(["shop"]) as process:
        yield process


@pytest_asyncio.fixture(loop_scope="module")
async def customer(sites: SitesProcess) -> Customer:
    return Customer(sites, await sites.truth.create("shop"))


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"product": "Foothill Camp Pillow"}, "Choose a colour before you add"),
        ({"product": "Foothill Camp Pillow", "option-Colour": "Purple"}, "Choose a colour before you add"),
        ({"product": "Nomad Peg Set", "quantity": "0"}, "Enter a quantity from 1 to 20."),
        ({"product": "Nomad Peg Set", "quantity": "21"}, "Enter a quantity from 1 to 20."),
        ({"product": "Nomad Peg Set", "quantity": "two"}, "Enter a quantity from 1 to 20."),
        ({"product": "Summit Headlamp"}, "Summit Headlamp is out of stock."),
    ],
)
async def test_what_cannot_be_added_is_refused_aloud(form: dict[str, str], said: str, customer: Customer) -> None:
    status, page = customer.ask("/cart/add", form)
    assert status == 200
    assert f'role="alert">{said}' in page
    assert (await customer.truth())["changed"] == []


async def test_the_same_line_grows_and_another_option_is_another_line(customer: Customer) -> None:
    for colour in ("Sand", "Sand", "Cream"):
        customer.ask("/cart/add", {"product": "Foothill Camp Pillow", "option-Colour": colour, "quantity": "2"})
    cart = (await customer.truth())["cart"]
    assert {key: line["quantity"] for key, line in cart.items()} == {
        "foothill camp pillow (sand)": 4,
        "foothill camp pillow (cream)": 2,
    }


async def test_a_product_or_line_that_is_not_there_is_not_found(customer: Customer) -> None:
    for path, form in (
        ("/cart/add", {"product": "Nothing"}),
        ("/wishlist/toggle", {"product": ""}),
        ("/cart/quantity", {"line": "Nothing", "quantity": "1"}),
        ("/cart/remove", {"line": "Nothing"}),
        ("/orders/FS-1/cancel", {}),
        ("/product/nothing/compare", {}),
        ("/stores/nowhere/choose", {}),
    ):
        assert customer.ask(path, form)[0] == 404, path
    assert (await customer.truth())["changed"] == []


async def test_a_coupon_lowers_the_total_and_a_wrong_one_does_not(customer: Customer) -> None:
    assert "This code is not valid" in customer.ask("/cart/coupon", {"code": "TRAIL99"})[1]
    assert (await customer.truth())["changed"] == []
    page = customer.ask("/cart/coupon", {"code": " trail10 "})[1]
    assert "$347.85" in page  # the goods
    assert "-$34.78" in page
    assert "$313.07" in page


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "  ", "Enter the name of the person"),
        ("street", "", "Enter a street and house number."),
        ("postcode", "", "Enter a postcode."),
        ("city", "", "Enter a town."),
        ("city", "Atlantis", "We do not deliver to this town."),
        ("delivery", "", "Choose a delivery method."),
        ("delivery", "teleport", "Choose a delivery method."),
    ],
)
async def test_an_incomplete_check_out_says_what_is_missing(
    field: str, value: str, said: str, customer: Customer
) -> None:
    status, page = customer.ask("/checkout", {**ADDRESS, field: value})
    assert status == 422
    assert f'id="{field}-problem" role="alert">{said}' in page
    if field != "street":
        assert 'value="1 Mill Lane"' in page  # what was typed is kept
    assert (await customer.truth())["changed"] == []


async def test_an_order_takes_the_cart_and_the_code(customer: Customer) -> None:
    customer.ask("/cart/coupon", {"code": "CAMP15"})
    status, page = customer.ask("/checkout", {**ADDRESS, "gift_wrap": "on", "note": "<b>Ring  twice</b>"})
    assert status == 200
    assert "&lt;b&gt;Ring  twice&lt;/b&gt;" in page  # escaped
    truth = await customer.truth()
    assert truth["changed"] == ["cart", "orders"]
    assert truth["changed_keys"]["orders"] == ["fs-2228"]
    assert set(truth["cart"].values()) == {None}
    order = truth["orders"]["fs-2228"]
    assert (order["city"], order["coupon"], order["gift_wrap"], order["note"]) == (
        "tolbury",
        "camp15",
        True,
        "<b>ring twice</b>",
    )
    assert order["total"] == 34785 - 5217 + 1190
    assert "Your cart is empty" in customer.ask("/checkout")[1]


async def test_only_what_was_delivered_goes_back_and_only_what_waits_is_cancelled(customer: Customer) -> None:
    assert customer.ask("/orders/FS-2209/return", {"reason": "Wrong size"})[0] == 422  # shipped
    assert customer.ask("/orders/FS-2174/return", {"reason": ""})[0] == 422
    assert "can no longer be cancelled" in customer.ask("/orders/FS-2174/cancel", {})[1]
    assert (await customer.truth())["changed"] == []
    customer.ask("/orders/FS-2174/return", {"reason": "Wrong size"})
    assert (await customer.truth())["orders"]["fs-2174"]["status"] == "returned"


async def test_toggling_twice_changes_nothing(customer: Customer) -> None:
    for path in ("/wishlist/toggle", "/product/nomad-peg-set/compare"):
        form = {"product": "Nomad Peg Set"}
        customer.ask(path, form)
        assert (await customer.truth())["changed"] != []
        customer.ask(path, form)
        assert (await customer.truth())["changed"] == []


async def test_four_products_at_most_are_compared(customer: Customer) -> None:
    slugs = ["nomad-peg-set", "drifter-peg-set", "hearthside-peg-set", "homestead-pole-set", "canyon-pole-set"]
    pages = [customer.ask(f"/product/{slug}/compare", {})[1] for slug in slugs]
    assert "You can compare 4 products at a time." in pages[-1]
    assert (await customer.truth())["changed_keys"] == {
        "compare": ["drifter peg set", "hearthside peg set", "homestead pole set", "nomad peg set"]
    }


async def test_settings_are_kept_and_checked(customer: Customer) -> None:
    profile = {"name": "Robin", "email": "no at sign", "phone": "", "city": "Atlantis", "contact": "Pigeon"}
    status, page = customer.ask("/account", profile)
    assert status == 422
    assert page.count('class="problem"') == 3
    customer.ask("/account", {**profile, "email": "r@x.example", "city": "WICKHAM", "contact": "Phone"})
    truth = await customer.truth()
    assert truth["account"]["profile"] == {
        "name": "robin",
        "email": "r@x.example",
        "phone": "",
        "city": "wickham",
        "contact": "phone",
    }
    assert truth["changed_keys"] == {"account": ["profile"]}
    assert 'value="Wickham"' in customer.ask("/account")[1]


async def test_reviews_alerts_and_messages_want_their_fields(customer: Customer) -> None:
    assert customer.ask("/product/nomad-peg-set/reviews", {"rating": "6", "headline": ""})[0] == 422
    assert customer.ask("/product/summit-headlamp/alert", {"email": "nobody"})[0] == 422
    assert customer.ask("/contact", {"topic": "Gossip", "text": "", "order": "FS-1"})[0] == 422
    assert (await customer.truth())["changed"] == []
