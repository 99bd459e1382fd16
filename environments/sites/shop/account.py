"""The pages about the customer: orders, profile, newsletter, messages to the shop."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.checks import fold
from environments.sites.shop import words
from environments.sites.shop.catalogue import page_number
from environments.sites.shop.records import CartLine, Newsletter, Order, Profile
from environments.sites.site import field, redirect, state_of

if TYPE_CHECKING:
    from environments.sites.shop.site import Shop

STATUSES = ("Processing", "Shipped", "Delivered", "Returned", "Cancelled")
RETURN_REASONS = ("Wrong size", "Arrived damaged", "Not as described", "Changed my mind")
TOPICS = ("New arrivals", "Sale alerts", "Trail stories", "Repair tips")
FREQUENCIES = ("Weekly", "Monthly", "Never")
CONTACT_WAYS = ("Email", "Phone", "Text message")
MESSAGE_TOPICS = ("Delivery", "Product question", "Repair", "Invoice", "Something else")
PER_PAGE = 10


class AccountPages:
    """Orders and settings of the session's customer."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def routes(self) -> list[Route]:
        return [
            Route("/orders", self.orders),
            Route("/orders/{number}", self.order),
            Route("/orders/{number}/return", self.return_order, methods=["POST"]),
            Route("/orders/{number}/cancel", self.cancel_order, methods=["POST"]),
            Route("/orders/{number}/again", self.order_again, methods=["POST"]),
            Route("/account", self.account),
            Route("/account", self.save_profile, methods=["POST"]),
            Route("/account/newsletter", self.newsletter),
            Route("/account/newsletter", self.save_newsletter, methods=["POST"]),
            Route("/contact", self.contact),
            Route("/contact", self.send_message, methods=["POST"]),
        ]

    async def orders(self, request: Request) -> Response:
        status = request.query_params.get("status", "")
        found = [order for order in state_of(request)["orders"].values() if status in ("", order.status)]
        found.sort(key=lambda order: (order.day, order.number), reverse=True)
        pages = max(1, -(-len(found) // PER_PAGE))
        number = page_number(request.query_params.get("page", ""), pages)
        return self.shop.render(
            request,
            "orders.html",
            orders=found[(number - 1) * PER_PAGE : number * PER_PAGE],
            total=len(found),
            wanted=status,
            statuses=STATUSES,
            number=number,
            pages=pages,
        )

    async def order(self, request: Request) -> Response:
        return self._show_order(request, {})

    async def return_order(self, request: Request) -> Response:
        order = self._order(request)
        reason = field(await request.form(), "reason")
        if order.status != "Delivered" or reason not in RETURN_REASONS:
            return self._show_order(request, {"reason": "Choose why you send it back."})
        self._replace(request, dataclasses.replace(order, status="Returned", return_reason=reason))
        state_of(request).tell(f"Your return of order {order.number} is registered.")
        return redirect(f"/orders/{order.number}")

    async def cancel_order(self, request: Request) -> Response:
        order = self._order(request)
        if order.status == "Processing":
            self._replace(request, dataclasses.replace(order, status="Cancelled"))
            state_of(request).tell(f"Order {order.number} is cancelled.")
        else:
            state_of(request).tell("This order can no longer be cancelled.", "alert")
        return redirect(f"/orders/{order.number}")

    async def order_again(self, request: Request) -> Response:
        order = self._order(request)
        state = state_of(request)
        added = 0
        for key, quantity in order.lines.items():
            name, _, chosen = key.removesuffix(")").partition(" (")
            product = self.shop.find(name)
            if product.stock:
                options = dict(zip(product.options, chosen.split(", "), strict=False)) if chosen else {}
                had = state["cart"].get(key)
                state["cart"][key] = CartLine(name, quantity + (had.quantity if had else 0), options)
                added += 1
        if added:
            state.tell(f"{added} of {len(order.lines)} lines of order {order.number} were added to your cart.")
        else:
            state.tell("Nothing of this order is in stock.", "alert")
        return redirect("/cart")

    async def account(self, request: Request) -> Response:
        return self._show_profile(request, dataclasses.asdict(state_of(request)["account"]["profile"]), {})

    async def save_profile(self, request: Request) -> Response:
        form = await request.form()
        given = {entry.name: field(form, entry.name) for entry in dataclasses.fields(Profile)}
        errors = {}
        if not given["name"]:
            errors["name"] = "Enter your name."
        if "@" not in given["email"]:
            errors["email"] = "Enter an e-mail address such as name@example.com."
        town = next((town for town in words.TOWNS if fold(town) == fold(given["city"])), "")
        if not town:
            errors["city"] = "Choose a town from the suggestions."
        if given["contact"] not in CONTACT_WAYS:
            errors["contact"] = "Choose how we may reach you."
        if errors:
            return self._show_profile(request, given, errors)
        state_of(request)["account"]["profile"] = Profile(**{**given, "city": town})
        state_of(request).tell("Your details are saved.")
        return redirect("/account")

    async def newsletter(self, request: Request) -> Response:
        return self.shop.render(
            request,
            "newsletter.html",
            saved=state_of(request)["account"]["newsletter"],
            topics=TOPICS,
            frequencies=FREQUENCIES,
        )

    async def save_newsletter(self, request: Request) -> Response:
        form = await request.form()
        asked = {str(value) for value in form.getlist("topic")}
        state = state_of(request)
        frequency = field(form, "frequency")
        if frequency not in FREQUENCIES:
            frequency = state["account"]["newsletter"].frequency
        topics = tuple(topic for topic in TOPICS if topic in asked)
        state["account"]["newsletter"] = Newsletter(topics, frequency)
        state.tell("Your newsletter settings are saved.")
        return redirect("/account/newsletter")

    async def contact(self, request: Request) -> Response:
        return self._show_contact(request, {}, {})

    async def send_message(self, request: Request) -> Response:
        form = await request.form()
        given = {name: field(form, name) for name in ("topic", "order", "text", "reply")}
        errors = {}
        if given["topic"] not in MESSAGE_TOPICS:
            errors["topic"] = "Choose a topic."
        if not given["text"]:
            errors["text"] = "Write your message."
        if given["order"] and given["order"].upper() not in state_of(request)["orders"]:
            errors["order"] = "There is no such order. Leave it empty if you are not sure."
        if errors:
            return self._show_contact(request, given, errors)
        state = state_of(request)
        message = {**given, "reply": bool(given["reply"])}
        state["messages"][f"message {len(state['messages']) + 1}"] = message
        state.tell("Thank you. We have your message.")
        return redirect("/contact")

    def _order(self, request: Request) -> Order:
        found: Order | None = state_of(request)["orders"].get(request.path_params["number"])
        if found is None:
            raise HTTPException(404)
        return found

    def _replace(self, request: Request, order: Order) -> None:
        state_of(request)["orders"][order.number] = order

    def _show_order(self, request: Request, errors: dict[str, str]) -> Response:
        order = self._order(request)
        lines = [(key, self.shop.find(key.partition(" (")[0]), quantity) for key, quantity in order.lines.items()]
        return self.shop.render(
            request,
            "order.html",
            page="order",
            status=422 if errors else 200,
            order=order,
            lines=lines,
            reasons=RETURN_REASONS,
            errors=errors,
        )

    def _show_profile(self, request: Request, given: dict[str, str], errors: dict[str, str]) -> Response:
        return self.shop.render(
            request,
            "account.html",
            page="account",
            status=422 if errors else 200,
            given=given,
            errors=errors,
            contact_ways=CONTACT_WAYS,
            home_store=state_of(request)["home_store"].get("town", ""),
        )

    def _show_contact(self, request: Request, given: dict[str, str], errors: dict[str, str]) -> Response:
        return self.shop.render(
            request,
            "contact.html",
            page="contact",
            status=422 if errors else 200,
            given={name: given.get(name, "") for name in ("topic", "order", "text", "reply")},
            errors=errors,
            topics=MESSAGE_TOPICS,
        )
