"""Tokens per second of an update: our trainer beside TRL's `GRPOTrainer` at its fastest settings, in one run.

    python3.11 -m venv TRL && TRL/bin/pip install torch==2.13.0     # first and alone, so that the CPU's build is taken
    TRL/bin/pip install -r benchmarks/requirements-trl.txt
    python -m benchmarks.grpo --trl-python TRL/bin/python [--threads 2] [--rows 128] [--output FILE]

Both get the model and the rows of `benchmarks/update.py`, in two processes that take turns update by update, so
that a busy machine disturbs both alike. Only the update is timed: no generation, no rewards. Rates count the rows'
own tokens, whether a system padded them or computed what they share only once. The rows come in two kinds of the
same lengths: in the one no two prompts begin alike; in the other prompts recur within a task, `--alike` as in
`benchmarks/update.py`. Its default gives what an iteration on the bundled shop had: half of the rows had the prompt
of another attempt too, and the rows as trees were two thirds of their tokens.

Equal work: both take `minibatches` optimizer steps in one pass, on float32 weights, with fused AdamW, the same clip
ranges and bound on the gradient's norm, and no KL term. TRL's loss is `dapo`, a sum over the tokens of an optimizer
step divided by their number, as ours is, so that not even a factor lies between the gradients. These are compared
for both kinds of rows, on equal weights and old log-probabilities. What differs is in TRL's favour: its batches are
padded before the clock runs, while ours lays out rows within the update, and no optimizer step follows another on
the same generation batch, which spares it the pass for old log-probabilities.

TRL's settings are tried in turn on a few rows, with the most threads: of each group of alternatives the fastest is
kept for the next. A setting that fails is listed with its reason, one that takes several times as long as the best
is given up. TRL pads prompts to the longest of a generation batch, and on a CPU its head computes logits at every
position. Small generation batches pad less (and divide the loss by their own numbers of tokens). There is no
padding-free or packed layout for `GRPOTrainer`; that of its experimental `AsyncGRPOTrainer`, which shares prefixes
too, needs FlashAttention kernels and a vLLM server.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from benchmarks.experiment import commit, machine
from benchmarks.grpo_peer import Peer
from benchmarks.grpo_settings import GROUPS, START, Outcome, Setting, search, words
from benchmarks.update import ATTEMPTS, STEPS, VOCABULARY, make_rows, model_folder
from cli.configuration import positive
from core.config import TrainingConfig
from core.errors import AutotelicError, InfrastructureError, UserError
from core.types import TrainingRow
from training import batches
from training.trainer import Trainer

Gradient = dict[str, torch.Tensor]
Turn = dict[str, float]  # seconds of an update: `wall`, and `cpu` of all threads

SCREENED = 16  # rows of the one optimizer step by which settings are compared
HOPELESS = 3.0  # times as slow as the best: given up if it is again
BEYOND = 10.0  # times as slow as the best: given up at once
NO_CLIPPING = 1e9


def unshared(rows: Sequence[TrainingRow], seed: int = 0) -> list[TrainingRow]:
    """Rows of the same lengths whose prompts have nothing in common."""
    generator = random.Random(seed)
    return [
        row.model_copy(update={"input_ids": (*_tokens(generator, _prompt(row)), *row.input_ids[_prompt(row) :])})
        for row in rows
    ]


def recurring(rows: Sequence[TrainingRow]) -> float:
    """Share of rows whose prompt another row has too."""
    counts = Counter(row.input_ids[: _prompt(row)] for row in rows)
    return sum(count for count in counts.values() if count > 1) / len(rows)


def padded(rows: Sequence[TrainingRow], size: int) -> int:
    """Tokens that TRL lays out: prompts and completions are padded to the longest of each `size` rows."""
    parts = [rows[at : at + size] for at in range(0, len(rows), size)]
    return sum(len(part) * (max(map(_prompt, part)) + max(map(_completion, part))) for part in parts)


def described(rows: Sequence[TrainingRow], config: TrainingConfig, size: int) -> dict[str, Any]:
    """What the rows are like, and how many tokens each system lays out for them."""
    ours = batches.micro_batches(rows, config.micro_batch_tokens)
    return {
        "rows": len(rows),
        "tokens": sum(len(row.input_ids) for row in rows),
        "trained": sum(map(_completion, rows)),
        "recurring": round(recurring(rows), 4),
        "laid_out": {"ours": sum(batch.input_ids.numel() for batch in ours), "trl": padded(rows, size)},
    }


def portable(row: TrainingRow) -> dict[str, Any]:
    """A row as TRL's process reads it."""
    begin = _prompt(row)
    return {
        "prompt": row.input_ids[:begin],
        "completion": row.input_ids[begin:],
        "advantage": row.advantages[-1],
        "logprobs": row.rollout_logprobs[begin:],
    }


