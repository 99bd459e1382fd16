"""The shop as a site: its records, what its pages share, and the evidence of what a session changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.routing import BaseRoute

from environments.sites.shop import data
from environments.sites.shop.account import AccountPages
from environments.sites.shop.buying import BuyingPages
from environments.sites.shop.products import ProductPages
from environments.sites.shop.records import COUPONS, DELIVERY, CartLine, Product, day_text, money, slug
from environments.sites.site import Site
from environments.sites.state import SiteState


class Shop(Site):
    """Fernway Supply, with one customer who is signed in from the start.

    Collections that a session may change, by their keys in the evidence:
    `cart` line name ("product (size, colour)") -> product, quantity, options · `wishlist` product name -> day ·
    `compare` product name -> true · `coupon` "applied" -> code · `orders` number -> the whole order ·
    `account` "profile" and "newsletter" · `home_store` "town" -> town · `reviews` product name -> review ·
    `stock_alerts` product name -> e-mail · `messages` "message 1" -> topic, order, text, reply.
    """

    name = "shop"
    title = "Fernway Supply"
    folder = Path(__file__).parent
    users = ("robin",)

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.records = data.build(seed)
        self.by_name = {product.name: product for product in self.records.products.values()}
        self._base: dict[str, Mapping[str, Any]] = {
            "account": {"profile": self.records.profile, "newsletter": self.records.newsletter},
            "cart": self.records.cart,
            "compare": {},
            "coupon": {},
            "home_store": {},
            "messages": {},
            "orders": self.records.orders,
            "reviews": {},
            "stock_alerts": {},
            "wishlist": self.records.wishlist,
        }
        self.templates.filters.update(money=money, day=day_text, slug=slug)
        self.templates.globals.update(categories=data.CATEGORIES, delivery=DELIVERY)

    @property
    def base(self) -> Mapping[str, Mapping[str, Any]]:
        return self._base

    def routes(self) -> Sequence[BaseRoute]:
        return [*ProductPages(self).routes(), *BuyingPages(self).routes(), *AccountPages(self).routes()]

    def shared_context(self, state: SiteState) -> dict[str, Any]:
        return {"cart_count": sum(line.quantity for line in state["cart"].values())}

    def find(self, name: str) -> Product:
        """A product by its name; raises KeyError."""
        return self.by_name[name]

    def totals(self, state: SiteState, delivery: str = "") -> dict[str, int]:
        """What the cart costs, in cents: `goods`, `discount`, `delivery` (0 when not chosen yet), `total`."""
        lines: list[CartLine] = list(state["cart"].values())
        goods = sum(self.find(line.product).price * line.quantity for line in lines)
        discount = goods * COUPONS.get(state["coupon"].get("applied", ""), 0) // 100
        carriage = DELIVERY[delivery][1] if delivery else 0
        return {
            "goods": goods,
            "discount": discount,
            "delivery": carriage,
            "total": goods - discount + carriage,
        }
