"""The pages on which goods are found and looked at: front page, catalogue, product, comparison, stores, help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core.checks import fold
from environments.sites.shop import help_texts, words
from environments.sites.shop.catalogue import SORTS, browse, page_number
from environments.sites.shop.records import TODAY, Product, Review, Store, slug
from environments.sites.site import field, redirect, state_of

if TYPE_CHECKING:
    from environments.sites.shop.site import Shop

MOST_COMPARED = 4
STORES_PER_PAGE = 12
_SUGGESTIONS = 8


class ProductPages:
    """Pages over the goods; the only changes made here are comparisons, reviews, stock alerts and the home store."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.products = shop.records.products

    def routes(self) -> list[Route]:
        return [
            Route("/", self.home),
            Route("/catalog", self.catalog),
            Route("/product/{slug}", self.product),
            Route("/product/{slug}/quick", self.quick_view),
            Route("/product/{slug}/reviews", self.add_review, methods=["POST"]),
            Route("/product/{slug}/alert", self.stock_alert, methods=["POST"]),
            Route("/product/{slug}/compare", self.toggle_compare, methods=["POST"]),
            Route("/compare", self.compare),
            Route("/stores", self.stores),
            Route("/stores/{town}", self.store),
            Route("/stores/{town}/choose", self.choose_store, methods=["POST"]),
            Route("/help", self.help),
            Route("/suggest/brands", self.suggest_brands),
            Route("/suggest/towns", self.suggest_towns),
        ]

    async def home(self, request: Request) -> Response:
        goods = list(self.products.values())
        offers = [product for product in goods if product.old_price and product.stock > 5][:3]
        newest = sorted((p for p in goods if p.stock), key=lambda p: p.released, reverse=True)[:3]
        return self.shop.render(request, "home.html", offers=offers, newest=newest)

    async def catalog(self, request: Request) -> Response:
        listing = browse(self.products.values(), request.query_params)
        return self.shop.render(request, "catalog.html", listing=listing, sorts=SORTS, brands=words.BRANDS)

    async def product(self, request: Request) -> Response:
        return self._show(request, self._find(request), {}, {})

    async def quick_view(self, request: Request) -> Response:
        return self.shop.fragment(request, "quick_view.html", product=self._find(request))

    async def add_review(self, request: Request) -> Response:
        product = self._find(request)
        form = await request.form()
        given = {name: field(form, name) for name in ("rating", "headline", "text")}
        errors = {}
        if given["rating"] not in ("1", "2", "3", "4", "5"):
            errors["rating"] = "Choose a rating from 1 to 5."
        if not given["headline"]:
            errors["headline"] = "Give your review a headline."
        if errors:
            return self._show(request, product, given, errors)
        state = state_of(request)
        author = state["account"]["profile"].name
        state["reviews"][product.name] = Review(author, int(given["rating"]), TODAY, given["headline"], given["text"])
        state.tell(f"Thank you. Your review of {product.name} is published.")
        return redirect(f"/product/{product.slug}")

    async def stock_alert(self, request: Request) -> Response:
        product = self._find(request)
        state = state_of(request)
        email = field(await request.form(), "email")
        if "@" not in email:
            return self._show(request, product, {}, {"email": "Enter an e-mail address such as name@example.com."})
        state["stock_alerts"][product.name] = email
        state.tell(f"We will write to {email} when {product.name} is back.")
        return redirect(f"/product/{product.slug}")

    async def toggle_compare(self, request: Request) -> Response:
        product = self._find(request)
        state = state_of(request)
        back = field(await request.form(), "back") or f"/product/{product.slug}"
        if product.name in state["compare"]:
            del state["compare"][product.name]
            state.tell(f"{product.name} was taken out of the comparison.")
        elif len(state["compare"]) >= MOST_COMPARED:
            state.tell(f"You can compare {MOST_COMPARED} products at a time. Take one out first.", "alert")
        else:
            state["compare"][product.name] = True
            state.tell(f"{product.name} was added to the comparison.")
        return redirect(back)

    async def compare(self, request: Request) -> Response:
        compared = [self.shop.find(name) for name in state_of(request)["compare"]]
        return self.shop.render(request, "compare.html", products=compared)

    async def stores(self, request: Request) -> Response:
        town = request.query_params.get("town", "")
        service = request.query_params.get("service", "")
        stores = self.shop.records.stores.values()
        found = [store for store in stores if fold(town) in ("", fold(store.city)) and service in ("", *store.services)]
        pages = max(1, -(-len(found) // STORES_PER_PAGE))
        number = page_number(request.query_params.get("page", ""), pages)
        return self.shop.render(
            request,
            "stores.html",
            stores=found[(number - 1) * STORES_PER_PAGE : number * STORES_PER_PAGE],
            total=len(found),
            number=number,
            pages=pages,
            town=town,
            service=service,
            services=words.SERVICES,
        )

    async def store(self, request: Request) -> Response:
        return self.shop.render(request, "store.html", store=self._store(request))

    async def choose_store(self, request: Request) -> Response:
        store = self._store(request)
        state = state_of(request)
        state["home_store"]["town"] = store.city
        state.tell(f"{store.city} is now your home store.")
        return redirect(request.url.path.removesuffix("/choose"))

    async def help(self, request: Request) -> Response:
        return self.shop.render(request, "help.html", questions=help_texts.QUESTIONS)

    async def suggest_brands(self, request: Request) -> Response:
        return _suggestions(words.BRANDS, request)

    async def suggest_towns(self, request: Request) -> Response:
        return _suggestions(words.TOWNS, request)

    def _find(self, request: Request) -> Product:
        found = self.products.get(request.path_params["slug"])
        if found is None:
            raise HTTPException(404)
        return found

    def _store(self, request: Request) -> Store:
        wanted = request.path_params["town"]
        for town, store in self.shop.records.stores.items():
            if slug(town) == wanted:
                return store
        raise HTTPException(404)

    def _show(self, request: Request, product: Product, given: dict[str, str], errors: dict[str, str]) -> Response:
        state = state_of(request)
        own = state["reviews"].get(product.name)
        return self.shop.render(
            request,
            "product.html",
            page="product",
            status=422 if errors else 200,
            product=product,
            reviews=(own, *product.reviews) if own else product.reviews,
            given={name: given.get(name, "") for name in ("rating", "headline", "text")},
            errors=errors,
        )


def _suggestions(texts: tuple[str, ...], request: Request) -> JSONResponse:
    """Those that start with what was typed, then those that hold it."""
    typed = fold(request.query_params.get("q", ""))
    starting = [text for text in texts if fold(text).startswith(typed)]
    holding = [text for text in texts if typed in fold(text) and text not in starting]
    return JSONResponse((starting + holding)[:_SUGGESTIONS])
