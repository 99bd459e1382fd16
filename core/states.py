"""When two observations are the same state of a site, for credit that compares what was done in one."""

from __future__ import annotations

import hashlib
import json
from urllib.parse import parse_qsl, urlsplit

from core.types import Observation

_PASSING = {"id", "bounds"}  # of the page's life and of the viewport, not of what the page holds


def normal_url(url: str) -> str:
    """The URL without its fragment, its query in order, scheme and host in lower case; as it is if malformed."""
    try:
        parts = urlsplit(url)
        query = sorted(parse_qsl(parts.query, keep_blank_values=True))
    except ValueError:
        return url
    return json.dumps([parts.scheme.casefold(), parts.netloc.casefold(), parts.path, query])


def state_key(observation: Observation) -> str:
    """A key that is equal for the same normalised URL with the same elements, their values and states included."""
    elements = [element.model_dump(mode="json", exclude=_PASSING) for element in observation.elements]
    text = json.dumps([normal_url(observation.url), elements])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
