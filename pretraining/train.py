"""Train the embedded policy by imitation: `python -m pretraining.train OUTPUT [--steps N] [--threads T]`.

Resumable: a checkpoint is written every few chunks, and the data of a step depends on its index alone.
Hidden matrices are trained by Muon, the rest by AdamW; the forward pass is compiled, in bfloat16 where the
processor multiplies that faster than float32.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from pretraining import tokenizer
from pretraining.batches import CHUNK, LENGTHS, Batch, Chunks, Curriculum, Encoder
from pretraining.examples import Difficulty, Example, stream
from serving import qwen3
from serving.local import held
from training.model import NEVER, excluded

VOCABULARY = 3072
WARM_UP = 150
CHECKPOINT_CHUNKS = 5


def config() -> Qwen3Config:
    """About 2.8 million parameters."""
    return Qwen3Config(
        vocab_size=VOCABULARY, hidden_size=192, intermediate_size=512, num_hidden_layers=5, num_attention_heads=6,
        num_key_value_heads=6, head_dim=32, tie_word_embeddings=True, max_position_embeddings=1024,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0}, bos_token_id=None,
    )  # fmt: skip


def fastest() -> torch.dtype:
    """The format in which this processor multiplies fastest; without instructions for bfloat16 that is float32."""
    took = {}
    for dtype in (torch.float32, torch.bfloat16):
        one, two = torch.ones(1024, 192, dtype=dtype), torch.ones(192, 512, dtype=dtype)
        one @ two
        began = time.perf_counter()
        one @ two
        took[dtype] = time.perf_counter() - began
    return min(took, key=lambda dtype: took[dtype])


class Pretraining:
    """The model, its optimizers and the step; `curriculum` fixes the data."""

    def __init__(self, curriculum: Curriculum, learning_rate: float) -> None:
        torch.manual_seed(curriculum.seed)
        self.curriculum = curriculum
        self.learning_rate = learning_rate
        self.model = Qwen3ForCausalLM(config())
        matrices = [p for n, p in self.model.named_parameters() if p.ndim == 2 and "embed" not in n]
        others = [p for n, p in self.model.named_parameters() if p.ndim != 2 or "embed" in n]
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.Muon(matrices, lr=learning_rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(others, lr=learning_rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True),
        ]
        self.dtype = fastest()
        self.compiled = torch.compile(qwen3.hidden, dynamic=False)
        self.shapes = {length: self._shape(length) for length in LENGTHS}
        self.step_index = 0

    def _shape(self, length: int) -> tuple[Tensor, Tensor, Tensor]:
        cos, sin = qwen3.rotary(self.model.config, length, self.dtype)
        return cos, sin, torch.full((length, length), -1e4).triu(1).to(self.dtype)

    def rate(self) -> float:
        """Warm-up, then linear decay to a twentieth."""
        progress = self.step_index / self.curriculum.steps
        return self.learning_rate * min(1.0, (self.step_index + 1) / WARM_UP) * max(0.05, min(1.0, 1.05 - progress))

    def step(self, batch: Batch) -> tuple[float, float]:
        """One optimizer step; returns the loss of decisions and their accuracy."""
        weights = qwen3.fuse(self.model, self.dtype)
        shape = self.shapes[batch.ids.shape[1]]
        states = self.compiled(batch.ids, weights, *shape, self.model.config.rms_norm_eps)
        logits = F.linear(states.reshape(-1, states.shape[-1])[batch.positions], weights.head).float()
        decided = logits[batch.decisions]
        decided = decided.masked_fill(excluded(batch.choices, decided), NEVER)
        labels = batch.labels[batch.decisions]
        decision = F.cross_entropy(decided, labels)
        plain = F.cross_entropy(logits, batch.labels, reduction="none")
        loss = decision + (plain * batch.weights).sum() / len(labels)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.rate()
            optimizer.step()
            optimizer.zero_grad()
        self.step_index += 1
        return float(decision.detach()), float((decided.argmax(-1) == labels).float().mean())

    def save(self, directory: Path) -> None:
        """A checkpoint, written aside and renamed."""
        state = {
            "model": self.model.state_dict(),
            "optimizers": [o.state_dict() for o in self.optimizers],
            "step": self.step_index,
        }
        torch.save(state, directory / "checkpoint.tmp")
        (directory / "checkpoint.tmp").rename(directory / "checkpoint.pt")

    def restore(self, directory: Path) -> None:
        """Go on from a checkpoint, if there is one."""
        path = directory / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.step_index = state["step"]


@torch.inference_mode()
def exact_matches(model: Qwen3ForCausalLM, encoder: Encoder, examples: list[Example]) -> dict[str, float]:
    """Share of examples by family whose whole action the model would write greedily among what is allowed."""
    hits: dict[str, list[bool]] = defaultdict(list)
    for example in examples:
        encoded = encoder.encode(example)
        logits = model(input_ids=torch.tensor([encoded.ids])).logits[0, encoded.start - 1 : -1]
        right = held(logits, encoded.choices).argmax(-1) == torch.tensor(encoded.ids[encoded.start :])
        hits[example.family].append(bool(right.all()))
    return {family: sum(h) / len(h) for family, h in sorted(hits.items())} | {
        "all": sum(map(sum, hits.values())) / len(examples)
    }


def validation(count: int) -> list[Example]:
    """Examples of full difficulty that training never draws (episodes are numbered far beyond its own)."""
    drawn = stream(999, 5_000_000, Difficulty())
    return [next(drawn) for _ in range(count)]


def export(model: Qwen3ForCausalLM, tokens: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write the Hugging Face folder of the policy, weights in bfloat16."""
    for settings in (model.config, model.generation_config):
        settings.eos_token_id = tokens.eos_token_id
        settings.pad_token_id = tokens.pad_token_id
        settings.bos_token_id = None
    model.bfloat16().save_pretrained(folder)
    tokens.save_pretrained(folder)


