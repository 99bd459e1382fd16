"""Search, filters, order and pages of the catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from core.checks import fold
from environments.sites.shop.records import Product

PER_PAGE = 9
SORTS = {
    "": "Best match",
    "price": "Price, low to high",
    "price-desc": "Price, high to low",
    "newest": "Newest first",
    "rating": "Best rated",
    "name": "Name, A to Z",
}
_FIELDS = ("q", "category", "brand", "min", "max", "rating", "stock", "sort")


@dataclass(frozen=True)
class Listing:
    """One page of what was found; `query` holds the fields that were asked, without empty ones."""

    products: list[Product]
    total: int
    page: int
    pages: int
    query: Mapping[str, str]
    problems: Mapping[str, str]

    @property
    def asked(self) -> dict[str, str]:
        """Every field with what was asked, empty where nothing was."""
        return {name: self.query.get(name, "") for name in _FIELDS}

    def url_of(self, page: int) -> str:
        """The address of another page of the same list."""
        return "/catalog?" + urlencode({**self.query, "page": page})


def browse(products: Iterable[Product], asked: Mapping[str, str]) -> Listing:
    """The products that match what was asked; a price that is no number is a problem and does not filter."""
    query = {name: asked[name].strip()[:200] for name in _FIELDS if asked.get(name, "").strip()}
    problems: dict[str, str] = {}
    bounds: dict[str, int] = {}
    for name in ("min", "max"):
        if name in query:
            try:
                bounds[name] = cents(query[name])
            except ValueError:
                problems[name] = "Enter a price such as 25 or 49.90."
    found = search(products, query.get("q", ""))
    wanted = {name: fold(query.get(name, "")) for name in ("category", "brand")}
    rating = float(query["rating"]) if query.get("rating") in ("3", "4") else 0.0
    found = [
        product
        for product in found
        if wanted["category"] in ("", fold(product.category))
        and wanted["brand"] in ("", fold(product.brand))
        and bounds.get("min", 0) <= product.price <= bounds.get("max", product.price)
        and (not rating or (product.rating or 0.0) >= rating)
        and ("stock" not in query or product.stock > 0)
    ]
    found = _sorted(found, query.get("sort", ""))
    pages = max(1, -(-len(found) // PER_PAGE))
    page = page_number(asked.get("page", ""), pages)
    return Listing(found[(page - 1) * PER_PAGE : page * PER_PAGE], len(found), page, pages, query, problems)


def search(products: Iterable[Product], text: str) -> list[Product]:
    """Products whose name, brand, category or material holds every word of `text`, plural or not."""
    wanted = [_stem(word) for word in re.findall(r"\w+", fold(text))]
    return [product for product in products if all(word in _haystack(product) for word in wanted)]


def page_number(text: str, pages: int) -> int:
    """The page asked for, at most `pages`; 1 when the text is no page's number."""
    return min(int(text), pages) if re.fullmatch(r"[1-9][0-9]{0,5}", text) else 1


def cents(text: str) -> int:
    """A price as typed (`25`, `$49.90`) in cents; raises `ValueError`."""
    if not re.fullmatch(r"\$?\s*\d{1,6}(\.\d{1,2})?", text):
        raise ValueError(text)
    whole, _, rest = text.lstrip("$ ").partition(".")
    return int(whole) * 100 + int(rest.ljust(2, "0") or 0)


def _haystack(product: Product) -> str:
    return fold(f"{product.name} {product.brand} {product.category} {product.material} {product.sku}")


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _sorted(products: list[Product], order: str) -> list[Product]:
    match order:
        case "price":
            return sorted(products, key=lambda product: product.price)
        case "price-desc":
            return sorted(products, key=lambda product: -product.price)
        case "newest":
            return sorted(products, key=lambda product: product.released, reverse=True)
        case "rating":
            return sorted(products, key=lambda product: -(product.rating or 0.0))
        case "name":
            return sorted(products, key=lambda product: product.name)
    return products
