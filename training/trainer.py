"""The learner: rows of judged tokens in, new weights and an honest account of the update out.

On one machine and one thread count, the same rows on the same state give bitwise the same weights.
"""

from __future__ import annotations

import copy
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Literal

import torch

from core.config import TrainingConfig
from core.errors import ConfigError, RunDirectoryError
from core.types import TrainingRow
from core.vision import LoadImage, Pictures
from training import batches, checkpoint, losses, proximal
from training import lora as adapters
from training import model as models
from training.group import Group

Objective = Literal["surrogate", "imitation"]


class Trainer:
    """Owns a model and its optimizer. Not safe for concurrent calls; `update` may run in a worker thread.

    `model_dir` is the run's *initial* model: it is the frozen reference of the KL term, and the source
    of tokenizer files. `load_image` finds the pictures of rows, for a model that sees. `version` counts the
    updates that changed the weights. Where several processes train together, each has a trainer, `group` is
    where it stands among them, and all calls are made in every one.
    """

    def __init__(
        self,
        model_dir: Path,
        config: TrainingConfig,
        *,
        seed: int = 0,
        threads: int = 1,
        group: Group | None = None,
        load_image: LoadImage = lambda _: None,
    ) -> None:
        self.model_dir = Path(model_dir)
        self.config = config
        self.threads = threads
        self.version = 0
        self.batch_ids: list[str] = []
        self._group = group or Group(device_of(config.device))
        lora, half = config.lora_rank > 0, config.dtype == "bfloat16"
        # Weights that are trained are float32, or small updates would be rounded away; those of a base need not be.
        self.model = models.load(self.model_dir, dtype=torch.bfloat16 if lora and half else torch.float32)
        self._autocast = half and not lora
        self._adapted = adapters.add(self.model, self.model_dir, config, seed=seed) if lora else None
        self._reference: Any = None
        if config.kl_coefficient > 0 and not lora:  # the base beneath an adapter is its own reference
            self._reference = copy.deepcopy(self.model).requires_grad_(False)
        if config.recompute_activations:
            models.recompute_activations(self.model)
        self._group.place(self.model, half=self._autocast)
        if self._reference is not None:
            self._group.place(self._reference, half=self._autocast)
        if models.sees(self.model):
            self._group.pictures = Pictures(self.model_dir, load_image)
        self._share_prefixes = models.can_share_prefixes(self.model)
        self._optimizer = _optimizer(self.model, config)
        self._generator = torch.Generator().manual_seed(seed)
        self._steps = 0

    def update(self, rows: Sequence[TrainingRow], *, batch_id: str) -> dict[str, float]:
        """One update by the configured algorithm, and its metrics.

        Rows without any advantage are left out: they carry no signal, and a token of a row that does
        weighs the same whatever came with it. `updated` is 0 when nothing was left, when every step
        was skipped as not finite, or (`repeated` is 1) when `batch_id` was applied before.
        """
        objective: Objective = "imitation" if self.config.algorithm == "filtered_bc" else "surrogate"
        return self.optimise(rows, objective, batch_id=batch_id)

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
        """`update` with the objective and, where given, the schedule named by the caller."""
        torch.set_num_threads(self.threads)  # here, because OpenMP keeps the number by calling thread
        batches.check(rows, self.model.config.get_text_config().vocab_size)
        for row in rows:
            if self._group.pictures is not None:
                self._group.pictures.check(row.input_ids, row.images)
            elif row.images:
                raise ValueError(f"a row of rollout '{row.rollout_id}' has pictures, which this model cannot be shown")
        metrics = _layout(rows, self.version) | {"updated": 0.0, "repeated": 0.0, "steps": 0.0, "skipped_steps": 0.0}
        if batch_id in self.batch_ids:
            return metrics | {"repeated": 1.0}
        rows = [row for row in rows if any(row.advantages)]
        tokens = sum(sum(row.loss_mask) for row in rows)
        metrics["tokens"] = float(tokens)
        self.batch_ids.append(batch_id)
        if not tokens:
            return metrics
        rate = self.config.learning_rate if learning_rate is None else learning_rate
        account, began = _Account(), time.monotonic()
        correction: dict[str, float] = {}
        if self.config.importance_cap and objective == "surrogate":
            rows, correction = self._decoupled(rows)
        else:
            rows = self._as_if_sampled(rows)
        passes = epochs or self.config.epochs
        parts = min(minibatches or self.config.minibatches, len({row.rollout_id for row in rows}))
        for _ in range(passes):
            for minibatch in self._split(rows, parts):
                self._set_rate(rate)
                self._step(minibatch, objective, tokens / parts, account)
        self.version += account.steps > 0
        metrics |= {"updated": float(account.steps > 0), "learning_rate": rate}
        metrics["update_tokens"] = float(passes * sum(len(row.input_ids) for row in rows))
        metrics["update_s"] = time.monotonic() - began
        metrics |= account.metrics()
        if correction and account.steps:  # measured from the proximal policy, which the ratios are against
            metrics["proximal_kl"] = metrics.pop("rollout_kl")
        return metrics | correction

    def _set_rate(self, rate: float) -> None:
        """The learning rate of the next optimizer step: `rate`, less while warming up."""
        share = min(1.0, (self._steps + 1) / (self.config.warmup + 1))
        for group in self._optimizer.param_groups:
            group["lr"] = rate * share

    def _as_if_sampled(self, rows: Sequence[TrainingRow]) -> list[TrainingRow]:
        """Rows without log-probabilities get those of the present weights, so that their ratio starts at one."""
        made = list(rows)
        missing = [index for index, row in enumerate(rows) if not row.rollout_logprobs]
        values = self._present_logprobs([rows[index] for index in missing])
        for index, known in zip(missing, values, strict=True):
            made[index] = proximal.with_logprobs(rows[index], known)
        return made

    def _decoupled(self, rows: Sequence[TrainingRow]) -> tuple[list[TrainingRow], dict[str, float]]:
        """The rows anchored at the present weights and corrected for their age, and metrics of the correction."""
        present = self._present_logprobs(rows)
        sequences = self.config.ratio == "sequence"
        return proximal.decouple(rows, present, self.config.importance_cap, sequences=sequences)

    def _present_logprobs(self, rows: Sequence[TrainingRow]) -> list[list[float]]:
        with self._precision():
            return proximal.logprobs(
                self.model, rows, self.config.micro_batch_tokens, share=self._share_prefixes, group=self._group
            )

    def _precision(self) -> AbstractContextManager[Any]:
        """The precision of the model's arithmetic; its weights and the losses are float32."""
        return torch.autocast(self._group.device.type, dtype=torch.bfloat16) if self._autocast else nullcontext()

    def _step(self, rows: Sequence[TrainingRow], objective: Objective, tokens: float, account: _Account) -> None:
        """One optimizer step over micro-batches; skipped, and counted, when the gradient is not finite."""
        sums: dict[str, float] = defaultdict(float)
        self._optimizer.zero_grad(set_to_none=True)
        first = account.steps == 0
        for batch, counts in self._group.portion(rows, self.config.micro_batch_tokens, share=self._share_prefixes):
            found: dict[str, float] = defaultdict(float)
            loss = self._loss(batch, objective, tokens, found, first)
            found["loss"] = loss.item()
            (loss if counts else loss * 0.0).backward()  # type: ignore[no-untyped-call]
            _add(sums, found if counts else dict.fromkeys(found, 0.0))
        sums = self._group.totals(sums)
        norm = self._group.clip(_trained(self.model), self.config.max_grad_norm)
        finite = torch.isfinite(torch.tensor([norm, sums["loss"]])).all()
        if finite:
            self._optimizer.step()
            self._steps += 1
            account.add(sums, norm)
        else:
            account.skipped += 1
        self._optimizer.zero_grad(set_to_none=True)

    def _loss(
        self, batch: batches.Batch, objective: Objective, tokens: float, sums: dict[str, float], first: bool
    ) -> torch.Tensor:
        config = self.config
        clip = {"eps_low": config.eps_low, "eps_high": config.eps_high}
        turns = batch.turns if config.ratio == "sequence" else None
        # Before the policy's own pass, which gathers weights that its backward pass still needs.
        reference = self._reference_logprobs(batch) if config.kl_coefficient > 0 else None
        with self._precision():
            logprobs, entropy = self._group.statistics(
                self.model, batch, entropy_gradient=config.entropy_coefficient > 0
            )
        if objective == "surrogate" and config.loss == "cispo":
            loss = losses.cispo(logprobs, batch.rollout, batch.advantages, **clip, tokens=tokens)
            sums["clipped"] += losses.bounded_count(logprobs, batch.rollout, **clip).item()
        elif objective == "surrogate":
            loss = losses.clipped_surrogate(logprobs, batch.rollout, batch.advantages, turns, **clip, tokens=tokens)
            sums["clipped"] += losses.clip_count(logprobs, batch.rollout, batch.advantages, turns, **clip).item()
        else:
            loss = losses.imitation(logprobs, batch.advantages, tokens=tokens)
        if config.entropy_coefficient > 0:
            loss = loss - config.entropy_coefficient * entropy.sum() / tokens
        if reference is not None:
            kl = losses.k3(logprobs, reference)
            loss = loss + config.kl_coefficient * kl.sum() / tokens
            sums["reference_kl"] += kl.sum().item()
        with torch.no_grad():
            drift = losses.mismatch_kl(logprobs, batch.rollout)
            ratio = losses.ratios(logprobs, batch.rollout, turns)
            sums["tokens"] += batch.tokens
            sums["nll"] -= logprobs.sum().item()
            sums["entropy"] += entropy.sum().item()
            sums["rollout_kl"] += drift.sum().item()
            sums["ratio"] += ratio.sum().item()
            sums["ratio_max"] = ratio.max().item()
            if first:  # before the weights move, so that it tells trainer and server apart and nothing else
                sums["first_tokens"] += batch.tokens
                sums["first_kl"] += drift.sum().item()
        return loss

    def _reference_logprobs(self, batch: batches.Batch) -> torch.Tensor:
        """The frozen reference's: the initial model, which is what an adapter was added to."""
        base = nullcontext() if self._adapted is None else self._adapted.disable_adapter()
        with torch.no_grad(), self._precision(), base:
            return self._group.statistics(self.model if self._reference is None else self._reference, batch).logprobs

    def _split(self, rows: Sequence[TrainingRow], parts: int) -> Iterator[list[TrainingRow]]:
        """Shuffled minibatches of whole rollouts with about equally many trained tokens.

        Rollouts that began with the same prompt stay side by side, so that what they share is computed
        once; a rollout is never spread over two optimizer steps.
        """
        rollouts: dict[str, list[TrainingRow]] = defaultdict(list)
        for row in rows:
            rollouts[row.rollout_id].append(row)
        clusters: dict[tuple[int, ...], list[list[TrainingRow]]] = defaultdict(list)
        for members in rollouts.values():
            clusters[members[0].input_ids[: members[0].loss_mask.index(True)]].append(members)
        order = torch.randperm(len(clusters), generator=self._generator).tolist()
        ordered = list(clusters.values())
        queue = [members for place in order for members in ordered[place]]
        total = sum(_tokens(members) for members in queue)
        current: list[TrainingRow] = []
        done, part = 0, 1
        for index, members in enumerate(queue):
            current += members
            done += _tokens(members)
            left = len(queue) - index - 1
            if part < parts and (done * parts >= total * part or left == parts - part):
                yield current
                current, part = [], part + 1
        yield current

    def save(self, directory: Path) -> None:
        """Weights, optimizer and random state as one folder, whole or not at all; raises `StorageFault`.

        The weights are a model with its tokenizer, or an adapter alone where only that is trained. However many
        processes train, the first one writes, and what it writes is the same.
        """
        if self._adapted is not None:
            weights = self._group.weights(self._adapted, only="lora_")
        else:
            weights = self._group.weights(self.model)

        def write(folder: Path) -> None:
            if self._adapted is not None:
                adapters.write(self._adapted, folder, weights)
            else:
                checkpoint.write_model(self.model, self.model_dir, folder, weights)

        state = {
            "optimizer": self._group.optimizer_state(self._optimizer),
            "generator": self._generator.get_state(),
            "version": self.version,
            "steps": self._steps,
            "batch_ids": self.batch_ids,
        }
        if self._group.rank == 0:
            checkpoint.save(Path(directory), write, state)

    def restore(self, directory: Path) -> None:
        """Continue exactly where `save(directory)` was called; raises `RunDirectoryError`."""
        state = checkpoint.load_state(Path(directory))
        try:
            if self._adapted is not None:
                adapters.read(self._adapted, Path(directory), self._group)
            else:
                saved = models.load(Path(directory))
                buffers = [name for name, _ in saved.named_buffers()]
                self.model.load_state_dict(self._group.taken(saved.state_dict(), but=buffers))
            self._group.load_optimizer(self._optimizer, state["optimizer"])
        except (RuntimeError, ValueError, KeyError) as error:
            raise RunDirectoryError(f"the checkpoint '{directory}' does not fit '{self.model_dir}': {error}") from error
        for group, decay in zip(self._optimizer.param_groups, (self.config.weight_decay, 0.0), strict=True):
            group["weight_decay"] = decay
        self._generator.set_state(state["generator"])
        self.version = int(state["version"])
        self._steps = int(state.get("steps", self.version))
        self.batch_ids = list(state["batch_ids"])


