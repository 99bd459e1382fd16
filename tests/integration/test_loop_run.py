"""A whole run on the fake site, in this process: what it writes down, what it learns, how it keeps to its budget."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.config import Config
from core.errors import EnvironmentFault, RunDirectoryError, UserError
from core.types import GroundTruth, Trajectory, Verdict
from discovery import builders, loop
from discovery.progress import Event, Phase
from evals import heldout
from memory.trajectories import TrajectoryStore
from serving.scripted import ScriptedPolicy
from tests.integration import loop_worker
from tests.integration.loop_worker import builder, config

FIELDS = {
    "iteration", "wall_s", "episodes", "steps", "success", "policy_version", "entropy", "mismatch_kl",
    "clip_fraction", "zero_variance_share", "loss", "tokens",
}  # fmt: skip


def settings(**sections: dict[str, Any]) -> Config:
    data = config().model_dump()
    for section, values in sections.items():
        data[section] |= values
    return Config.model_validate(data)


async def test_a_run_learns_and_writes_down_what_it_did(tmp_path: Path) -> None:
    events: list[Event] = []
    summary = await loop.run(
        settings(run={"iterations": 6}, browser={"contexts": 3}), tmp_path, build=builder(), progress=events.append
    )
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["iteration"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert all(line.keys() >= FIELDS for line in lines)
    assert [("heldout_success" in line) for line in lines] == [False, True] * 3
    assert summary.status == "finished"
    assert summary.heldout["final"]["success"] > summary.heldout["control"]["success"] + 0.2
    assert summary.heldout["initial"]["n"] == 4, "one attempt at each task, the control makes the other, too"
    assert summary.heldout["final"]["n"] == summary.heldout["control"]["n"] == 8
    assert json.loads((tmp_path / "summary.json").read_text())["heldout"] == summary.heldout
    assert {purpose["purpose"] for purpose in heldout.logged(tmp_path)} == {"initial", "heldout", "final", "control"}
    assert list((tmp_path / "tensorboard").iterdir())
    with TrajectoryStore(tmp_path, readonly=True) as store:
        assert store.count(role="train") == summary.episodes == sum(line["episodes"] for line in lines)
        assert all(verdict is not None for _, verdict in store.iterate())
    # Retention: the first, and the last three.
    kept = sorted(path.parent.name for path in tmp_path.glob("iterations/*/weights"))  # noqa: ASYNC240
    assert kept == ["0000", "0004", "0005", "0006"]
    assert [event.status.phase for event in events if event.kind == "phase"][-1] is Phase.DONE
    assert sum(event.kind == "iteration" for event in events) == 6
    practised = [event.status for event in events if event.kind == "episode" and event.status.iteration == 1]
    assert practised[-1].done == practised[-1].total == 16


async def test_a_group_whose_first_attempts_did_equally_well_is_not_gone_on_with(tmp_path: Path) -> None:
    training = {"tasks_per_iteration": 6, "group_size": 7, "probes": 3, "branching": False}
    await loop.run(settings(run={"iterations": 2}, training=training), tmp_path, build=builder())
    groups: dict[str, dict[str, float]] = {}
    with TrajectoryStore(tmp_path, readonly=True) as store:
        for one in store.summaries(role="train"):
            assert one.value is not None
            groups.setdefault(one.group_id, {})[one.id] = one.value
    assert len(groups) == 12
    sizes = set()
    for group, members in groups.items():
        probes = {members[f"{group}-{number}"] for number in range(3)}
        assert len(members) == (7 if len(probes) == 2 else 3)
        sizes.add(len(members))
    assert sizes == {3, 7}


async def test_where_every_probe_failed_further_attempts_do_something_else(tmp_path: Path) -> None:
    training = {"tasks_per_iteration": 6, "group_size": 6, "probes": 2, "branching": True}
    await loop.run(settings(run={"iterations": 2}, training=training), tmp_path, build=builder())
    groups: dict[str, dict[str, float | None]] = {}
    rescued = 0
    with TrajectoryStore(tmp_path, readonly=True) as store:
        for one in store.summaries(role="train"):
            groups.setdefault(one.group_id, {})[one.id] = one.value

        def pressed(name: str) -> str:
            return str(store.get(name).steps[0].action.arguments["target"]["name"])

        for group, members in groups.items():
            probes = [f"{group}-{number}" for number in range(2)]
            further = members.keys() - set(probes)
            assert len(further) == (0 if {members[name] for name in probes} == {1.0} else 4)
            if {members[name] for name in probes} == {0.0}:
                failed = {pressed(name) for name in probes}
                assert not failed & {pressed(name) for name in further}
                rescued += len(failed) == 2 and all(members[name] for name in further)
    assert rescued


async def test_a_policy_that_cannot_leave_things_out_is_not_made_to(tmp_path: Path) -> None:
    class Careless(ScriptedPolicy):
        constrained = False

    async def build(context: builders.Context) -> builders.Parts:
        async def opened(weights: Path, version: int) -> ScriptedPolicy:
            return Careless(loop_worker.answers, version=version)

        return replace(await builder()(context), open_policy=opened)

    training = {"tasks_per_iteration": 6, "group_size": 6, "probes": 2, "branching": True}
    await loop.run(settings(run={"iterations": 1}, training=training), tmp_path, build=build)
    with TrajectoryStore(tmp_path, readonly=True) as store:
        groups = Counter(one.group_id for one in store.summaries(role="train"))
        values = {name: {one.value for one in store.summaries(role="train") if one.group_id == name} for name in groups}
    assert {0.0} in [values[name] for name, size in groups.items() if size == 2]
    assert all(size == 6 for name, size in groups.items() if len(values[name]) == 2)


async def test_control_and_final_are_interleaved(tmp_path: Path) -> None:
    await loop.run(settings(run={"iterations": 1}), tmp_path, build=builder())
    with TrajectoryStore(tmp_path, readonly=True) as store:
        arms = [s.id.partition("-")[0] for s in store.summaries(iteration=1) if s.role in ("heldout", "control")]
    assert arms == ["final", "control"] * 8


async def test_what_is_held_out_is_not_practised(tmp_path: Path) -> None:
    async def build(context: builders.Context) -> builders.Parts:
        parts = await builder()(context)
        parts.heldout = [loop_worker.task("alpha", 0)]
        return parts

    await loop.run(settings(run={"iterations": 1}), tmp_path, build=build)
    proposed = {json.loads(line)["family"] for line in (tmp_path / "tasks.jsonl").read_text().splitlines()}
    assert proposed == {"press beta", "press gamma"}


class Moody:
    """A judge that cannot decide about one button, or about anything."""

    name = "moody"

    def __init__(self, undecided: str) -> None:
        self.undecided = undecided

    async def __call__(self, trajectory: Trajectory, truth: GroundTruth | None) -> Verdict:
        assert trajectory.final_observation is not None
        url = trajectory.final_observation.url
        wanted = trajectory.task.family.split()[-1]
        return Verdict(value=None if self.undecided in url else float(wanted in url))


async def test_unscored_attempts_leave_their_group(tmp_path: Path) -> None:
    await loop.run(settings(run={"iterations": 1}), tmp_path, build=builder(judge=Moody("gamma")))
    (line,) = [json.loads(text) for text in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    with TrajectoryStore(tmp_path, readonly=True) as store:
        values = [summary.value for summary in store.summaries(role="train")]
    assert line["unscored"] == values.count(None) > 0
    scored = [value for value in values if value is not None]
    assert line["success"] == pytest.approx(sum(scored) / len(scored))
    assert line["episodes"] == len(values)


async def test_a_run_in_which_nothing_can_be_scored_ends(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="no episode could be scored in 3 iterations"):
        await loop.run(settings(run={"iterations": 9}), tmp_path, build=builder(judge=Moody("")))
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 2


async def test_a_run_directory_is_used_once(tmp_path: Path) -> None:
    await loop.run(settings(run={"iterations": 1}), tmp_path, build=builder())
    with pytest.raises(RunDirectoryError, match="--resume"):
        await loop.run(settings(run={"iterations": 1}), tmp_path, build=builder())
    with pytest.raises(UserError, match=r"training\.group_size = 5 contradicts .* started with 4"):
        await loop.run(settings(training={"group_size": 5}), tmp_path, build=builder(), resume=True)


async def test_changed_heldout_tasks_are_refused(tmp_path: Path) -> None:
    await loop.run(settings(run={"iterations": 1}), tmp_path, build=builder(heldout=4))
    with pytest.raises(UserError, match="the held-out tasks are not those that this run began with"):
        await loop.run(None, tmp_path, build=builder(heldout=3), resume=True)


async def test_bad_input_leaves_no_run_behind(tmp_path: Path) -> None:
    async def build(context: builders.Context) -> builders.Parts:
        raise UserError("mend me")

    with pytest.raises(UserError, match="mend me"):
        await loop.run(settings(), tmp_path / "run", build=build)
    summary = await loop.run(settings(run={"iterations": 1}), tmp_path / "run", build=builder())
    assert summary.iterations == 1


class Clock:
    """Time passes only when an episode begins."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("minutes", [0.5, 2.0, 4.0])
