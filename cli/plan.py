"""`autotelic run --dry-run`: what a run would do and need, printed before anything is started."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from core.config import Config
    from discovery.expenses import Amount
    from discovery.forecast import Forecast, Reached
    from discovery.preflight import Ask

Section = tuple[str, list[tuple[str, str]]]
"""A heading, and lines of a name and what is said of it."""


def show(config: Config, folder: Path, *, resume: bool, as_json: bool, ask: Ask | None) -> None:
    """Print the plan on standard output, and what keeps the run from starting on standard error; then exit with 2."""
    import asyncio

    from discovery import preflight
    from discovery.forecast import forecast

    plan = forecast(config, asyncio.run(preflight.gather(config, folder, resume=resume, ask=ask)))
    if as_json:
        typer.echo(plan.model_dump_json(indent=2))
    elif sys.stdout.isatty():
        _print(sections(plan, folder))
    else:
        for title, lines in sections(plan, folder):
            typer.echo(title)
            for name, text in lines:
                typer.echo(f"  {name}: {text}")
    for problem in plan.problems:
        typer.echo(f"autotelic: {' '.join(problem.split())}", err=True)
    if plan.problems:
        raise typer.Exit(2)
    if not as_json:
        typer.echo("nothing was started; this run could be")


def sections(plan: Forecast, folder: Path) -> list[Section]:
    """The plan in words."""
    found = [
        ("place", _place(plan)),
        ("who", _who(plan)),
        ("an iteration, at most", _iteration(plan)),
        ("servers", _servers(plan)),
        ("memory, estimated", _memory(plan)),
        ("model endpoint, an iteration", _endpoint(plan)),
        ("measured on", [("held-out tasks", _heldout(plan))]),
        ("run", [("folder", f"{folder}, not made yet" if not folder.exists() else str(folder)), *_limits(plan)]),
        ("other than the defaults", [(name, _value(plan[name])) for name in plan.changed]),
        ("to know", [(str(number), note) for number, note in enumerate(plan.notes, 1)]),
    ]
    return [(title, lines) for title, lines in found if lines]


def _print(found: list[Section]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    for title, lines in found:
        console.print(Text(title, style="bold"))
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True, style="cyan", max_width=34)
        table.add_column(overflow="fold")
        for name, text in lines:
            table.add_row(Text(f"  {name}"), Text(text))
        console.print(table)


def _place(plan: Forecast) -> list[tuple[str, str]]:
    bundled = not any("://" in url for url in plan["site.urls"])
    reset = plan["site.reset"] or ("a fresh session for each attempt" if bundled else "")
    manners = "robots.txt is obeyed" if plan["site.obey_robots"] else "robots.txt is not obeyed"
    lines = [
        ("sites", ", ".join(plan["site.urls"])),
        ("may be reached", ", ".join(plan.facts.origins) or "unknown"),
        ("put back by", reset or "nothing: only tasks that change nothing are proposed"),
    ]
    if not bundled:
        delay = max(1.0, plan["explore.delay"])
        lines.append(
            ("manners", f"{manners}; {delay:g} s or more between the explorer's requests outside this machine")
        )
    if plan["site.login"] or plan["site.storage_state"]:
        lines.append(("logged in by", plan["site.login"] or plan["site.storage_state"]))
    return lines


def _who(plan: Forecast) -> list[tuple[str, str]]:
    proposes = plan["proposer.kind"]
    if proposes == "language":
        proposes += f": {plan['endpoint.model']} at {plan['endpoint.base_url']}"
    lines = [("proposes", proposes), ("acts", _policy(plan))]
    model = plan.facts.model
    if model is not None:
        sees = "sees pictures" if model.sees else "reads text"
        lines.append(
            (
                "model",
                f"{model.kind}, {_count(model.parameters)} parameters, context of {model.context} tokens, {sees}",
            )
        )
        rank = plan["training.lora_rank"]
        share = f"; adapters of rank {rank}: {_count(plan.adapter)} parameters" if rank else f": {_all(plan)}"
        lines.append(("trained", f"{plan['training.dtype']}{share}"))
    lines.append(("is shown", _shown(plan)))
    lines.append(("judges", plan["judge.kind"]))
    return lines


def _policy(plan: Forecast) -> str:
    kind = plan["policy.kind"]
    urls = {"served": plan["policy.urls"], "vllm": plan["vllm.urls"]}.get(kind)
    return f"{kind}: {plan['policy.model']}" + (f", by {', '.join(urls)}" if urls else "")


def _all(plan: Forecast) -> str:
    assert plan.facts.model is not None
    return f"all {_count(plan.facts.model.parameters)} parameters"


def _shown(plan: Forecast) -> str:
    kind = plan["actor.observation"]
    if kind == "text":
        return f"the page in {plan['actor.observation_tokens']} tokens"
    pictures = f"{plan['actor.images']} pictures" if plan["actor.images"] > 1 else "a picture"
    words = f", and {plan['actor.observation_tokens']} tokens of the page" if kind == "both" else ""
    tokens = f", of {plan.practice.pictures} tokens in all" if plan.practice.pictures else ""
    return f"{pictures} with marks{tokens}{words}"


def _iteration(plan: Forecast) -> list[tuple[str, str]]:
    practice = plan.practice
    algorithm = plan["training.algorithm"]
    loss = "imitation" if algorithm == "filtered_bc" else f"{plan['training.loss']} {plan['training.ratio']} ratios"
    passes = f"{plan['training.epochs']} x {plan['training.minibatches']} steps"
    lines = [
        ("practice", f"{practice.tasks} tasks x {practice.group} attempts = {practice.episodes} episodes"),
        (
            "requests",
            f"{practice.steps:,}, of up to {practice.prompt} + {practice.completion} tokens: {_count(practice.tokens)}",
        ),
        ("update", f"{algorithm}, {loss}, {passes} at {plan['training.learning_rate']:g}"),
    ]
    if plan["training.asynchronous"]:
        lines.append(("at once", f"practice and update; importance cap {plan['training.importance_cap']:g}"))
    return lines


def _servers(plan: Forecast) -> list[tuple[str, str]]:
    lines = [("attached", _reached(one)) for one in plan.facts.servers]
    if plan.facts.command:
        lines.append(("started", shlex.join(plan.facts.command)))
    return lines


def _reached(one: Reached) -> str:
    state = "not asked" if not one.asked else ("no answer" if one.fault else "answers")
    return f"{one.url} ({state}, {one.key})"


def _memory(plan: Forecast) -> list[tuple[str, str]]:
    from discovery.forecast import size

    lines = []
    if plan.trainer is not None:
        each = plan.trainer
        parts = {
            "weights": each.weights,
            "gradients": each.gradients,
            "optimizer": each.optimizer,
            "activations": each.activations,
            "logits": each.logits,
            "gathered": each.gathered,
        }
        where = "trainer" if plan["training.processes"] == 1 else f"each of {plan['training.processes']} trainers"
        said = ", ".join(f"{name} {size(value)}" for name, value in parts.items() if value)
        lines.append((where, f"{size(each.total)}: {said}"))
    if plan.server is not None:
        server = plan.server
        cache = f"cache for all requests at once {size(server.cache)}"
        adapters = f", adapters {size(server.adapters)}" if server.adapters else ""
        lines.append(("policy", f"{size(server.total)}: weights {size(server.weights)}{adapters}, {cache}"))
    machine = plan.facts.machine
    gpus = ", ".join(f"{gpu.name} {size(gpu.memory)}" for gpu in machine.gpus) or "no GPU"
    lines.append(("this machine", f"{size(machine.memory)}, {gpus}" if machine.memory else gpus))
    return lines


def _endpoint(plan: Forecast) -> list[tuple[str, str]]:
    if plan.expenses is None:
        return []
    lines = [("address", _reached(plan.facts.endpoint))] if plan.facts.endpoint is not None else []
    lines += [("typically", _amount(plan.expenses.typical)), ("at most", _amount(plan.expenses.most))]
    limits = [
        f"{name} = {plan[name]:g}" if name == "run.cost" else f"{name} = {plan[name]:,}"
        for name in ("run.cost", "run.tokens")
        if plan[name]
    ]
    enough = f", enough for about {plan.iterations} iterations" if plan.iterations is not None else ""
    lines.append(("limit", (" and ".join(limits) + enough) if limits else "none; set run.cost or run.tokens"))
    return lines


def _amount(amount: Amount) -> str:
    price = f", costs {amount.cost:.2g}" if amount.cost else ", no price is set"
    tokens = f"{_count(amount.prompt_tokens)} + {_count(amount.completion_tokens)} tokens"
    return f"{amount.requests:,} requests, {tokens}{price}"


def _heldout(plan: Forecast) -> str:
    if not plan.facts.heldout:
        return "none; write some and add --heldout"
    each = plan["evaluation.episodes_per_task"]
    return f"{plan.facts.heldout} of {plan.facts.heldout_name}, {each} attempts each, before and after"


def _limits(plan: Forecast) -> list[tuple[str, str]]:
    ends = [
        f"{plan[name]:g} {name.partition('.')[2]}"
        for name in ("run.iterations", "run.minutes")
        if plan[name] is not None
    ]
    return [("ends after", " or ".join(ends) or "nothing but Ctrl-C or a limit of the endpoint")]


def _value(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _count(number: int) -> str:
    """A number in three digits: `30.8M`."""
    for unit, letter in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if number >= unit:
            return f"{number / unit:.3g}{letter}"
    return str(number)