class _Account:
    """Sums over the optimizer steps that were taken."""

    def __init__(self) -> None:
        self.steps = 0
        self.skipped = 0
        self._norms: list[float] = []
        self._sums: dict[str, float] = defaultdict(float)

    def add(self, sums: dict[str, float], norm: float) -> None:
        self.steps += 1
        self._norms.append(norm)
        _add(self._sums, sums)

    def metrics(self) -> dict[str, float]:
        """Means over tokens, losses and gradient norms over steps."""
        result = {"steps": float(self.steps), "skipped_steps": float(self.skipped)}
        if not self.steps:
            return result
        sums, seen = self._sums, self._sums["tokens"]
        result |= {
            "loss": sums["loss"] / self.steps,
            "grad_norm": sum(self._norms) / self.steps,
            "entropy": sums["entropy"] / seen,
            "nll": sums["nll"] / seen,
            "clip_fraction": sums["clipped"] / seen,
            "mismatch_kl": sums["first_kl"] / max(sums["first_tokens"], 1.0),
            "rollout_kl": sums["rollout_kl"] / seen,
            "ratio_mean": sums["ratio"] / seen,
            "ratio_max": sums["ratio_max"],
        }
        if "reference_kl" in sums:
            result["reference_kl"] = sums["reference_kl"] / seen
        return result


