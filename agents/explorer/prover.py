"""Proving tasks: a demonstration is replayed from fresh resets, and the check has to tell the truth each time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from agents.explorer import evidence, lines
from agents.explorer.drafts import Draft, Proven, make
from agents.explorer.manners import Pace, canonical
from agents.explorer.session import Session, session
from core import actions, checks, views
from core.actions import Target
from core.checks import AnswerCheck, Check
from core.errors import ActionError, InfrastructureError
from core.protocols import EnvironmentPool
from core.types import Observation, Task

OUT_OF_VIEW, FAULT = "out of view", "fault"


class Prover:
    """Replays drafts in environments of a pool.

    The first replay shows what can be checked; each further one, up to `replays`, must end with that
    check true. What merely leads over pages that are `known` from the crawl is foreseen instead of replayed a first
    time. In all of them it must be false at the start and before the last action. The draft's
    foils (nearby wrong solutions) are run too, and the check must reject them. Every control that is
    used must be among what a policy with a view of `view_tokens` would see.
    """

    def __init__(
        self,
        pool: EnvironmentPool,
        *,
        replays: int,
        pristine: Sequence[tuple[str, str]] = (),
        pace: Pace,
        localise: Callable[[str], str] = str,
        known: Mapping[str, Observation] | None = None,
        view_tokens: int,
    ) -> None:
        self.pool = pool
        self.replays = replays
        self.pristine = pristine
        self.pace = pace
        self.localise = localise
        self.known = known or {}
        self.view_tokens = view_tokens
        self.reasons: Counter[str] = Counter()

    async def prove(self, draft: Draft) -> Proven | str:
        """The proven task, or why the draft fell, faults of the infrastructure included; `reasons` counts them."""
        proof: Proven | str
        try:
            if not self.promises(draft):
                raise _Fallen(OUT_OF_VIEW)
            async with session(self.pool, self.pace) as at:
                proof = await self._prove(at, draft)
        except _Fallen as fallen:
            proof = str(fallen)
        except InfrastructureError:
            proof = FAULT
        self.reasons[proof if isinstance(proof, str) else "proven"] += 1
        return proof

    def promises(self, draft: Draft) -> bool:
        """Whether nothing that was seen while crawling tells already that a control would be out of view."""
        last = self.known.get(draft.last_url)
        if last is not None and not in_view(last, draft.last_line, draft.instruction, self.view_tokens):
            return False
        here = self.known.get(draft.start_url)
        for line in draft.lines:
            if here is None:
                return True
            if not in_view(here, line, draft.instruction, self.view_tokens):
                return False
            here = self.known.get(_followed(here, line))
        return True

    async def _prove(self, at: Session, draft: Draft) -> Proven:
        seen = self._foreseen(draft) or await self._replay(at, draft, draft.lines, watch=True)
        if draft.changes and (_complains(seen) or evidence.complaints(seen[-2], seen[-1], told=True)):
            raise _Fallen("refused")
        wrong = []
        for foil in draft.foils:
            run = await self._foil(at, draft, foil)
            if run is not None:
                wrong.append(run)
        check = self._check(draft, seen, wrong)
        task = make(draft, check, self.localise(draft.start_url))
        _demand(check, seen, draft)
        for _ in range(self.replays - 1):
            seen = await self._replay(at, draft, draft.lines, task=task)
            _demand(check, seen, draft)
        return Proven(task=task, demonstration=draft.demonstration, retold=draft.retold, seen=tuple(seen))

    def _foreseen(self, draft: Draft) -> list[Observation]:
        """What following links and reading will show, where the crawl has seen it all; empty otherwise."""
        here = self.known.get(draft.start_url)
        if draft.changes or draft.foils or here is None or self.replays < 2:
            return []
        seen = [here]
        for line in draft.lines:
            there = here if actions.parse(line).name == "answer" else self.known.get(_followed(here, line))
            if there is None:
                return []
            seen.append(there)
            here = there
        return seen

    def _check(self, draft: Draft, seen: Sequence[Observation], wrong: Sequence[Sequence[Observation]]) -> Check:
        if draft.answer:
            return AnswerCheck(equals=draft.answer)
        check = evidence.page_check(
            seen, wanted=draft.wanted, pristine=self.pristine, wrong=wrong, changes=draft.changes
        )
        unseen = {value for fields in draft.entered for value in fields.values()} - {*draft.wanted, "checked"}
        if check is not None and unseen:  # the rest of what was asked for has to be entered at least
            check = evidence.also_entered(check, draft.entered)
            check = check if evidence.holds_after(check, seen) else None
        check = check or evidence.form_check(seen, draft.entered, pristine=self.pristine, wrong=wrong)
        if check is None:
            raise _Fallen("no telling check")
        return check

    async def _replay(
        self, at: Session, draft: Draft, steps: Sequence[str], *, task: Task | None = None, watch: bool = False
    ) -> list[Observation]:
        """Do the steps from a fresh reset; what was seen before each and at the end."""
        start = task or Task(
            id="proof", instruction=draft.instruction, start_url=draft.start_url, changes_state=draft.changes
        )
        await at.begin(start)
        try:
            for line in steps:
                if watch and not in_view(at.now, line, draft.instruction, self.view_tokens):
                    raise _Fallen(OUT_OF_VIEW)
                await at.do(line)
        except ActionError:
            raise _Fallen("refused") from None
        return list(at.seen)

    async def _foil(self, at: Session, draft: Draft, steps: Sequence[str]) -> list[Observation] | None:
        """What a wrong solution shows; None when the site does not let it happen."""
        try:
            return await self._replay(at, draft, steps)
        except _Fallen:
            return None


class _Fallen(Exception):
    """Why a draft is dropped."""


def _complains(seen: Sequence[Observation]) -> bool:
    """Whether the end marks fields as invalid that were not so at the start."""
    start, end = ({one.id for one in here.elements if "invalid" in one.states} for here in (seen[0], seen[-1]))
    return bool(end - start)


def _demand(check: Check, seen: Sequence[Observation], draft: Draft) -> None:
    """The check is false until the end, and true there."""
    last = len(seen) - 1
    if any(evidence.holds_after(check, seen[: at + 1]) for at in range(min(1, last) if draft.answer else last)):
        raise _Fallen("true too early")
    if not evidence.holds_after(check, seen, draft.answer or "done"):
        raise _Fallen("not true again")


def _followed(here: Observation, line: str) -> str:
    """Where clicking a link leads; empty for anything else."""
    target = actions.target_of(actions.parse(line))
    if target is None or target.role != "link":
        return ""
    links = (one for one in here.elements if (one.role, one.name, one.nth) == ("link", target.name, target.nth))
    return next((canonical(here.url, link.href) for link in links), "")


def in_view(observation: Observation, line: str, instruction: str, budget: int) -> bool:
    """Whether a view of `budget` tokens shows the target of an action, or the text of an answer."""
    action = actions.parse(line)
    view = views.render(observation, instruction=instruction, budget=budget)
    if action.name == "answer":
        text = str(action.arguments["text"])
        return line == lines.DONE or text.isdigit() or checks.fold(text) in checks.fold(view)
    target = actions.target_of(action)
    if target is None or target.id:
        return True
    return any(_shows(one, target) for one in view.splitlines())


def _shows(line: str, target: Target) -> bool:
    label = f"{target.role} {actions.quote(target.name[:80])}"
    label += f" #{target.nth}" if target.nth > 1 else ""
    rest = line[len(label) :]
    return line.casefold().startswith(label.casefold()) and (not rest or rest[0] == " ") and not rest.startswith(" #")
