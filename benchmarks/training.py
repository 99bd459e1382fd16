"""What an update of a large model costs: tokens/s, share of the processor's peak, peak memory, and where the time goes.

    python -m benchmarks.training [--models 0.6B 1.7B] [--lengths 2048 8192] [--lora 0 16] [--profile] [--output FILE]

Randomly initialised models of Qwen3's architecture are updated on rows of one length, of which an eighth are trained
tokens, the rest prompt; every optimizer step holds `--tokens` of them. Speed does not depend on what weights hold.
Beside TRL it is measured by `benchmarks.grpo`, on the model and the rows of web episodes.

MFU is the arithmetic that an update needs over what the processor could do in that time (PaLM, arXiv 2204.02311,
appendix B): a token takes 6 operations for each weight of a matrix product, for an adapter 4, because the base gets no
gradient; and attention, causal, 6·layers·heads·width·length for both directions (half of 12). Of the vocabulary's
head only trained tokens count. What is computed again to save memory is not counted as useful. `--peak` is in
TFLOPS of the `--dtype`; without it those of known GPUs are taken (dense, without sparsity), and none on a CPU.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch.profiler import ProfilerActivity, profile, schedule

from benchmarks.experiment import commit, machine
from core.config import TrainingConfig
from core.types import TrainingRow
from training.trainer import Trainer, device_of

_TRAINED_SHARE = 8  # one token in so many is trained
_PEAKS = {"H100": 989.0, "H200": 989.0, "A100": 312.0, "L40S": 362.0, "4090": 165.0}  # bfloat16, makers' data sheets


class Shape(NamedTuple):
    """Qwen3's published sizes; `tiny` is for trying the benchmark itself."""

    hidden: int
    feed_forward: int
    layers: int
    heads: int
    key_value_heads: int
    vocabulary: int
    width: int = 128  # of a head

    @property
    def block_weights(self) -> int:
        """Weights of the matrix products of all blocks."""
        attention = self.hidden * self.width * 2 * (self.heads + self.key_value_heads)
        return self.layers * (attention + 3 * self.hidden * self.feed_forward)

    def operations(self, tokens: int, trained: int, length: int, *, adapter: bool) -> float:
        """Floating-point operations that an update on so many tokens in rows of `length` needs."""
        by_weight = 4 if adapter else 6
        attention = 6 * self.layers * self.heads * self.width * length
        head = self.hidden * self.vocabulary
        return tokens * (by_weight * self.block_weights + attention) + trained * by_weight * head


SHAPES = {
    "tiny": Shape(128, 256, 2, 4, 2, 4096, 32),
    "0.6B": Shape(1024, 3072, 28, 16, 8, 151_936),
    "1.7B": Shape(2048, 6144, 28, 16, 8, 151_936),
}