def agreement(ours: Gradient, theirs: Gradient) -> dict[str, float]:
    """Cosine between two gradients, all parameters in one vector, and the first's norm over the second's."""
    if ours.keys() != theirs.keys():
        raise InfrastructureError(
            f"the gradients are of different parameters: {sorted(ours.keys() ^ theirs.keys())[:4]}"
        )
    a, b = (torch.cat([one[name].flatten().double() for name in sorted(ours)]) for one in (ours, theirs))
    return {"cosine": float(a @ b / (a.norm() * b.norm())), "norm_ratio": float(a.norm() / b.norm())}


def compared(ours: Sequence[Turn], theirs: Sequence[Turn], tokens: int) -> dict[str, Any]:
    """Rates, and how many times as fast ours is, from turns taken side by side: median, lowest, highest."""

    def spread(values: Sequence[float], digits: int) -> list[float]:
        return [round(value, digits) for value in (median(values), min(values), max(values))]

    return {
        "ours_tokens_per_s": spread([tokens / turn["wall"] for turn in ours], 1),
        "trl_tokens_per_s": spread([tokens / turn["wall"] for turn in theirs], 1),
        "ratio": spread([b["wall"] / a["wall"] for a, b in zip(ours, theirs, strict=True)], 3),
        "cpu_ratio": spread([b["cpu"] / a["cpu"] for a, b in zip(ours, theirs, strict=True)], 3),
    }


def tried(peer: Peer, setting: Setting, best: float, *, threads: int, repeats: int) -> Outcome:
    """Seconds of an optimizer step on the screened rows."""
    outcome = Outcome(setting)
    try:
        with peer.session(setting, threads=threads, rows=SCREENED, steps=1) as update:
            outcome.warm_up.append(update("none")["wall"])
            mishap = HOPELESS * best < outcome.warm_up[0] < BEYOND * best
            if setting["torch_compile"] or mishap:
                outcome.warm_up.append(update("none")["wall"])
            if (least := min(outcome.warm_up)) > HOPELESS * best:
                outcome.reason = f"given up: {least:.1f} s, where the best takes {best:.2f} s"
            else:
                outcome.seconds = [update("none")["wall"] for _ in range(repeats)]
    except InfrastructureError as error:
        outcome.reason = f"failed: {error}"
    return outcome


def gradients(
    peer: Peer, model: Path, kinds: dict[str, list[TrainingRow]], config: TrainingConfig, threads: int
) -> dict[str, dict[str, float]]:
    """How the gradients of the screened rows agree between the systems, for each kind of rows."""
    found = {}
    still = equal_terms(config) | START | {"max_grad_norm": NO_CLIPPING, "learning_rate": 0.0}
    with peer.session(still, threads=threads, rows=SCREENED, steps=1, old=True) as update:
        for kind, rows in kinds.items():
            theirs = model / f"gradient-{kind}.pt"
            update(kind, gradient=str(theirs))
            ours = our_gradient(model, rows[:SCREENED], config, threads)
            found[kind] = agreement(ours, torch.load(theirs, weights_only=True))
    return found


def our_gradient(model: Path, rows: Sequence[TrainingRow], config: TrainingConfig, threads: int) -> Gradient:
    """The gradient with which our trainer's only optimizer step on `rows` is taken."""
    whole = config.model_copy(update={"minibatches": 1, "max_grad_norm": NO_CLIPPING})
    trainer = Trainer(model, whole, threads=threads)
    found: Gradient = {}

    def keep(*_: Any) -> None:
        found.update({name: parameter.grad.clone() for name, parameter in trainer.model.named_parameters()})

    handle = register_optimizer_step_pre_hook(keep)
    try:
        trainer.update(rows, batch_id="gradient")
    finally:
        handle.remove()
    return found


def our_update(trainer: Trainer, rows: Sequence[TrainingRow]) -> Turn:
    """Seconds of an update by our trainer."""
    wall, cpu = time.perf_counter(), time.process_time()
    metrics = trainer.update(rows, batch_id=f"{trainer.version}")
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if metrics["steps"] != trainer.config.minibatches:
        raise InfrastructureError(
            f"our update took {metrics['steps']:g} optimizer steps, not {trainer.config.minibatches}"
        )
    return {"wall": wall, "cpu": cpu}


