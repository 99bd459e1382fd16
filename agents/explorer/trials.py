"""Trying the controls of a site to learn what they do: search boxes, filters, forms, buttons.

Each trial begins in a fresh state at a page and records what became visible. Controls are tried once
for each page template; what they did there is expected of the template's other pages too, and proven
there by replay before anything is built on it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from agents.explorer import evidence, filling, lines, pages
from agents.explorer.crawler import Progress, silent
from agents.explorer.manners import Pace, is_grave, leaves_session, only_arranges, only_reads
from agents.explorer.pages import Form, Page, renamed
from agents.explorer.session import Session, session
from agents.explorer.sitemap import Effect, EffectKind, Filled, SiteMap
from agents.explorer.values import is_fillable
from core.checks import fold
from core.errors import ActionError, InfrastructureError
from core.protocols import EnvironmentPool
from core.types import Element, Observation

_MOST_OPTIONS = 4
_MOST_PAGES = 12  # of a template, looked through for controls
_MOST_PRESSES = 14  # a template
_AGAIN = 4
_ATTEMPTS = 6  # at sending a form
_MOST_REVEALED = 8
_WORD = re.compile(r"[A-Za-z]{4,}")
_FILTERING = re.compile(r"^(apply|show|go|find|search|filter|sort|view|see|display)\b", re.I)
_MAKING = re.compile(r"\b(new|create|add|save|edit|send|post|submit)\b", re.I)
_GET_OUT = re.compile(
    r"^\W*(cancel|close|dismiss|back|not now|no,? thanks)\W*$|^back to\b|^(close|dismiss|hide)\b.*"
    r"\b(dialogs?|windows?|menus?|panels?|pop-?ups?|messages?|notices?|notifications?|banners?|previews?|alerts?)\b",
    re.I,
)


@dataclass
class _Trial:
    """One thing to try; a lower `rank` is tried earlier."""

    rank: int
    key: str
    run: Callable[[Session], Awaitable[list[Effect]]] = field(repr=False)


class Trials:
    """Runs trials over a pool within a budget of seconds."""

    def __init__(
        self,
        pool: EnvironmentPool,
        *,
        resettable: bool,
        pace: Pace,
        seed: int,
        progress: Progress = silent,
    ) -> None:
        self.pool = pool
        self.resettable = resettable
        self.pace = pace
        self.seed = seed
        self.progress = progress
        self.faults: list[str] = []

    async def run(self, site: SiteMap, seconds: float) -> SiteMap:
        """The map with the effects that were found, in the order of the plan, whoever finished first."""
        deadline = time.monotonic() + seconds
        plan = self._plan(site)
        results: dict[int, list[Effect]] = {}
        waiting = iter(list(enumerate(plan)))
        done = 0

        async def work() -> None:
            nonlocal done
            for index, trial in waiting:
                if time.monotonic() >= deadline:
                    return
                try:
                    async with session(self.pool, self.pace) as at:
                        results[index] = await trial.run(at)
                except (InfrastructureError, ActionError) as error:
                    self.faults.append(f"{trial.key}: {error}")
                done += 1
                self.progress("try", done, len(plan))

        workers = [asyncio.create_task(work()) for _ in range(self.pool.size)]
        try:
            await asyncio.wait_for(asyncio.gather(*workers), max(0.1, seconds) + 5)
        except TimeoutError:
            self.faults.append("trials were cut short by the budget")
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        found = [effect for index in sorted(results) for effect in results[index]]
        return site.model_copy(update={"effects": (*site.effects, *found)})

    def _plan(self, site: SiteMap) -> list[_Trial]:
        rng = random.Random(self.seed)
        common = _words(site, rng)
        trials: dict[str, _Trial] = {}
        for template, known in site.templates().items():
            presses = 0
            for page in known[:_MOST_PAGES]:
                for rank, key, run in self._of_page(page, common, rng):
                    if f"{template} {key}" in trials:
                        continue
                    presses += key.startswith("press")
                    if presses <= _MOST_PRESSES or not key.startswith("press"):
                        trials[f"{template} {key}"] = _Trial(rank, f"{page.url} {key}", run)
        site_wide: dict[str, _Trial] = {}
        for key, trial in trials.items():
            # The same control in the same place of every template (a header's search box) is tried twice at most.
            short = key.split(" ", 2)[2]
            if short not in site_wide:
                site_wide[short] = trial
            elif f"{short} again" not in site_wide:
                site_wide[f"{short} again"] = replace(trial, rank=trial.rank + _AGAIN)
        return sorted(site_wide.values(), key=lambda trial: trial.rank)

    def _of_page(
        self, page: Page, common: list[str], rng: random.Random
    ) -> Iterable[tuple[int, str, Callable[[Session], Awaitable[list[Effect]]]]]:
        seed = rng.randrange(2**31)
        for box in page.searches:
            yield 0, f"search {box.name}", _bind(self._search, page, box, rng.sample(common, min(5, len(common))))
        filtering = [form for form in page.forms if _only_filters(form)]
        loose = [choice for choice in page.choices if choice.options and not _inside(choice, page.forms)]
        for form in filtering:
            for choice in form.fields:
                for number, option in enumerate(filling.real_options(choice)[:_MOST_OPTIONS]):
                    yield (
                        1 + 2 * number,
                        f"choice {choice.name} {number}",
                        _bind(self._choose, page, choice, option, form),
                    )
                if filling.is_closed(choice):
                    yield 2, f"choice {choice.name}", _bind(self._choose_hidden, page, choice, form)
                if choice.role in ("checkbox", "radio") and "checked" not in choice.states:
                    yield 2, f"tick {form.group} {choice.name}", _bind(self._choose, page, choice, "", form)
        for choice in loose:
            if not self.resettable and not only_arranges(choice.name):
                continue
            for number, option in enumerate(filling.real_options(choice)[:_MOST_OPTIONS]):
                yield 1 + 2 * number, f"choice {choice.name} {number}", _bind(self._choose, page, choice, option, None)
        for form in page.forms:
            if form in filtering or filling.needs_secret(form) or not self.resettable:
                continue
            if form.submit is not None and leaves_session(form.submit.name):
                continue
            yield 2, f"form {form.key}", _bind(self._submit, page, form, seed)
        submits = {
            form.submit.id
            for form in page.forms
            if form.submit is not None and (filling.needed(form) or filling.is_edit(form))
        }
        submits |= {form.submit.id for form in filtering if form.submit is not None}
        searching = {box.group for box in page.searches}
        for button in page.buttons:
            if button.id in submits or leaves_session(button.name) or _GET_OUT.search(button.name):
                continue
            if button.group in searching and re.search(r"search|find|go", button.name, re.I):
                continue
            if not self.resettable and not (button.role in ("tab", "summary") or only_reads(button.name)):
                continue
            yield (
                2 + is_grave(button.name),
                f"press {renamed(button.name, button.row or page.name, '*')} {bool(button.row)}",
                _bind(self._press, page, button, seed),
            )
        for box in page.choices:
            if (
                box.role in ("checkbox", "switch")
                and not box.options
                and self.resettable
                and not _inside(box, page.forms)
            ):
                yield 4, f"tick {box.name}", _bind(self._press, page, box, seed)

    async def _search(self, at: Session, page: Page, box: Element, words: Sequence[str]) -> list[Effect]:
        """Search for one word after the other until records are found."""
        target = lines.target_of(box)
        tried: list[Effect] = []
        for word in words:
            await at.visit(page.url)
            await at.do(lines.type_text(target, word, enter=True))
            if not _changed(at):
                button = next((one for one in page.buttons if re.search(r"search|find|go", one.name, re.I)), None)
                if button is None:
                    return []
                await at.visit(page.url)
                await at.do(lines.type_text(target, word))
                await at.do(lines.click(lines.target_of(button)))
            if _changed(at):
                tried.append(_effect("search", page, at, box, value=word))
                if any(link.row for link in tried[-1].after.links):
                    return tried[-1:]
        return tried[-1:]

    async def _choose(self, at: Session, page: Page, choice: Element, option: str, form: Form | None) -> list[Effect]:
        await at.visit(page.url, changes=self.resettable)
        filled = Filled(field=choice, value=option or "checked")
        await at.do(filling.line(filled))
        own = (choice.value, option)
        if not _changed(at, own) and form is not None and form.submit is not None:
            await at.do(lines.click(lines.target_of(form.submit)))
        if not _changed(at, own):
            return []
        effect = _effect("filter", page, at, choice, filled=(filled,), value=option or choice.name)
        if form is not None or not self.resettable or effect.after.url != page.url:
            return [effect]
        await at.do(lines.goto(page.url))
        kept = _changed(at)
        shown = filled.model_copy(update={"shown": True})
        return [
            effect.model_copy(update={"kind": "edit", "changes_state": True, "filled": (shown,)}) if kept else effect
        ]

    async def _choose_hidden(self, at: Session, page: Page, choice: Element, form: Form) -> list[Effect]:
        """Choose from a combobox that shows its options when it is opened."""
        await at.visit(page.url, changes=self.resettable)
        opened = await _opened(at, choice)
        found: list[Effect] = []
        for option in filling.real_options(opened)[:2]:
            found += await self._choose(at, page, opened, option, form)
        return found

    async def _submit(self, at: Session, page: Page, form: Form, seed: int) -> list[Effect]:
        await at.visit(page.url, changes=self.resettable)
        return await self._send(at, page, form, random.Random(seed), ())

    async def _send(
        self, at: Session, page: Page, form: Form, rng: random.Random, prefix: tuple[str, ...], row: str = ""
    ) -> list[Effect]:
        """Fill and send; again with more fields when that was refused, and without those that are complained about.

        `prefix` are the lines that make the form appear, `row` the record of a listing that it belongs to.
        """
        closed = [one for one in form.fields if filling.is_closed(one)]
        known = {one.id: await _opened(at, one) for one in closed}
        if closed:
            form = form.model_copy(update={"fields": tuple(known.get(one.id, one) for one in form.fields)})
        kind: EffectKind = "edit" if filling.is_edit(form) else "form"
        editable = [one for one in form.fields if one.value and is_fillable(one)]
        plans = [list(form.fields), filling.needed(form)]
        if kind == "edit":
            plans.append([*filling.required(form.fields), *editable[:1]])
        refused: set[str] = set()
        fields = _next(plans, refused)
        for _ in range(_ATTEMPTS):
            if not fields:
                return []
            if len(at.seen) > 1 + len(prefix):
                await at.visit(page.url, changes=self.resettable)
                for line in prefix:
                    await at.do(line)
            filled = filling.fill(fields, rng)
            if not filled:
                fields = _next(plans, refused)
                continue
            try:
                for one in filled:
                    unchanged = at.now
                    await at.do(filling.line(one))
                    if one.field.options and _reacted(unchanged, at.now, one):
                        found = await self._each(at, page, form.fields)
                        if form.submit is not None:  # so it does something of its own
                            found += await self._press(at, page, form.submit, rng.randrange(2**31))
                        return found
                if form.submit is not None:
                    await at.do(lines.click(lines.target_of(form.submit)))
                else:
                    await at.do('press "Enter"')
            except ActionError:
                fields = _next(plans, refused)
                continue
            if _refused(at, form):
                blamed = _blamed(at, filled) - refused
                refused |= blamed
                left = [one for one in fields if one.name not in refused] if blamed else []
                fields = left or _next(plans, refused)
                continue
            before = fold(at.seen[0].text)
            after = fold(at.now.text)
            shown = tuple(
                one.model_copy(update={"shown": fold(one.value) in after and fold(one.value) not in before})
                for one in filled
            )
            control = form.submit or form.fields[-1]
            control = control.model_copy(update={"row": row})
            sent = _effect(kind, page, at, control, filled=shown, prefix=prefix, changes=True)
            options = {one.name: known[one.id].options for one in closed}
            return [sent.model_copy(update={"options": options, "refused": tuple(sorted(refused))})]
        return []

    async def _each(self, at: Session, page: Page, fields: Sequence[Element]) -> list[Effect]:
        """Choices that take effect at once, though they stand beside each other as in a form."""
        found: list[Effect] = []
        for one in fields:
            for option in filling.real_options(one)[:1]:
                found += await self._choose(at, page, one, option, None)
        return found

    async def _press(self, at: Session, page: Page, button: Element, seed: int) -> list[Effect]:
        await at.visit(page.url, changes=self.resettable)
        await at.do(lines.click(lines.target_of(button)))
        if not _changed(at):
            return []
        after = pages.read(at.now)
        new = [*_new_forms(page, after), *pages.row_forms(at.seen[0], at.now, button.row)]
        new = [form for form in new if not filling.needs_secret(form)]
        if new and after.url == page.url and self.resettable:
            prefix = tuple(at.lines)
            opened = [_effect("disclose", page, at, button)]
            return opened + await self._send(at, page, new[0], random.Random(seed), prefix, button.row)
        if _discloses(button, at.now) or not self.resettable:
            return [_effect("disclose", page, at, button)]
        if evidence.complaints(at.seen[0], at.now):
            return []
        pressed = _effect("toggle", page, at, button, changes=True)
        told = any(one.role in ("status", "alert") and one.name in pressed.revealed for one in at.now.elements)
        if not told and after.url == page.url:
            await at.do(lines.goto(page.url))
            if not _changed(at):
                return [pressed.model_copy(update={"kind": "disclose", "changes_state": False})]
        return [pressed]


def _new_forms(before: Page, after: Page) -> list[Form]:
    """Forms with a field that was not there before."""
    old = {(field.role, field.name) for form in before.forms for field in form.fields}
    return [form for form in after.forms if any((field.role, field.name) not in old for field in form.fields)]


async def _opened(at: Session, choice: Element) -> Element:
    """A combobox with the options that it shows when it is clicked."""
    target = lines.target_of(choice)
    for line in (lines.click(target), f'press {target} "ArrowDown"', lines.type_text(target, "a")):
        with contextlib.suppress(ActionError):
            await at.do(line)
        same = (one for one in at.now.elements if (one.role, one.name) == (choice.role, choice.name))
        options = next((one.options for one in same if one.options), ())
        options = options or tuple(one.name for one in at.now.elements if one.role == "option" and one.name)
        if options:
            return choice.model_copy(update={"options": options[:100]})
    return choice


def _bind(
    call: Callable[..., Awaitable[list[Effect]]], *arguments: object
) -> Callable[[Session], Awaitable[list[Effect]]]:
    return lambda at: call(at, *arguments)


def _effect(
    kind: EffectKind,
    page: Page,
    at: Session,
    control: Element,
    *,
    filled: tuple[Filled, ...] = (),
    prefix: tuple[str, ...] = (),
    value: str = "",
    changes: bool = False,
) -> Effect:
    return Effect(
        kind=kind,
        url=page.url,
        template=page.template,
        lines=tuple(at.lines),
        target=lines.target_of(control),
        group=control.group,
        row=control.row,
        prefix=prefix,
        filled=filled,
        value=value,
        after=pages.read(at.now),
        revealed=tuple(evidence.revealed(at.seen[:1], at.now)[:_MOST_REVEALED]),
        changes_state=changes or kind == "edit",
    )


def _changed(at: Session, own: Iterable[str] = ()) -> bool:
    """Whether anything that can be seen differs from the start, the control's `own` values apart."""
    if at.now.url != at.seen[0].url:
        return True
    before, after = fold(at.seen[0].text), fold(at.now.text)
    for text in own:
        before, after = before.replace(fold(text), ""), after.replace(fold(text), "")
    return before.split() != after.split()


