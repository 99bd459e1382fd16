"""Episodes of the expert on made-up websites, as pairs of prompt and action for imitation.

Deterministic: example stream (seed, index) is always the same. Detours are part of the episodes but
never a target: now and then something random happens, and the expert goes on from there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from agents import prompting
from core import actions, views
from core.config import ActorConfig
from core.types import Action, Observation, Step
from pretraining import expert, lexicon
from pretraining.records import Place
from pretraining.tasks import Exercise, exercise
from pretraining.website import Website

_ACTOR = ActorConfig()


@dataclass(frozen=True)
class Example:
    """What the policy is shown and what it should write."""

    family: str
    prompt: str
    target: str


@dataclass(frozen=True)
class Difficulty:
    """How much there is on a page (0 to 1], how often names are pseudo-words, how often a detour begins."""

    scale: float = 1.0
    pseudo: float = 0.4
    detour: float = 0.11
    budget: int = _ACTOR.observation_tokens


def stream(seed: int, start: int, difficulty: Difficulty) -> Iterator[Example]:
    """An endless stream of examples from episode `start` on."""
    index = start
    while True:
        yield from episode(Random(f"{seed}/{index}"), difficulty)
        index += 1


def episode(rng: Random, difficulty: Difficulty) -> list[Example]:
    """One expert episode; steps whose target the pruned view does not show are left out."""
    if rng.random() < 0.03:
        return [offered(rng)]
    site = Website(rng, scale=difficulty.scale, pseudo=difficulty.pseudo)
    made = exercise(site, rng, most_goals=2 if difficulty.scale > 0.6 else 1)
    config = _ACTOR.model_copy(
        update={"observation_tokens": rng.randint(int(0.6 * difficulty.budget), difficulty.budget)}
    )
    examples: list[Example] = []
    steps: list[Step] = []
    start = rng.random()
    if start < 0.12 and site.place.kind == "home":  # elsewhere, the instruction speaks of the page that is open
        for _ in range(rng.randint(1, 2)):
            site.act(_detour(site, rng))
    elif start < 0.38 and made.family != "compose":
        _go_ahead(site, made, rng)
    elif start < 0.5 and site.place.kind == "home":
        site.go(rng.choice((Place("list"), Place("detail", rng.randrange(len(site.records))))))
    detour = False
    for _ in range(14):
        seen = site.observe()
        action = made.goal(site)
        assert action is not None
        # One mistake easily leads to the next.
        detour = rng.random() < (0.35 if detour else difficulty.detour) and action.name != "answer"
        done = action
        if detour:
            done = _mistake(site, made.instruction, action, rng) if rng.random() < 0.65 else _detour(site, rng)
        else:
            prompt = prompting.compact(made.instruction, steps, seen, config)
            if _shows(prompt, action):
                written = actions.render(expert.cited(action, views.shown(prompt)))
                examples.append(Example(made.family, prompt, written))
        if done.name == "answer":
            break
        site.act(done)
        steps.append(_step(seen, done))
    return examples


def _go_ahead(site: Website, made: Exercise, rng: Random) -> None:
    """Begin in the middle, or where everything is done already: what counts is the page, not the history."""
    for _ in range(rng.choice((1, 1, 1, 2, 2, 2, 3, 3, 20))):
        action = made.goal(site)
        if action is None or action.name == "answer":
            return
        site.act(action)


def _step(seen: Observation, action: Action) -> Step:
    return Step.model_construct(
        observation=seen, completion=None, action=action, initiator="policy", reward=0.0, terminated=False,
        truncated=False, info={},
    )  # fmt: skip


def _shows(prompt: str, action: Action) -> bool:
    """Whether the policy can see what it should act on, or say."""
    target = actions.target_of(action)
    if target is not None:
        typed = str(action.arguments.get("text", ""))
        return f"\n{target}" in prompt and typed.lower() in prompt.lower()
    text = action.arguments.get("text", "done")
    return text == "done" or text.isdigit() or text.lower() in prompt.lower()


def _detour(site: Website, rng: Random) -> Action:
    """Something that a policy might do wrongly here: a random control, or one that does not exist."""
    controls = [e for e in site.observe().elements if e.interactive]
    links = [e for e in controls if e.role in ("link", "radio", "checkbox")]
    fields = [e for e in controls if e.role in ("textbox", "searchbox", "spinbutton")]
    # A form sent before it is filled in, so that the page says what is missing.
    early = [e for ref, e in site.page().elements.items() if ref.endswith("!")]
    if early and rng.random() < 0.5:
        return expert.click(rng.choice(early))
    pick = rng.random()
    if pick < 0.1:
        return Action.model_construct(
            name="click", arguments={"target": {"role": "link", "name": lexicon.name(rng)}}, raw_text=""
        )
    if pick < 0.25 and fields:
        return expert.write(rng.choice(fields), lexicon.value(rng))
    return expert.click(rng.choice(links)) if links else expert.BACK


def _mistake(site: Website, instruction: str, action: Action, rng: Random) -> Action:
    """What a policy that reads superficially does: it goes by words that the instruction and a control share.

    It searches for words that name nothing, puts values into the wrong field or cuts them short, opens or sends
    the wrong form, chooses another option.
    """
    words = instruction.rstrip(".?!").split()
    at = rng.randrange(len(words))
    some = " ".join(words[at : at + rng.randint(1, 3)]).strip(",.:;?!\"'")
    known = {word.strip(",.:;?!\"'").lower() for word in words}
    shown = site.page().elements
    fields = [e for e in shown.values() if e.role in ("textbox", "searchbox", "spinbutton")]
    boxes = [e for e in shown.values() if e.role == "combobox" and e.options]
    # Nothing that could not be made good again.
    harmless = [
        e for ref, e in shown.items()
        if e.role in ("link", "radio", "checkbox") or (e.role == "button" and ref.endswith(("?", "!", "apply")))
    ]  # fmt: skip
    alike = [e for e in harmless if known & set(e.name.lower().split())]
    typed = str(action.arguments.get("text", ""))
    pick = rng.random()
    if action.name == "type" and pick < 0.3 and some and fields:
        field = next((e for e in fields if actions.target_of(expert.write(e, "")) == actions.target_of(action)), None)
        cut = " ".join(typed.split()[: rng.randint(1, 2)])
        return expert.write(field or rng.choice(fields), rng.choice((some, cut, cut)))
    if pick < 0.6 and alike:
        return expert.click(rng.choice(alike))
    if pick < 0.75 and boxes:
        box = rng.choice(boxes)
        return expert.choose(box, rng.choice(box.options))
    if fields and some:
        field = rng.choice(fields)
        return expert.write(field, typed or some, enter=field.role == "searchbox" or rng.random() < 0.3)
    return expert.click(rng.choice(harmless)) if harmless else expert.BACK


def offered(rng: Random) -> Example:
    """A prompt that offers a skill or a tool for just this task, and the call."""
    kind = rng.choice(("skill", "tool"))
    name = "_".join(lexicon.word(rng, 0.4) for _ in range(rng.randint(1, 3)))
    keys = list(dict.fromkeys(lexicon.word(rng, 0.3) for _ in range(rng.randint(1, 3))))
    values = {key: lexicon.value(rng).lower() for key in keys}
    wishes = ", ".join(f"{key} {value}" for key, value in values.items())
    spoken = name.replace("_", " ")
    task = rng.choice(("{s} with {w}", "{s}: {w}", "Please {s} ({w}).", "Use {s} for {w}.")).format(s=spoken, w=wishes)
    site = Website(rng, scale=0.4)
    line = prompting.offer(kind, name, keys)
    page = views.render(site.observe(), instruction=task, budget=100)
    verb = "use_skill" if kind == "skill" else "call_tool"
    return Example("offer", f"task {task}\n{line}\n{page}", f"{verb} {name} {json.dumps(values)}")