def take_turns(
    peer: Peer, setting: Setting, model: Path, kinds: dict[str, list[TrainingRow]], threads: int, repeats: int
) -> list[dict[str, Any]]:
    """Both systems' updates of each kind of rows, by turns."""
    config = TrainingConfig()
    trainer = Trainer(model, config, threads=threads)
    taken: dict[str, tuple[list[Turn], list[Turn]]] = {kind: ([], []) for kind in kinds}
    with peer.session(setting, threads=threads, rows=len(kinds["none"]), steps=config.minibatches) as update:
        our_update(trainer, kinds["none"][:SCREENED])
        update("none")
        for _ in range(repeats):
            for kind, (ours, theirs) in taken.items():
                ours.append(our_update(trainer, kinds[kind]))
                theirs.append(update(kind))
    return [
        {"threads": threads, "kind": kind}
        | compared(ours, theirs, sum(len(row.input_ids) for row in kinds[kind]))
        | {"ours_s": _turns(ours), "trl_s": _turns(theirs)}
        for kind, (ours, theirs) in taken.items()
    ]


def equal_terms(config: TrainingConfig) -> Setting:
    """What TRL has to do alike, whatever makes it fast."""
    return {
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": "constant",
        "weight_decay": config.weight_decay,
        "max_grad_norm": config.max_grad_norm,
        "epsilon": config.eps_low,
        "epsilon_high": config.eps_high,
        "beta": config.kl_coefficient,
        "loss_type": "dapo",
        "num_generations": ATTEMPTS,
        "optim": "adamw_torch_fused",
    }


def measure(given: argparse.Namespace, folder: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """The whole benchmark; `say` takes a line for people."""
    began = {"started": datetime.now(UTC).isoformat(timespec="seconds"), **commit()}
    config = TrainingConfig()
    equal = equal_terms(config)
    most = max(given.threads)
    peer = Peer(given.trl_python, folder, patience=given.patience)
    try:
        peer.start()
        say(f"TRL {peer.versions['trl']} is ready")
        model = _model(folder)
        rows = make_rows(given.rows, alike=given.alike, silent=0.0)
        kinds = {"none": unshared(rows), "recurring": rows}
        (folder / "rows.json").write_text(json.dumps({kind: [portable(row) for row in kinds[kind]] for kind in kinds}))

        def attempt(setting: Setting, best: float) -> Outcome:
            outcome = tried(peer, equal | setting, best, threads=most, repeats=given.repeats)
            say(f"TRL, {words(setting)}: {outcome.told()}")
            return replace(outcome, setting=setting)

        gradient = gradients(peer, model, kinds, config, most)
        say(f"gradients: {_agreement(gradient)}")
        best, outcomes = search(attempt, START, GROUPS)
        results = []
        for threads in given.threads:
            for result in take_turns(peer, equal | best.setting, model, kinds, threads, given.repeats):
                say(f"threads: {threads}, rows: {result['kind']}: ours is {result['ratio'][0]:.2f} times as fast")
                results.append(result)
    finally:
        peer.close()
    size = best.setting["generation_batch_size"] or given.rows // config.minibatches
    return {
        **began,
        "machine": machine(),
        "versions": {
            "ours": {"python": platform.python_version()} | {name: version(name) for name in ("torch", "transformers")},
            "trl": peer.versions,
        },
        "threads": given.threads,
        "repeats": given.repeats,
        "alike": given.alike,
        "rows": {kind: described(kinds[kind], config, size) for kind in kinds},
        "equal": equal,
        "gradient": gradient,
        "screening": {"rows": SCREENED, "threads": most},
        "settings": [
            {"setting": one.setting, "s": _rounded(one.seconds), "warm_up_s": _rounded(one.warm_up)}
            | ({"reason": one.reason} if one.reason else {})
            for one in outcomes
        ],
        "best": best.setting,
        "results": results,
    }


def table(line: dict[str, Any]) -> str:
    """The line of results, to be read."""
    screening = line["screening"]
    text = [
        f"TRL {line['versions']['trl']['trl']}, an optimizer step on {screening['rows']} rows, "
        f"threads: {screening['threads']}; median (range) of {line['repeats']}",
        *(
            f"  {words(one['setting']):50s} {Outcome(one['setting'], one['s'], reason=one.get('reason', '')).told()}"
            for one in line["settings"]
        ),
        f"  fastest: {words(line['best'])}",
        f"gradients: {_agreement(line['gradient'])}",
        "",
        f"the rows' own tokens per second of an update, median (range) of {line['repeats']}",
        f"threads  recurring  tokens  laid out, ours / TRL  {'ours':21s} {'TRL':21s} {'ratio':20s} of CPU time",
    ]
    for one in line["results"]:
        rows = line["rows"][one["kind"]]
        laid = f"{rows['laid_out']['ours']} / {rows['laid_out']['trl']}"
        ours, theirs = ("{:.0f} ({:.0f} to {:.0f})".format(*one[f"{side}_tokens_per_s"]) for side in ("ours", "trl"))
        text.append(
            f"{one['threads']:7d} {rows['recurring']:10.0%} {rows['tokens']:7d}  {laid:21s} {ours:21s} {theirs:21s} "
            + "{:20s} {}".format(*("{:.2f} ({:.2f} to {:.2f})".format(*one[name]) for name in ("ratio", "cpu_ratio")))
        )
    return "\n".join(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """The program; returns its exit code."""
    given = _parser().parse_args(arguments)
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:4.0f} s] {text}", file=sys.stderr, flush=True)

    try:
        _check(given)
        with tempfile.TemporaryDirectory() as scratch:
            line = measure(given, Path(scratch), say)
    except AutotelicError as error:
        print(f"grpo: {' '.join(str(error).split())}", file=sys.stderr)
        return 2 if isinstance(error, UserError) else 1
    print(table(line))
    if given.output is not None:
        with given.output.open("a") as file:
            file.write(json.dumps(line) + "\n")
    return 0


