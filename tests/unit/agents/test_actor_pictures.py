"""What a policy that sees is shown: marked pictures of the last few pages, from the very bytes that are kept."""

from __future__ import annotations

from typing import Any

import pytest

from agents import marks, prompting
from agents.actor import Actor
from agents.prompting import View
from core.config import ActorConfig, validate
from core.errors import ConfigError, ModelFault
from core.types import (
    Action,
    Completion,
    Element,
    ImageRef,
    Message,
    Observation,
    Sampling,
    Step,
    StopReason,
    Task,
    Trajectory,
)
from environments.scripted import Page, ScriptedEnvironment, element
from tests.unit.serving.vision_fixtures import Album

TASK = Task(id="t", instruction="press Go", start_url="/", max_steps=6)
GO = element("button", "Go", bounds=(20, 20, 60, 20))
PAGES = {"/": Page("Shop", elements=(GO, element("link", "Below", bounds=(20, 900, 60, 20), states=("offscreen",))))}


class Pictured(ScriptedEnvironment):
    """Pages that can be pictured; each picture is another."""

    def __init__(self, album: Album) -> None:
        super().__init__(PAGES)
        self.album = album
        self.taken: list[ImageRef] = []

    async def screenshot(self) -> ImageRef | None:
        self.taken.append(self.album.drawn(len(self.taken), 400, 300))
        return self.taken[-1]


class Recorder:
    """A policy that writes the given lines and keeps what it was shown."""

    version = 0

    def __init__(self, *lines: str) -> None:
        self.lines = list(lines)
        self.prompts: list[tuple[Message, ...]] = []

    async def generate(self, messages: Any, *, sampling: Sampling) -> Completion:
        self.prompts.append(tuple(messages))
        line = self.lines[min(len(self.prompts), len(self.lines)) - 1]
        images = tuple(image for message in messages for image in message.images)
        return Completion(prompt_ids=(1,), output_ids=(2,), rollout_logprobs=(0.0,), text=line, images=images)

    async def publish(self, *_: Any, **__: Any) -> None:
        pass

    async def close(self) -> None:
        pass


def sees(observation: str = "both", **more: Any) -> ActorConfig:
    return ActorConfig.model_validate({"prompt": "full", "observation": observation, "image_width": 224, **more})


async def episode(config: ActorConfig, *lines: str) -> tuple[Trajectory, Recorder, Pictured]:
    album = Album()
    environment, policy = Pictured(album), Recorder(*lines)
    trajectory, _ = await Actor(policy, config, album).run(
        TASK, environment, trajectory_id="a", sampling=Sampling(max_tokens=5)
    )
    return trajectory, policy, environment


async def test_each_step_shows_the_present_page_with_its_marks() -> None:
    trajectory, policy, environment = await episode(sees(), "wait", "nonsense", "wait", 'answer "done"')
    assert trajectory.stop_reason is StopReason.ANSWERED
    assert len(environment.taken) == 3, "after nonsense the page is the same"
    for step, prompt in zip(trajectory.steps, policy.prompts, strict=True):
        (image,) = prompt[-1].images
        plain = environment.album.read(step.observation.screenshot or image)
        assert plain is not None
        expected = marks.mark(plain, step.observation.elements, width=224)
        assert environment.album.read(image) == expected.data
        assert (image.width, image.height) == (224, 168)
        assert step.completion is not None
        assert step.completion.images == (image,)


@pytest.mark.parametrize("images", [1, 2, 3, 16])
async def test_the_history_of_pictures_is_bounded_and_in_the_order_of_time(images: int) -> None:
    _, policy, _ = await episode(sees(images=images), "wait", "wait", "wait", "wait", 'answer "done"')
    present = [prompt[-1].images[-1] for prompt in policy.prompts]
    assert len(set(present)) == 5
    for index, prompt in enumerate(policy.prompts):
        assert list(prompt[-1].images) == present[: index + 1][-images:]
        assert all(not message.images for message in prompt[:-1])
        assert ("The pictures show" in prompt[-1].content) == (len(prompt[-1].images) > 1)


