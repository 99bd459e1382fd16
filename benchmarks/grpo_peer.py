"""The process that holds TRL for `benchmarks/grpo.py`; what is said to it is told in `benchmarks/grpo_trl.py`."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from benchmarks.grpo_settings import Setting
from core.errors import InfrastructureError, UserError

PEER = Path(__file__).with_name("grpo_trl.py")
REQUIREMENTS = Path(__file__).with_name("requirements-trl.txt")


class Peer:
    """The process that holds TRL; `patience` is how many seconds an answer may take."""

    def __init__(self, python: Path, folder: Path, *, patience: float) -> None:
        self._command = [str(python), str(PEER), str(folder)]
        self._log = folder / "trl.log"
        self.patience = patience
        self._process: subprocess.Popen[bytes] | None = None
        self.versions: dict[str, str] = {}

    def start(self) -> None:
        """Raises `UserError` where there is no such interpreter, or no TRL in it."""
        offline = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}
        try:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=os.environ | offline,
                    bufsize=0,
                    start_new_session=True,  # to end it with what it started
                )
        except OSError as error:
            raise UserError(
                f"'{self._command[0]}' cannot be started ({error.strerror}); name the bin/python of a virtual "
                "environment made as `python -m benchmarks.grpo --help` tells"
            ) from error
        try:
            self.versions = self._answer()
        except InfrastructureError as error:
            raise UserError(
                f"'{self._command[0]}' has no working TRL ({error}); install it as "
                f"`{self._command[0]} -m pip install -r {REQUIREMENTS}` does"
            ) from error

    @contextmanager
    def session(
        self, setting: Setting, *, threads: int, rows: int, steps: int, old: bool = False
    ) -> Iterator[Callable[..., dict[str, Any]]]:
        """A trainer that makes an update each time it is called; raises `InfrastructureError` with what went wrong."""

        def ask(request: dict[str, Any]) -> dict[str, Any]:
            self._send(request)
            answer = self._answer()
            if "ended" in answer:
                raise InfrastructureError(" ".join(answer["ended"].split()) or "it ended too early")
            return answer

        ask({"setting": setting, "threads": threads, "rows": rows, "steps": steps, "old": old})
        yield lambda kind, **more: ask({"kind": kind, **more})
        self._send({})
        self._answer()

    def close(self) -> None:
        """End the process, if it runs, and all that it started."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()
            self._process = None

    def _send(self, request: dict[str, Any]) -> None:
        if self._process is None:
            self.start()
        with suppress(BrokenPipeError):  # the answer will tell
            _pipe(self._process, "stdin").write(json.dumps(request).encode() + b"\n")

    def _answer(self) -> dict[str, Any]:
        process = self._process
        answers = _pipe(process, "stdout")
        if not select.select([answers], [], [], self.patience)[0]:
            self.close()
            raise InfrastructureError(f"no answer within {self.patience:g} s")
        line = answers.readline()
        if not line:
            assert process is not None
            code = process.wait()
            self.close()
            last = self._log.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
            raise InfrastructureError(f"it was ended by signal {-code}" if code < 0 else last[-1])
        answer: dict[str, Any] = json.loads(line)
        return answer


def _pipe(process: subprocess.Popen[bytes] | None, name: str) -> IO[bytes]:
    assert process is not None
    pipe: IO[bytes] = getattr(process, name)
    return pipe