def model_folder(shape: Shape, folder: Path) -> Path:
    """Save a random model of that shape; returns its folder."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    config = Qwen3Config(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.feed_forward,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        head_dim=shape.width,
        max_position_embeddings=40_960,
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    with torch.device(device_of("auto")):
        model = Qwen3ForCausalLM(config)
    model.bfloat16().save_pretrained(folder)  # half the disk; the trainer chooses its own format
    return folder


def make_rows(count: int, length: int, vocabulary: int, *, seed: int) -> list[TrainingRow]:
    """Rows whose prompts have nothing in common."""
    generator = random.Random(seed)
    trained = length // _TRAINED_SHARE
    return [
        TrainingRow(
            input_ids=tuple(generator.randrange(vocabulary) for _ in range(length)),
            loss_mask=(False,) * (length - trained) + (True,) * trained,
            rollout_logprobs=(0.0,) * (length - trained) + (-12.0,) * trained,
            advantages=(0.0,) * (length - trained) + (1.0 if index % 2 else -1.0,) * trained,
            rollout_id=str(index),
        )
        for index in range(count)
    ]


def measure(name: str, folder: Path, length: int, rank: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """One line of the result: a model, a length and a way to train it."""
    shape = SHAPES[name]
    config = TrainingConfig(
        dtype=arguments.dtype,
        lora_rank=rank,
        recompute_activations=arguments.recompute,
        micro_batch_tokens=max(length, arguments.micro_batch),
        minibatches=1,
        device=arguments.device,
        learning_rate=1e-5,
    )
    trainer = Trainer(folder, config, threads=arguments.threads)
    device = device_of(arguments.device)
    count = max(1, arguments.tokens // length)
    with _peak_memory(device) as peak:
        trainer.update(make_rows(count, length, shape.vocabulary, seed=0), batch_id="warm-up")
        seconds = []
        recorded = _profiled(device) if arguments.profile else nullcontext()
        with recorded as profiler:
            for repeat in range(arguments.repeats):
                rows = make_rows(count, length, shape.vocabulary, seed=1 + repeat)
                _finish(device)
                began = time.perf_counter()
                trainer.update(rows, batch_id=f"measured {repeat}")
                _finish(device)
                seconds.append(time.perf_counter() - began)
                if profiler is not None:
                    profiler.step()
    best = min(seconds)
    tokens = count * length
    needed = shape.operations(tokens, count * (length // _TRAINED_SHARE), length, adapter=rank > 0)
    ceiling = arguments.peak or next((p for gpu, p in _PEAKS.items() if gpu in _name(device)), 0.0)
    line = {
        "model": name,
        "length": length,
        "lora_rank": rank,
        "dtype": arguments.dtype,
        "recompute": arguments.recompute,
        "tokens_per_s": tokens / best,
        "seconds": seconds,
        "tflops": needed / best / 1e12,
        "mfu": needed / best / 1e12 / ceiling if ceiling else None,
        "peak_gib": peak() / 2**30,
        "device": _name(device),
    }
    if profiler is not None:
        key = "self_device_time_total" if device.type == "cuda" else "self_cpu_time_total"
        print(profiler.key_averages().table(sort_by=key, row_limit=15, max_name_column_width=60))
    return line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--models", nargs="+", choices=SHAPES, default=["0.6B", "1.7B"])
    parser.add_argument("--lengths", type=int, nargs="+", default=[2048, 8192])
    parser.add_argument("--lora", type=int, nargs="+", default=[0, 16], help="ranks; 0: full fine-tuning")
    parser.add_argument("--tokens", type=int, default=65_536, help="in an optimizer step")
    parser.add_argument("--micro-batch", type=int, default=16_384, help="tokens computed at once")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="bfloat16")
    parser.add_argument("--recompute", action="store_true", help="gradient checkpointing")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peak", type=float, default=0.0, help="TFLOPS of the processor in this format")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    for name in arguments.models:
        with tempfile.TemporaryDirectory() as scratch:
            folder = model_folder(SHAPES[name], Path(scratch))
            for length in arguments.lengths:
                for rank in arguments.lora:
                    _report(measure(name, folder, length, rank, arguments), arguments.output)


def _report(line: dict[str, Any], output: Path | None) -> None:
    share = "" if line["mfu"] is None else f", {line['mfu']:.1%} MFU"
    way = f"LoRA {line['lora_rank']}" if line["lora_rank"] else "full"
    print(
        f"{line['model']} {way}, rows of {line['length']}: {line['tokens_per_s']:,.0f} tokens/s,"
        f" {line['tflops']:.2f} TFLOPS{share}, peak {line['peak_gib']:.1f} GiB on {line['device']}",
        flush=True,
    )
    if output is not None:
        record = line | {"time": datetime.now(UTC).isoformat(timespec="seconds"), "commit": commit()}
        with output.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record | {"machine": machine()}) + "\n")


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextmanager
def _peak_memory(device: torch.device) -> Iterator[Any]:
    """Yields a function that tells the bytes at the peak: of the GPU, or of the whole process so far."""
    if device.type != "cuda":
        yield lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    yield lambda: torch.cuda.max_memory_allocated(device)


def _profiled(device: torch.device) -> Any:
    kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device.type == "cuda" else [])]
    return profile(activities=kinds, schedule=schedule(wait=1, warmup=0, active=1, repeat=1), acc_events=True)


if __name__ == "__main__":
    main()
