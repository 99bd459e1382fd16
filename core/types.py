"""The nouns of the system: what is proposed, done, seen, judged, learned from and remembered.

Everything here is a frozen pydantic model, because all of it is written to disk and read back by
another process. Lengths are in tokens, times in seconds, and probabilities in natural logarithms
unless a field says otherwise.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.checks import Check, fold


class Record(BaseModel):
    """Base of everything that is written to disk: immutable, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ImageRef(Record):
    """A screenshot by content: `sha256` names the file in the run's `screenshots/` folder."""

    sha256: str
    width: int
    height: int
    media_type: str = "image/webp"


class Goal(Record):
    """What somebody wants the agent to become good at."""

    id: str
    text: str
    source: Literal["user", "proposer", "curriculum"] = "proposer"
    constraints: tuple[str, ...] = ()


class Task(Record):
    """One thing to do, with a way to tell whether it was done.

    `family` is the kind of task (look-up, form, navigation, ...), the unit of mastery and of
    curricula; `topic` names what it practises within that, as one control or one fact does on all
    records of a kind. `steps` is how many actions are known to be enough, 0 if unknown. `start_url` may
    be relative; it is then resolved against the run's first site.
    """

    id: str
    instruction: str
    start_url: str
    environment: str = "web"
    goal: Goal | None = None
    proposed_by: str = ""
    family: str = ""
    topic: str = ""
    skill_tags: tuple[str, ...] = ()
    check: Check | None = None
    parent_id: str | None = None
    seed: int = 0
    steps: int = 0
    max_steps: int = 10
    changes_state: bool = False


class Element(Record):
    """One interactive or informative element of a page, in document order.

    `id` is stable while the page lives. `role` and `name` are the ARIA role and accessible name;
    informative elements use the roles `heading`, `text`, `cell`, `definition`, `alert` and `status`.
    `group` is the accessible name of the closest form, dialog, field set, or landmark; `form` is the same for
    controls of the same form and empty outside of one; `row` and `column` place a cell or a control inside a
    table (`row` is what names the row: its header, or its first cell, or its link where that is a mere number).
    `nth` counts from 1 among the page's elements with the same role and name. `bounds` is
    (x, y, width, height) in CSS pixels relative to the viewport.
    """

    id: str
    role: str
    name: str = ""
    value: str = ""
    states: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    href: str = ""
    input_type: str = ""
    group: str = ""
    form: str = ""
    table: str = ""
    row: str = ""
    row_index: int | None = None
    column: str = ""
    nth: int = 1
    level: int | None = None
    bounds: tuple[int, int, int, int] | None = None
    interactive: bool = False
    frame: str = ""


_FIELDS = frozenset({"textbox", "searchbox", "combobox", "listbox", "spinbutton"})


class Observation(Record):
    """What the agent sees after reset or a step; `text` is the page's whole visible text."""

    url: str
    title: str = ""
    text: str = ""
    screenshot: ImageRef | None = None
    elements: tuple[Element, ...] = ()
    last_action_error: str = ""
    tabs: tuple[str, ...] = ()
    active_tab: int = 0

    def entries(self) -> frozenset[tuple[str, str]]:
        """What stands in the form fields, as (label, value), folded; `checked` or `unchecked` for a tick."""
        return frozenset(
            (fold(one.name), ("checked" if "checked" in one.states else "unchecked") if tick else fold(one.value))
            for one in self.elements
            if (tick := one.role in ("checkbox", "radio", "switch")) or one.role in _FIELDS
        )


class Action(Record):
    """A structured action; `raw_text` is what the policy wrote. The grammar is in `core.actions`."""

    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    raw_text: str = ""


class Sampling(Record):
    """How tokens were drawn. Log-probabilities are always those of the distribution sampled from.

    `excluded` are lines that were not to be written (each ends in a newline) and beginnings of such lines.
    """

    temperature: float = 1.0
    max_tokens: int = 80
    stop: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    seed: int | None = None


class Completion(Record):
    """Exactly what a policy sampled: one log-probability (natural log) per output token.

    `choices[t]` are the tokens among which token t was drawn, where the policy was held to what the
    page allows; `choices` is empty where each was drawn from the whole vocabulary. `images` are the pictures
    of the prompt in order; `prompt_ids` holds the tokens that stand for them, as many as the model saw.
    """

    prompt_ids: tuple[int, ...]
    output_ids: tuple[int, ...]
    rollout_logprobs: tuple[float, ...]
    choices: tuple[tuple[int, ...], ...] = ()
    text: str = ""
    sampling: Sampling = Sampling()
    policy_version: int = 0
    finish_reason: Literal["stop", "length", "abort"] = "stop"
    images: tuple[ImageRef, ...] = ()


