"""One of the processes of `training/distributed`: `python -m training.worker DESCRIPTOR FOLDER`.

DESCRIPTOR is one end of a pair of sockets. Requests come in and answers go out, each a line of JSON; what is large
lies in FOLDER. When nobody holds the other end any more, however that came about, this process ends at once, whatever
it is doing, and takes the folder with it.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import AutotelicError

if TYPE_CHECKING:
    from training.trainer import Trainer


def serve(connection: socket.socket, folder: Path) -> None:
    """Answer requests, the first of which says what to train.

    Errors that say what is wrong with a request are answers. Any other ends the process.
    """
    trainer: Trainer | None = None
    for request in _requests(connection, folder):
        try:
            if trainer is None:
                trainer, result = _trainer(request, folder), None
            else:
                result = _carry_out(trainer, request)
            answer: dict[str, Any] = {"result": result, "version": trainer.version, "batch_ids": trainer.batch_ids}
        except (AutotelicError, ValueError) as error:
            answer = {"error": type(error).__name__, "message": str(error)}
        connection.sendall(json.dumps(answer).encode() + b"\n")


def _requests(connection: socket.socket, folder: Path) -> Iterator[dict[str, Any]]:
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:
        try:
            with connection.makefile("rb") as stream:
                for line in stream:
                    lines.put(line)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os._exit(0)  # from a thread, while the main one may wait for processes that are gone as well

    threading.Thread(target=read, daemon=True).start()
    while True:
        yield json.loads(lines.get())


def _trainer(setup: dict[str, Any], folder: Path) -> Trainer:
    import torch
    import torch.distributed as dist

    from core.config import TrainingConfig
    from training.sharding import Shards
    from training.trainer import Trainer

    device = torch.device("cpu")
    if setup["device"] == "cuda":
        device = torch.device("cuda", setup["rank"])
        torch.cuda.set_device(device)
    torch.set_num_threads(setup["threads"])
    dist.init_process_group(
        "nccl" if device.type == "cuda" else "gloo",
        # A file, since torch's own store listens on every address of the machine.
        init_method=f"file://{folder.resolve()}/store",
        rank=setup["rank"],
        world_size=setup["processes"],
    )
    return Trainer(
        Path(setup["model_dir"]),
        TrainingConfig.model_validate(setup["config"]),
        seed=setup["seed"],
        threads=setup["threads"],
        group=Shards(device),
    )


def _carry_out(trainer: Trainer, request: dict[str, Any]) -> dict[str, float] | None:
    from core.types import TrainingRow

    arguments = request["arguments"]
    if request["name"] in ("save", "restore"):
        (trainer.save if request["name"] == "save" else trainer.restore)(Path(arguments["directory"]))
        return None
    with Path(arguments.pop("rows")).open(encoding="utf-8") as lines:
        rows = [TrainingRow.model_validate(json.loads(line)) for line in lines]
    return trainer.update(rows, **arguments) if request["name"] == "update" else trainer.optimise(rows, **arguments)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as ours:
        serve(ours, Path(sys.argv[2]))
