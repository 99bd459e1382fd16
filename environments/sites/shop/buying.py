"""The pages on which goods are kept and bought: cart, wish list, check-out."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.checks import fold
from environments.sites.shop import words
from environments.sites.shop.records import COUPONS, DELIVERY, TODAY, CartLine, Order, Product
from environments.sites.site import field, redirect, state_of
from environments.sites.state import SiteState

if TYPE_CHECKING:
    from environments.sites.shop.site import Shop

MOST_OF_ONE = 20


class BuyingPages:
    """Cart, wish list and check-out of the session's customer."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def routes(self) -> list[Route]:
        return [
            Route("/cart", self.cart),
            Route("/cart/add", self.add, methods=["POST"]),
            Route("/cart/quantity", self.set_quantity, methods=["POST"]),
            Route("/cart/remove", self.remove, methods=["POST"]),
            Route("/cart/coupon", self.set_coupon, methods=["POST"]),
            Route("/wishlist", self.wishlist),
            Route("/wishlist/toggle", self.toggle_wish, methods=["POST"]),
            Route("/checkout", self.checkout),
            Route("/checkout", self.place_order, methods=["POST"]),
        ]

    async def cart(self, request: Request) -> Response:
        state = state_of(request)
        lines = [(line, self.shop.find(line.product)) for line in state["cart"].values()]
        return self.shop.render(
            request,
            "cart.html",
            lines=lines,
            coupon=state["coupon"].get("applied", ""),
            percent=COUPONS.get(state["coupon"].get("applied", ""), 0),
            totals=self.shop.totals(state),
        )

    async def add(self, request: Request) -> Response:
        form = await request.form()
        product = self._product(field(form, "product"))
        state = state_of(request)
        back = field(form, "back") or f"/product/{product.slug}"
        options = {name: field(form, f"option-{name}") for name in product.options}
        missing = [name for name, choices in product.options.items() if options[name] not in choices]
        quantity = _quantity(field(form, "quantity") or "1")
        if missing:
            state.tell(f"Choose a {missing[0].lower()} before you add {product.name} to the cart.", "alert")
        elif quantity is None:
            state.tell(f"Enter a quantity from 1 to {MOST_OF_ONE}.", "alert")
        elif not product.stock:
            state.tell(f"{product.name} is out of stock.", "alert")
        else:
            line = CartLine(product.name, quantity, options)
            had = state["cart"].get(line.key)
            if had:
                line = dataclasses.replace(line, quantity=min(had.quantity + quantity, MOST_OF_ONE))
            state["cart"][line.key] = line
            state.tell(f"{line.key} was added to your cart.")
        return redirect(back)

    async def set_quantity(self, request: Request) -> Response:
        form = await request.form()
        state = state_of(request)
        key = field(form, "line")
        quantity = _quantity(field(form, "quantity"))
        if key not in state["cart"]:
            raise HTTPException(404)
        if quantity is None:
            state.tell(f"Enter a quantity from 1 to {MOST_OF_ONE}.", "alert")
        else:
            state["cart"][key] = dataclasses.replace(state["cart"][key], quantity=quantity)
            state.tell(f"The quantity of {key} is now {quantity}.")
        return redirect("/cart")

    async def remove(self, request: Request) -> Response:
        state = state_of(request)
        key = field(await request.form(), "line")
        if key not in state["cart"]:
            raise HTTPException(404)
        del state["cart"][key]
        state.tell(f"{key} was removed from your cart.")
        return redirect("/cart")

    async def set_coupon(self, request: Request) -> Response:
        state = state_of(request)
        code = field(await request.form(), "code").upper()
        if code in COUPONS:
            state["coupon"]["applied"] = code
            state.tell(f"Code {code} takes {COUPONS[code]}% off your goods.")
        else:
            state.tell("This code is not valid. Check the spelling.", "alert")
        return redirect("/cart")

    async def wishlist(self, request: Request) -> Response:
        entries = [(self.shop.find(name), day) for name, day in state_of(request)["wishlist"].items()]
        return self.shop.render(request, "wishlist.html", entries=entries)

    async def toggle_wish(self, request: Request) -> Response:
        form = await request.form()
        product = self._product(field(form, "product"))
        wishlist = state_of(request)["wishlist"]
        if product.name in wishlist:
            del wishlist[product.name]
            state_of(request).tell(f"{product.name} was removed from your wish list.")
        else:
            wishlist[product.name] = TODAY
            state_of(request).tell(f"{product.name} is on your wish list.")
        return redirect(field(form, "back") or f"/product/{product.slug}")

    async def checkout(self, request: Request) -> Response:
        state = state_of(request)
        if not state["cart"]:
            state.tell("Your cart is empty.", "alert")
            return redirect("/cart")
        return self._form(request, {"name": state["account"]["profile"].name}, {})

    async def place_order(self, request: Request) -> Response:
        state = state_of(request)
        form = await request.form()
        names = ("name", "street", "postcode", "city", "delivery", "gift_wrap", "note")
        given = {name: field(form, name) for name in names}
        errors = _problems(given)
        if not state["cart"]:
            return redirect("/cart")
        if errors:
            return self._form(request, given, errors)
        order = self._place(state, given)
        state.tell(f"Thank you. Your order {order.number} is placed.")
        return redirect(f"/orders/{order.number}")

    def _place(self, state: SiteState, given: dict[str, str]) -> Order:
        """Turn the cart into an order."""
        newest = max(int(number.removeprefix("FS-")) for number in state["orders"])
        order = Order(
            number=f"FS-{newest + 1}",
            day=TODAY,
            status="Processing",
            lines={key: line.quantity for key, line in state["cart"].items()},
            total=self.shop.totals(state, given["delivery"])["total"],
            delivery=given["delivery"],
            name=given["name"],
            street=given["street"],
            postcode=given["postcode"],
            city=given["city"],
            gift_wrap=bool(given["gift_wrap"]),
            note=given["note"],
            coupon=state["coupon"].get("applied", ""),
        )
        state["orders"][order.number] = order
        state["cart"].clear()
        state["coupon"].clear()
        return order

    def _form(self, request: Request, given: dict[str, str], errors: dict[str, str]) -> Response:
        state = state_of(request)
        return self.shop.render(
            request,
            "checkout.html",
            page="checkout",
            status=422 if errors else 200,
            given={name: given.get(name, "") for name in (*_REQUIRED, "delivery", "gift_wrap", "note")},
            errors=errors,
            lines=list(state["cart"].values()),
            totals=self.shop.totals(state),
        )

    def _product(self, name: str) -> Product:
        if name not in self.shop.by_name:
            raise HTTPException(404)
        return self.shop.find(name)


_REQUIRED = {
    "name": "Enter the name of the person who receives the parcel.",
    "street": "Enter a street and house number.",
    "postcode": "Enter a postcode.",
    "city": "Enter a town.",
}


def _problems(given: dict[str, str]) -> dict[str, str]:
    """What is wrong with a check-out form, by field; sets the town's proper spelling."""
    errors = {name: sentence for name, sentence in _REQUIRED.items() if not given[name]}
    town = next((town for town in words.TOWNS if fold(town) == fold(given["city"])), "")
    if given["city"] and not town:
        errors["city"] = "We do not deliver to this town. Choose one from the suggestions."
    given["city"] = town or given["city"]
    if given["delivery"] not in DELIVERY:
        errors["delivery"] = "Choose a delivery method."
    return errors


def _quantity(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\d{1,2}", text) and 1 <= int(text) <= MOST_OF_ONE else None
