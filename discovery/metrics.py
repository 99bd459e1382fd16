"""What a run writes down about itself: metrics.jsonl, TensorBoard's event files and summary.json."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from discovery.rundirectory import RunDirectory, storage_faults

FILE = "metrics.jsonl"


@dataclass(frozen=True)
class Summary:
    """The outcome of a run. `heldout` has `initial`, `control`, `final` (each `success`, `n`, `ci95`) and `gain`.

    `status` is `finished` (a limit was reached) or `stopped` (somebody asked, or nothing could be done);
    `reason` says which in a sentence. Parts of `heldout` that were not measured are None. `costs` are the accounts
    of the model endpoints by role (`serving.ledger.Usage`), empty where none was asked.
    """

    status: str
    reason: str
    iterations: int = 0
    episodes: int = 0
    steps: int = 0
    wall_s: float = 0.0
    policy_version: int = 0
    heldout: dict[str, Any] = field(default_factory=dict)
    costs: dict[str, Any] = field(default_factory=dict)

    def write(self, directory: RunDirectory) -> None:
        """As summary.json; raises `StorageFault`."""
        directory.write_json("summary.json", asdict(self))


class MetricsLog:
    """Appends each iteration's line exactly once, over all sessions of a run."""

    def __init__(self, directory: RunDirectory) -> None:
        self._directory = directory
        self._written = {line["iteration"] for line in directory.read_lines(FILE)}
        self._board: Any = None

    def has(self, iteration: int) -> bool:
        return iteration in self._written

    def append(self, line: Mapping[str, Any]) -> None:
        """Write an iteration's line, unless it is there already; raises `StorageFault`."""
        iteration = int(line["iteration"])
        if iteration in self._written:
            return
        self._directory.append_line(FILE, json.dumps({name: _finite(value) for name, value in line.items()}))
        self._written.add(iteration)
        with storage_faults("the TensorBoard files"):
            if self._board is None:
                from torch.utils.tensorboard import SummaryWriter  # takes a second to import

                self._board = SummaryWriter(str(self._directory.root / "tensorboard"), purge_step=iteration)
            for name, value in line.items():
                if isinstance(value, int | float) and name != "iteration":
                    self._board.add_scalar(name, value, iteration)
            self._board.flush()

    def close(self) -> None:
        if self._board is not None:
            self._board.close()


def _finite(value: Any) -> Any:
    """JSON knows no NaN: what is not a finite number is null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
