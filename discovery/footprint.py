"""How much memory a trainer and a server need, by arithmetic on a model's shape.

**Trainer.** With P parameters of which T are trained, in bytes:

- weights: 4 a parameter; 2 for a bfloat16 base beneath adapters, whose own weights are float32. Under bfloat16
  without adapters, autocast keeps a rounded copy of the matrices, 2 more. A frozen reference (kl_coefficient without
  adapters) is another 4.
- gradients 4T, and Adam's two moments 8T (arXiv 1412.6980), all float32: with the weights the 16 bytes a parameter of
  ZeRO (arXiv 1910.02054, section 3.1), which counts mixed precision otherwise but to the same sum.
- activations: what autograd keeps of a gated block with grouped-query attention, counted by hand from transformers'
  Qwen3 code (the way of arXiv 2205.05198, for another block; no part quadratic in length, since attention is fused).
  Per token and block, with h the hidden width, a that of all queries, k of all keys, f of the MLP, and "norms" where
  queries and keys are normalised, bytes:

  | trained, arithmetic | kept | norms |
  |---|---|---|
  | weights, float32 | 24h + 8a + 8k + 16f | 8a + 8k |
  | weights, bfloat16 (autocast) | 26h + 4a + 4k + 8f | 6a + 6k |
  | adapters, float32 | 16h + 8a + 8k + 16f | 4a + 4k |
  | adapters, bfloat16 | 28h + 8a + 4k + 10f | 4a + 4k |

  Adapters in bfloat16 keep more than one expects, as each takes its input in float32. With recompute_activations, a
  block's input alone is kept (arXiv 1604.06174), and one block at a time in full.
- under way in the backward pass of a block: three gradients as wide as the MLP.
- logits: over the whole vocabulary in float32 for the trained tokens, at most 2²⁵ numbers at once
  (`training/model`), of which about five copies live at one time, six under a mask.
- of several processes, each holds its share of all these but activations and logits; beside it the embedding and head,
  and two blocks, gathered (`training/sharding`).

Elsewhere, in this machine's memory: every process loads the whole model before it takes its share; and a checkpoint's
moments are built there as one file (9T: the buffer grows by eighths).

Measured on the CPU, one process, Qwen3 of 30.8 million parameters, 3 rows of 340 tokens at once: an update's peak above
the libraries was 948 MiB (estimate 931) for its weights and 551 (535) for adapters of rank 16. What autograd kept of
338 tokens was 137 MiB (136) and 116 (115), in bfloat16 93 (92, without rounded weights) and 103 (102). That was with
MALLOC_MMAP_THRESHOLD_=65536. As glibc comes, freed memory is not given back: with 6 rows the peaks were 2107 MiB
(1392) and 2886 (933), up to `FRAGMENTED` times the estimate. Nothing was measured on a GPU or of several processes.

**Server.** Weights, adapters, and 2 × blocks × k numbers of cache for each token of each request at once
(arXiv 2309.06180, section 3). A policy in the trainer's process holds float32 weights twice: the new ones are loaded
while the old ones answer, and the last measurement compares two.

Left out: what the allocator holds on to, activations of a server (1 to 2 GB on a GPU), what a vision tower computes
beneath adapters (nothing of it is kept), the browser, and the data of a run. Mixtures of experts are counted as if
dense.
"""

from __future__ import annotations

from core.config import TrainingConfig, VLLMConfig
from core.types import Record
from discovery.modelfacts import ModelFacts

RUNTIME = 400 * 2**20  # torch, transformers and their like in a process
CUDA = 500 * 2**20  # its context on a GPU
FRAGMENTED = 3.1  # times the estimate, at worst, where memory is glibc's
_LOGITS = 2**25
_COPIES = 5


class Batch(Record):
    """What goes through the model at once: all tokens, those that are trained, and patches of pictures."""

    tokens: int
    trained: int
    patches: int = 0
    masked: bool = False


class TrainerMemory(Record):
    """Bytes in each process where its weights are; `loading` and `saving` in this machine's memory, in all."""

    weights: int
    gradients: int
    optimizer: int
    activations: int
    logits: int
    gathered: int
    loading: int
    saving: int

    @property
    def lasting(self) -> int:
        """What is needed whatever the batch."""
        return self.weights + self.gradients + self.optimizer + self.gathered

    @property
    def total(self) -> int:
        """At the height of an update, without the process's own."""
        return self.lasting + self.activations + self.logits