class Message(Record):
    """One chat turn; `images` are shown before the text."""

    role: Literal["system", "user", "assistant"]
    content: str
    images: tuple[ImageRef, ...] = ()


class StepResult(Record):
    """What an environment returns from `step`, in Gymnasium's words."""

    observation: Observation
    reward: float = 0.0
    terminated: bool = False
    truncated: bool = False
    info: dict[str, Any] = Field(default_factory=dict)


class Step(Record):
    """One decision: what was seen, what was written, what was done. Only a policy's tokens are trained."""

    observation: Observation
    completion: Completion | None = None
    action: Action
    initiator: Literal["policy", "skill", "human"] = "policy"
    reward: float = 0.0
    terminated: bool = False
    truncated: bool = False
    info: dict[str, Any] = Field(default_factory=dict)


class StopReason(StrEnum):
    """Why an episode ended; `ERROR` means the infrastructure failed, and the episode is unscored."""

    ANSWERED = "answered"
    GAVE_UP = "gave_up"
    DONE = "done"
    MAX_STEPS = "max_steps"
    REPEATED_INVALID = "repeated_invalid"
    INTERVENED = "intervened"
    CANCELLED = "cancelled"
    ERROR = "error"


class Trajectory(Record):
    """One episode. `role` says what it was for; `group_id` names the attempts at the same task."""

    id: str
    task: Task
    group_id: str = ""
    role: Literal["train", "heldout", "control", "explore", "verify", "demo"] = "train"
    steps: tuple[Step, ...] = ()
    final_observation: Observation | None = None
    answer: str | None = None
    stop_reason: StopReason = StopReason.DONE
    policy_version: int = 0
    error: str = ""
    iteration: int = 0
    started_at: float = 0.0
    wall_s: float = 0.0


class GroundTruth(Record):
    """What `Environment.collect_evidence` read at the end of an episode; only the `functional` judge sees it."""

    evidence: dict[str, Any] = Field(default_factory=dict)


class Verdict(Record):
    """A judge's opinion in [0, 1]; `None` is *unscored*, which is never the same as 0."""

    value: float | None
    explanation: str = ""
    evaluator: str = ""
    evidence: tuple[str, ...] = ()


class Skill(Record):
    """A declarative, parametrised program over actions, with a postcondition. Data, never code."""

    id: str
    name: str
    description: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)
    steps: tuple[Action, ...] = ()
    preconditions: dict[str, Any] = Field(default_factory=dict)
    postcondition: Check | None = None
    version: int = 1
    source_trajectory_ids: tuple[str, ...] = ()
    attempts: int = 0
    successes: int = 0
    status: Literal["candidate", "verified", "degraded", "retired"] = "candidate"


class TrainingRow(Record):
    """Tokens to train on. All per-token fields have the length of `input_ids`.

    `loss_mask[t]` says whether token t was the policy's choice; `rollout_logprobs[t]` and
    `advantages[t]` are 0 where it was not. `choices[t]` are the tokens among which it was drawn, empty
    for the whole vocabulary; `choices` is empty where that holds for all tokens. `rollout_logprobs` is empty in
    a row that nobody sampled as it is: the trainer takes its own log-probabilities before the update.
    `turns` are the places where a turn's sampled tokens begin, in order; empty: the row is one turn.
    `images` are the pictures that the runs of image tokens among `input_ids` stand for, in order.
    """

    input_ids: tuple[int, ...]
    loss_mask: tuple[bool, ...]
    rollout_logprobs: tuple[float, ...]
    advantages: tuple[float, ...]
    rollout_id: str = ""
    policy_version: int = 0
    temperature: float = 1.0
    images: tuple[ImageRef, ...] = ()
    choices: tuple[tuple[int, ...], ...] = ()
    turns: tuple[int, ...] = ()


class Mastery(Record):
    """Attempts and successes of one task family or skill; `recent` is an exponential moving success rate."""

    attempts: int = 0
    successes: int = 0
    recent: float | None = None


class Attempts(Record):
    """How an iteration's attempts at one task went; unscored ones are left out.

    `causes` are short sentences on how failed ones ended. They may quote pages, so they are data like these.
    """

    task: Task
    scored: int = Field(ge=1)
    successes: int = Field(ge=0)
    causes: tuple[str, ...] = ()


class Feedback(Record):
    """What a proposer is told before it proposes again: how `iteration` went, and what the user wants.

    `achieved` are tasks that failed episodes of that iteration did all the same. Iteration 0 has no attempts.
    """

    iteration: int = Field(ge=0)
    attempts: tuple[Attempts, ...] = ()
    achieved: tuple[Task, ...] = ()
    goals: tuple[Goal, ...] = ()
    rules: tuple[str, ...] = ()