async def test_the_budget_covers_everything(minutes: float, tmp_path: Path) -> None:
    clock = Clock()

    async def build(context: builders.Context) -> builders.Parts:
        parts = await builder()(context)
        pool: Any = parts.pool
        acquire = pool.acquire

        async def slow() -> Any:
            clock.now += 1.0
            return await acquire()

        pool.acquire = slow
        return parts

    chosen = settings(run={"iterations": None, "minutes": minutes}, evaluation={"every": 0})
    summary = await loop.run(chosen, tmp_path, build=build, clock=clock)
    assert clock.now - 1000.0 <= minutes * 60
    assert summary.reason == "the time budget is used up"
    final, control, initial = (summary.heldout[name] for name in ("final", "control", "initial"))
    assert final["n"] == control["n"]
    if minutes >= 2:
        assert final["n"] >= initial["n"] > 0
        assert clock.now - 1000.0 >= 0.6 * minutes * 60, "most of the budget is used"
    if minutes == 4:
        assert (initial["n"], final["n"]) == (4, 8), "time enough for every pair"
        assert summary.iterations > 3


async def test_unknown_names_are_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"proposer\.kind = 'exploringg' does not exist; the nearest is 'exploring'"):
        await loop.run(settings(proposer={"kind": "exploringg"}), tmp_path / "run")
    assert list((tmp_path / "run").iterdir()) == []
