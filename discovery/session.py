"""One session of a run: everything that is open while it works, and the few things that outlive a node.

A run may take several sessions; each begins from the last permanent iteration in the run directory.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from core.config import Config
from core.errors import StorageFault, UserError
from core.protocols import Policy
from core.types import Feedback, Mastery, Sampling, Task, Trajectory
from discovery import achievements, branching, builders, learning, pictures
from discovery.accounts import Accounts
from discovery.after import After, commit
from discovery.budget import Budget
from discovery.control import SqliteControl
from discovery.executors import AsyncExecutor, EpisodeRunner
from discovery.feedback import feedback, require_heed
from discovery.measuring import Measurement, Measuring
from discovery.metrics import MetricsLog, Summary
from discovery.plan import Plan, TaskBook
from discovery.practice import Group, Practice
from discovery.progress import Listener, Phase
from discovery.rundirectory import RunDirectory
from discovery.seeds import derive
from discovery.steering import Steering
from discovery.tracker import Tracker
from discovery.updating import Updating, warms_up
from evals.heldout import HeldoutTasks
from memory.screenshots import ScreenshotStore
from memory.trajectories import TrajectoryStore

if TYPE_CHECKING:
    from discovery.hindsight import Hindsight
    from discovery.warmstart import WarmStart

_FINISHING_SECONDS = 20.0


@runtime_checkable
class Counts(Protocol):
    """A policy that counts what it writes, as `serving.local.LocalPolicy` does."""

    decoded_tokens: int
    decoding_seconds: float


class Session:
    """The open parts of a run, for the nodes of the graph."""

    def __init__(
        self,
        config: Config,
        directory: RunDirectory,
        store: TrajectoryStore,
        steering: Steering,
        tracker: Tracker,
        budget: Budget,
        parts: builders.Parts,
        policy: Policy,
        accounts: Accounts,
    ) -> None:
        require_heed(parts.proposer, config.proposer)
        seed = config.run.seed
        self.config = config
        self.directory = directory
        self.store = store
        self.steering = steering
        self.tracker = tracker
        self.budget = budget
        self.parts = parts
        self.policy = policy
        self.accounts = accounts
        self.book = TaskBook(directory)
        self.metrics = MetricsLog(directory)
        self.outcome: Summary | None = None
        self.mastery: dict[str, Mastery] = {}
        self.began_iteration = 0.0
        self.seconds_proposing = 0.0
        self.seconds_updating = 0.0
        self.decoding: dict[str, float] = {}
        self._heldout = HeldoutTasks(parts.heldout)
        self.updating = Updating(
            config,
            directory,
            store,
            steering,
            budget,
            parts,
            policy,
            warm_start=self.warm_start,
            hindsight=self._open_hindsight() if config.training.hindsight else None,
        )
        self._results: dict[str, Measurement | None] = {}
        self._executor = AsyncExecutor(
            parts.pool,
            parts.actor(policy),
            seed=seed,
            episode_seconds=config.actor.episode_seconds,
            gate=steering.gate,
            on_start=tracker.started,
        )
        steering.executor = self._executor
        self.practice = Practice(
            directory,
            store,
            self.book,
            self._executor,
            parts.judge,
            tracker,
            seed=seed,
            sampling=Sampling(temperature=config.policy.temperature, max_tokens=config.policy.max_tokens),
            group_size=config.training.group_size,
            tasks_per_iteration=config.training.tasks_per_iteration,
            probes=config.training.probes,
            refill_rounds=config.training.refill_rounds,
            imitates=config.training.algorithm == "filtered_bc",
            branch=self._branching(policy) if config.training.branching else None,
        )
        self._measuring = Measuring(
            directory,
            store,
            parts.heldout,
            self._executor,
            parts.heldout_judge,
            tracker,
            split=parts.split,
            seed=seed,
            episodes_per_task=config.evaluation.episodes_per_task,
            sampling=Sampling(temperature=config.evaluation.temperature, max_tokens=config.policy.max_tokens),
        )

    # State between iterations

    def before(self, number: int) -> After:
        """The state that iteration `number` starts from; all but its weights while the update before is under way."""
        return self.updating.before(number)

    def after(self, number: int) -> After:
        """The state after a permanent iteration."""
        return After.read(self.directory, number)

    def begin_iteration(self) -> None:
        self.began_iteration = self.budget.now()
        self.seconds_proposing = self.seconds_updating = 0.0

    def end_iteration(self) -> None:
        """Learn what an iteration costs; the first exploration is not part of it."""
        seconds = self.budget.now() - self.began_iteration - self.seconds_proposing
        if self.config.training.asynchronous:
            seconds += self.seconds_updating  # which went on beside it
        self.budget.iterated(seconds, updating=self.seconds_updating)

    def without_heldout(self, tasks: Iterable[Task]) -> list[Task]:
        """The tasks that may be trained on."""
        return [task for task in tasks if not self._heldout.coincides(task)]

    # Learning

    async def practise(self, plan: Plan) -> None:
        """The episodes of an iteration that are still to be done."""
        pool = [self.book[name] for name in plan.pool]
        before = _decoded(self.policy)
        until = self.budget.practice_deadline()
        if self.warms_up(plan.iteration):
            await self.warm_start().demonstrate(self._executor, pool, until=until)
        else:
            self.parts.sampler.restore(self.before(plan.iteration).sampler)
            await self.practice.run(plan, pool, self.parts.sampler, until=until)
        self.decoding = {name: value - before[name] for name, value in _decoded(self.policy).items()}
        self.steering.check()

    def groups(self, plan: Plan) -> list[Group]:
        """What was recorded of an iteration."""
        if self.warms_up(plan.iteration):
            return self.warm_start().groups([self.book[name] for name in plan.pool], self._executor.attempts)
        return self.practice.groups(plan)

    def feedback(self, number: int) -> Feedback:
        """What a proposer is told before the iteration after `number`; of iteration 0 there are wishes alone."""
        plan = None if self.warms_up(number) else Plan.load(self.directory, number)
        # An update beside practice may find what was achieved too late to be told at once.
        late = range(number - self.config.training.asynchronous, number + 1)
        found = [one.task for each in late for one in (achievements.kept(self.directory, each) or {}).values()]
        return feedback(
            number,
            [] if plan is None else self.groups(plan),
            self.store,
            achieved=[task for task in found if task is not None],
            config=self.config.proposer,
            goal=self.steering.goal,
        )

    def warms_up(self, number: int) -> bool:
        """Whether this iteration imitates demonstrations instead of practising."""
        return warms_up(self.config, number)

    def warm_start(self) -> WarmStart:
        """The warm start of this run; raises `ConfigError` where it cannot be had."""
        from discovery.warmstart import WarmStart  # imports torch

        return WarmStart(self.config, self.parts, self.policy, self.store, self.tracker)

    def _open_hindsight(self) -> Hindsight:
        """Raises `ConfigError` where nothing can be relabelled."""
        from discovery.hindsight import Hindsight  # imports torch

        training = self.config.training
        return Hindsight(
            self.parts.proposer,
            self.policy,
            self.store,
            self.config.actor,
            directory=self.directory,
            notice=self.tracker.notice,
            weight=training.hindsight,
            seed=self.config.run.seed,
        )

    def _branching(self, policy: Policy) -> Callable[[Sequence[Trajectory], str], EpisodeRunner] | None:
        """Makes the actor of an attempt that parts from failed ones; None where the policy cannot."""
        able = branching.able(policy)
        if able is None:
            return None

        def branch(failures: Sequence[Trajectory], name: str) -> EpisodeRunner:
            wrong = branching.avoided(failures, seed=derive(self.config.run.seed, "branch", name))
            return self.parts.actor(branching.Avoiding(able, wrong))

        return branch

    async def learn(self, number: int, groups: list[Group]) -> None:
        """One update from these groups, made permanent; or its beginning, where it goes on beside practice."""
        standing = self._standing(number, groups)
        if self.config.training.asynchronous:
            self.updating.begin(number, groups, standing, began=self.began_iteration)
        else:
            await self.updating.update(number, groups, standing)

    async def settle(self) -> None:
        """Wait for the update under way, if there is one, and conclude its iteration; raises its fault."""
        settled = await self.updating.wait()
        if settled is not None:
            ahead, self.seconds_updating = settled
            await self.conclude(ahead.number, began=ahead.began)

    async def conclude(self, number: int, *, began: float) -> None:
        """An iteration's line in the metrics, with its held-out success where that is due, once; and retention."""
        if not self.metrics.has(number):
            every = self.config.evaluation.every
            due = every and number % every == 0 and not self.steering.gate.stopping.is_set()
            heldout = await self.measure_between(number) if due else None
            line = {"iteration": number, "wall_s": round(self.budget.elapsed(), 3), **self.after(number).line}
            line |= self.accounts.line()
            if heldout is not None:
                line["heldout_success"] = heldout["success"]
            self.metrics.append(line)
            self.tracker.iteration(line, self.budget.now() - began)
        self.prune()

    def _standing(self, number: int, groups: list[Group]) -> After:
        """The state after iteration `number` but for what the update adds; taken before practice goes on."""
        base = self.before(number)
        line = learning.account(groups, {}) | self.decoding
        return After(
            policy_version=base.policy_version,
            sampler=self.parts.sampler.state(),
            mastery=self.mastery,
            episodes=base.episodes + line["episodes"],
            steps=base.steps + line["steps"],
            line=line,
        )

    # Held-out success

    async def measure_first(self) -> None:
        """The initial weights on the held-out tasks, once in a run; tells the budget what the last will cost."""
        if self.parts.heldout and self._measuring.initial is None:
            began = self.budget.now()
            self.tracker.phase(Phase.MEASURING, "measuring held-out success before training", iteration=0)
            until = self.budget.measurement_deadline()
            await self._measuring.first(self.parts.actor(self.policy), until=until, began=began)
            self.steering.check()
        self.budget.measured(self._measuring.seconds)

    async def measure_between(self, number: int) -> Measurement | None:
        """The present weights on the held-out tasks."""
        if not self.parts.heldout:
            return None
        self.tracker.phase(Phase.MEASURING, f"iteration {number}: measuring held-out success")
        actor = self.parts.actor(self.policy)
        results = await self._measuring.measure({"heldout": actor}, iteration=number)
        self.steering.check()
        return results["heldout"]

    async def measure_finally(self) -> None:
        """The final weights beside the initial ones, pair by pair. Raises `Stopped`."""
        self.steering.check()
        if not self.parts.heldout:
            return
        number = self.directory.latest_stable() or 0
        self.tracker.phase(Phase.MEASURING, "measuring held-out success: final weights beside the initial ones")
        control = await self.parts.open_policy(self.directory.weights(0), 0)
        try:
            arms: dict[str, EpisodeRunner] = {
                "final": self.parts.actor(self.policy),
                "control": self.parts.actor(control),
            }
            until = self.budget.final_deadline()
            self._results.update(await self._measuring.measure(arms, iteration=number, until=until))
        finally:
            await control.close()
        self.steering.check()
        self._results["gain"] = gain = self._measuring.difference(number)
        if gain["gain"] is not None:
            low, high = gain["ci95"]
            self.tracker.notice(f"gain over the control: {gain['gain']:+.1%} [{low:+.1%}, {high:+.1%}]")

    # The end

    def prune(self) -> None:
        """Keep to the retention limits. What the policy was shown last stays: it may be trained on yet."""
        self.directory.prune(self.config.retention.weights)
        number = self.directory.latest_stable() or 0
        keep = pictures.shown(self.store, (number, number + 1)) if self.config.actor.sees else frozenset()
        kept = ScreenshotStore(self.directory.root / "screenshots")
        kept.prune(self.config.retention.screenshots_mb * 2**20, keep)

    def summary(self, status: str, reason: str) -> Summary:
        """The outcome up to the last permanent iteration."""
        number = self.directory.latest_stable() or 0
        after = self.after(number)
        parts = {"initial": self._measuring.initial, "control": None, "final": None, "gain": None}
        return Summary(
            status=status,
            reason=reason,
            iterations=number,
            episodes=after.episodes,
            steps=after.steps,
            wall_s=round(self.budget.elapsed(), 3),
            policy_version=after.policy_version,
            heldout=parts | self._results,
            costs=self.accounts.ledger.state()["roles"],
        )


