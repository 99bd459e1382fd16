"""The record of episodes: what was acknowledged is there, whatever happens to the writer, the disk or the file."""

from __future__ import annotations

import math
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from core.checks import AnswerCheck
from core.errors import RunDirectoryError, StorageFault
from core.types import (
    Action,
    Completion,
    Element,
    GroundTruth,
    ImageRef,
    Observation,
    Step,
    StopReason,
    Task,
    Trajectory,
    Verdict,
)
from memory.trajectories import FILE_NAME, SCHEMA_VERSION, Tally, TrajectoryStore

ROOT = Path(__file__).parents[3]


def episode(
    name: str, *, iteration: int = 0, role: str = "train", family: str = "look-up", text: str = ""
) -> Trajectory:
    seen = Observation(
        url="http://127.0.0.1/items?page=2",
        title="Items: “all”",
        text=text or "Émile's  naïve 漢字\n\x00 page",
        elements=(Element(id="e1", role="button", name="Save", bounds=(1, 2, 3, 4), interactive=True),),
        screenshot=ImageRef(sha256="ab" * 32, width=10, height=20),
    )
    completion = Completion(
        prompt_ids=(1, 2, 3), output_ids=(4, 5), rollout_logprobs=(-0.1, -1e-17), text='click button "Save"'
    )
    step = Step(
        observation=seen,
        completion=completion,
        action=Action(name="click", arguments={"target": {"role": "button", "name": "Save"}}),
        info={"settled_ms": 41.5},
    )
    return Trajectory.model_validate(
        {
            "id": name,
            "task": Task(
                id=f"task-{name}", instruction="Save it", start_url="/", family=family, check=AnswerCheck(equals="1")
            ),
            "group_id": "g",
            "role": role,
            "steps": (step, step),
            "final_observation": seen,
            "stop_reason": StopReason.ANSWERED,
            "answer": "1",
            "iteration": iteration,
            "wall_s": 1.5,
        }
    )


def test_an_episode_comes_back_as_it_was(tmp_path: Path) -> None:
    given, truth = episode("a"), GroundTruth(evidence={"cart": [{"sku": "x", "count": 2}], "none": None})
    verdict = Verdict(value=1.0, evaluator="checks", explanation="yes")
    with TrajectoryStore(tmp_path) as store:
        assert store.add(given, truth, verdict)
    with TrajectoryStore(tmp_path) as store:
        assert store.get("a") == given
        assert store.truth("a") == truth
        assert store.verdict("a") == verdict


@pytest.mark.parametrize("odd", [math.inf, -math.inf, "\ud800", "\x00", 10**30, {"a": [True, None, 0.1]}])
def test_what_a_model_may_write_into_free_fields_survives(tmp_path: Path, odd: object) -> None:
    """Lone surrogates arrive through JSON arguments of actions, infinities through numbers like 1e999."""
    plain = episode("a")
    action = Action(name="use_skill", arguments={"skill": "s", "arguments": {"x": odd}})
    given = plain.model_copy(update={"steps": (plain.steps[0].model_copy(update={"action": action}),)})
    with TrajectoryStore(tmp_path) as store:
        store.add(given)
        assert store.get("a").steps[0].action.arguments["arguments"]["x"] == odd


def test_impossible_log_probabilities_are_not_mistaken_for_damage(tmp_path: Path) -> None:
    plain = episode("a")
    completion = Completion(prompt_ids=(1,), output_ids=(2,), rollout_logprobs=(-math.inf,))
    given = plain.model_copy(update={"steps": (plain.steps[0].model_copy(update={"completion": completion}),)})
    with TrajectoryStore(tmp_path) as store:
        store.add(given)
        assert store.get("a") == given


def test_adding_again_changes_nothing_but_fills_in_what_was_missing(tmp_path: Path) -> None:
    with TrajectoryStore(tmp_path) as store:
        assert store.add(episode("a", text="first"))
        assert not store.add(episode("a", text="second"), GroundTruth(evidence={"n": 1}), Verdict(value=0.0))
        assert not store.add(episode("a", text="third"), GroundTruth(evidence={"n": 2}), Verdict(value=1.0))
        assert store.get("a").steps[0].observation.text == "first"
        assert store.truth("a") == GroundTruth(evidence={"n": 1})
        assert store.verdict("a") == Verdict(value=0.0)
        assert store.count() == 1