def _reacted(before: Observation, after: Observation, filled: Filled) -> bool:
    """Whether a choice did something by itself: led elsewhere, or made a notice appear."""
    new = evidence.revealed([before], after)
    told = any(one.role in ("status", "alert") and one.name in new for one in after.elements)
    return after.url != before.url or (told and filled.value not in new[:1])


def _refused(at: Session, form: Form) -> bool:
    """Whether a form came back with complaints, or nothing happened at all."""
    names = {field.name for field in form.fields}
    before = at.seen[-2] if len(at.seen) > 1 else at.seen[0]
    return (
        any("invalid" in element.states and element.name in names for element in at.now.elements)
        or (at.now.url == before.url and fold(at.now.text) == fold(before.text))
        or bool(evidence.complaints(at.seen[0], at.now))
    )


def _next(plans: list[list[Element]], refused: set[str]) -> list[Element]:
    """The fields of the next plan, taken off the end, without those that were refused; none when no plan is left."""
    while plans:
        if fields := [one for one in plans.pop() if one.name not in refused]:
            return fields
    return []


def _blamed(at: Session, filled: Iterable[Filled]) -> set[str]:
    """The labels of filled fields that are marked as invalid, or that complaints name, or whose value they name."""
    marked = {element.name for element in at.now.elements if "invalid" in element.states}
    said = [re.sub(r"\W", "", fold(text)) for text in evidence.complaints(at.seen[0], at.now)]

    def named(text: str) -> bool:
        stem = re.sub(r"\W", "", fold(text)).rstrip("s")
        return len(stem) > 2 and any(stem in one for one in said)

    return {
        one.field.name
        for one in filled
        if one.field.name in marked
        or named(one.value)
        or any(named(word) for word in (one.field.name, *one.field.name.split()) if len(word) > 3)
    }