@asynccontextmanager
async def open_session(
    config: Config | None,
    root: Path,
    *,
    resume: bool,
    progress: Listener | None,
    build: builders.Build,
    clock: Callable[[], float],
) -> AsyncIterator[Session]:
    """Open a run for work and close all of it again, whatever happens in between."""
    if resume:
        directory, config = RunDirectory.resume(root, config)
    elif config is None:
        raise UserError("a new run needs a configuration")
    else:
        directory = RunDirectory.create(root, config)
    async with AsyncExitStack() as outer:
        outer.callback(directory.close)
        control = SqliteControl(directory.root / "control.sqlite")
        outer.callback(control.close)
        tracker = Tracker(progress, control, iterations=config.run.iterations)
        session: Session | None = None
        try:
            async with AsyncExitStack() as stack:
                session = await _open(stack, config, directory, control, tracker, build, clock)
                try:
                    yield session
                finally:
                    tracker.phase(Phase.FINISHING, "closing the browser and the sites")
        except sqlite3.Error as error:
            raise StorageFault(f"'{root}' could not be written: {error}; what was recorded is kept") from error
        except UserError:
            if session is None and not resume:
                directory.discard()  # so that the same command works once the input is mended
            raise
        if session.outcome is not None:
            _conclude(session.outcome, tracker)


