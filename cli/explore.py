"""`autotelic explore`: what there is to do on a site, as a file of proven tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    url: Annotated[str, typer.Argument(help="A URL, or the name of a bundled site.")],
    output: Annotated[Path, typer.Option(help="The task file to write, a JSON object a line.", show_default=False)],
    demonstrations: Annotated[
        Path | None,
        typer.Option(help="A file that also tells how each proven task is done.", show_default=False),
    ] = None,
    tasks: Annotated[int | None, typer.Option(help="Most tasks to propose.")] = None,
    pages: Annotated[int | None, typer.Option(help="Most pages to visit.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Longest look round.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same proposals.")] = None,
    reset: Annotated[
        str | None, typer.Option(help="How the site is put back as it was: a URL to request or a command to run.")
    ] = None,
    config: Annotated[str | None, typer.Option(help="A TOML file, or the name of a preset in configs/.")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="section.key=value; any setting.")] = None,
) -> None:
    """Explore a site without any model and write the tasks found there, each proven by a replay.

    [bold]Examples[/bold]

    [cyan]autotelic explore kb --output kb-tasks.jsonl[/cyan]

    [cyan]autotelic explore http://127.0.0.1:8000 --output tasks.jsonl --pages 100 --seconds 120[/cyan]
    """
    import asyncio
    import sys

    import discovery
    from cli.configuration import assemble, find, not_negative, positive
    from cli.lines import LineProgress
    from evals.taskfile import save

    positive("--tasks", tasks)
    positive("--pages", pages)
    positive("--seconds", seconds)
    not_negative("--seed", seed)
    options = {
        "site.urls": [url],
        "site.reset": reset,
        "explore.tasks": tasks,
        "explore.pages": pages,
        "explore.seconds": seconds,
        "explore.seed": seed,
        "run.seed": seed,
    }
    chosen = assemble(base=find(config), options=options, settings=settings or [])
    with LineProgress(sys.stderr) as progress:
        found = asyncio.run(discovery.explore(chosen, progress=progress, demonstrations=demonstrations))
    save(output, found)
    typer.echo(f"{len(found)} tasks written to {output}")
