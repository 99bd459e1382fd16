"""The loop. One iteration is a graph; a plain loop invokes it until the budget or the limit is reached.

    propose → approve → practise → judge → remember → update → measure

- **propose**: the proposer invents tasks that are feasible and new, given what is mastered so far; one that
  listens is told of failures and of the user's goals first.
- **approve**: passes through, unless a person asked to see the tasks first; then it waits for the answer.
- **practise**: the sampler picks tasks, and the actor makes a group of attempts at each in the environment.
- **judge**: each attempt is judged and stored the moment it ends, inside `practise`, so that it is never
  lost; this node takes stock, and ends a run in which nothing can be scored any more.
- **remember**: mastery of each task family is brought up to date.
- **update**: group advantages become training rows, rows become new weights, and once these are on the
  disk the policy acts with them.
- **measure**: held-out success, when it is due, and the iteration's line in metrics.jsonl.

With `training.asynchronous` the update goes on while the next iteration practises with the weights before it, and is
settled before the next update begins: what is learned from is never more than one update old.

The graph's state holds ids and counters alone; everything else is in the run directory, which is the
truth (`rundirectory.py`). Every node can be run again: it finds what was done and does the rest. So a
restart begins the open iteration's graph anew; the checkpointer serves the interrupt in `approve`.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, interrupt

from core.config import Config
from core.errors import BudgetSpent, EnvironmentFault, InfrastructureError
from core.protocols import Attentive
from core.types import Task
from core.views import words
from discovery import builders, learning
from discovery.metrics import Summary
from discovery.plan import Plan
from discovery.progress import Listener, Phase
from discovery.seeds import derive
from discovery.session import Session, open_session
from discovery.steering import Stopped

_FRUITLESS_ITERATIONS = 3  # iterations in a row without one scored episode, after which a run ends


class State(TypedDict, total=False):
    """What the graph carries: which iteration this is, and counts for whoever looks at a checkpoint."""

    iteration: int
    proposed: int
    groups: int
    scored: int
    batch_id: str
    policy_version: int


class Nodes:
    """The nodes of the graph over one run's session."""

    def __init__(self, session: Session) -> None:
        self.run = session
        self._fruitless = 0

    async def propose(self, state: State) -> State:
        number, run = state["iteration"], self.run
        plan = Plan.load(run.directory, number)
        if plan is None:
            began = run.budget.now()
            text = "looking around and proposing tasks" if number == 1 else "proposing tasks"
            run.tracker.phase(Phase.EXPLORING, text, iteration=number)
            pool = await self._proposals(number)
            plan = Plan(number, [task.id for task in _focused(pool, run.steering.goal)])
            plan.save(run.directory)
            run.seconds_proposing = run.budget.now() - began
            run.tracker.notice(f"{len(plan.pool)} tasks to practise")
        return {"proposed": len(plan.pool)}

    async def approve(self, state: State) -> State:
        plan = self._plan(state)
        if self.run.steering.approval and not plan.approved:
            tasks = [{"id": name, "instruction": self.run.book[name].instruction} for name in plan.pool]
            answer: dict[str, Any] = interrupt({"iteration": plan.iteration, "tasks": tasks})
            accepted, rejected = answer.get("accept"), set(answer.get("reject", ()))
            kept = [name for name in plan.pool if name not in rejected and (accepted is None or name in accepted)]
            plan.rejected = [name for name in plan.pool if name not in kept]
            if kept:
                plan.pool = kept
            else:
                self.run.tracker.notice("every task was rejected; the iteration practises nothing new")
            plan.approved = True
            plan.save(self.run.directory)
        return {"proposed": len(plan.pool)}

    async def practise(self, state: State) -> State:
        number, run = state["iteration"], self.run
        plan = self._plan(state)
        if not run.directory.is_stable(number):
            what = "demonstrating" if run.warms_up(number) else "practising"
            run.tracker.phase(Phase.PRACTISING, f"iteration {number}: {what}", iteration=number)
            await run.practise(plan)
        return {"groups": len(plan.groups)}

    async def judge(self, state: State) -> State:
        groups = self.run.groups(self._plan(state))
        scored = sum(len(group.scored) for group in groups)
        self._fruitless = 0 if scored else self._fruitless + 1
        if self._fruitless >= _FRUITLESS_ITERATIONS:
            errors = [member.error for group in groups for member in group.members if member.error]
            why = f": {errors[-1]}" if errors else ""
            raise EnvironmentFault(f"no episode could be scored in {self._fruitless} iterations{why}")
        return {"scored": scored}

    async def remember(self, state: State) -> State:
        number, run = state["iteration"], self.run
        if not run.directory.is_stable(number):
            groups = [] if run.warms_up(number) else run.groups(self._plan(state))
            run.mastery = learning.updated_mastery(run.before(number).mastery, groups)
        return {}

    async def update(self, state: State) -> State:
        number, run = state["iteration"], self.run
        if not run.directory.is_stable(number):
            groups = run.groups(self._plan(state))
            if run.config.training.asynchronous:
                await run.settle()
                await run.learn(number, groups)
                return {}
            what = "imitating the demonstrations" if run.warms_up(number) else "learning"
            run.tracker.phase(Phase.UPDATING, f"iteration {number}: {what}", iteration=number)
            began = run.budget.now()
            await run.learn(number, groups)
            run.seconds_updating = run.budget.now() - began
        after = run.after(number)
        await run.updating.publish(number, after.policy_version)
        return {"batch_id": after.batch_id, "policy_version": after.policy_version}

    async def measure(self, state: State) -> State:
        number, run = state["iteration"], self.run
        if not run.updating.is_ahead(number):  # else it is concluded when its update is settled
            await run.conclude(number, began=run.began_iteration)
        return {}

    def _plan(self, state: State) -> Plan:
        plan = Plan.load(self.run.directory, state["iteration"])
        assert plan is not None
        return plan

    async def _proposals(self, number: int) -> list[Task]:
        """What the proposer offers, without what is held out; the last pool where it has nothing new to offer."""
        run = self.run
        kept = run.directory.read_json("proposer.json") or {}
        if kept.get("iteration") == number:
            return [run.book[name] for name in kept["pool"]]
        mastery = {family: known.recent or 0.0 for family, known in run.before(number).mastery.items()}
        if isinstance(run.parts.proposer, Attentive):
            run.parts.proposer.observe(run.feedback(number - 1))
        fault: InfrastructureError | None = None
        offered: list[Task] = []
        try:
            offered = await run.steering.unless_stopped(
                run.parts.proposer.propose(
                    run.config.explore.tasks, mastery=mastery, seed=derive(run.config.run.seed, "propose", number)
                )
            )
            run.accounts.save()
        except InfrastructureError as error:
            fault = error
        if silent := getattr(run.parts.proposer, "fault", ""):
            run.tracker.notice(silent)
        tasks = run.without_heldout(offered)
        if not tasks:
            tasks = [run.book[name] for name in kept.get("pool", ())]
            why = f": {fault}" if fault else "; give exploration more pages or seconds (explore.pages, explore.seconds)"
            if not tasks:
                raise EnvironmentFault(f"the proposer found no task that could be proven feasible{why}")
            run.tracker.notice(f"nothing new was proposed, practice goes on with what is known{why if fault else ''}")
        run.book.add(tasks)
        run.directory.write_json(
            "proposer.json",
            {"iteration": number, "pool": [task.id for task in tasks], "state": run.parts.proposer.state()},
        )
        return tasks