def test_a_verdict_can_be_replaced_and_unscored_is_not_zero(tmp_path: Path) -> None:
    with TrajectoryStore(tmp_path) as store:
        for name, value in (("a", 1.0), ("b", 0.0), ("c", None)):
            store.add(episode(name), None, Verdict(value=value))
        store.add(episode("d"))
        assert store.by_family() == {"look-up": Tally(episodes=4, scored=2, successes=1)}
        assert store.by_family()["look-up"].success == 0.5
        store.set_verdict("b", Verdict(value=1.0, evaluator="again"))
        assert store.by_family()["look-up"].success == 1.0
        assert store.verdict("b") == Verdict(value=1.0, evaluator="again")
        assert store.verdict("d") is None
        with pytest.raises(RunDirectoryError, match="no episode 'nobody'"):
            store.set_verdict("nobody", Verdict(value=1.0))


def test_a_family_that_nobody_scored_has_no_success_rate(tmp_path: Path) -> None:
    with TrajectoryStore(tmp_path) as store:
        store.add(episode("a"), None, Verdict(value=None))
        assert store.by_family()["look-up"].success is None


def test_filters(tmp_path: Path) -> None:
    with TrajectoryStore(tmp_path) as store:
        for index in range(12):
            role, family = ("train", "heldout")[index % 2], ("form", "look-up", "table")[index % 3]
            store.add(episode(f"e{index}", iteration=index // 4, role=role, family=family))
        assert store.finished(1, "train") == ["e4", "e6"]
        assert store.finished(1) == ["e4", "e5", "e6", "e7"]
        assert store.finished(9) == []
        assert [t.id for t, _ in store.iterate(role="heldout", family="form")] == ["e3", "e9"]
        assert [s.id for s in store.summaries(iteration=0, family="form")] == ["e0", "e3"]
        assert store.count(iteration=2, role="heldout") == 2
        assert set(store.by_family(iteration=0, role="train")) == {"form", "table"}
        assert store.summaries()[0].steps == 2


def test_iterating_hands_out_the_verdict_and_lets_verdicts_be_written_meanwhile(tmp_path: Path) -> None:
    with TrajectoryStore(tmp_path) as store:
        for index in range(5):
            store.add(episode(f"e{index}"), None, Verdict(value=None))
        for trajectory, verdict in store.iterate():
            assert verdict == Verdict(value=None)
            store.set_verdict(trajectory.id, Verdict(value=1.0))
        assert store.by_family()["look-up"].successes == 5


def test_episodes_come_in_the_order_in_which_they_were_added(tmp_path: Path) -> None:
    with TrajectoryStore(tmp_path) as store:
        for name in ("b", "c", "a"):
            store.add(episode(name))
        assert store.finished(0) == [trajectory.id for trajectory, _ in store.iterate()] == ["b", "c", "a"]


def test_unknown_ids_are_refused_in_a_sentence(tmp_path: Path) -> None:
    with TrajectoryStore(tmp_path) as store:
        for ask in (store.get, store.verdict):
            with pytest.raises(RunDirectoryError, match="there is no episode 'x'"):
                ask("x")
        assert store.truth("x") is None


def test_many_threads_share_one_store(tmp_path: Path) -> None:
    with TrajectoryStore(tmp_path) as store:
        failures: list[BaseException] = []

        def work(worker: int) -> None:
            try:
                for index in range(10):
                    store.add(episode(f"{worker}-{index}"))
                    store.set_verdict(f"{worker}-{index}", Verdict(value=1.0))
                    store.by_family()
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(worker,)) for worker in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert store.by_family() == {"look-up": Tally(60, 60, 60)}


def test_another_process_reads_while_this_one_writes(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from memory.trajectories import TrajectoryStore\n"
        "store = TrajectoryStore(Path(sys.argv[1]), readonly=True)\n"
        "for line in sys.stdin: print(store.count(), store.get(line.strip()).id, flush=True)\n"
    )
    with TrajectoryStore(tmp_path) as store:
        store.add(episode("e0"))
        with subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        ) as reader:
            assert reader.stdin is not None
            assert reader.stdout is not None
            for index in range(1, 6):
                store.add(episode(f"e{index}"))
                reader.stdin.write(f"e{index}\n")
                reader.stdin.flush()
                assert reader.stdout.readline() == f"{index + 1} e{index}\n"
            reader.stdin.close()


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    with TrajectoryStore(tmp_path) as store:
        store.add(episode("a"))
        with TrajectoryStore(tmp_path, readonly=True) as reader:
            with pytest.raises(StorageFault, match="readonly"):
                reader.add(episode("b"))
            assert reader.count() == 1


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_trajectories import episode
from core.types import GroundTruth, Verdict
from memory.trajectories import TrajectoryStore
store = TrajectoryStore(Path(sys.argv[1]))
start = store.count()
for index in range(start, start + 100_000):
    text = "".join(chr(32 + (index * 7919 + k * k) % 90) for k in range(20_000))
    store.add(episode(f"e{index}", text=text), GroundTruth(evidence={"n": index}), Verdict(value=index % 2))
    print(index, flush=True)