class ServerMemory(Record):
    """Bytes: `cache` is what all requests at once need at their longest."""

    weights: int
    adapters: int
    cache: int

    @property
    def total(self) -> int:
        return self.weights + self.adapters + self.cache


def trainer(model: ModelFacts, config: TrainingConfig, batch: Batch) -> TrainerMemory:
    """What a process of an update needs at its height, each of them the same."""
    half, rank, shares = config.dtype == "bfloat16", config.lora_rank, config.processes
    trained = model.adapter(rank, config.lora_targets) if rank else model.parameters
    if rank:
        weights, each = (2 if half else 4) * model.parameters + 4 * trained, 2 if half else 4
    else:
        weights, each = (6 if half else 4) * model.parameters, 4
        weights += 4 * model.parameters if config.kl_coefficient else 0
    whole = model.vocabulary * model.hidden + 2 * model.largest_block
    return TrainerMemory(
        weights=_share(weights, shares),
        gradients=_share(4 * trained, shares),
        optimizer=_share(8 * trained, shares),
        activations=_activations(model, config, batch),
        logits=4 * min(batch.trained * model.vocabulary, _LOGITS) * (_COPIES + batch.masked),
        gathered=whole * each if shares > 1 else 0,
        loading=shares * each * model.parameters,
        saving=9 * trained,
    )


def local(model: ModelFacts, *, concurrency: int, tokens: int) -> ServerMemory:
    """A policy in the run's own process, in float32; `tokens` is the longest prompt with its completion."""
    cache = 2 * model.blocks * model.keys * 4 * concurrency * tokens
    return ServerMemory(weights=8 * model.parameters, adapters=0, cache=cache)


def vllm(model: ModelFacts, config: VLLMConfig, *, lora_rank: int, concurrency: int, tokens: int) -> ServerMemory:
    """A vLLM server, on each of the GPUs that share a model; both numbers of bytes are of its `dtype`."""
    size = {"bfloat16": 2, "float32": 4}.get(config.dtype) or max(1, round(model.stored / max(1, model.parameters)))
    adapters = model.adapter(config.max_lora_rank) * config.max_loras * size if lora_rank else 0
    cache = 2 * model.blocks * model.keys * size * concurrency * tokens
    shares = config.tensor_parallel_size
    return ServerMemory(
        weights=_share(model.parameters * size, shares),
        adapters=_share(adapters, shares),
        cache=_share(cache, shares),
    )


def _activations(model: ModelFacts, config: TrainingConfig, batch: Batch) -> int:
    block = _kept(model, config)
    width = 2 if config.dtype == "bfloat16" else 4
    under_way = 3 * width * model.intermediate * batch.tokens
    if config.recompute_activations:
        stream = 2 if config.lora_rank and width == 2 else 4  # autocast leaves the residual stream in float32
        kept = (model.blocks * stream * model.hidden + block) * batch.tokens
    else:
        kept = model.blocks * block * batch.tokens
    return kept + under_way + _seeing(model, config, batch)


def _kept(model: ModelFacts, config: TrainingConfig) -> int:
    """Bytes that a block keeps of a token."""
    h, a, k, f = model.hidden, model.queries, model.keys, model.intermediate
    lora, half = config.lora_rank > 0, config.dtype == "bfloat16"
    if lora and half:
        kept, norms = 28 * h + 8 * a + 4 * k + 10 * f, 4
    elif lora:
        kept, norms = 16 * h + 8 * a + 8 * k + 16 * f, 4
    elif half:
        kept, norms = 26 * h + 4 * a + 4 * k + 8 * f, 6
    else:
        kept, norms = 24 * h + 8 * a + 8 * k + 16 * f, 8
    return kept + (norms * (a + k) if model.normed_heads else 0)


def _seeing(model: ModelFacts, config: TrainingConfig, batch: Batch) -> int:
    """What a vision tower keeps where it is trained: its blocks as those of the language model, without groups."""
    tower = model.tower
    if tower is None or config.lora_rank or not batch.patches:
        return 0
    h, f = tower.hidden, tower.intermediate
    block = 34 * h + 8 * f if config.dtype == "bfloat16" else 40 * h + 16 * f
    stream = 4 * h
    each = tower.blocks * stream + block if config.recompute_activations else tower.blocks * block
    return each * batch.patches


def _share(size: int, shares: int) -> int:
    return -(-size // shares)