def main() -> None:
    """Train from the last checkpoint on, then write the Hugging Face folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument(
        "--start",
        type=Path,
        help="weights and tokenizer to start from; pages are full-grown at once",
    )
    parser.add_argument("--minutes", type=float, default=None, help="stop early at a checkpoint")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.output.mkdir(parents=True, exist_ok=True)
    widen_steps = 1 if options.start else options.steps // 2
    curriculum = Curriculum(seed=options.seed, steps=options.steps, widen_steps=widen_steps)
    if options.start:
        PreTrainedTokenizerFast.from_pretrained(options.start).save_pretrained(options.output)
    elif not (options.output / "tokenizer.json").exists():
        tokenizer.build(VOCABULARY, options.seed).save_pretrained(options.output)
    tokens = PreTrainedTokenizerFast.from_pretrained(options.output)
    encoder = Encoder(tokens)
    run = Pretraining(curriculum, options.learning_rate)
    if options.start:
        weights = Qwen3ForCausalLM.from_pretrained(options.start, dtype=torch.float32).state_dict()
        run.model.load_state_dict(weights)
    run.restore(options.output)
    unseen = validation(200)
    chunks = Chunks(options.output, curriculum)
    began = time.monotonic()
    while run.step_index < curriculum.steps and (
        options.minutes is None or time.monotonic() - began < 60 * options.minutes
    ):
        measured = [run.step(batch) for batch in chunks.take(run.step_index // CHUNK)]
        line: dict[str, Any] = {
            "step": run.step_index, "loss": sum(m[0] for m in measured) / CHUNK,
            "decision_accuracy": sum(m[1] for m in measured) / CHUNK, "seconds": round(time.monotonic() - began, 1),
        }  # fmt: skip
        if run.step_index % (CHUNK * CHECKPOINT_CHUNKS) == 0:
            run.save(options.output)
            line["exact"] = exact_matches(run.model, encoder, unseen)
        with (options.output / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
    chunks.close()
    run.save(options.output)
    export(run.model, tokens, options.output / "model")


if __name__ == "__main__":
    main()