def _discloses(button: Element, after: Observation) -> bool:
    """Whether pressing a button merely unfolded something, as its state or its role says."""
    return button.role == "tab" or any(
        (one.role, one.name, one.nth) == (button.role, button.name, button.nth) and "expanded" in one.states
        for one in after.elements
    )


def _only_filters(form: Form) -> bool:
    """Whether a form merely changes what is shown: choices and ranges with a button that applies them, or none."""
    if any(field.role == "textbox" and not only_reads(field.name, field.group) for field in form.fields):
        return False
    if form.submit is None:
        return all(only_arranges(field.name) for field in form.fields)
    making = any(_MAKING.search(name) for name in (form.group, form.submit.name))
    return bool(_FILTERING.search(form.submit.name)) and not making


def _inside(choice: Element, forms: Iterable[Form]) -> bool:
    return any(choice.id == field.id for form in forms for field in form.fields)


def _words(site: SiteMap, rng: random.Random) -> list[str]:
    """Words to search for: from the names of records and pages seen."""
    names = [entry.header for page in site.pages.values() for entry in page.entries if entry.link is not None]
    names = names or [page.name for page in site.pages.values()]
    found = sorted({word for name in names for word in _WORD.findall(name)})
    rng.shuffle(found)
    return found or ["test"]
