"""What a run would do and need, worked out from its settings and from facts that were gathered (`discovery/preflight`).

Pure: nothing is read, asked or started here.
"""

from __future__ import annotations

from typing import Any

from core.config import Config, flatten
from core.errors import ConfigError
from core.tokens import estimate
from core.types import Record
from discovery import expenses, footprint
from discovery.expenses import Expenses
from discovery.footprint import CUDA, FRAGMENTED, RUNTIME, Batch, ServerMemory, TrainerMemory
from discovery.machine import Machine
from discovery.modelfacts import ModelFacts

_INSTRUCTION = 100  # tokens of a task in words, at most as a rule
_TEMPLATE = 60  # and of what a chat template and a few headings add
_ACTION = estimate("x" * 160)  # of an action in the history
_FULL = 320  # of the full prompt's explanations


class Reached(Record):
    """An address that was asked for its models: `fault` is empty if it answered, `known` are the models' names."""

    url: str
    key: str = ""
    fault: str = ""
    known: tuple[str, ...] = ()
    asked: bool = True


class Facts(Record):
    """What was found out. `problems` are sentences on what keeps the run from starting."""

    machine: Machine
    model: ModelFacts | None = None
    origins: tuple[str, ...] = ()
    heldout: int = 0
    heldout_name: str = ""
    command: tuple[str, ...] = ()
    servers: tuple[Reached, ...] = ()
    endpoint: Reached | None = None
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Practice(Record):
    """An iteration at most: attempts, their steps if all are used, tokens of the longest prompt and completion."""

    tasks: int
    group: int
    episodes: int
    steps: int
    prompt: int
    completion: int
    pictures: int

    @property
    def tokens(self) -> int:
        """That are practised, and trained at most."""
        return self.steps * (self.prompt + self.completion)


class Forecast(Record):
    """The plan. Bytes of memory are estimates; `adapter` is the trained parameters of an adapter, 0 without one."""

    settings: dict[str, Any]
    changed: tuple[str, ...]
    facts: Facts
    practice: Practice
    on_gpu: bool
    adapter: int = 0
    trainer: TrainerMemory | None = None
    server: ServerMemory | None = None
    server_room: int = 0
    expenses: Expenses | None = None
    iterations: int | None = None
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Any:
        """The value of a setting, as `section.key`."""
        return self.settings[name]


def forecast(config: Config, facts: Facts) -> Forecast:
    """The plan of a run with these settings, where these are the facts."""
    settings, defaults = flatten(config), flatten(Config())
    practice = _practice(config, facts.model)
    spent = expenses.of_iteration(config)
    plan = Forecast(
        settings=settings,
        changed=tuple(name for name, value in settings.items() if value != defaults[name]),
        facts=facts,
        practice=practice,
        on_gpu=config.training.device != "cpu" and bool(facts.machine.gpus),
        expenses=spent,
        iterations=spent and expenses.iterations(spent.typical, cost=config.run.cost, tokens=config.run.tokens),
    )
    if facts.model is not None and config.policy.kind in ("local", "served", "vllm"):
        plan = plan.model_copy(update=_memory(config, facts, facts.model, practice))
    problems, notes = _judged(config, plan)
    return plan.model_copy(update={"problems": (*facts.problems, *problems), "notes": (*facts.notes, *notes)})


def _practice(config: Config, model: ModelFacts | None) -> Practice:
    actor, training = config.actor, config.training
    prompt = _INSTRUCTION + _TEMPLATE + _ACTION * actor.history
    prompt += _FULL if actor.prompt == "full" else 0
    prompt += actor.observation_tokens if actor.observation != "marks" else actor.legend_tokens
    pictures = 0
    if actor.sees and model is not None and model.tower is not None:
        width = min(actor.image_width, config.browser.width)
        pictures = actor.images * model.tower.tokens(width, round(config.browser.height * width / config.browser.width))
    tasks = training.tasks_per_iteration * (1 + training.refill_rounds)
    longest = max(actor.max_steps, config.language_proposer.max_steps if config.proposer.kind == "language" else 0)
    episodes = tasks * training.group_size
    return Practice(
        tasks=tasks,
        group=training.group_size,
        episodes=episodes,
        steps=episodes * longest,
        prompt=prompt + pictures,
        completion=config.policy.max_tokens,
        pictures=pictures,
    )


