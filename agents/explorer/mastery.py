"""What to practise next, from how well each family goes: half-learned first, mastered kept up, able ones joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

_FLOOR = 0.04
_UPKEEP = 0.02
_UNKNOWN = 0.5


def weights(families: Sequence[str], mastery: Mapping[str, float], *, mastered: float) -> dict[str, float]:
    """The share of practice of each family, up to a factor.

    p(1-p) of its success rate p plus a floor, so that nothing is given up for good; families at or
    above `mastered` get upkeep only. A family never tried counts as half-learned.
    """
    found = {}
    for family in families:
        rate = min(1.0, max(0.0, mastery.get(family, _UNKNOWN)))
        found[family] = _UPKEEP if rate >= mastered else rate * (1 - rate) + _FLOOR
    return found


def compositions(mastery: Mapping[str, float], *, above: float, longest: int = 4) -> list[str]:
    """Families to compose: what is done well, joined in pairs, those of the highest joint success first."""
    able = [family for family, rate in mastery.items() if rate >= above]
    joined: dict[str, float] = {}
    for first in able:
        for second in able:
            kinds = [*first.split("+"), *second.split("+")]
            ends_early = any(kind in ("lookup", "compare") for kind in kinds[:-1])
            if len(kinds) <= longest and not ends_early and not _repeats(kinds):
                joined.setdefault("+".join(kinds), mastery[first] * mastery[second])
    return sorted(joined, key=lambda family: (-joined[family], family))


def _repeats(kinds: Sequence[str]) -> bool:
    """Two searches or two filters in a row say nothing new; openings in a row are one opening."""
    idle = ("open", "search", "filter", "disclose")
    return any(one == other and one in idle for one, other in pairwise(kinds))
