"""What an effect that was tried once means elsewhere: on which pages, for which records, and how it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agents.explorer import filling, lines
from agents.explorer.clauses import CHOSEN, TICKED, Clause
from agents.explorer.pages import Page, renamed
from agents.explorer.sitemap import Effect, Filled
from core import actions
from core.actions import Target
from core.checks import fold

_TICKS = {"checkbox": TICKED, "switch": TICKED, "radio": CHOSEN}


def parse_target(line: str) -> Target | None:
    """The element that a line points at."""
    return actions.target_of(actions.parse(line))


def _opener(effect: Effect) -> Target | None:
    """The button that a form is hidden behind, if it is."""
    return parse_target(effect.prefix[0]) if effect.prefix else None


def opens_on(page: Page, effect: Effect) -> bool:
    """Whether the button that a form is hidden behind stands on this page."""
    opener = _opener(effect)
    return opener is not None and any((one.role, one.name) == (opener.role, opener.name) for one in page.buttons)


def in_rows(page: Page, effect: Effect) -> Iterator[Effect]:
    """A form that appeared in one record of a listing, for each record of `page` that has the like by its name."""
    opener = _opener(effect)
    if opener is None:
        return
    for button in page.buttons:
        was, now = effect.row, button.row
        if now == was and button.name == opener.name:
            yield effect
        elif now and button.name != opener.name and button.name == renamed(opener.name, was, now):
            yield _moved(effect, was, now)


def _moved(effect: Effect, was: str, now: str) -> Effect:
    """The effect with another record in place of the one that it was tried on."""
    filled = [
        one.model_copy(
            update={
                "field": one.field.model_copy(
                    update={
                        "name": renamed(one.field.name, was, now),
                        "value": now if fold(one.field.value) == fold(was) else one.field.value,
                    }
                )
            }
        )
        for one in effect.filled
    ]
    return effect.model_copy(
        update={
            "lines": tuple(renamed(line, was, now) for line in effect.lines),
            "prefix": tuple(renamed(line, was, now) for line in effect.prefix),
            "target": effect.target.model_copy(update={"name": renamed(effect.target.name, was, now)}),
            "filled": tuple(filled),
            "row": now,
        }
    )


def radio_groups(effect: Effect) -> set[str]:
    return {one.field.group for one in effect.filled if one.field.role == "radio"}


def sent_by_button(effect: Effect) -> bool:
    return effect.lines[-1] == lines.click(effect.target)


def form_clause(effect: Effect, filled: Sequence[Filled], own: dict[str, str], *, sent: bool) -> Clause:
    pairs = tuple((one.field.name, _TICKS.get(one.field.role, one.value)) for one in filled)
    if all(value in (TICKED, CHOSEN) for _, value in pairs) and sent:
        return Clause("pick", {"submit": effect.target.name} | own, pairs)
    if not sent and len(filled) == 1:
        return Clause("change_now", {"control": pairs[0][0], "option": pairs[0][1]} | own)
    return Clause("change" if effect.kind == "edit" else "fill", {"submit": effect.target.name} | own, pairs)


def foil_of(effect: Effect, filled: Sequence[Filled], choice: Filled, send: Sequence[str]) -> tuple[str, ...]:
    """The same form with another option of one of its choices, or with another number."""
    others = [option for option in filling.real_options(choice.field) if option != choice.value]
    other = others[0] if others else str(int(choice.value) + 1)
    wrong = [one.model_copy(update={"value": other}) if one is choice else one for one in filled]
    return (*effect.prefix, *(filling.line(one) for one in wrong), *send)