def _memory(config: Config, facts: Facts, model: ModelFacts, practice: Practice) -> dict[str, Any]:
    training, at_once = config.training, config.browser.contexts * config.browser.processes
    row = practice.prompt + practice.completion
    rows = max(1, training.micro_batch_tokens // row)
    patches = rows * practice.pictures * (model.tower.merge**2 if model.tower is not None else 0)
    batch = Batch(
        tokens=rows * row, trained=rows * practice.completion, patches=patches, masked=config.policy.constrained
    )
    rank = training.lora_rank
    try:
        adapter = model.adapter(rank, training.lora_targets) if rank else 0
    except ConfigError:  # which is among the problems already
        return {}
    found: dict[str, Any] = {"adapter": adapter, "trainer": footprint.trainer(model, training, batch)}
    if config.policy.kind == "local":
        found["server"] = footprint.local(model, concurrency=min(at_once, config.policy.max_batch), tokens=row)
    elif config.policy.kind == "vllm" and not config.vllm.urls:
        longest = config.vllm.max_model_len or model.context or row
        found["server"] = footprint.vllm(
            model, config.vllm, lora_rank=rank, concurrency=at_once, tokens=min(longest, row)
        )
        if facts.machine.gpus:
            found["server_room"] = int(config.vllm.gpu_memory_utilization * facts.machine.gpus[0].memory)
    return found


def _judged(config: Config, plan: Forecast) -> tuple[list[str], list[str]]:
    """What cannot be, and what should be known."""
    machine, training = plan.facts.machine, config.training
    problems: list[str] = []
    notes: list[str] = []
    if training.device.startswith("cuda") and not machine.gpus:
        problems.append(
            f"training.device = '{training.device}', but there is no GPU here that torch can use; set"
            " training.device=cpu"
        )
    if plan.on_gpu and training.processes > len(machine.gpus):
        problems.append(
            f"training.processes={training.processes} needs as many GPUs, and there are {len(machine.gpus)} here;"
            " lower it, or set training.device=cpu"
        )
    if config.policy.kind == "vllm" and config.vllm.sleep and not machine.gpus:
        problems.append("vllm.sleep leaves a GPU to the trainer, and there is none here; set vllm.sleep=false")
    if plan.facts.model is not None:
        model = plan.facts.model
        context = min(
            filter(None, (model.context, config.vllm.max_model_len if config.policy.kind == "vllm" else 0)), default=0
        )
        needed = plan.practice.prompt + plan.practice.completion
        if context and needed > context:
            notes.append(
                f"a prompt and its completion may have {needed} tokens, and the context is {context}: longer ones end"
                " their episode; lower actor.observation_tokens or actor.history"
            )
        fits = _fits(config, plan)
        problems += fits[0]
        notes += fits[1]
    if config.run.cost and plan.expenses and not plan.expenses.most.cost:
        notes.append("run.cost counts by prices, which are 0: set endpoint.price_prompt and endpoint.price_completion")
    if not (config.run.iterations or config.run.minutes or plan.iterations):
        notes.append("nothing ends this run but Ctrl-C; set --minutes or --iterations")
    return problems, notes


def _fits(config: Config, plan: Forecast) -> tuple[list[str], list[str]]:
    """The estimates beside what there is: only what lasts is sure enough to refuse."""
    problems: list[str] = []
    notes: list[str] = []
    machine = plan.facts.machine
    trainer, server = plan.trainer, plan.server
    if trainer is None:
        return problems, notes
    ours = config.training.processes
    here, most = RUNTIME * ours, RUNTIME * ours  # of this machine's memory
    if plan.on_gpu:
        room = min(gpu.memory for gpu in machine.gpus[:ours])
        shared = (
            config.policy.kind == "vllm" and server is not None and not config.vllm.sleep and len(machine.gpus) == 1
        )
        taken = plan.server_room if shared else 0
        beside = f" beside {size(taken)} of the server" if taken else ""
        if trainer.lasting + CUDA + taken > room:
            fewer = "training.lora_rank, training.processes" + (", vllm.sleep" if taken else "")
            problems.append(
                f"the trainer needs {size(trainer.lasting + CUDA)} of a GPU for weights and optimizer{beside}, which"
                f" has {size(room)}; set {fewer} or take a smaller model"
            )
        elif trainer.total + CUDA + taken > room:
            notes.append(
                f"at its height the trainer may need {size(trainer.total + CUDA)} of a GPU{beside}, which has"
                f" {size(room)}; lower training.micro_batch_tokens, or set training.recompute_activations"
            )
        here, most = max(here, trainer.loading), max(most, trainer.loading, trainer.saving)
    else:
        here += trainer.lasting * ours
        most += max(trainer.total * ours, trainer.lasting * ours + trainer.saving)
    if server is not None and plan.server_room:
        left = plan.server_room - server.weights - server.adapters
        if left <= 0:
            problems.append(
                f"the server needs {size(server.weights + server.adapters)} for weights, and has"
                f" {size(plan.server_room)} by vllm.gpu_memory_utilization; set vllm.tensor_parallel_size, or take a"
                " smaller model"
            )
        elif left < server.cache:
            notes.append(
                f"the server's cache has room for {size(left)} of the {size(server.cache)} that all requests at once"
                " may need: some will wait; lower browser.contexts"
            )
    elif server is not None:
        cache = config.vllm.cpu_cache_gb * 2**30 if config.policy.kind == "vllm" else server.cache
        here, most = here + server.weights, most + server.weights + server.adapters + cache
    if machine.memory and here > machine.memory:
        problems.append(
            f"weights and optimizer need {size(here)} of memory, and this machine has {size(machine.memory)}; take a"
            " smaller model, or set training.lora_rank and training.dtype=bfloat16"
        )
    elif machine.memory and most > machine.memory:
        notes.append(f"a run may need {size(most)} of memory, and this machine has {size(machine.memory)}")
    elif machine.memory and not plan.on_gpu and most * FRAGMENTED > machine.memory:
        notes.append(
            f"updates on the CPU have been seen to hold {FRAGMENTED:g} times what they need, which would be"
            f" {size(round(most * FRAGMENTED))} of {size(machine.memory)}; MALLOC_MMAP_THRESHOLD_=65536 in the"
            " environment prevents it, and takes time"
        )
    return problems, notes


def size(count: int) -> str:
    """Bytes in words: `1.5 GiB`."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