def build_graph(session: Session, checkpointer: BaseCheckpointSaver[Any]) -> CompiledStateGraph[Any, Any, Any, Any]:
    """One iteration as a LangGraph graph."""
    nodes = Nodes(session)
    steps: list[tuple[str, Any]] = [
        ("propose", nodes.propose),
        ("approve", nodes.approve),
        ("practise", nodes.practise),
        ("judge", nodes.judge),
        ("remember", nodes.remember),
        ("update", nodes.update),
        ("measure", nodes.measure),
    ]
    graph = StateGraph(State)
    for name, node in steps:
        graph.add_node(name, node)
    names = [START, *(name for name, _ in steps), END]
    for before, after in itertools.pairwise(names):
        graph.add_edge(before, after)
    return graph.compile(checkpointer=checkpointer)


async def run(
    config: Config | None,
    run_dir: Path,
    *,
    resume: bool = False,
    progress: Listener | None = None,
    build: builders.Build = builders.build,
    clock: Callable[[], float] = time.monotonic,
) -> Summary:
    """A whole run: from the first look at the site to the final measurement; returns what summary.json holds.

    `config` may be None when resuming: the run's own then. `build` makes the parts (tests bring their own).
    SIGINT, SIGTERM and the stop command end it cleanly, with `status` "stopped". Raises `UserError` for bad
    input, `StorageFault` when the disk is full, `EnvironmentFault` when the site cannot be used at all.
    """
    opening = open_session(config, run_dir, resume=resume, progress=progress, build=build, clock=clock)
    try:
        async with opening as session:
            try:
                reason = await _train(session)
                await session.measure_finally()
                summary = session.summary("finished", reason)
            except Stopped as stopped:
                summary = session.summary("stopped", str(stopped))
            summary.write(session.directory)
            session.outcome = summary
    except Stopped as stopped:  # before anything was open
        return Summary("stopped", str(stopped))
    return summary


