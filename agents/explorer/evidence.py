"""Checks from what was seen: texts and addresses that show that a thing was done, and that did not show before."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

from core import checks
from core.checks import AllCheck, Check, EnteredCheck, PageCheck, UrlCheck, fold
from core.types import Observation

_RANK = {"alert": 0, "status": 0, "heading": 1, "definition": 2, "cell": 2, "text": 2, "dialog": 3}
_VOLATILE = re.compile(
    r"\d{1,2}:\d{2}|\b(just now|ago|today|yesterday|seconds?|minutes?|hours?)\b|\b[0-9a-f]{8,}\b", re.I
)
_COMPLAINT = re.compile(
    r"\b(not valid|invalid|errors?|is required|required field|must|please (fill|enter|choose|select|correct)|"
    r"(choose|enter|select|give|provide|fill in) (an?|your|the|at least)\b|cannot|can't|missing|wrong|failed|"
    r"too (short|long|many)|not (found|allowed|possible|an?)\b|may only|no \w+ (entered|given|selected|chosen)|denied)",
    re.I,
)
_SHORTEST, _BEST, _LONGEST = 3, 30, 90  # characters


def snippets(observation: Observation) -> list[tuple[int, str]]:
    """(rank, text) of what an observation shows, the most telling ranks first; each is in the visible text."""
    page = fold(observation.text)
    found: dict[str, int] = {}
    for element in observation.elements:
        if "hidden" in element.states:
            continue
        rank = _RANK.get(element.role, 4)
        if element.role == "definition":
            texts = [f"{element.name} {element.value}", element.value]
        elif rank < 4 or element.role in ("link", "button"):
            texts = [element.name]
        else:
            texts = []
        for text in texts:
            text = " ".join(text.split())
            if _SHORTEST <= len(text) <= _LONGEST and fold(text) in page:
                found[text] = min(rank, found.get(text, 9))
    for line in observation.text.splitlines():
        line = " ".join(line.split())
        if _SHORTEST <= len(line) <= _LONGEST:
            found.setdefault(line, 3)
    return sorted(
        ((rank, text) for text, rank in found.items()), key=lambda one: (one[0], abs(len(one[1]) - _BEST), one[1])
    )


def revealed(before: Iterable[Observation], after: Observation) -> list[str]:
    """Lasting texts of `after` that none of `before` showed, the most telling first."""
    earlier = [fold(observation.text) for observation in before]
    return [
        text
        for _, text in snippets(after)
        if not _VOLATILE.search(text) and not any(fold(text) in page for page in earlier)
    ]


def complaints(before: Observation, after: Observation, *, told: bool = False) -> list[str]:
    """What `after` says is wrong that `before` did not; `told`: as a notice, and not anywhere on the page."""
    new = revealed([before], after)
    notices = {one.name for one in after.elements if one.role in ("alert", "status")}
    return [text for text in (new if told else new[:3]) if _COMPLAINT.search(text) and (text in notices or not told)]


def url_pattern(url: str, *, general: bool = False) -> str:
    """A regular expression for this address on any host: its path and its non-empty parameters, in any order.

    `general` lets numbers in the path vary, for the pages of records that a task itself creates.
    """
    parts = urlsplit(url)
    path = re.escape(parts.path.rstrip("/"))
    if general:
        path = re.sub(r"\d+", r"\\d+", path)
    pattern = r"^https?://[^/?#]+" + path + r"/?(?=[?#]|$)"
    for name, value in parse_qsl(parts.query):
        pattern += rf"(?=.*[?&]{_written(name)}={_written(value)}(?:[&#]|$))"
    return pattern


def _written(text: str) -> str:
    """A pattern for the ways in which pages and browsers write this in an address."""
    ways = sorted({quote_plus(text), quote(text), quote(text, safe=""), quote(text, safe="@,:;/!$'()*")})
    return f"(?i:{'|'.join(map(re.escape, ways))})"


def page_check(
    run: Sequence[Observation],
    *,
    wanted: Sequence[str] = (),
    pristine: Iterable[tuple[str, str]] = (),
    wrong: Sequence[Sequence[Observation]] = (),
    changes: bool = False,
) -> Check | None:
    """A check that holds at the end of `run` and at no earlier moment of it; None where nothing tells.

    Every text of `wanted` (what the instruction names and the end shows) must be visible at the end, or
    there is no check. With `changes`, the check must also be false on all of the site's `pristine`
    pages (url, text): merely looking around never satisfies it. It is false at the end of the `wrong` runs too.
    """
    *earlier, final = run
    known = list(pristine)
    page = fold(final.text)
    if any(fold(text) not in page for text in wanted):
        return None
    moved = _place(final.url) != _place(run[0].url)
    seen_before = any(_place(final.url) == _place(url) for url, _ in known)
    pattern = url_pattern(final.url, general=changes and not seen_before)
    fresh = revealed(earlier, final)
    heading = _heading(final) if moved and not changes and urlsplit(final.url).path != urlsplit(run[0].url).path else ""
    for texts in _choices(fresh, wanted, heading):
        check: Check
        if texts:
            check = PageCheck(contains=texts, url=pattern)
        elif moved and not changes:
            check = UrlCheck(matches=pattern)
        else:
            continue
        if _tells(check, run, wrong, known if changes else ()):
            return check
    return None


def form_check(
    run: Sequence[Observation],
    entered: Sequence[Mapping[str, str]],
    *,
    pristine: Iterable[tuple[str, str]] = (),
    wrong: Sequence[Sequence[Observation]] = (),
) -> Check | None:
    """A check for forms whose values the end does not show: they were `entered`, and the end says that it is done.

    It is as discerning as that of `page_check` with `changes`; None where nothing tells.
    """
    *earlier, final = run
    known = list(pristine)
    if not entered or not earlier:
        return None
    pattern = url_pattern(final.url, general=all(_place(final.url) != _place(url) for url, _ in known))
    filled = [EnteredCheck(fields=dict(fields)) for fields in entered]
    for text in revealed(earlier, final)[:3]:
        check = AllCheck(of=(*filled, PageCheck(contains=(text,), url=pattern)))
        if _tells(check, run, wrong, known):
            return check
    return None


def also_entered(check: Check, entered: Sequence[Mapping[str, str]]) -> Check:
    """A check that holds where this one does and these values were entered into each form."""
    return AllCheck(of=(*(EnteredCheck(fields=dict(fields)) for fields in entered), check))


def holds_after(check: Check, run: Sequence[Observation], answer: str | None = None) -> bool:
    """Whether a check would hold if the episode ended after what was seen in `run`."""
    end = run[-1]
    entries = [one.entries() for one in run[:-1]] if checks.needs_entries(check) else ()
    return checks.holds(check, answer=answer, url=end.url, page_text=end.text, entries=entries) is True


def _tells(
    check: Check,
    run: Sequence[Observation],
    wrong: Sequence[Sequence[Observation]],
    known: Iterable[tuple[str, str]],
) -> bool:
    """Whether a check holds at the end of `run`, at no earlier moment, not after `wrong` runs, and nowhere else."""
    return (
        holds_after(check, run)
        and not any(holds_after(check, run[:end]) for end in range(1, len(run)))
        and not any(holds_after(check, one) for one in wrong)
        and not any(_holds(check, url, text) for url, text in known)
    )


def _heading(observation: Observation) -> str:
    """The page's first heading of the highest level, if it can be read in the text."""
    headings = [one for one in observation.elements if one.role == "heading" and one.name and not one.row]
    best = min(headings, key=lambda one: one.level or 9, default=None)
    return best.name if best is not None and fold(best.name) in fold(observation.text) else ""


def _choices(fresh: Sequence[str], wanted: Sequence[str], heading: str) -> Iterable[tuple[str, ...]]:
    """Combinations of texts to look for, the most specific first; a page's heading says best where one is."""
    if heading and not wanted:
        yield (heading,)
    named = []
    for text in wanted:
        holders = [one for one in fresh if fold(text) in fold(one)]
        named.append(holders[0] if holders else text)
    if named:
        specific = [one for one in named if one in fresh]
        if len(specific) < len(named):
            yield from (tuple(dict.fromkeys((*named, one))) for one in fresh[:1])
        yield tuple(dict.fromkeys(named))
        yield from (tuple(dict.fromkeys((*named, one))) for one in fresh[1:3])
        return
    yield from ((one,) for one in fresh[:1])
    yield from ((fresh[0], one) for one in fresh[1:6])
    yield from ((one,) for one in fresh[1:4])
    yield ()


def _place(url: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    parts = urlsplit(url)
    return parts.path.rstrip("/"), tuple(sorted(parse_qsl(parts.query)))


def _holds(check: Check, url: str, text: str) -> bool:
    return checks.holds(check, answer=None, url=url, page_text=text) is True
