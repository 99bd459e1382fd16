"""Task files: good lines are read, bad ones are named, and nothing that stands in a file can hurt."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.checks import AllCheck, AnswerCheck, FunctionalCheck, PageCheck, UrlCheck
from core.errors import StorageFault, TaskFileError
from core.types import Task
from evals import taskfile

GOOD: dict[str, Any] = {
    "id": "t1",
    "instruction": "Find the price of the blue mug",
    "start_url": "/",
    "check": {"kind": "answer", "equals": "12.50"},
    "max_steps": 5,
}


def written(path: Path, *lines: object) -> Path:
    file = path / "tasks.jsonl"
    file.write_bytes(b"".join((x if isinstance(x, bytes) else json.dumps(x).encode()) + b"\n" for x in lines))
    return file


def reason(path: Path, line: object) -> str:
    """Why a line is skipped, when it stands below a good one."""
    loaded = taskfile.load(written(path, GOOD, line))
    assert [task.id for task in loaded.tasks] == ["t1"]
    assert [problem.line for problem in loaded.problems] == [2]
    return loaded.problems[0].reason


def changed(**fields: object) -> dict[str, Any]:
    return {**GOOD, "id": "t2", **fields}


def test_every_kind_of_check_and_every_optional_field_is_read(tmp_path: Path) -> None:
    lines = [
        GOOD,
        changed(id="url", check={"kind": "url", "matches": r"/items/\d+$"}),
        changed(id="page", check={"kind": "page", "contains": ["Thank you"], "url": "/done"}),
        changed(id="all", check={"kind": "all", "of": [GOOD["check"], {"kind": "page", "contains": ["x"]}]}),
        changed(id="functional", check={"kind": "functional", "expect": {"cart": [1]}}),
        changed(id="rich", family="look-up", skill_tags=["a"], seed=7, changes_state=True),
        changed(id="absolute", start_url="https://example.test:8443/a?b=c#d"),
    ]
    loaded = taskfile.load(written(tmp_path, *lines))
    assert loaded.problems == ()
    assert loaded.summary == ""
    by_id = {task.id: task for task in loaded.tasks}
    assert list(by_id) == ["t1", "url", "page", "all", "functional", "rich", "absolute"]
    assert by_id["t1"] == Task(
        id="t1",
        instruction="Find the price of the blue mug",
        start_url="/",
        check=AnswerCheck(equals="12.50"),
        max_steps=5,
    )
    assert by_id["url"].check == UrlCheck(matches=r"/items/\d+$")
    assert by_id["all"].check == AllCheck(of=(AnswerCheck(equals="12.50"), PageCheck(contains=("x",))))
    assert by_id["functional"].check == FunctionalCheck(expect={"cart": [1]})
    assert (by_id["rich"].family, by_id["rich"].seed, by_id["rich"].changes_state) == ("look-up", 7, True)


def test_what_is_saved_is_loaded_again(tmp_path: Path) -> None:
    tasks = (
        Task(id="a", instruction="Öffne “x”", start_url="/ä", check=PageCheck(contains=("漢字",)), max_steps=3),
        Task(id="b", instruction="Do", start_url="/", check=UrlCheck(matches="x"), family="f", skill_tags=("s",)),
        Task(id="c", instruction="Do it", start_url="/", check=AnswerCheck(equals="1"), seed=3, changes_state=True),
    )
    path = tmp_path / "new" / "tasks.jsonl"
    taskfile.save(path, tasks)
    assert taskfile.load(path) == taskfile.TaskFile(tasks)
    assert sorted(json.loads(path.read_text(encoding="utf-8").splitlines()[0])) == sorted(taskfile.REQUIRED)
    assert [file.name for file in path.parent.iterdir()] == ["tasks.jsonl"]


def test_what_cannot_be_saved_leaves_the_old_file(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    with pytest.raises(TaskFileError, match="has no check"):
        taskfile.save(path, [Task(id="a", instruction="x", start_url="/")])
    assert len(taskfile.load(path).tasks) == 1
    with pytest.raises(StorageFault, match="could not be written"):
        taskfile.save(path / "below" / "tasks.jsonl", [])


def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    tasks = [Task(id=str(n), instruction="x" * 100, start_url="/", check=AnswerCheck(equals="1")) for n in range(100)]
    script = (
        "import resource, sys; from pathlib import Path\n"
        "from core.errors import StorageFault; from evals import taskfile\n"
        "tasks = taskfile.load(Path(sys.argv[1])).tasks * 2\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))\n"
        "try: taskfile.save(Path(sys.argv[2]), tasks)\n"
        "except StorageFault as fault: print(fault)\n"
    )
    taskfile.save(tmp_path / "many.jsonl", tasks)
    command = [sys.executable, "-c", script, str(tmp_path / "many.jsonl"), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3])
    assert "could not be written" in done.stdout
    assert sorted(file.name for file in tmp_path.iterdir()) == ["many.jsonl", "tasks.jsonl"]
    assert [task.id for task in taskfile.load(path).tasks] == ["t1"]


@pytest.mark.parametrize("name", taskfile.REQUIRED)
def test_a_missing_field_is_named(tmp_path: Path, name: str) -> None:
    line = changed()
    del line[name]
    assert reason(tmp_path, line) == f"'{name}' is missing"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"{", "it is not JSON"),
        (b"not json", "it is not JSON"),
        (b'{"id": "a"} {"id": "b"}', "it is not JSON"),
        (b"[1, 2]", "it is not a JSON object"),
        (b"null", "it is not a JSON object"),
        (b'"text"', "it is not a JSON object"),
        (b"\xff\xfe{}", "it is not UTF-8"),
        (b'{"id": "\x00"}', "it holds a NUL byte"),
        (b"[" * 50_000, "too deep"),
        (b'{"max_steps": ' + b"9" * 5_000 + b"}", "a number too long"),
        (b'{"max_steps": NaN}', "NaN is not a number"),
        (b'{"id": "a", "id": "b"}', "'id' stands there twice"),
        (b'{"id": "' + b"x" * 200_000 + b'"}', "longer than 100000 bytes"),
        (changed(id=5), "'id' must be a text, not a number"),
        (changed(id=""), "'id' is empty"),
        (changed(id="x" * 201), "'id' is longer than 200"),
        (changed(id="t1"), "the id 't1' was used before"),
        (changed(instruction=["x"]), "'instruction' must be a text, not a list"),
        (changed(instruction=" \n"), "'instruction' is empty"),
        (changed(instruction="a\ud800b"), "half a surrogate pair"),
        (changed(instruction="a\u0000b"), "a NUL character"),
        (changed(family=None), "'family' must be a text, not null"),
        (changed(seed="x"), "'seed' is not possible"),
        (changed(max_steps=0), "'max_steps' must be a whole number from 1 to 1000"),
        (changed(max_steps=True), "'max_steps' must be a whole number"),
        (changed(max_steps=2.5), "'max_steps' must be a whole number"),
        (changed(max_steps="5"), "'max_steps' must be a whole number"),
        (changed(max_steps=1001), "'max_steps' must be a whole number"),
        (changed(start_url="javascript:alert(1)"), "must begin with http://"),
        (changed(start_url="file:///etc/passwd"), "must begin with http://"),
        (changed(start_url="data:text/html,x"), "must begin with http://"),
        (changed(start_url="//other.test/x"), "must begin with http://"),
        (changed(start_url="http:///x"), "must begin with http://"),
        (changed(start_url="http://[1/x"), "is not a URL"),
        (changed(start_url="http://a.test:99999/x"), "is not a URL"),
        (changed(start_url="/a b"), "write them as %xx"),
        (changed(start_url="\\\\other.test\\x"), "write them as %xx"),
        (changed(check="answer"), "'check' must be an object with a 'kind', not a text"),
        (changed(check=None), "'check' must be an object with a 'kind', not null"),
        (changed(check={}), "'check' has no 'kind', which is one of answer, url,"),
        (changed(check={"kind": "answr"}), "'check' has an unknown 'kind'; it is one of answer, url,"),
        (changed(check={"kind": "answer"}), "'check.equals' is missing"),
        (changed(check={"kind": "answer", "equals": None}), "'check.equals' is not possible"),
        (changed(check={"kind": "answer", "equals": True}), "'check.equals' is not possible"),
        (changed(check={"kind": "answer", "equals": " "}), "'equals' is empty"),
        (changed(check={"kind": "answer", "equals": "x", "case": 1}), "'check.case' is not a field of this check"),
        (changed(check={"kind": "page", "contains": "x"}), "'check.contains' is not possible"),
        (changed(check={"kind": "page", "contains": []}), "'check.contains' is not possible"),
        (changed(check={"kind": "page", "contains": ["a", " "]}), "an empty text"),
        (changed(check={"kind": "page", "contains": [3]}), "'check.contains.0' is not possible"),
        (changed(check={"kind": "url", "matches": "("}), "is not a regular expression"),
        (changed(check={"kind": "url", "matches": ""}), "1 to 500 characters"),
        (changed(check={"kind": "url", "matches": "x" * 501}), "1 to 500 characters"),
        (changed(check={"kind": "url", "matches": "(" * 400 + ")" * 400}), "is not a regular expression"),
        (changed(check={"kind": "page", "contains": ["x"], "url": "x" * 501}), "1 to 500 characters"),
        (changed(check={"kind": "all", "of": []}), "'check.of' is not possible"),
        (changed(check={"kind": "any", "of": [{"kind": "url", "matches": "["}]}), "'check.of.0.matches'"),
        (changed(check={"kind": "any", "of": [GOOD["check"]] * 101}), "more than 100 parts"),
        (changed(check={"kind": "functional", "expect": {}}), "'check.expect' is not possible"),
    ],
)
def test_a_bad_line_is_skipped_with_its_reason(tmp_path: Path, line: object, expected: str) -> None:
    said = reason(tmp_path, line)
    assert expected in said
    assert len(said) < 400
    assert "\n" not in said


def test_deep_nesting_is_refused_before_it_can_exhaust_the_stack(tmp_path: Path) -> None:
    check: dict[str, Any] = {"kind": "answer", "equals": "1"}
    for _ in range(150):
        check = {"kind": "all", "of": [check]}
    assert "nested deeper than 8 levels" in reason(tmp_path, changed(check=check))


def test_a_number_may_be_the_expected_answer(tmp_path: Path) -> None:
    line = changed(check={"kind": "answer", "equals": 1299})
    assert taskfile.load(written(tmp_path, line)).tasks[0].check == AnswerCheck(equals="1299")


def test_of_ten_thousand_lines_a_hundred_broken_ones_are_counted(tmp_path: Path) -> None:
    broken = [b"{", b"null", b'{"id": "x"}', json.dumps({**GOOD, "max_steps": -1}).encode(), b"\xff"]
    lines = [broken[n // 100 % 5] if n % 100 == 6 else {**GOOD, "id": f"t{n}"} for n in range(10_000)]
    loaded = taskfile.load(written(tmp_path, *lines))
    assert len(loaded.tasks) == 9_900
    assert [problem.line for problem in loaded.problems] == list(range(7, 10_001, 100))
    assert loaded.summary.startswith("100 of 10000 lines skipped, first: line 7: it is not JSON")
    assert "\n" not in loaded.summary


def test_an_over_long_line_counts_as_one_and_the_next_is_read(tmp_path: Path) -> None:
    loaded = taskfile.load(written(tmp_path, b"x" * 1_000_000, GOOD))
    assert [(problem.line, len(problem.reason) < 100) for problem in loaded.problems] == [(1, True)]
    assert loaded.tasks[0].id == "t1"


def test_blank_lines_windows_line_ends_and_a_byte_order_mark_are_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    good, other = json.dumps(GOOD).encode(), json.dumps(changed()).encode()
    path.write_bytes(b"\xef\xbb\xbf" + good + b"\r\n\r\n  \n" + other)
    loaded = taskfile.load(path)
    assert [task.id for task in loaded.tasks] == ["t1", "t2"]
    assert loaded.problems == ()


def test_fields_without_a_meaning_are_ignored_but_said(tmp_path: Path) -> None:
    loaded = taskfile.load(written(tmp_path, changed(difficulty=3), changed(id="t3", difficulty=4, famly="x")))
    assert len(loaded.tasks) == 2
    assert loaded.summary == "fields without a meaning were ignored: difficulty, famly"


def test_a_file_that_cannot_be_used_is_an_error_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TaskFileError, match="there is no task file"):
        taskfile.load(tmp_path / "missing.jsonl")
    with pytest.raises(TaskFileError, match="cannot be read"):
        taskfile.load(tmp_path)
    with pytest.raises(TaskFileError, match=r"holds no usable task: it is empty"):
        taskfile.load(written(tmp_path))
    with pytest.raises(TaskFileError, match=r"holds no usable task; line 1: it is not JSON"):
        taskfile.load(written(tmp_path, b"?", b"!"))


def test_a_file_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taskfile, "_LARGEST_FILE", 1_000_000)
    with pytest.raises(TaskFileError, match="cannot be read: it is larger than"):
        taskfile.load(Path("/dev/zero"))