def _layout(rows: Sequence[TrainingRow], version: int) -> dict[str, float]:
    """What the rows look like before any is left out."""
    counts: dict[str, int] = defaultdict(int)
    for row in rows:
        counts[row.rollout_id] += 1
    n = max(len(rows), 1)
    ages = [version - row.policy_version for row in rows if row.rollout_logprobs]  # what nobody sampled has none
    return {
        "rows": float(len(rows)),
        "rollouts": float(len(counts)),
        "rows_per_rollout": len(rows) / max(len(counts), 1),
        "fork_rate": sum(count > 1 for count in counts.values()) / max(len(counts), 1),
        "staleness": sum(ages) / max(len(ages), 1),
        "trained_row_share": sum(any(row.advantages) for row in rows) / n,
    }


def _add(sums: dict[str, float], more: Mapping[str, float]) -> None:
    for key, value in more.items():
        sums[key] = max(sums[key], value) if key == "ratio_max" else sums[key] + value


def _tokens(rows: Iterable[TrainingRow]) -> int:
    return sum(sum(row.loss_mask) for row in rows)


def _trained(model: Any) -> list[torch.nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def device_of(name: str) -> torch.device:
    """The device that a setting names, the GPU where there is one for `auto`; raises `ConfigError`."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(f"training.device = '{name}', but torch finds no GPU here; set training.device=cpu")
    return torch.device(name)


def _optimizer(model: Any, config: TrainingConfig) -> torch.optim.AdamW:
    """AdamW with decay on matrices only."""
    parameters = _trained(model)
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)
