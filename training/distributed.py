"""A trainer of several processes, which looks like one: FSDP2 over the GPUs of this machine, or over CPU processes.

The processes are children of this one (`training/worker`), joined to it by a pair of sockets each and to each other by
NCCL or gloo on the loopback interface. They are not started by torchrun: its rendezvous listens on every address
of the machine and unpickles what it is sent. They end with this process, and when one of them does, so do all.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from core.config import TrainingConfig
from core.errors import ConfigError, RunDirectoryError, StorageFault, TrainerFault
from core.types import TrainingRow
from core.vision import is_vision
from training.trainer import device_of

if TYPE_CHECKING:
    from training.trainer import Objective

_ANSWERED = {kind.__name__: kind for kind in (ConfigError, RunDirectoryError, StorageFault, ValueError)}
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
_WRONG = re.compile(r"^[\w.]*(Error|Exception|Interrupt)\b|^\S+: No module named")
_TAIL = 64 * 1024  # bytes of a log that are searched for what went wrong
_APART_S = 30.0  # between the first answer and the last once one is an error: the rest may wait for it for ever
_ENDING_S = 10.0


@dataclass
class _Member:
    """One process. `began` is where its part of the log begins."""

    process: subprocess.Popen[bytes]
    connection: socket.socket
    log: Path
    began: int
    answer: bytearray = field(default_factory=bytearray)


class DistributedTrainer:
    """A `training.trainer.Trainer` over `config.processes` processes; its checkpoints are the same.

    One request at a time; `close` may be called during one, from another thread. `logs` is a folder for what the
    processes write. Raises `ConfigError` for what cannot be trained so, and here as in each method `TrainerFault`
    when a process ended, after which there is nothing left but to close.
    """

    def __init__(self, model_dir: Path, config: TrainingConfig, *, logs: Path, seed: int = 0, threads: int = 1) -> None:
        device = device_of(config.device).type
        if device == "cuda" and (found := torch.cuda.device_count()) < config.processes:
            raise ConfigError(
                f"training.processes={config.processes} needs as many GPUs, and torch finds {found} here; lower it, or"
                " set training.device=cpu"
            )
        if is_vision(Path(model_dir)):
            raise ConfigError("a vision-language model is trained by one process; set training.processes=1")
        self.model_dir = Path(model_dir)
        self.config = config
        self.version = 0
        self.batch_ids: list[str] = []
        self._fault = ""
        self._turn = threading.Lock()
        self._folder = tempfile.TemporaryDirectory(prefix="autotelic-trainer-")
        self._members: list[_Member] = []
        threads = max(1, threads // config.processes)
        setup = {
            "model_dir": str(self.model_dir.absolute()),
            "config": config.model_dump(mode="json"),
            "seed": seed,
            "threads": threads,
            "processes": config.processes,
            "device": device,
        }
        try:
            for rank in range(config.processes):
                self._members.append(self._start(rank, logs.absolute(), threads))
            with self._turn:
                self._tell([setup | {"rank": rank} for rank in range(config.processes)])
                self._result("start")
        except BaseException:
            self.close()
            raise

    def update(self, rows: Sequence[TrainingRow], *, batch_id: str) -> dict[str, float]:
        """As `Trainer.update`."""
        return self._train("update", rows, {"batch_id": batch_id})

    def optimise(
        self,
        rows: Sequence[TrainingRow],
        objective: Objective,
        *,
        batch_id: str,
        epochs: int | None = None,
        minibatches: int | None = None,
        learning_rate: float | None = None,
    ) -> dict[str, float]:
        """As `Trainer.optimise`."""
        arguments = {
            "objective": objective,
            "batch_id": batch_id,
            "epochs": epochs,
            "minibatches": minibatches,
            "learning_rate": learning_rate,
        }
        return self._train("optimise", rows, arguments)

    def save(self, directory: Path) -> None:
        """As `Trainer.save`, and to the same format: another number of processes may go on from it."""
        self._ask("save", {"directory": str(Path(directory).absolute())})

    def restore(self, directory: Path) -> None:
        """As `Trainer.restore`."""
        self._ask("restore", {"directory": str(Path(directory).absolute())})

    def close(self) -> None:
        """End the processes; what they are doing is given up."""
        self._fault = self._fault or "the trainer is closed"
        for member in self._members:
            with suppress(OSError):
                member.connection.shutdown(socket.SHUT_RDWR)  # not yet closed: another thread may be reading
        self._end(_ENDING_S)
        with self._turn:
            for member in self._members:
                member.connection.close()
        self._folder.cleanup()

    def _start(self, rank: int, logs: Path, threads: int) -> _Member:
        logs.mkdir(parents=True, exist_ok=True)
        path = logs / f"rank-{rank}.log"
        ours, theirs = socket.socketpair()
        loopback = next(name for _, name in socket.if_nameindex() if name.startswith("lo"))
        environment = {name: value for name, value in os.environ.items() if not _SECRET.search(name)}
        environment |= {"OMP_NUM_THREADS": str(threads), "PYTHONUNBUFFERED": "1"}
        environment |= {"GLOO_SOCKET_IFNAME": loopback, "NCCL_SOCKET_IFNAME": loopback}
        with theirs, path.open("ab") as log:
            descriptor = theirs.fileno()
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "training.worker", str(descriptor), self._folder.name],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                pass_fds=(descriptor,),
                start_new_session=True,  # what interrupts this process is not meant for it
            )
            return _Member(process, ours, path, log.tell())

    def _train(self, name: str, rows: Sequence[TrainingRow], arguments: dict[str, Any]) -> dict[str, float]:
        metrics: dict[str, float] = self._ask(name, arguments, rows)
        return metrics

    def _ask(self, name: str, arguments: dict[str, Any], rows: Sequence[TrainingRow] | None = None) -> Any:
        path = Path(self._folder.name) / "rows.jsonl"
        with self._turn:
            if self._fault:
                raise TrainerFault(self._fault)
            try:
                if rows is not None:
                    _write(rows, path)
                    arguments = arguments | {"rows": str(path)}
                self._tell([{"name": name, "arguments": arguments}] * len(self._members))
                return self._result(name)
            finally:
                path.unlink(missing_ok=True)

    def _tell(self, requests: Sequence[dict[str, Any]]) -> None:
        for rank, (member, request) in enumerate(zip(self._members, requests, strict=True)):
            try:
                member.connection.sendall(json.dumps(request).encode() + b"\n")
            except OSError:
                raise self._broken(rank) from None

    def _result(self, name: str) -> Any:
        """What the first process answers; the error of one of them where there is one."""
        answers = self._answers()
        errors = [answer for answer in answers if "error" in answer]
        if not errors:
            self.version, self.batch_ids = answers[0]["version"], answers[0]["batch_ids"]
            return answers[0]["result"]
        kind, message = errors[0]["error"], errors[0]["message"]
        if len(errors) < len(answers) and name != "save":  # which changes nothing, and is written by the first alone
            raise self._ended(f"the processes of the trainer differ: {message}")
        raise _ANSWERED.get(kind, TrainerFault)(message)

    def _answers(self) -> list[dict[str, Any]]:
        answers: dict[int, dict[str, Any]] = {}
        until: float | None = None
        with selectors.DefaultSelector() as selector:
            for rank, member in enumerate(self._members):
                member.answer.clear()
                selector.register(member.connection, selectors.EVENT_READ, rank)
            while len(answers) < len(self._members):
                ready = selector.select(None if until is None else max(0.0, until - time.monotonic()))
                if not ready:
                    message = next(answer["message"] for answer in answers.values() if "error" in answer)
                    raise self._ended(f"one process of the trainer failed: {message}")
                for key, _ in ready:
                    member = self._members[key.data]
                    part = _received(member.connection)
                    if not part:
                        raise self._broken(key.data)
                    member.answer += part
                    if part.endswith(b"\n"):
                        answers[key.data] = json.loads(member.answer)
                        selector.unregister(member.connection)
                        if "error" in answers[key.data] and until is None:
                            until = time.monotonic() + _APART_S
        return [answers[rank] for rank in range(len(self._members))]

    def _broken(self, rank: int) -> TrainerFault:
        """The end of a process, whose connection `rank` broke first; others may have lost it before."""
        if self._fault:
            return TrainerFault(self._fault)
        with suppress(subprocess.TimeoutExpired):
            self._members[rank].process.wait(_ENDING_S)
        codes = [member.process.poll() for member in self._members]
        rank = next((rank for rank, code in enumerate(codes) if code is not None and code < 0), rank)
        code, member = codes[rank], self._members[rank]
        how = f"was killed by {signal.Signals(-code).name}" if code is not None and code < 0 else "ended"
        return self._ended(f"process {rank} of the trainer {how}: {_last_words(member)} (its log is '{member.log}')")

    def _ended(self, fault: str) -> TrainerFault:
        self._fault = fault
        self._end(0.0)
        return TrainerFault(fault)

    def _end(self, grace: float) -> None:
        until = time.monotonic() + grace
        for member in self._members:
            with suppress(subprocess.TimeoutExpired):
                member.process.wait(max(0.0, until - time.monotonic()))
            member.process.kill()
            member.process.wait()


def _write(rows: Sequence[TrainingRow], path: Path) -> None:
    try:
        with path.open("w", encoding="utf-8") as file:
            for row in rows:
                file.write(json.dumps(row.model_dump()) + "\n")  # unlike pydantic's own, with what is not finite
    except OSError as error:
        raise StorageFault(f"the rows of an update could not be written to '{path.parent}': {error}") from error


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(2**16)
    except OSError:
        return b""


def _last_words(member: _Member) -> str:
    """What the log gives as the reason of an end."""
    with member.log.open("rb") as log:
        log.seek(max(member.began, member.log.stat().st_size - _TAIL))
        lines = [line.strip() for line in log.read().decode("utf-8", "replace").splitlines() if line.strip()]
    wrong = [line for line in lines if _WRONG.search(line)]
    return " | ".join(wrong[-1:] or lines[-3:]) or "it said nothing"
