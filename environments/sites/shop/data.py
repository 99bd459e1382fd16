"""Builds the shop's records from a seed: 300 products with reviews, a customer's orders, the stores."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta

from environments.sites.shop import words
from environments.sites.shop.records import (
    DELIVERY,
    TODAY,
    CartLine,
    Newsletter,
    Order,
    Product,
    Profile,
    Review,
    Store,
    slug,
)

PER_KIND = 3
ORDERS = 26
STORES = 24
CATEGORIES = tuple(words.KINDS)


@dataclass(frozen=True)
class Records:
    """Everything that is for sale and everything known of the customer at the start."""

    products: dict[str, Product]
    orders: dict[str, Order]
    stores: dict[str, Store]
    cart: dict[str, CartLine]
    wishlist: dict[str, date]
    profile: Profile
    newsletter: Newsletter


def build(seed: int) -> Records:
    """The records of a seed; products are keyed by slug, orders by number, stores by town, the rest by product name."""
    rng = random.Random(f"shop:{seed}")
    products = _products(rng)
    profile = Profile("Robin Hale", "robin.hale@example.com", "555 0142", "Marshfield", "Email")
    plain = [product for product in products.values() if not product.options and product.stock > 5]
    in_cart = rng.sample(plain, 3)
    wished = rng.sample([p for p in products.values() if p not in in_cart], 5)
    return Records(
        products=products,
        orders=_orders(rng, list(products.values()), profile),
        stores=_stores(rng),
        cart={p.name: CartLine(p.name, rng.randint(1, 3)) for p in in_cart},
        wishlist={p.name: TODAY - timedelta(days=9 * i + 2) for i, p in enumerate(wished)},
        profile=profile,
        newsletter=Newsletter(("New arrivals",), "Monthly"),
    )


def _products(rng: random.Random) -> dict[str, Product]:
    products = {}
    for category, kinds in words.KINDS.items():
        serial = 1000 + rng.randint(10, 60)
        for kind in kinds:
            for line in rng.sample(words.LINES, PER_KIND):
                serial += rng.randint(1, 9)
                product = _product(rng, category, kind, line, f"{category[:3].upper()}-{serial}")
                products[product.slug] = product
    shuffled = list(products.items())
    rng.shuffle(shuffled)
    return dict(shuffled)


def _product(rng: random.Random, category: str, kind: words.Kind, line: str, sku: str) -> Product:
    name = f"{line} {kind.name}"
    price = rng.randint(*kind.price) * 100 + rng.choice((0, 0, 50, 90, 95))
    uses = rng.sample(words.USES, 2)
    released = date(2021, 1, 4) + timedelta(days=rng.randint(0, 1860))
    return Product(
        slug=slug(name),
        name=name,
        category=category,
        kind=kind.name,
        brand=rng.choice(words.BRANDS),
        sku=sku,
        price=price,
        old_price=price + rng.randint(5, 20) * 100 if rng.random() < 0.12 else None,
        weight=round(rng.randint(*kind.weight), -1 if kind.weight[1] > 200 else 0),
        material=rng.choice(kind.materials),
        warranty=rng.choice((1, 2, 2, 3, 5, 10)),
        origin=rng.choice(words.ORIGINS),
        released=released,
        stock=0 if rng.random() < 0.13 else rng.choice((2, 3, 4, 5, *range(8, 90))),
        description=f"{rng.choice(words.TRAITS)}. For {uses[0]} and for {uses[1]}.",
        options={option: _choices(rng, category, option) for option in kind.options},
        reviews=_reviews(rng, released),
    )


def _choices(rng: random.Random, category: str, option: str) -> tuple[str, ...]:
    if option == "Size":
        return words.SIZES.get(category, words.OTHER_SIZES)
    chosen = set(rng.sample(words.COLOURS, 3))
    return tuple(colour for colour in words.COLOURS if colour in chosen)


def _reviews(rng: random.Random, released: date) -> tuple[Review, ...]:
    """None to six reviews by different people, newest first."""
    authors = rng.sample(words.FIRST_NAMES, rng.choice((0, 2, 3, 3, 4, 4, 5, 6)))
    days = sorted(rng.sample(range(3, min(700, (TODAY - released).days)), len(authors)))
    reviews = []
    for first, days_ago in zip(authors, days, strict=True):
        rating = rng.choices((5, 4, 3, 2, 1), (9, 8, 4, 2, 1))[0]
        said = words.PRAISE if rating >= 4 else words.DOUBTS if rating == 3 else words.COMPLAINTS
        headline, text = rng.choice(said)
        author = f"{first} {rng.choice(words.LAST_NAMES)}"
        reviews.append(Review(author, rating, TODAY - timedelta(days=days_ago), headline, text))
    return tuple(reviews)


def _orders(rng: random.Random, products: list[Product], profile: Profile) -> dict[str, Order]:
    """The customer's past orders, newest first; the newest are still under way."""
    orders = {}
    number, day = 2000 + 9 * ORDERS, TODAY
    for index in range(ORDERS):
        number -= rng.randint(2, 9)
        day -= timedelta(days=rng.randint(1, 3) if index < 4 else rng.randint(9, 31))
        if index < 2:
            status = "Processing"
        elif index < 5:
            status = "Shipped"
        else:
            status = rng.choices(("Delivered", "Cancelled", "Returned"), (8, 1, 1))[0]
        order = _order(rng, products, profile, f"FS-{number}", day, status)
        orders[order.number] = order
    return orders


def _order(rng: random.Random, products: list[Product], profile: Profile, number: str, day: date, status: str) -> Order:
    bought = [(product, rng.choice((1, 1, 1, 2, 3))) for product in rng.sample(products, rng.choice((1, 1, 2, 3)))]
    lines = {
        CartLine(product.name, 1, {name: rng.choice(all_) for name, all_ in product.options.items()}).key: quantity
        for product, quantity in bought
    }
    delivery = rng.choice(tuple(DELIVERY))
    sent = status in ("Shipped", "Delivered", "Returned")
    total = sum(product.price * quantity for product, quantity in bought) + DELIVERY[delivery][1]
    return Order(
        number=number,
        day=day,
        status=status,
        lines=lines,
        total=total,
        delivery=delivery,
        name=profile.name,
        street="18 Weaver Street",
        postcode="MA4 7TR",
        city=profile.city,
        gift_wrap=rng.random() < 0.2,
        carrier=rng.choice(("Swiftpost", "Parcelway", "Redline Courier")) if sent else "",
        tracking=f"{rng.choice('KQTX')}{rng.choice('BDHR')}{rng.randint(10000, 99999)}" if sent else "",
        arrived=day + timedelta(days=rng.randint(2, 6)) if status in ("Delivered", "Returned") else None,
    )


def _stores(rng: random.Random) -> dict[str, Store]:
    stores = {}
    for town in sorted(rng.sample(words.TOWNS, STORES)):
        stores[town] = Store(
            city=town,
            street=f"{rng.randint(1, 96)} {rng.choice(words.STREETS)}",
            phone=f"555 {rng.randint(1000, 9999)}",
            opens=rng.choice(("8:00", "8:30", "9:00", "9:30", "10:00")),
            closes=rng.choice(("17:30", "18:00", "18:30", "19:00", "20:00")),
            saturday=rng.choice(("9:00 to 13:00", "9:00 to 16:00", "10:00 to 17:00", "closed")),
            manager=f"{rng.choice(words.FIRST_NAMES)} {rng.choice(words.LAST_NAMES)}",
            services=tuple(sorted(rng.sample(words.SERVICES, rng.randint(2, 4)))),
            opened=rng.randint(1962, 2023),
        )
    return stores
