"""The bundled sites by name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from importlib import import_module

from core.errors import UserError
from environments.sites.site import Site

SITES = {
    "shop": "environments.sites.shop.site:Shop",
    "helpdesk": "environments.sites.helpdesk.site:HelpDesk",
    "kb": "environments.sites.kb.site:KnowledgeBase",
}


def check_names(names: Iterable[str]) -> None:
    """Raises `UserError`, with the nearest valid name, when one of `names` is no bundled site."""
    for name in names:
        if name not in SITES:
            near = difflib.get_close_matches(name, SITES, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"choose from {', '.join(SITES)}"
            raise UserError(f"there is no bundled site '{name}'; {hint}")


def site_class(name: str) -> type[Site]:
    """The class of a bundled site; raises `UserError` when there is none of that name."""
    check_names([name])
    module, _, attribute = SITES[name].partition(":")
    found: type[Site] = getattr(import_module(module), attribute)
    return found


def default_user(name: str) -> str | None:
    """Who is signed in on a site when an episode begins: the first of its users, None where nobody signs in."""
    return next(iter(site_class(name).users), None)
