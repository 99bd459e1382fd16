"""`autotelic export`: what a run has learned, as a model for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    run_dir: Annotated[Path, typer.Argument(help="The run's folder.")],
    output: Annotated[Path, typer.Argument(help="The new model's folder.")],
    policy: Annotated[str, typer.Option(help="initial, latest, or the number of an iteration.")] = "latest",
) -> None:
    """Write a run's weights as a model folder in Hugging Face format, adapters merged in.

    [bold]Example[/bold]

    [cyan]autotelic export runs/shop-20260101-120000 models/shopper[/cyan]
    """
    import discovery
    from core.errors import UserError

    if policy not in ("initial", "latest") and not policy.isdecimal():
        raise UserError(f"--policy is 'initial', 'latest' or the number of an iteration, not '{policy}'")
    number = discovery.export(run_dir, output, policy=policy)
    typer.echo(f"the weights after iteration {number} are in {output}")
