"""`autotelic eval`: how a run's policy does on a file of tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    run_dir: Annotated[Path, typer.Argument(help="The run's folder.")],
    tasks: Annotated[Path, typer.Option(help="Task file: a JSON object a line.", show_default=False)],
    policy: Annotated[str, typer.Option(help="initial, latest, or the number of an iteration.")] = "latest",
    episodes_per_task: Annotated[int, typer.Option(help="Attempts at each task.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 0,
    output: Annotated[
        Path | None, typer.Option(help="Where to write the result; standard output when left out.", show_default=False)
    ] = None,
) -> None:
    """Measure a run's policy on tasks: success, with a 95% interval clustered by task.

    The result is one JSON object with [cyan]success, n, ci95[/cyan] (low, high) and [cyan]by_task[/cyan].

    A task is a line like

    [cyan]{"id": "t1", "instruction": "Open the cheapest tent", "start_url": "/", "max_steps": 8, "check":
    {"kind": "url", "matches": "/product/12$"}}[/cyan]

    [bold]Examples[/bold]

    [cyan]autotelic eval runs/shop-20260101-120000 --tasks tasks.jsonl --output result.json[/cyan]

    [cyan]autotelic eval runs/shop-20260101-120000 --tasks tasks.jsonl --policy initial --episodes-per-task 4[/cyan]
    """
    import asyncio
    import json
    import sys

    import discovery
    from cli.configuration import not_negative, positive
    from cli.lines import LineProgress
    from cli.output import write_text
    from core.errors import UserError
    from discovery.report.words import share

    positive("--episodes-per-task", episodes_per_task)
    not_negative("--seed", seed)
    if policy not in ("initial", "latest") and not policy.isdecimal():
        raise UserError(f"--policy is 'initial', 'latest' or the number of an iteration, not '{policy}'")
    with LineProgress(sys.stderr) as progress:
        result = asyncio.run(
            discovery.evaluate(
                run_dir, tasks, policy=policy, episodes_per_task=episodes_per_task, seed=seed, progress=progress
            )
        )
    text = json.dumps(result, indent=1, ensure_ascii=False)
    if output is None:
        typer.echo(text)
        return
    write_text(output, text + "\n")
    low, high = (share(bound, 1) for bound in result["ci95"])
    typer.echo(f"{share(result['success'], 1)} of {result['n']} episodes ({low} to {high}); written to {output}")