def _check(given: argparse.Namespace) -> None:
    """Raises `UserError` for what cannot be measured."""
    for threads in given.threads:
        positive("--threads", threads)
    positive("--repeats", given.repeats)
    positive("--patience", given.patience)
    whole = ATTEMPTS * STEPS * TrainingConfig().minibatches
    if given.rows <= 0 or given.rows % whole:
        raise UserError(f"--rows has to be a multiple of {whole}, whole tasks in each optimizer step, not {given.rows}")
    if not 0 <= given.alike <= 1:
        raise UserError(f"--alike has to be from 0 to 1, not {given.alike:g}")
    if given.output is not None and not given.output.parent.is_dir():
        raise UserError(f"there is no folder '{given.output.parent}' for --output; make it first")


def _parser() -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="benchmarks.grpo", description=__doc__, formatter_class=form)
    parser.add_argument("--trl-python", type=Path, required=True, help="interpreter of an environment that has TRL")
    parser.add_argument("--threads", type=int, nargs="+", default=[2])
    parser.add_argument("--rows", type=int, default=128, help="rows of an update (128)")
    parser.add_argument("--alike", type=float, default=0.4, help="as in benchmarks/update.py (0.4)")
    parser.add_argument("--repeats", type=int, default=3, help="measurements of each thing, after warming up (3)")
    parser.add_argument("--patience", type=float, default=150.0, help="seconds after which a setting is given up (150)")
    parser.add_argument("--output", type=Path, help="file to which a line of JSON is added")
    return parser


def _model(folder: Path) -> Path:
    """The model, with a tokenizer because TRL wants one; it never has anything to tokenise."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    special = {"pad_token": "<pad>", "eos_token": "<pad>"}
    tokenizer: Any = PreTrainedTokenizerFast
    tokenizer(tokenizer_object=Tokenizer(models.WordLevel({"<pad>": 0})), **special).save_pretrained(folder)
    return model_folder(folder)


def _agreement(gradient: dict[str, dict[str, float]]) -> str:
    return "; ".join(
        f"{kind}: cosine {one['cosine']:.6f}, norms {one['norm_ratio']:.6f} to 1" for kind, one in gradient.items()
    )


def _prompt(row: TrainingRow) -> int:
    return row.loss_mask.index(True)


def _completion(row: TrainingRow) -> int:
    return len(row.input_ids) - _prompt(row)


def _tokens(generator: random.Random, count: int) -> list[int]:
    return [generator.randrange(VOCABULARY) for _ in range(count)]


def _turns(turns: Sequence[Turn]) -> list[Turn]:
    return [{name: round(seconds, 3) for name, seconds in turn.items()} for turn in turns]


def _rounded(seconds: Sequence[float]) -> list[float]:
    return [round(value, 3) for value in seconds]


if __name__ == "__main__":
    sys.exit(main())
