"""Keeps out of a recording what a person typed in confidence, and what in addresses lets others in."""

from __future__ import annotations

import re
from urllib.parse import quote, quote_plus, unquote

from core.demos import SECRET
from core.types import Element, Observation
from environments.web.redaction import MASK, Redactor

_SHORTEST = 3
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_TELLING = re.compile(
    "token|key|code|session|sid|pass|passw(or)?d|passwort|pwd|secret|auth|authorization|signature|sig|jwt|otp|pin|"
    "credentials?|assertion|cvc|cvv"
)
_ENDINGS = ("token", "apikey", "sessionid", "sessid", "password", "secret")
_PARAMETER = re.compile(r"(?P<before>[?&#;](?P<name>[\w.\-%\[\]]{1,80})=)(?P<value>[^&#;\s\"'<>]+)")
_USERINFO = re.compile(r"(?<=://)[^\s/?#@\"'<>]+@")
_TEXTS = ("name", "value", "group", "table", "row", "column", "frame")


class Masking:
    """Puts `{secret}` in the place of every secret it knows, and of those parts of addresses that are known by name.

    What a `redactor` knows is masked as well. A secret that is shorter than 4 characters, or that was merely typed
    beside a password and so may be an ordinary word, is masked where it stands alone; one of fewer than 3 is not.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._alone: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, secret: str, *, guarded: bool) -> None:
        """Know one more; `guarded` says that it is a password, a code or the like."""
        secret = secret.strip()
        if guarded and len(secret) > _SHORTEST:
            self._redactor.add(secret)
        elif len(secret) >= _SHORTEST:
            self._alone |= {secret, quote(secret, safe=""), quote_plus(secret)}
            parts = "|".join(re.escape(one) for one in sorted(self._alone, key=len, reverse=True))
            self._pattern = re.compile(rf"(?<!\w)(?:{parts})(?!\w)", re.IGNORECASE)

    def text(self, text: str) -> str:
        """`text` without secrets, also in the addresses that it holds."""
        return address(self._words(text))

    def _words(self, text: str) -> str:
        text = self._redactor.text(text).replace(MASK, SECRET)
        return text if self._pattern is None else self._pattern.sub(lambda _: SECRET, text)

    def observation(self, seen: Observation, hidden: frozenset[str]) -> Observation:
        """The observation without secrets, and without the values of the elements whose ids are `hidden`."""
        return seen.model_copy(
            update={
                **{name: self.text(getattr(seen, name)) for name in ("url", "title", "text")},
                "elements": tuple(self._element(one, one.id in hidden) for one in seen.elements),
                "tabs": tuple(self.text(title) for title in seen.tabs),
            }
        )

    def _element(self, element: Element, hidden: bool) -> Element:
        texts = {name: self.text(getattr(element, name)) for name in _TEXTS}
        if hidden and element.value:
            texts["value"] = SECRET
        return element.model_copy(update={**texts, "options": tuple(self.text(one) for one in element.options)})


def address(text: str) -> str:
    """A text whose addresses have no user information, and no value of a parameter whose name tells of a credential."""
    return _PARAMETER.sub(_masked, _USERINFO.sub("", text))


def _masked(found: re.Match[str]) -> str:
    raw = found["value"]
    value = unquote(raw)
    nested = value != raw and address(value) != value  # an address inside of an address
    if nested or _tells(unquote(found["name"])):
        return found["before"] + SECRET
    head, mark, tail = raw.partition("?")
    return found["before"] + head + address(mark + tail) if mark else found[0]


def _tells(name: str) -> bool:
    words = [word.lower() for word in _WORDS.findall(name)]
    return any(map(_TELLING.fullmatch, words)) or "".join(words).endswith(_ENDINGS)
