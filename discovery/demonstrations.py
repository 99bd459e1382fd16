"""What people show: recorded in a browser window, replayed, and told to the model that proposes tasks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from core import actions, demos
from core.config import Config
from core.demos import SECRET, Recording
from core.errors import ActionError, ConfigError, UserError
from core.types import Observation, Task
from discovery import builders

if TYPE_CHECKING:
    from agents.llm.context import Demonstration
    from environments.web.environment import WebEnvironment
    from environments.web.recorder import Recorder


async def record(
    config: Config,
    *,
    task: str,
    did: Callable[[int, str], None],
    note: Callable[[str], None],
    opened: Callable[[Recorder, WebEnvironment], None],
) -> Recording:
    """Record what is done in the browser on the first of `site.urls`, until its window is closed or `Recorder.stop`.

    `did` hears of every step (its number and line), `note` sentences for the person; `opened` is called when the
    page is there. Raises `ConfigError` for an environment without a browser, `EnvironmentFault` when it fails.
    """
    from environments.web.environment import WebEnvironment
    from environments.web.masking import Masking
    from environments.web.pool import BrowserPool
    from environments.web.recorder import Recorder

    url = config.site.urls[0]
    async with _place(config) as place:
        if not isinstance(place.pool, BrowserPool):
            raise ConfigError(f"site.environment = '{config.site.environment}' has no browser to record; use 'web'")
        environment = await place.pool.acquire()
        assert isinstance(environment, WebEnvironment)
        try:
            first = await environment.reset(_task("record", demos.MOST_STEPS))
            recorder = Recorder(
                environment,
                first,
                task=task,
                masking=Masking(place.pool.redactor),
                home="" if "://" in url else place.urls[0].rstrip("/"),
                did=did,
                note=note,
            )
            opened(recorder, environment)
            await recorder.run()
            return recorder.recording(url)
        finally:
            await place.pool.release(environment, broken=True)


@dataclass(frozen=True)
class Replayed:
    """How a replay went: `failed` is the number of the step that could not be done, with `why`; 0 if all could."""

    last: Observation
    failed: int = 0
    why: str = ""


async def replay(
    config: Config, recording: Recording, *, secret: Callable[[str], str], did: Callable[[int, str], None]
) -> Replayed:
    """Do a recording's steps again from a fresh start. `secret` is asked for what is typed into the target it is given.

    Raises `EnvironmentFault` when browser or site fail, and what `secret` raises.
    """
    from agents.explorer.manners import Pace
    from agents.explorer.session import session

    lines = [_with_secret(line, secret) for line in recording.lines]
    async with _place(config) as place, session(place.pool, Pace(config.explore.delay, place.urls)) as at:
        await at.begin(_task("replay", len(lines) + 1))
        for number, line in enumerate(lines, 1):
            try:
                await at.do(line)
            except ActionError as error:
                return Replayed(at.now, number, str(error))
            did(number, recording.lines[number - 1])
        return Replayed(at.now)


def load(files: Iterable[str]) -> tuple[Demonstration, ...]:
    """The recordings of these files, for a proposer that is told of them; raises `ConfigError`."""
    from agents.llm.context import Demonstration

    found = []
    for name in files:
        try:
            one = demos.load(Path(name))
        except UserError as error:
            raise ConfigError(f"language_proposer.demonstrations: {error}") from error
        found.append(Demonstration(instruction=one.task, steps=one.lines))
    return tuple(found)


@asynccontextmanager
async def _place(config: Config) -> AsyncIterator[builders.Place]:
    """The configured place with one browser context and no screenshots."""
    browser = config.browser.model_copy(update={"screenshots": "off", "contexts": 1, "processes": 1})
    with TemporaryDirectory() as folder:
        context = builders.Context(config.model_copy(update={"browser": browser}), Path(folder), config.explore.seconds)
        place = await builders.open_place(context)
        try:
            yield place
        finally:
            await place.close()


def _task(name: str, steps: int) -> Task:
    return Task(id=name, instruction="", start_url="", max_steps=steps, changes_state=True)


def _with_secret(line: str, secret: Callable[[str], str]) -> str:
    """The line with what was secret in it."""
    action = actions.parse(line)
    key = {"type": "text", "select": "option"}.get(action.name, "")
    if action.arguments.get(key) != SECRET:
        return line
    given = secret(str(actions.target_of(action)))
    return actions.render(action.model_copy(update={"arguments": {**action.arguments, key: given}}))
