"""Things to ask of a made-up website: which exercises there are, how often, and several in one instruction."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from pretraining import doing, expert, finding, reading, wordings
from pretraining.expert import Exercise
from pretraining.website import Website
from pretraining.wordings import Mention, mention

__all__ = ["Exercise", "exercise"]

Maker = Callable[[Website, Random], Exercise | None]
# By family, so that every family has its share whatever a site allows; then how often each kind within it.
FAMILIES: dict[str, tuple[float, tuple[tuple[float, Maker], ...]]] = {
    "open": (0.9, ((1.0, reading.open_page), (0.3, reading.open_sub), (0.2, finding.leaf))),
    "lookup": (2.3, ((1.0, reading.lookup), (0.6, reading.here_lookup), (0.7, reading.stated))),
    "search": (0.9, ((1.0, finding.search), (0.8, finding.found))),
    "filter": (0.9, ((1.0, finding.narrow), (0.8, finding.order))),
    "compare": (1.1, ((1.0, reading.extreme), (0.4, reading.versus))),
    "count": (0.95, ((1.0, reading.count),)),
    "toggle": (1.6, ((1.0, doing.switch), (0.8, doing.here(doing.switch)), (0.5, doing.remove), (0.4, doing.untag),
                     (0.3, doing.here(doing.untag)))),
    "form": (2.6, ((1.0, doing.form), (0.8, doing.detail_form), (0.8, doing.here(doing.detail_form)),
                   (1.0, doing.quick), (1.2, doing.here(doing.quick)), (0.7, doing.here_form), (1.2, doing.beside))),
    "edit": (1.0, ((1.0, doing.edit), (0.4, doing.here(doing.edit)), (0.5, doing.quantity))),
}  # fmt: skip


def exercise(site: Website, rng: Random, *, most_goals: int = 2) -> Exercise:
    """A random exercise that this site allows; of several goals in one only where `most_goals` is above 1."""
    names = list(FAMILIES)
    weights = [FAMILIES[name][0] for name in names]
    while True:
        if most_goals > 1 and rng.random() < 0.13:
            made = rng.choice((_about_one, _about_one, _alike, _chain, finding.first))(site, rng)
        else:
            makers = FAMILIES[rng.choices(names, weights)[0]][1]
            made = rng.choices([m for _, m in makers], [w for w, _ in makers])[0](site, rng)
        if made is not None:
            asks = made.family in ("lookup", "compare", "count")
            made.instruction = wordings.polished(rng, made.instruction, asks=asks, number=made.number)
            return made


def _joined(one: str, two: str, rng: Random) -> str:
    """Two wishes in one instruction."""
    return rng.choice(wordings.LINKS).format(a=one, l=wordings.lower(one), h=one.rstrip(".?! "), b=wordings.lower(two))


def _chain(site: Website, rng: Random) -> Exercise | None:
    """Two exercises in a row about different things."""
    starts: tuple[Maker, ...] = (doing.switch, doing.form, doing.quick, doing.edit, finding.search, doing.remove)
    one = rng.choice(starts)(site, rng)
    ends: tuple[Maker, ...] = (doing.switch, doing.form, reading.open_page, reading.lookup, doing.edit, finding.found)
    two = rng.choice(ends)(site, rng)
    if one is None or two is None or one.family == two.family:
        return None
    return Exercise("compose", _joined(one.instruction, two.instruction, rng), expert.follow_all([one.goal, two.goal]))


def _about_one(site: Website, rng: Random) -> Exercise | None:
    """Two or three wishes about one record, named once."""
    index = rng.randrange(len(site.records))
    called = mention(site, index, rng)
    it = Mention("it", called.query)
    kinds = [doing.switch, doing.edit, doing.quick, doing.detail_form]
    rng.shuffle(kinds)
    chosen = kinds[: rng.choice((1, 1, 2))]
    made: list[Exercise | None] = []
    if rng.random() < 0.5:
        opening = wordings.say(rng, ("Open {x}.", "Find {x}.", "Go to {x}.", "Look for {x}."), x=called.text)
        made.append(Exercise("open", opening, expert.follow_all([expert.at_record(index, called.query)])))
    for kind in chosen:
        made.append(kind(site, rng, index, it if made else called))
    if rng.random() < 0.6:
        made.append(reading.lookup(site, rng, index, it))
    parts = [one for one in made if one is not None]
    if len(parts) < 2 or len(parts) < len(made):
        return None
    texts = [part.instruction for part in parts]
    text = texts[0]
    if len(texts) == 3:
        text = f"{texts[0].rstrip('.?! ')}, {wordings.lower(texts[1])}"
    return Exercise("compose", _joined(text, texts[-1], rng), expert.follow_all([part.goal for part in parts]))


def _alike(site: Website, rng: Random) -> Exercise | None:
    """The same switch for two records."""
    if not site.toggles:
        return None
    one, two = rng.sample(range(len(site.records)), 2)
    names = [mention(site, index, rng) for index in (one, two)]
    both = rng.choice(("{a} and {b}", "{a} and also {b}", "both {a} and {b}", "{b} and {a}"))
    pair = rng.choice(site.toggles)
    for index in (one, two):
        site.on.discard((index, pair[0]))
        if pair[0] == site.adds:
            site.hold(index, False)
    label = pair[0].lower()
    words = wordings.toggle_words(rng, pair, off=False) or (f"{label} {{x}}", f"{label} for {{x}}")
    spoken = both.format(a=names[0].text, b=names[1].text)
    goals = [expert.switched(index, pair[0], called.query) for index, called in zip((one, two), names, strict=True)]
    return Exercise("compose", wordings.capital(rng.choice(words).format(x=spoken)) + ".", expert.follow_all(goals))
