"""The whole explorer on a small site: what it finds, proves, proposes, leaves alone, keeps and reads back."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from agents.explorer import drafts, mastery
from agents.explorer.evidence import holds_after
from agents.proposer import MAP_FILE, TASKS_FILE, ExploringProposer
from core import actions, protocols
from core.checks import AllCheck, AnswerCheck, FunctionalCheck
from core.config import ExploreConfig
from core.errors import EnvironmentFault, TaskFileError
from core.types import Step, Task, Trajectory
from tests.unit.agents.explorer.conftest import BOOKS

CONFIG = ExploreConfig(seconds=20, tasks=120)


async def explored(pool: Any, home: str, *, resettable: bool = True, **more: Any) -> ExploringProposer:
    proposer = ExploringProposer(pool, [home], explore=CONFIG, resettable=resettable, **more)
    await proposer.explore()
    return proposer


async def test_it_is_a_proposer(library: Any, home: str) -> None:
    assert isinstance(ExploringProposer(library, [home], resettable=True), protocols.Proposer)


async def test_it_proves_tasks_of_every_family_that_the_site_affords(library: Any, home: str) -> None:
    proposer = await explored(library, home)
    found = Counter(one.task.family for one in proposer.proven)
    for family in (
        "open",
        "lookup",
        "search",
        "compare",
        "filter",
        "form",
        "edit",
        "toggle",
        "open+lookup",
        "search+toggle",
    ):
        assert found[family], family
    assert len(proposer.proven) == 120
    assert sum(len(one.demonstration) <= 4 for one in proposer.proven) > 60
    assert library.borrowed == 0


async def test_every_task_is_false_at_its_start_and_true_after_its_demonstration(library: Any, home: str) -> None:
    proposer = await explored(library, home)
    environment = await library.acquire()
    for one in proposer.proven:
        task, answer = one.task, None
        assert task.check is not None
        seen = [await environment.reset(task)]
        for done in (None, "done", ""):
            assert not holds_after(task.check, seen, done), task.instruction
        for action in one.actions():
            seen.append((await environment.step(action)).observation)
            assert not seen[-1].last_action_error
            answer = action.arguments.get("text") if action.name == "answer" else None
        assert holds_after(task.check, seen, answer), task.instruction
        assert len(one.demonstration) <= task.max_steps
        assert len(task.instruction.split()) <= 32
        if isinstance(task.check, AnswerCheck):
            assert f" {task.check.equals} " not in f" {task.instruction} "


async def test_instructions_are_all_different(library: Any, home: str) -> None:
    proposer = await explored(library, home)
    said = [drafts.normal(one.task.instruction) for one in proposer.proven]
    assert len(set(said)) == len(said)
    assert len({one.task.id for one in proposer.proven}) == len(said)


async def test_the_log_out_is_never_touched(library: Any, home: str) -> None:
    await explored(library, home)
    assert "goto /logout" not in library.log
    assert "goto /shelf/poetry-1" in library.log


async def test_a_site_that_cannot_be_reset_is_left_as_it_is(library_forever: Any, home: str) -> None:
    proposer = await explored(library_forever, home, resettable=False)
    assert not [entry for entry in library_forever.log if entry.startswith("press")]
    assert "goto /logout" not in library_forever.log
    assert {"open", "lookup", "search", "compare"} <= {one.task.family for one in proposer.proven}
    assert not any(one.task.changes_state for one in proposer.proven)


async def test_proposals_follow_mastery(library: Any, home: str) -> None:
    proposer = await explored(library, home)
    rates = dict.fromkeys((one.task.family for one in proposer.proven), 0.0) | {"open": 0.5, "lookup": 0.97}
    chosen = Counter(task.family for task in await proposer.propose(30, mastery=rates, seed=3))
    assert sum(chosen.values()) == 30
    assert chosen["open"] > 2 * chosen["lookup"]
    assert chosen.most_common(1)[0][0] == "open"


async def test_proposals_are_the_same_for_the_same_seed_and_new_ones_come_first(library: Any, home: str) -> None:
    proposer = await explored(library, home)
    state = proposer.state()
    first = await proposer.propose(10, mastery={}, seed=5)
    second = await proposer.propose(10, mastery={}, seed=5)
    assert [task.id for task in first] != [task.id for task in second]
    proposer.restore(json.loads(json.dumps(state)))
    assert await proposer.propose(10, mastery={}, seed=5) == first
    assert len({task.id for task in first}) == 10


async def test_what_is_mastered_is_composed_into_longer_tasks(library: Any, home: str) -> None:
    proposer = await explored(library, home)
    assert not any(one.task.family == "search+toggle+search+lookup" for one in proposer.proven)
    await proposer.propose(4, mastery={"search+toggle": 0.95, "search+lookup": 0.9}, seed=0)
    longer = [one for one in proposer.proven if one.task.family.count("+") == 3]
    assert longer
    assert max(len(one.demonstration) for one in longer) >= 5
    assert proposer.state()["composed"]


async def test_held_out_tasks_are_removed(library: Any, home: str) -> None:
    proposer = await explored(library, home)
    one, other, third = (proposer.proven[at].task for at in (0, 10, 20))
    heldout = [
        Task(id="h1", instruction=f"  {one.instruction.upper()} ", start_url="/elsewhere"),
        other.model_copy(update={"id": "h2", "instruction": "Said in another way"}),
    ]
    assert proposer.exclude(heldout) >= 2
    left = {task.id for task in await proposer.propose(200, mastery={}, seed=0)}
    assert not {one.id, other.id} & left
    assert third.id in left


async def test_a_held_out_question_is_known_by_its_start_and_answer(library: Any, home: str) -> None:
    proposer = await explored(library, home)
    one = next(one.task for one in proposer.proven if one.task.family == "lookup")
    assert isinstance(one.check, AnswerCheck)
    unchanged = FunctionalCheck(expect={"changed": []})
    check = AllCheck(of=(AnswerCheck(equals=one.check.equals.upper()), unchanged))
    told = one.model_copy(update={"id": "h", "instruction": "Said in another way", "check": check})
    assert proposer.exclude([told.model_copy(update={"start_url": "/elsewhere"})]) == 0
    assert proposer.exclude([told]) >= 1
    assert one.id not in {one.task.id for one in proposer.proven}


async def test_hindsight_asks_for_what_was_answered_and_never_what_is_held_out(library: Any, home: str) -> None:
    proposer = await explored(library, home)
    book = BOOKS["8"]
    environment = await library.acquire()
    task = Task(id="t", instruction="Who wrote it?", start_url="/shelf/travel-2", check=AnswerCheck(equals="nobody"))
    seen = await environment.reset(task)
    steps = []
    for line in (f'click link "{book[0]}"', f'answer definition "Pages" = "{book[4]}"'):
        steps.append(Step(observation=seen, action=actions.parse(line)))
        seen = (await environment.step(steps[-1].action)).observation
    failed = Trajectory(id="e", task=task, steps=tuple(steps), answer=str(book[4]))
    found = proposer.hindsight(failed, seed=1)
    assert found is not None
    assert found.first == 0
    assert book[0] in found.instruction
    assert "pages" in found.instruction.lower()
    uncited = steps[1].model_copy(update={"action": actions.parse('answer "340"')})
    elsewhere = failed.model_copy(update={"steps": (steps[0], uncited)})
    assert proposer.hindsight(elsewhere, seed=1) is None
    proposer.exclude(
        [Task(id="h", instruction="Said so", start_url="/shelf/travel-2", check=AnswerCheck(equals=str(book[4])))]
    )
    assert proposer.hindsight(failed, seed=1) is None


async def test_a_page_is_asked_about_and_never_for_what_is_held_out(library: Any, home: str) -> None:
    proposer = await explored(library, home)
    environment = await library.acquire()
    seen = await environment.reset(Task(id="t", instruction="", start_url="/book/8"))
    asked = proposer.questions(seen, 50, seed=1)
    answers = {actions.parse(line).arguments["text"] for _, line in asked}
    assert {"340", "$9.00"} <= answers
    assert all(answer.lower() not in said.lower().split() for said, _ in asked for answer in answers)
    assert len(proposer.questions(seen, 2, seed=1)) == 2
    held = Task(id="h", instruction="Said so", start_url="/book/8", check=AnswerCheck(equals="340"))
    proposer.exclude([held])
    left = {actions.parse(line).arguments["text"] for _, line in proposer.questions(seen, 50, seed=1)}
    assert left == answers - {"340"}


async def test_tasks_are_told_in_other_words_and_what_their_replay_showed_is_kept(library: Any, home: str) -> None:
    proposer = await explored(library, home)
    retold, replays, known = proposer.retold(), proposer.replays(), proposer.demonstrations()
    tasks = {one.task.id: one.task for one in proposer.proven}
    assert sum(len(said) for said in retold.values()) > 2 * len(tasks)
    for name, said in retold.items():
        assert len({*said, tasks[name].instruction}) == len(said) + 1
    for name, done in known.items():
        closed = len(done) - (tasks[name].check is not None and not isinstance(tasks[name].check, AnswerCheck))
        assert len(replays[name]) == closed + 1
    one = next(name for name, said in retold.items() if said)
    proposer.exclude([Task(id="h", instruction=retold[one][0].upper(), start_url="/elsewhere")])
    assert retold[one][0] not in proposer.retold()[one]


async def test_what_was_found_is_kept_and_read_back(library: Any, home: str, tmp_path: Path) -> None:
    proposer = await explored(library, home, directory=tmp_path)
    visits = len(library.log)
    again = ExploringProposer(library, [home], explore=CONFIG, resettable=True, directory=tmp_path)
    await again.explore()
    assert len(library.log) == visits
    assert again.proven == [one.model_copy(update={"seen": ()}) for one in proposer.proven]
    assert again.site == proposer.site
    line = json.loads((tmp_path / TASKS_FILE).read_text().splitlines()[0])
    assert {"id", "instruction", "start_url", "check", "max_steps", "family", "demonstration"} <= set(line)
    assert all(actions.parse(one) for one in line["demonstration"])
    assert line["start_url"].startswith("/")


async def test_damaged_files_name_the_fix(library: Any, home: str, tmp_path: Path) -> None:
    await explored(library, home, directory=tmp_path)
    (tmp_path / TASKS_FILE).write_text('{"id": 1}\n')
    with pytest.raises(TaskFileError, match=r"line 1 .* delete the file"):
        await explored(library, home, directory=tmp_path)
    (tmp_path / MAP_FILE).write_text("nonsense")
    with pytest.raises(TaskFileError, match="delete it"):
        await explored(library, home, directory=tmp_path)


async def test_a_site_that_shows_nothing_is_said_plainly(library: Any) -> None:
    class Dead:
        async def reset(self, task: object) -> None:
            raise EnvironmentFault("connection refused")

    async def acquire() -> Dead:
        return Dead()

    library.acquire = acquire
    proposer = ExploringProposer(library, ["http://127.0.0.1:9/"], explore=CONFIG, resettable=True)
    with pytest.raises(EnvironmentFault, match="could be read: connection refused"):
        await proposer.explore()


async def test_progress_is_told(library: Any, home: str) -> None:
    told: list[tuple[str, int, int]] = []
    await explored(library, home, progress=lambda *what: told.append(what))
    assert [phase for at, (phase, _, _) in enumerate(told) if not at or told[at - 1][0] != phase] == [
        "crawl",
        "try",
        "prove",
    ]
    assert told[-1] == ("prove", 120, 120)


def test_practice_goes_to_the_half_learned() -> None:
    share = mastery.weights(["none", "half", "done", "new"], {"none": 0, "half": 0.5, "done": 0.95}, mastered=0.9)
    assert share["half"] == share["new"] > share["none"] > share["done"] > 0


def test_compositions_join_what_goes_well() -> None:
    found = mastery.compositions({"open": 0.9, "lookup": 0.8, "toggle": 0.75, "form": 0.2}, above=0.7)
    assert found[0] == "open+lookup"
    assert "toggle+lookup" in found
    assert not any(family.startswith("lookup+") or "form" in family or family == "open+open" for family in found)
