"""An episode on a bundled site in a real browser, by a policy that is shown marked pictures of it."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from core.config import validate
from core.types import ImageRef, Sampling, StopReason, Task, Trajectory
from discovery import builders, pictures
from discovery.builders import Context
from memory.screenshots import ScreenshotStore
from memory.trajectories import TrajectoryStore
from serving.scripted import ScriptedPolicy

LINES = ['click link "Tents"', "scroll down", 'answer "done"']


async def test_a_prompt_in_both_words_and_pictures(tmp_path: Path) -> None:
    config = validate(
        {
            "site": {"urls": ["shop"]},
            "actor": {"observation": "both", "prompt": "full", "images": 2, "image_width": 800},
            "training": {"rehearsal": 0},
            "policy": {"constrained": False},
            "browser": {"screenshots": "off", "contexts": 1},
        }
    )
    context = Context(config, tmp_path, 1.0)
    said = iter(LINES)
    policy = ScriptedPolicy(lambda _: next(said))
    task = Task(id="t", instruction="look at the tents", start_url="/", max_steps=5)
    place = await builders.open_place(context)
    try:
        environment = await place.pool.acquire()
        trajectory, _ = await builders.actor(context, policy).run(
            task,
            environment,
            trajectory_id="a",
            group_id="",
            role="train",
            iteration=1,
            sampling=Sampling(max_tokens=100),
        )
        await place.pool.release(environment)
    finally:
        await place.close()
    assert trajectory.error == ""
    assert trajectory.stop_reason is StopReason.ANSWERED
    store = ScreenshotStore(tmp_path / "screenshots")
    shown = [_shown(trajectory, index) for index in range(3)]
    assert [len(images) for images in shown] == [1, 2, 2]
    assert shown[1][0] == shown[0][-1]
    assert shown[2][0] == shown[1][-1]
    assert len({images[-1].sha256 for images in shown}) == 3
    for images, step in zip(shown, trajectory.steps, strict=True):
        plain, marked = step.observation.screenshot, images[-1]
        assert plain is not None
        assert (plain.width, plain.height) == (1280, 900)
        assert (marked.width, marked.height) == (800, 562)
        data = store.read(marked)
        assert data is not None
        with Image.open(io.BytesIO(data)) as image:
            assert image.size == (800, 562)
    assert '[e1] link "Fernway Supply"' in policy.prompts[0]

    with TrajectoryStore(tmp_path) as episodes:
        episodes.add(trajectory)
        kept = pictures.shown(episodes, (1,))
        assert kept == {image.sha256 for images in shown for image in images}
        assert not pictures.shown(episodes, (0, 2))
    store.prune(0, kept)
    assert all(store.read(image) for images in shown for image in images)
    assert store.read(trajectory.steps[0].observation.screenshot or shown[0][0]) is None


def _shown(trajectory: Trajectory, index: int) -> tuple[ImageRef, ...]:
    completion = trajectory.steps[index].completion
    assert completion is not None
    return completion.images