def _conclude(summary: Summary, tracker: Tracker) -> None:
    """Say how it ended."""
    tracker.phase(Phase.DONE, f"{summary.status} after {summary.iterations} iterations: {summary.reason}")


async def _open(
    stack: AsyncExitStack,
    config: Config,
    directory: RunDirectory,
    control: SqliteControl,
    tracker: Tracker,
    build: builders.Build,
    clock: Callable[[], float],
) -> Session:
    store = stack.enter_context(TrajectoryStore(directory.root))
    steering = Steering(directory, control, tracker.notice)
    steering.gate.clock = clock
    stack.enter_context(steering.signals())
    steering.begin()
    polling = asyncio.create_task(steering.poll())
    stack.push_async_callback(_cancel, polling)
    latest = directory.latest_stable()
    spent = After.read(directory, latest).wall_s if latest is not None else 0.0
    spent = max(spent, (directory.read_json("summary.json") or {}).get("wall_s", 0.0))
    budget = tracker.budget = Budget(config.run.minutes, config.evaluation.share, spent=spent, clock=clock)
    tracker.phase(Phase.STARTING, "starting the sites, the browser and the policy", iteration=latest or 0)
    accounts = Accounts(config, directory)
    stack.push_async_callback(accounts.close)
    seconds = budget.exploration_seconds(config.explore.seconds)
    parts = await steering.unless_stopped(build(builders.Context(config, directory.root, seconds, accounts)))
    stack.push_async_callback(_bounded, parts.close)
    for note in parts.notes:
        tracker.notice(note)
    if latest is None:
        after = After(sampler=parts.sampler.state(), wall_s=budget.elapsed())
        await asyncio.to_thread(commit, directory, parts.trainer, 0, after)
    else:
        after = After.read(directory, latest)
        if parts.trainer is not None:
            await asyncio.to_thread(parts.trainer.restore, directory.weights(latest))
    proposed = directory.read_json("proposer.json")
    if proposed is not None:
        parts.proposer.restore(proposed["state"])
    policy = await parts.open_policy(directory.weights(latest or 0), after.policy_version)
    stack.push_async_callback(_bounded, policy.close)
    session = Session(config, directory, store, steering, tracker, budget, parts, policy, accounts)
    stack.callback(session.metrics.close)
    stack.push_async_callback(session.updating.abandon)
    if config.training.warm_start:
        session.warm_start()  # refuses at once what it could not do later
    return session


def _decoded(policy: Policy) -> dict[str, float]:
    """What a policy has written so far, and the seconds that it took, where it counts them."""
    if not isinstance(policy, Counts):
        return {}
    return {"decode_tokens": policy.decoded_tokens, "decode_s": policy.decoding_seconds}


async def _bounded(close: Callable[[], Any]) -> None:
    """Closing must end, even when a browser hangs."""
    with suppress(TimeoutError):
        await asyncio.wait_for(close(), _FINISHING_SECONDS)


async def _cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
