"""Keeps secrets out of everything that is recorded, shown to a model or printed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from urllib.parse import quote, quote_plus

from core.types import Element, Observation

MASK = "«secret»"
_SHORTEST = 4
_TEXTS = ("name", "value", "href", "group", "table", "row", "column", "frame")


class Redactor:
    """Replaces every secret it knows, also where it is percent-encoded, folded or escaped for JSON or HTML.

    Secrets of fewer than 4 characters are not replaced: they would tear holes into ordinary words.
    """

    def __init__(self) -> None:
        self._forms: list[str] = []

    def add(self, secret: str) -> None:
        """Know one more secret."""
        if len(secret) < _SHORTEST:
            return
        forms = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), escape(secret)}
        forms |= {" ".join(secret.split()), json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
        forms |= {form.casefold() for form in (secret, quote(secret, safe=""))}
        self._forms = sorted({*self._forms, *(form for form in forms if len(form) >= _SHORTEST)}, key=len, reverse=True)

    def text(self, text: str) -> str:
        """`text` with its secrets masked."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        return text

    def observation(self, observation: Observation) -> Observation:
        """The observation with the secrets in its texts, values and URLs masked."""
        if not self._forms:
            return observation
        elements = tuple(self._element(element) for element in observation.elements)
        texts = {name: self.text(getattr(observation, name)) for name in ("url", "title", "text", "last_action_error")}
        return observation.model_copy(
            update={**texts, "elements": elements, "tabs": tuple(self.text(title) for title in observation.tabs)}
        )

    def _element(self, element: Element) -> Element:
        texts = {name: self.text(getattr(element, name)) for name in _TEXTS}
        return element.model_copy(update={**texts, "options": tuple(self.text(option) for option in element.options)})


class SecretEnviron(Mapping[str, str]):
    """The environment variables as a log-in hook gets them; each value that it reads becomes a secret."""

    def __init__(self, environ: Mapping[str, str], redactor: Redactor) -> None:
        self._environ = environ
        self._redactor = redactor

    def __getitem__(self, name: str) -> str:
        value = self._environ[name]
        self._redactor.add(value)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)
