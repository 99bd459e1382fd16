"""The key of an endpoint: read from the environment, kept out of everything that is shown or written."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from urllib.parse import quote, urlsplit

from core.config import EndpointConfig
from core.errors import ConfigError

_SHOWN = 300
_SECRET = 8  # characters; a shorter key is a placeholder ("none", "EMPTY") that answers may well contain


class Key:
    """A secret, empty where none is needed. Nothing that prints the object shows it, and it cannot be pickled."""

    def __init__(self, secret: str = "") -> None:
        self._reveal: Callable[[], str] = lambda: secret

    def __bool__(self) -> bool:
        return bool(self._reveal())

    def __repr__(self) -> str:
        return f"Key({'[key]' if self else ''})"

    def reveal(self) -> str:
        """The secret itself, for the header and nothing else."""
        return self._reveal()

    def removed(self, text: str) -> str:
        """A text without the key, however it was escaped; placeholders stay."""
        return self._replaced(text) if len(self._reveal()) >= _SECRET else text

    def told(self, text: str) -> str:
        """A server's words for a message of ours: without the key, in one line, not too long."""
        return line(self._replaced(text))

    def _replaced(self, text: str) -> str:
        secret = self._reveal()
        for form in {secret, json.dumps(secret)[1:-1], quote(secret, safe="")} - {""}:
            text = text.replace(form, "[key]")
        return text


def key(config: EndpointConfig, environment: Mapping[str, str]) -> Key:
    """The key in the variable that `api_key_env` names; it may be missing for a server on this machine.

    Raises `ConfigError` that names the variable.
    """
    name = config.api_key_env
    secret = environment.get(name, "").strip() if name else ""
    if name and not secret and not loopback(config.base_url):
        raise ConfigError(f"the environment variable {name} has to hold the key of {config.base_url}")
    if not re.fullmatch(r"[!-~]*", secret):
        raise ConfigError(f"the environment variable {name} holds characters that no key has")
    return Key(secret)


def loopback(base_url: str) -> bool:
    """Whether the address is this machine's own."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def line(text: str) -> str:
    """A text for one sentence: without line breaks, and cut off where it is long."""
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
