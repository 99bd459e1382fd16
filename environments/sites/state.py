"""What one session has changed: copy-on-write collections over a site's shared records."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, MutableMapping
from datetime import date
from typing import Any

from core.checks import fold

_GONE = object()


class Overlay(MutableMapping[str, Any]):
    """A mapping that reads through to `base` and keeps its own changes; `base` is never written.

    Records are values: replace one (`overlay[key] = dataclasses.replace(old, …)`), never change it in place.
    Iteration gives the base's keys in their order, then new keys in the order of their arrival.
    """

    def __init__(self, base: Mapping[str, Any]) -> None:
        self._base = base
        self._own: dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:
        value = self._own.get(key, _GONE) if key in self._own else self._base[key]
        if value is _GONE:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        self._own[key] = value

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        if key in self._base:
            self._own[key] = _GONE
        else:
            del self._own[key]

    def __iter__(self) -> Iterator[str]:
        yield from (key for key in self._base if self._own.get(key) is not _GONE)
        yield from (key for key in self._own if key not in self._base)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, key: object) -> bool:
        return self._own[key] is not _GONE if key in self._own else key in self._base

    def differences(self) -> dict[str, Any]:
        """The records that differ from the start, in JSON and folded; a removed record is None."""
        found = {}
        for key, value in self._own.items():
            now = None if value is _GONE else evident(value)
            if key not in self._base or now != evident(self._base[key]):
                found[fold(key)] = now
        return dict(sorted(found.items()))


class SiteState:
    """One session's view of one site: its collections, who is signed in, messages to show, the last page served."""

    def __init__(self, base: Mapping[str, Mapping[str, Any]], user: str | None = None) -> None:
        self.user = user
        self.page: dict[str, Any] = {}
        self._collections = {name: Overlay(records) for name, records in base.items()}
        self._messages: list[tuple[str, str]] = []

    def __getitem__(self, collection: str) -> Overlay:
        return self._collections[collection]

    def tell(self, text: str, kind: str = "status") -> None:
        """Show `text` on the next page; `kind` is its ARIA role, `status` or `alert`."""
        self._messages.append((kind, text))

    def take_messages(self) -> list[tuple[str, str]]:
        """The messages not shown yet, as (kind, text); they are shown once."""
        messages, self._messages = self._messages, []
        return messages

    def differences(self) -> dict[str, dict[str, Any]]:
        """The changed records of every collection that differs from the start."""
        found = {name: overlay.differences() for name, overlay in self._collections.items()}
        return {name: records for name, records in sorted(found.items()) if records}


def evident(value: Any) -> Any:
    """A record as JSON in the form of evidence: all strings, keys too, in lower case with white space folded."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: evident(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {fold(str(key)): evident(item) for key, item in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(evident(item) for item in value)
    if isinstance(value, list | tuple):
        return [evident(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    return fold(value) if isinstance(value, str) else value
