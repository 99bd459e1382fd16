"""The seams: what each part promises the others. Parts meet here and never import each other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel

from core.types import (
    Action,
    Completion,
    Feedback,
    GroundTruth,
    ImageRef,
    Message,
    Observation,
    Sampling,
    Skill,
    StepResult,
    Task,
    Trajectory,
    Verdict,
)

Form = TypeVar("Form", bound=BaseModel)


@runtime_checkable
class ChatModel(Protocol):
    """A language model behind any endpoint, used by proposers, judges and the chat."""

    async def complete(self, messages: Sequence[Message], *, sampling: Sampling = ...) -> str:
        """The reply's text; raises `ModelFault` when there is none after retries."""
        ...

    async def complete_as(
        self, messages: Sequence[Message], model: type[Form], *, sampling: Sampling | None = None
    ) -> Form:
        """The reply as a `model`, read strictly; raises `ModelFault` when there is none, even after repair."""
        ...


@runtime_checkable
class Policy(Protocol):
    """The model that acts and is trained."""

    @property
    def version(self) -> int:
        """The number of updates in the weights that answer now."""
        ...

    async def generate(self, messages: Sequence[Message], *, sampling: Sampling) -> Completion:
        """Sample one completion; safe to call concurrently. Raises `ModelFault`."""
        ...

    async def publish(self, weights_dir: Path, *, kind: Literal["adapter", "full"], version: int) -> None:
        """Answer from these weights from now on; completions already under way keep their version."""
        ...

    async def close(self) -> None: ...


@runtime_checkable
class Environment(Protocol):
    """One episode at a time. `reset` may be called again after an episode; `close` frees everything."""

    async def reset(self, task: Task) -> Observation:
        """Begin an episode from a fresh state; raises `EnvironmentFault`."""
        ...

    async def step(self, action: Action) -> StepResult:
        """Do one action. What the agent got wrong is `last_action_error`; raises `EnvironmentFault` otherwise."""
        ...

    async def collect_evidence(self, task: Task) -> GroundTruth | None:
        """The ground truth at this moment, before any reset; None where the environment has none."""
        ...

    async def close(self) -> None: ...


@runtime_checkable
class EnvironmentPool(Protocol):
    """Hands out environments, at most `size` at a time."""

    @property
    def size(self) -> int: ...

    async def acquire(self) -> Environment:
        """Wait for a free environment; one that broke is replaced first. Raises `EnvironmentFault`."""
        ...

    async def release(self, environment: Environment, *, broken: bool = False) -> None: ...

    async def close(self) -> None: ...


@runtime_checkable
class ImageStore(Protocol):
    """Pictures by content."""

    def put(self, data: bytes, width: int, height: int) -> ImageRef:
        """Keep WebP bytes of `width` × `height` pixels once; raises `StorageFault`."""
        ...

    def read(self, image: ImageRef) -> bytes | None:
        """The picture's bytes; None when it is gone. Raises `StorageFault`."""
        ...


@runtime_checkable
class Pictured(Protocol):
    """An environment whose present state can be pictured at any time."""

    async def screenshot(self) -> ImageRef | None:
        """A picture of what is in view now; None where none are kept. Raises `EnvironmentFault`."""
        ...


@runtime_checkable
class Proposer(Protocol):
    """Invents tasks. `state` and `restore` make it resumable."""

    async def propose(self, count: int, *, mastery: Mapping[str, float], seed: int) -> list[Task]:
        """Up to `count` feasible tasks, false at their start, given the success rate of each family so far."""
        ...

    def state(self) -> dict[str, Any]: ...

    def restore(self, state: Mapping[str, Any]) -> None: ...


@runtime_checkable
class Attentive(Proposer, Protocol):
    """A proposer that heeds how its tasks went and what the user wants."""

    def observe(self, feedback: Feedback) -> None:
        """Told before each `propose`; what is kept of it is part of `state`. The same iteration may come again."""
        ...


@runtime_checkable
class Evaluator(Protocol):
    """Judges an episode. It sees facts, never trusts the agent's claims."""

    name: str

    async def __call__(self, trajectory: Trajectory, truth: GroundTruth | None) -> Verdict: ...


@runtime_checkable
class TaskSampler(Protocol):
    """Chooses what to practise. Deterministic given its state and the seed."""

    def sample(self, tasks: Sequence[Task], count: int, *, seed: int) -> list[Task]: ...

    def update(self, task: Task, rewards: Sequence[float], advantages: Sequence[float]) -> None:
        """Learn from one group, the attempts at `task`: its 0/1 rewards and its normalised advantages."""
        ...

    def state(self) -> dict[str, Any]: ...

    def restore(self, state: Mapping[str, Any]) -> None: ...


@runtime_checkable
class SkillStore(Protocol):
    """The skill library: files are the truth, the vector index can be rebuilt from them."""

    def add(self, skill: Skill) -> None: ...

    def get(self, skill_id: str) -> Skill: ...

    def search(self, text: str, *, limit: int = 5, where: Mapping[str, Any] | None = None) -> list[tuple[Skill, float]]:
        """Skills nearest in meaning with their similarity in [0, 1], best first."""
        ...


@runtime_checkable
class Executor(Protocol):
    """Runs episodes concurrently and yields each as it finishes, in completion order."""

    def run(
        self, tasks: Sequence[tuple[Task, str, str]], *, sampling: Sampling, iteration: int, role: str
    ) -> AsyncIterator[tuple[Trajectory, GroundTruth | None]]:
        """`tasks` holds (task, group id, trajectory id); a failed episode is yielded with its `error`."""
        ...


@runtime_checkable
class RunControl(Protocol):
    """The durable table of commands and events between a run and the people who steer it."""

    def send(self, command: str, arguments: Mapping[str, Any] | None = None) -> int: ...

    def pending(self) -> list[tuple[int, str, dict[str, Any]]]: ...

    def acknowledge(self, command_id: int, result: str = "") -> None: ...

    def emit(self, event: str, data: Mapping[str, Any] | None = None) -> None: ...

    def events(self, after: int = 0) -> list[tuple[int, float, str, dict[str, Any]]]: ...
