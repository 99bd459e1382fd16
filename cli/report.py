"""`autotelic report`: the page about a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    run_dir: Annotated[Path, typer.Argument(help="The run's folder, as in runs/shop-20260101-120000.")],
    output: Annotated[Path | None, typer.Option(help="Where to write it; RUN_DIR/report.html when left out.")] = None,
    recordings: Annotated[int, typer.Option(help="Most episodes to include.")] = 80,
) -> None:
    """Write a self-contained page with a run's curves, tasks and recordings, and its plots as PNG.

    Works while the run is under way, too.

    [bold]Example[/bold]

    [cyan]autotelic report runs/shop-20260101-120000[/cyan]
    """
    from cli.configuration import not_negative
    from discovery.report.build import build

    not_negative("--recordings", recordings)
    path = build(run_dir, output, recordings=recordings)
    typer.echo(f"report: {path}")
    typer.echo(f"plots:  {run_dir / 'plots'}")
