"""The shop's records. Money is in cents; all are values, replaced and never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

TODAY = date(2026, 3, 16)
"""The shop's calendar stands still, so that a task means the same on every day."""

DELIVERY = {
    "standard": ("Standard delivery", 490),
    "express": ("Express delivery", 1190),
    "pickup": ("Store pick-up", 0),
}
COUPONS = {"TRAIL10": 10, "CAMP15": 15, "HEARTH20": 20}
"""Codes and the percentage that each takes off."""


@dataclass(frozen=True)
class Review:
    author: str
    rating: int
    day: date
    headline: str
    text: str


@dataclass(frozen=True)
class Product:
    """`options` maps an option's name (Size, Colour) to what can be chosen."""

    slug: str
    name: str
    category: str
    kind: str
    brand: str
    sku: str
    price: int
    old_price: int | None
    weight: int
    material: str
    warranty: int
    origin: str
    released: date
    stock: int
    description: str
    options: Mapping[str, tuple[str, ...]]
    reviews: tuple[Review, ...]

    @property
    def rating(self) -> float | None:
        """The mean of its reviews to one decimal; None without any."""
        if not self.reviews:
            return None
        return round(sum(review.rating for review in self.reviews) / len(self.reviews), 1)

    @property
    def weight_text(self) -> str:
        return f"{self.weight} g" if self.weight < 1000 else f"{self.weight / 1000:.1f} kg"

    @property
    def stock_text(self) -> str:
        if self.stock == 0:
            return "Out of stock"
        return f"Only {self.stock} left" if self.stock <= 5 else "In stock"

    @property
    def facts(self) -> dict[str, str]:
        """What the product page and the comparison tell, by label."""
        return {
            "SKU": self.sku,
            "Brand": self.brand,
            "Material": self.material,
            "Weight": self.weight_text,
            "Warranty": f"{self.warranty} year{'s' if self.warranty != 1 else ''}",
            "Made in": self.origin,
            "Released": day_text(self.released),
            "Units in stock": str(self.stock),
        }


@dataclass(frozen=True)
class CartLine:
    product: str
    quantity: int
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The line's name: the product, and its options when there are any."""
        return f"{self.product} ({', '.join(self.options.values())})" if self.options else self.product


@dataclass(frozen=True)
class Order:
    """`lines` maps a line's name to how many; `carrier`, `tracking` and `arrived` are empty until they are known."""

    number: str
    day: date
    status: str
    lines: Mapping[str, int]
    total: int
    delivery: str
    name: str
    street: str
    postcode: str
    city: str
    gift_wrap: bool = False
    note: str = ""
    coupon: str = ""
    carrier: str = ""
    tracking: str = ""
    arrived: date | None = None
    return_reason: str = ""


@dataclass(frozen=True)
class Store:
    city: str
    street: str
    phone: str
    opens: str
    closes: str
    saturday: str
    manager: str
    services: tuple[str, ...]
    opened: int


@dataclass(frozen=True)
class Profile:
    name: str
    email: str
    phone: str
    city: str
    contact: str


@dataclass(frozen=True)
class Newsletter:
    topics: tuple[str, ...]
    frequency: str


def money(cents: int) -> str:
    """Cents as dollars: `$1,299.00`."""
    return f"${cents / 100:,.2f}"


def day_text(day: date) -> str:
    """A date as `4 March 2025`."""
    return f"{day.day} {day:%B %Y}"


def slug(name: str) -> str:
    """A name as part of an address."""
    return "-".join(name.lower().replace("'", "").split())
