"""What an explorer may do on somebody's website: where it may go, how fast, and what it never presses."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import time
from urllib.parse import urldefrag, urljoin, urlsplit
from urllib.robotparser import RobotFileParser

USER_AGENT = "autotelic"
_POLITE_SECONDS = 1.0
_LEAVES_SESSION = re.compile(
    r"\b(log|sign)[\s_-]*(out|off)\b|\b(end|close|quit)\s+session\b|\bswitch\s+(user|account)\b", re.I
)
_GRAVE = re.compile(
    r"\b(delete|remove|erase|destroy|wipe|purge|trash|discard|terminate|revoke|deactivate|unsubscribe|donate|pay|"
    r"payment|purchase|buy|checkout|check\s+out|order\s+now|subscribe|transfer|refund|archive|merge|ban|block|reset)\b|"
    r"\b(clear|empty|cancel)\s+(all|cart|basket|account|subscription|order)|"
    r"\b(place|confirm|submit)\s+(the\s+|my\s+|your\s+)?order\b|\bclose\s+account\b|\bsend\s+money\b",
    re.I,
)
_READ_ONLY = re.compile(
    r"\b(search|find|filters?|sort|order\s+by|show|view|display|per\s+page|category|categories|only|price|rating|brand|"
    r"colou?r|size|status|tag|topic|from|until|date|more|less|details|menu|expand|collapse|open|help|info|about|"
    r"next|previous|preview|options)\b",
    re.I,
)
_ARRANGES = re.compile(r"\b(sort|order\s+by|filter|show|per\s+page|view|display|search|find)\b", re.I)
_FILES = re.compile(
    r"\.(pdf|zip|gz|tgz|tar|7z|rar|exe|dmg|deb|rpm|iso|png|jpe?g|gif|webp|svg|ico|mp[34]|csv|xlsx?|docx?|xml|json|rss)$",
    re.I,
)


def origin(url: str) -> str:
    """Scheme, host and port of a URL, as in `http://localhost:8000`."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def is_loopback(url: str) -> bool:
    """Whether the URL's host is this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def leaves_session(name: str, href: str = "") -> bool:
    """Whether a control would log the explorer out; such a control is never used, anywhere."""
    return bool(_LEAVES_SESSION.search(name) or _LEAVES_SESSION.search(urlsplit(href).path.replace("/", " ")))


def is_grave(name: str, href: str = "") -> bool:
    """Whether a control's name means deletion, payment or the like: only for sites that can be reset."""
    return bool(_GRAVE.search(name) or _GRAVE.search(urlsplit(href).path.replace("/", " ").replace("-", " ")))


def only_reads(*names: str) -> bool:
    """Whether a control looks as if it only changed what is shown, judged by its own and its group's name."""
    return any(_READ_ONLY.search(name) for name in names) and not any(is_grave(name) for name in names)


def only_arranges(name: str) -> bool:
    """Whether a choice that acts at once can be nothing but a way to arrange or narrow a listing."""
    return bool(_ARRANGES.search(name)) and not is_grave(name)


def canonical(base: str, href: str) -> str:
    """The absolute URL without its fragment."""
    return urldefrag(urljoin(base, href)).url


def may_follow(link_name: str, url: str, origins: frozenset[str], *, resettable: bool) -> bool:
    """Whether a link may be opened while exploring: same origin, a page, and nothing that harms."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or origin(url) not in origins or _FILES.search(parts.path):
        return False
    if leaves_session(link_name, url):
        return False
    return resettable or not is_grave(link_name, url)


class Pace:
    """At most one request each `delay` seconds, over all workers together; at least 1 second outside loopback."""

    def __init__(self, delay: float, urls: tuple[str, ...]) -> None:
        self.delay = delay if all(is_loopback(url) for url in urls) else max(delay, _POLITE_SECONDS)
        self._next = 0.0

    async def wait(self) -> None:
        """Return when it is this caller's turn."""
        if self.delay == 0:
            return
        now = time.monotonic()
        turn = max(now, self._next)
        self._next = turn + self.delay
        await asyncio.sleep(turn - now)


class Robots:
    """The rules of one origin's robots.txt (RFC 9309), read as text that a browser may have folded to one line."""

    def __init__(self, url: str, text: str) -> None:
        self._parser = RobotFileParser(urljoin(url, "/robots.txt"))
        lines = re.sub(r"\s+(?=(?:user-agent|allow|disallow|crawl-delay|sitemap)\s*:)", "\n", text, flags=re.I)
        self._parser.parse(lines.splitlines())

    def allow(self, url: str) -> bool:
        """Whether our user agent may fetch this URL."""
        return self._parser.can_fetch(USER_AGENT, url)

    def delay(self) -> float:
        """The seconds between requests that the site asks for; 0 where it asks for none."""
        return float(self._parser.crawl_delay(USER_AGENT) or 0)
