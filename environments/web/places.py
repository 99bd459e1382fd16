"""Where an agent may go: the sites of a run, and the origins that its browser reaches."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from core.errors import ConfigError, EnvironmentFault

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_PAGES = {"ws": "http", "wss": "https"}


def origin_of(url: str) -> str:
    """`scheme://host:port` with the port always there and web sockets counted as http(s); '' where there is none."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in _PORTS or not parts.hostname:
        return ""
    return join_origin(_PAGES.get(parts.scheme, parts.scheme), parts.hostname, port or _PORTS[parts.scheme])


def join_origin(scheme: str, host: str, port: int) -> str:
    """One spelling of an origin: host in lower case without a final dot, IPv6 in its short form and in brackets."""
    host = host.lower().strip("[]").rstrip(".")
    if ":" in host:
        try:
            host = f"[{ipaddress.ip_address(host).compressed}]"
        except ValueError:
            host = f"[{host}]"
    return f"{scheme}://{host}:{port}"


@dataclass(frozen=True)
class Places:
    """`sites` are base URLs, the first being where relative start URLs begin; `origins` are all that is allowed."""

    sites: tuple[str, ...]
    origins: frozenset[str]

    @classmethod
    def of(cls, sites: Iterable[str], more_origins: Iterable[str] = ()) -> Places:
        """Raises `ConfigError` for something that is not an http(s) URL."""
        sites, more = tuple(sites), tuple(more_origins)
        if not sites:
            raise ConfigError("there is no site to go to: name at least one URL in site.urls")
        for url in (*sites, *more):
            if not origin_of(url) or urlsplit(url).scheme in _PAGES:
                raise ConfigError(f"'{url}' is not an address of the web: write it as https://host[:port][/path]")
        return cls(sites, frozenset(origin_of(url) for url in (*sites, *more)))

    def allows(self, url: str) -> bool:
        """Whether the browser may show this URL; blank pages are nowhere, and so allowed."""
        return url in ("", "about:blank", "about:srcdoc") or origin_of(url.removeprefix("blob:")) in self.origins

    def resolve(self, start_url: str) -> str:
        """A task's start URL in full; raises `EnvironmentFault` when it lies outside.

        A path is one below the first site, whether or not it repeats the site's own path.
        """
        base = self.sites[0]
        parts = urlsplit(base)
        if start_url in ("", "/"):
            url = base
        elif (
            urlsplit(start_url).scheme
            or start_url.startswith("//")
            or (parts.path.strip("/") and start_url.startswith(parts.path.rstrip("/") + "/"))
        ):
            url = urljoin(base, start_url)
        else:
            url = urljoin(base.partition("?")[0].rstrip("/") + "/", start_url.lstrip("/"))
        if not origin_of(url) or not self.allows(url):
            raise EnvironmentFault(f"the task starts at '{start_url}', which is not among the allowed origins")
        return url

    def site_of(self, url: str) -> str:
        """The site that a URL belongs to: the longest that it begins with, else one of its origin, else the first."""
        starting = [site for site in self.sites if url.startswith(site)]
        same = [site for site in self.sites if origin_of(site) == origin_of(url)]
        return max(starting, key=len, default=(same or list(self.sites))[0])
