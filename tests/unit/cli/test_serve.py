"""`autotelic serve`: what it refuses, and a whole life of it, from its first line to SIGTERM."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cli import main
from core.config import Config
from discovery.rundirectory import RunDirectory
from serving import EMBEDDED

PAGE = 'task Open the basket\npage "Shop"\nlink "Basket"\nlink "Tents"'


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A run with four iterations that still has the weights of three."""
    directory = RunDirectory.create(tmp_path / "r", Config())
    for number in range(4):

        def fill(folder: Path, number: int = number) -> None:
            shutil.copytree(EMBEDDED, folder / "weights")
            (folder / "state.json").write_text(json.dumps({"policy_version": 2 * number}))

        directory.commit(number, fill)
    directory.prune(keep=2)
    directory.close()
    return directory.root


@contextmanager
def serving(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str, list[str]]]:
    """The process, where it listens, and the lines that it begins with."""
    command = [sys.executable, "-m", "cli.main", "serve", *arguments, "--port", "0"]
    process = subprocess.Popen(
        ["env", *(f"{name}={value}" for name, value in environment.items()), *command],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(2)]
        found = re.search(r"http://[\d.]+:\d+", said[0])
        if found is None:
            pytest.fail(f"{said} {process.communicate()}")
        yield process, found[0], said
    finally:
        process.kill()
        process.communicate()


def fetch(url: str, body: Any = None, **headers: str) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def test_a_run_is_served_until_sigterm(run_dir: Path) -> None:
    with serving(str(run_dir)) as (process, url, said):
        names = ["iteration-0003", "iteration-0002", "iteration-0000", "embedded"]
        assert said[0] == f"listening on {url}/v1 · {names[0]} answers; also {', '.join(names[1:])}\n"
        listed = fetch(f"{url}/v1/models")["data"]
        assert [one["id"] for one in listed] == names
        assert [one["autotelic"]["policy_version"] for one in listed] == [6, 4, 0, 0]
        asked = subprocess.run(["bash", "-c", said[1]], capture_output=True, check=True)
        answer = json.loads(asked.stdout)
        assert answer["model"] == "iteration-0003"
        assert answer["autotelic"]["policy_version"] == 6
        assert answer["choices"][0]["message"]["content"]
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err) == (0, "", "")


@pytest.mark.slow
def test_an_iteration_can_be_the_default_and_a_key_be_required(run_dir: Path) -> None:
    with serving(str(run_dir), "--iteration", "2", AUTOTELIC_SERVE_KEY="s3cret") as (process, url, said):
        assert "iteration-0002 answers" in said[0]
        assert "$AUTOTELIC_SERVE_KEY" in said[1]
        with pytest.raises(urllib.error.HTTPError, match="401") as refused:
            fetch(f"{url}/v1/models")
        refused.value.close()
        asked = {"messages": [{"role": "user", "content": PAGE}]}
        answer = fetch(f"{url}/v1/chat/completions", asked, Authorization="Bearer s3cret")
        assert answer["model"] == "iteration-0002"
        process.send_signal(signal.SIGINT)
        assert (*process.communicate(timeout=60), process.returncode) == ("", "", 0)


@pytest.mark.slow
def test_a_stream_that_nobody_reads_does_not_keep_it_from_ending() -> None:
    asked = {
        "messages": [{"role": "user", "content": PAGE}], "stream": True, "n": 32, "temperature": 3,
        "max_tokens": 200, "logprobs": True, "return_token_ids": True,
    }  # fmt: skip
    body = json.dumps(asked).encode()
    with serving("embedded", "--free", "--host", "0.0.0.0") as (process, url, _), socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", int(url.rpartition(":")[2])))
        head = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        assert client.recv(12) == b"HTTP/1.1 200"
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, "")
        assert re.fullmatch(r"autotelic: whoever reaches 0\.0\.0\.0 can use this endpoint.*SERVE_KEY.*\n", err)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], ["'nowhere' holds neither a run nor a model"]),
        (["empty"], ["'empty' has no weights yet"]),
        (["r", "--iteration", "1"], ["'r' keeps no weights of iteration 1", "0, 2, 3"]),
        (["embedded", "--iteration", "1"], ["leave out --iteration"]),
        (["embedded", "--port", "-1"], ["--port has to be 0 or more"]),
        (["embedded", "--port", "70000"], ["port 70000 of 127.0.0.1 cannot be used", "--port"]),
        (["embedded", "--host", "192.0.2.1", "--port", "0"], ["port 0 of 192.0.2.1 cannot be used"]),
        (["broken"], ["'broken' cannot be loaded"]),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: list[str],
    words: list[str],
    run_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(run_dir.parent)
    RunDirectory.create(Path("empty"), Config()).close()
    Path("broken").mkdir()
    for file in EMBEDDED.iterdir():
        if file.is_file() and file.suffix != ".safetensors":
            shutil.copy(file, "broken")
    Path("broken/model.safetensors").write_bytes(b"no weights")
    _refused(arguments, words, capfd)


def test_a_port_in_use_is_one_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        _refused(["embedded", "--port", str(port)], [f"port {port} of 127.0.0.1 cannot be used"], capfd)


def test_an_empty_key_is_no_key(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("AUTOTELIC_SERVE_KEY", "")
    _refused(["embedded"], ["AUTOTELIC_SERVE_KEY is empty"], capfd)


def _refused(arguments: list[str], words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main.invoke(["serve", *arguments]) == 2
    said = capfd.readouterr().err
    assert said.startswith("autotelic: ")
    assert said.count("\n") == 1
    for word in words:
        assert word in said