"""


def test_kill_9_in_the_middle_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    acknowledged = -1
    for lines in (1, 7, 23):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(Path(__file__).parent)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        ) as writer:
            assert writer.stdout is not None
            for _ in range(lines):
                acknowledged = int(writer.stdout.readline())
            os.kill(writer.pid, signal.SIGKILL)
            rest = writer.stdout.read().split("\n")  # what it said before it died was acknowledged too
            acknowledged = max([acknowledged, *(int(line) for line in rest[:-1] if line)])
        with TrajectoryStore(tmp_path) as store:
            # One more may be there: committed, but killed before it could say so.
            assert store.count() in (acknowledged + 1, acknowledged + 2)
            for index in range(acknowledged + 1):
                assert store.get(f"e{index}").id == f"e{index}"
                assert store.truth(f"e{index}") == GroundTruth(evidence={"n": index})
                assert store.verdict(f"e{index}") == Verdict(value=index % 2)
        with sqlite3.connect(tmp_path / FILE_NAME) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        db.close()


def noise(size: int) -> str:
    """Text that does not compress."""
    return os.urandom(size).hex()


def test_a_full_database_is_a_storage_fault_and_keeps_what_was_there(tmp_path: Path) -> None:
    with TrajectoryStore(tmp_path) as store:
        store.add(episode("kept"), None, Verdict(value=1.0))
        pages = store._db.execute("PRAGMA page_count").fetchone()[0]
        store._db.execute(f"PRAGMA max_page_count={pages}")
        with pytest.raises(StorageFault, match="full"):
            store.add(episode("big", text=noise(200_000)), GroundTruth(evidence={"n": 1}))
        assert store.get("kept") == episode("kept")
        assert store.count() == 1
        assert store.truth("big") is None
        store._db.execute("PRAGMA max_page_count=1000000")
        assert store.add(episode("big", text=noise(200_000)))
        assert store.count() == 2


def test_an_episode_is_recorded_whole_or_not_at_all(tmp_path: Path) -> None:
    with TrajectoryStore(tmp_path) as store:
        store._db.execute("CREATE TEMP TRIGGER t BEFORE INSERT ON ground_truth BEGIN SELECT raise(ABORT, 'no'); END")
        with pytest.raises(StorageFault, match="no"):
            store.add(episode("a"), GroundTruth(evidence={"n": 1}))
        assert store.count() == 0
        store._db.execute("DROP TRIGGER t")
        assert store.add(episode("a"), GroundTruth(evidence={"n": 1}))


LIMITED = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_trajectories import episode, noise
from core.errors import StorageFault
from memory.trajectories import TrajectoryStore
store = TrajectoryStore(Path(sys.argv[1]))
store.add(episode("kept"))
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
refused = 0
for index in range(5):
    try:
        store.add(episode(f"big{index}", text=noise(200_000)))
    except StorageFault:
        refused += 1
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.add(episode("after"))
print(refused, store.get("kept").id, store.get("after").id, store.count())
"""


def test_a_write_that_the_operating_system_refuses_is_a_storage_fault_and_the_next_one_works(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path), str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert done.stdout.split() == ["5", "kept", "after", "2"]


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    TrajectoryStore(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE_NAME) as db:
        db.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    db.close()
    for readonly in (False, True):
        with pytest.raises(RunDirectoryError, match="newer version"):
            TrajectoryStore(tmp_path, readonly=readonly)


def test_foreign_missing_and_damaged_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="no record of episodes"):
        TrajectoryStore(tmp_path, readonly=True)
    (tmp_path / FILE_NAME).write_bytes(b"this is no database at all, but a text" * 100)
    with pytest.raises(RunDirectoryError, match="damaged"):
        TrajectoryStore(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    with sqlite3.connect(other / FILE_NAME) as db:
        db.execute("CREATE TABLE theirs (a)")
    db.close()
    with pytest.raises(RunDirectoryError, match="not a record of episodes"):
        TrajectoryStore(other)
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / FILE_NAME).touch()
    with pytest.raises(RunDirectoryError, match="no record yet"):
        TrajectoryStore(empty, readonly=True)
    TrajectoryStore(empty).close()


def test_a_damaged_row_does_not_spoil_the_others(tmp_path: Path) -> None:
    with TrajectoryStore(tmp_path) as store:
        store.add(episode("a"))
        store.add(episode("b"))
        store._db.execute("UPDATE episodes SET data = x'0011' WHERE id = 'a'")
        with pytest.raises(StorageFault, match=r"episode 'a' .* is damaged"):
            store.get("a")
        assert store.get("b") == episode("b")


def test_a_folder_that_cannot_be_made_is_a_storage_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageFault, match="cannot be opened"):
        TrajectoryStore(tmp_path / "file" / "run")
