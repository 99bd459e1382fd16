"""TRL's part of `benchmarks/grpo.py`, run by an interpreter that has TRL: `python grpo_trl.py FOLDER`.

FOLDER holds the model, its tokenizer and `rows.json`. A line of JSON on standard input opens a session: the
arguments of a `GRPOConfig` (those of the model's loading begin with `model.`), threads, the rows to take and over
how many optimizer steps to spread them. After `ready`, each further line asks for an update and is answered with
its seconds, until an empty object ends the session. Sessions run in processes of their own, because precision and
compilation are settings of a whole process; what ends one is answered with `ended`.

TRL's own `train()` does the work. Only `_generate_and_score_completions` is replaced: instead of sampling it
returns the same tensors, made before from the rows, with TRL's own padding. Timed is what lies between the
callbacks `on_step_begin` and `on_step_end`: the micro-batches' `training_step`, clipping, optimizer and zeroing.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset  # type: ignore[import-not-found, unused-ignore]
from transformers import TrainerCallback, TrainerControl
from trl import GRPOConfig, GRPOTrainer  # type: ignore[import-not-found, unused-ignore]
from trl.trainer.utils import pad  # type: ignore[import-not-found, unused-ignore]

Batch = dict[str, torch.Tensor]
Say = Callable[[dict[str, Any]], None]

_PAD = 0
_PROMPTS = 4096  # more than a session has steps for; they are drawn and never looked at


def prepared(rows: Sequence[dict[str, Any]], *, old: bool) -> Batch:
    """What `_generate_and_score_completions` returns for one generation batch; `old` with its log-probabilities.

    TRL needs those only where an update takes several optimizer steps from one generation batch.
    """
    prompts = [torch.tensor(row["prompt"]) for row in rows]
    completions = [torch.tensor(row["completion"]) for row in rows]
    mask = pad([torch.ones_like(ids) for ids in completions], padding_value=0, padding_side="right")
    batch = {
        "prompt_ids": pad(prompts, padding_value=_PAD, padding_side="left"),
        "prompt_mask": pad([torch.ones_like(ids) for ids in prompts], padding_value=0, padding_side="left"),
        "completion_ids": pad(completions, padding_value=_PAD, padding_side="right"),
        "completion_mask": mask,
        "advantages": torch.tensor([row["advantage"] for row in rows]),
        "num_items_in_batch": mask.sum(),
    }
    if old:
        logprobs = [torch.tensor(row["logprobs"]) for row in rows]
        batch["old_per_token_logps"] = pad(logprobs, padding_value=0.0, padding_side="right")
    return batch


class Lockstep(TrainerCallback):
    """Lets the training loop take an update's optimizer steps when one is asked for, and tells how long they took."""

    def __init__(self, batches: dict[str, list[Batch]], steps: int, say: Say) -> None:
        self._batches = batches
        self._steps = steps
        self._say = say
        self._request: dict[str, Any] = {}
        self._left: Iterator[Batch] = iter(())
        self._step = 0
        self._wall = self._cpu = 0.0

    def generate(self, _: Any) -> Batch:
        """The next generation batch of the update under way."""
        return next(self._left)

    def on_train_begin(self, *given: Any, **_: Any) -> None:
        self._say({"ready": True})  # nothing is asked before: it would be lost to the process that opens sessions
        self._next(given[2])

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self._wall -= time.perf_counter()
        self._cpu -= time.process_time()

    def on_pre_optimizer_step(self, *_: Any, **given: Any) -> None:
        if path := self._request.get("gradient"):
            parameters = given["model"].named_parameters()
            torch.save({name: parameter.grad.clone() for name, parameter in parameters}, path)

    def on_step_end(self, *given: Any, **_: Any) -> None:
        self._wall += time.perf_counter()
        self._cpu += time.process_time()
        self._step += 1
        if self._step == self._steps:
            self._say({"wall": self._wall, "cpu": self._cpu})
            self._next(given[2])

    def _next(self, control: TrainerControl) -> None:
        self._request = json.loads(sys.stdin.readline() or "{}")
        control.should_training_stop = not self._request
        self._left = iter(self._batches.get(self._request.get("kind", ""), ()))
        self._step, self._wall, self._cpu = 0, 0.0, 0.0


def session(folder: Path, request: dict[str, Any], say: Say) -> None:
    """Train with the settings asked for, as long as updates are."""
    torch.set_num_threads(request["threads"])
    if request["setting"]["torch_compile"]:
        # Compiled code is for one number of threads, and must not be there from another run.
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder / f"compiled-{request['threads']}")
        # Widths differ from one generation batch to the next: compile once for all, not for the first and then again.
        torch._dynamo.config.assume_static_by_default = False
    step = request["rows"] // request["steps"]
    size = request["setting"]["generation_batch_size"] or step
    batches = {
        kind: [prepared(rows[at : at + size], old=request["old"]) for at in range(0, request["rows"], size)]
        for kind, rows in json.loads((folder / "rows.json").read_text()).items()
    }
    setting = {name: value for name, value in request["setting"].items() if not name.startswith("model.")}
    loading = {name.removeprefix("model."): value for name, value in request["setting"].items() if name not in setting}
    config = GRPOConfig(
        output_dir=str(folder / "trained"),
        use_cpu=True,
        report_to="none",
        logging_strategy="no",
        save_strategy="no",
        disable_tqdm=True,
        max_steps=_PROMPTS,
        gradient_accumulation_steps=step // setting["per_device_train_batch_size"],
        model_init_kwargs=loading,
        **setting,
    )
    lockstep = Lockstep(batches, request["steps"], say)
    trainer = GRPOTrainer(
        str(folder),
        reward_funcs=lambda completions, **_: [0.0] * len(completions),
        args=config,
        train_dataset=Dataset.from_dict({"prompt": ["a"] * _PROMPTS}),
        callbacks=[lockstep],
    )
    trainer._generate_and_score_completions = lockstep.generate
    trainer.train()


def main() -> None:
    """Answer until standard input ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print must not get between the answers

    def say(answer: dict[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")

    names = ("torch", "transformers", "trl", "accelerate", "datasets")
    say({"python": platform.python_version(), **{name: version(name) for name in names}})
    while line := sys.stdin.readline():
        child = os.fork()
        if child == 0:
            reason = ""
            try:
                session(Path(sys.argv[1]), json.loads(line), say)
            except BaseException as error:
                traceback.print_exc()
                reason = f"{type(error).__name__}: {error}"
            say({"ended": reason})
            os._exit(0)
        if status := os.waitpid(child, 0)[1]:
            say({"ended": f"the process ended with status {status}"})


if __name__ == "__main__":
    main()