async def _train(session: Session) -> str:
    """Measure the start, then iterate; returns why it ended. Raises `Stopped`."""
    try:
        reason = await _iterations(session)
        await session.settle()
    except BudgetSpent as spent:
        await session.settle()
        return str(spent)
    except Stopped:
        await session.settle()
        raise
    return reason


async def _iterations(session: Session) -> str:
    """Iterate until a limit; returns which. Raises `Stopped`, and `BudgetSpent` from within an iteration."""
    number = session.directory.latest_stable() or 0
    async with AsyncSqliteSaver.from_conn_string(str(session.directory.root / "checkpoints.sqlite")) as checkpointer:
        await checkpointer.setup()
        graph = build_graph(session, checkpointer)
        if number and not session.metrics.has(number):
            await _iterate(session, graph, checkpointer, number)
        await session.measure_first()
        limit = session.config.run.iterations
        while limit is None or number < limit:
            await session.steering.proceed()
            if not session.budget.fits_another():
                return "the time budget is used up"
            number += 1
            await _iterate(session, graph, checkpointer, number)
    return f"{number} iterations are done"


async def _iterate(
    session: Session,
    graph: CompiledStateGraph[Any, Any, Any, Any],
    checkpointer: BaseCheckpointSaver[Any],
    number: int,
) -> None:
    """One pass of the graph, on a thread of its own, which is forgotten before and afterwards."""
    session.begin_iteration()
    thread = f"iteration-{number:04d}"
    await checkpointer.adelete_thread(thread)
    settings: Any = {"configurable": {"thread_id": thread}}
    given: Any = {"iteration": number}
    while True:
        result = await graph.ainvoke(given, settings, durability="sync")
        if "__interrupt__" not in result:
            break
        session.tracker.phase(Phase.APPROVING, f"iteration {number}: waiting for approval of its tasks")
        given = Command(resume=await session.steering.unless_stopped(session.steering.answers.get()))
    await checkpointer.adelete_thread(thread)
    session.end_iteration()


def _focused(pool: list[Task], goal: str) -> list[Task]:
    """The tasks that speak of the goal, where there are any; all of them otherwise."""
    wanted = words(goal)
    return [task for task in pool if words(task.instruction) & wanted] or pool
