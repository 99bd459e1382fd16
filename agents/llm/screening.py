"""From a suggestion to a task, or to the reason why it is none."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Sequence
from typing import Literal

from agents.explorer.composer import given_away
from agents.explorer.drafts import same_task
from agents.explorer.expedition import localiser
from agents.explorer.manners import canonical, origin
from agents.explorer.pages import Page
from agents.explorer.sitemap import SiteMap
from agents.llm.embedding import Nearness
from agents.llm.learnability import FAMILY
from agents.llm.suggestion import Judged, Suggestion, Unusable, check_of
from core.checks import AllCheck, AnswerCheck, Check, holds
from core.types import Observation, Record, Task

PROPOSER = "llm"
Reason = Literal[
    "schema",
    "invisible",
    "family",
    "foreign_url",
    "unknown_url",
    "criterion",
    "answer_given_away",
    "changes_state",
    "true_at_start",
    "held_out",
    "duplicate",
    "infeasible",
    "unjudged",
    "surplus",
]
_FOREIGN = re.compile(r"(?:https?:)?//[^\s\"'<>]+|\bwww\.[^\s\"'<>]+", re.I)
_CLOSING = ".,;:!?)]}"


class Dropped(Record):
    """A suggestion that became no task: why, in a word and in a sentence."""

    reason: Reason
    detail: str
    instruction: str = ""


class Screened(Record):
    """A suggestion that passed; `criterion` is for a judge where the task has no check."""

    task: Task
    expected_steps: int
    criterion: str = ""

    @property
    def instruction(self) -> str:
        return self.task.instruction


class Screen:
    """Everything that can be told without asking anybody. `urls` are the site's own and name the origins allowed."""

    def __init__(
        self, site: SiteMap, urls: Sequence[str], *, resettable: bool, free_text: bool, duplicate: float, max_steps: int
    ) -> None:
        self.urls = tuple(urls)
        self.resettable = resettable
        self.free_text = free_text
        self.duplicate = duplicate
        self.max_steps = max_steps
        self._origins = {origin(url) for url in urls}
        self._pages = {page.url: page for page in site.pages.values()}
        self._known = {*self._pages, *(canonical(url, "") for url in (*urls, *site.start_urls))}
        self._local = localiser(self.urls)

    def screen(
        self, suggestion: Suggestion | Unusable, near: Nearness, held_out: Sequence[Task] = ()
    ) -> Screened | Dropped:
        """The task; or what is wrong, the first thing found."""
        if isinstance(suggestion, Unusable):
            return Dropped(reason="schema", detail=suggestion.problem)
        instruction = " ".join(suggestion.instruction.split())

        def drop(reason: Reason, detail: str) -> Dropped:
            return Dropped(reason=reason, detail=detail, instruction=instruction)

        # People approve what they see; what a page made the model smuggle in beside that would still reach the agent.
        if any(unicodedata.category(character)[0] == "C" for character in instruction):
            return drop("invisible", "the instruction has characters that do not show")
        if not FAMILY.fullmatch(suggestion.family):
            return drop("family", "the family has to be one lower-case word, or several joined by +")
        start = self._start(suggestion.start_url)
        if not start or any(not self._is_own(url) for url in _named(instruction)):
            return drop("foreign_url", "an address is not one of the site's own")
        if start not in self._known:
            return drop("unknown_url", "the start is no page of the site map")
        if suggestion.changes_state and not self.resettable:
            return drop("changes_state", "nothing on this site may be changed")
        if isinstance(suggestion.success, Judged) and not self.free_text:
            return drop("criterion", "a criterion for a judge is not accepted here")
        try:
            check = check_of(suggestion.success)
        except ValueError as error:
            return drop("criterion", f"the criterion cannot be evaluated: {str(error)[:160]}")
        if any(given_away(answer, instruction) for answer in _answers(check)):
            return drop("answer_given_away", "the instruction contains the answer")
        if check is not None and self._holds(check, start) is not False:
            return drop("true_at_start", "the criterion holds at the start already, or cannot be decided")
        criterion = " ".join(suggestion.success.criterion.split()) if isinstance(suggestion.success, Judged) else ""
        task = Task(
            id=_identity(instruction, self._local(start), check, criterion),
            instruction=instruction,
            start_url=self._local(start),
            proposed_by=PROPOSER,
            family=suggestion.family,
            check=check,
            max_steps=self.max_steps,
            changes_state=suggestion.changes_state,
        )
        if repeats := self.repeats(task, near, held_out):
            return drop(repeats, "it is a duplicate")
        return Screened(task=task, expected_steps=suggestion.expected_steps, criterion=criterion)

    def repeats(
        self, task: Task, near: Nearness, held_out: Sequence[Task] = ()
    ) -> Literal["", "held_out", "duplicate"]:
        """Whether a task coincides with one that is held out, or says what another says; empty if neither."""
        if any(same_task(task, one) for one in held_out):
            return "held_out"
        return "duplicate" if near.nearest(task.instruction)[1] >= self.duplicate else ""

    def _start(self, url: str) -> str:
        """The absolute URL; empty if it is none of the site's own."""
        try:
            absolute = canonical(self.urls[0], url.strip())
        except ValueError:
            return ""
        return absolute if self._is_own(absolute) else ""

    def _is_own(self, url: str) -> bool:
        # Credentials, ports and hosts that only begin like ours are part of what is compared.
        try:
            return origin(canonical(self.urls[0], url)) in self._origins
        except ValueError:
            return False

    def _holds(self, check: Check, start: str) -> bool | None:
        page = self._pages.get(start) or Page(url=start)
        fields = (*(field for form in page.forms for field in form.fields), *page.searches, *page.choices)
        entries = Observation(url=start, elements=fields).entries()
        return holds(check, answer=None, url=start, page_text=page.text, entries=(entries,))


def _named(instruction: str) -> list[str]:
    """Addresses in the text, absolute; `www.` without a scheme would pass for a path."""
    found = [url.rstrip(_CLOSING) for url in _FOREIGN.findall(instruction)]
    return [f"https://{url}" if url.casefold().startswith("www.") else url for url in found]


def _answers(check: Check | None) -> list[str]:
    if isinstance(check, AnswerCheck):
        return [check.equals]
    return [answer for part in check.of for answer in _answers(part)] if isinstance(check, AllCheck) else []


def _identity(instruction: str, start: str, check: Check | None, criterion: str) -> str:
    meant = [instruction, start, check.model_dump(mode="json") if check else None, criterion]
    return f"{PROPOSER}-{hashlib.sha256(json.dumps(meant, sort_keys=True).encode()).hexdigest()[:12]}"