async def test_both_shows_the_page_in_words_with_ids_and_marks_alone_a_legend_of_what_is_in_view() -> None:
    _, both, _ = await episode(sees("both"), 'answer "done"')
    _, alone, _ = await episode(sees("marks"), 'answer "done"')
    _, bare, _ = await episode(sees("marks", legend_tokens=0), 'answer "done"')
    both_text, alone_text, bare_text = (one.prompts[0][-1].content for one in (both, alone, bare))
    identified = '[e1] button "Go"'
    assert identified in both_text
    assert 'link "Below"' in both_text
    assert identified in alone_text
    assert "Below" not in alone_text
    assert "Go" not in bare_text.removeprefix("Task: press Go")
    assert all("{page}" not in one.prompts[0][0].content for one in (both, alone, bare))


async def test_a_legend_is_bounded() -> None:
    many = tuple(
        Element(id=f"e{n}", role="link", name=f"Link number {n}", interactive=True, bounds=(n, n, 9, 9))
        for n in range(200)
    )
    seen = Observation(url="/", elements=many)
    view = View(image=ImageRef(sha256="0" * 64, width=9, height=9), marked=tuple(one.id for one in many))
    prompt = prompting.messages("x", [], seen, sees("marks", legend_tokens=60), [view])
    assert 3 < prompt[-1].content.count("[e") < 20


def test_a_text_prompt_is_what_it_was() -> None:
    seen = Observation(url="http://a.test/", title="T", elements=(GO.model_copy(update={"id": "e1"}),))
    steps = [Step(observation=seen, action=Action(name="wait"))]
    system, user = prompting.messages("x", steps, seen, ActorConfig(prompt="full"))
    assert 'the current page as lines of the form `[id] role "name" = "value"`. Think' in system.content
    assert user.content == 'Task: x\n\nDone so far:\nwait\n\nURL: http://a.test/\npage "T"\n[e1] button "Go"'
    assert user.images == ()


def test_pictures_that_are_missing_are_noticed() -> None:
    with pytest.raises(ValueError, match="0 pictures of 1 pages"):
        prompting.messages("x", [], Observation(url="/"), sees())


async def test_an_environment_without_pictures_is_an_error_of_the_episode() -> None:
    actor = Actor(Recorder("wait"), sees(), Album())
    trajectory, _ = await actor.run(TASK, ScriptedEnvironment(PAGES), trajectory_id="a", sampling=Sampling())
    assert trajectory.stop_reason is StopReason.ERROR
    assert "gives no pictures" in trajectory.error


async def test_a_picture_that_is_gone_is_an_error_of_the_episode() -> None:
    album = Album()
    environment = Pictured(album)

    class Forgetful(Album):
        def read(self, image: ImageRef) -> bytes | None:
            return None

    trajectory, _ = await Actor(Recorder("wait"), sees(), Forgetful()).run(
        TASK, environment, trajectory_id="a", sampling=Sampling()
    )
    assert "is gone" in trajectory.error


async def test_a_policy_that_reads_text_only_is_an_error_of_the_episode() -> None:
    class Blind(Recorder):
        async def generate(self, messages: Any, *, sampling: Sampling) -> Completion:
            raise ModelFault("this policy's model reads text only")

    album = Album()
    trajectory, _ = await Actor(Blind(), sees(), album).run(
        TASK, Pictured(album), trajectory_id="a", sampling=Sampling()
    )
    assert "text only" in trajectory.error


def test_pictures_need_a_place_and_the_full_prompt() -> None:
    with pytest.raises(ConfigError, match="needs a place"):
        Actor(Recorder("wait"), sees())
    for mode in ("marks", "both"):
        with pytest.raises(ConfigError, match=r"actor\.prompt='full'"):
            validate({"actor": {"observation": mode}})
    base: dict[str, Any] = {
        "actor": {"observation": "both", "prompt": "full"},
        "policy": {"constrained": False},
        "training": {"rehearsal": 0},
    }
    assert validate(base).actor.sees
    for training in ({"hindsight": 0.5}, {"warm_start": True}):
        with pytest.raises(ConfigError, match="prompts without pictures"):
            validate({**base, "training": training})
