"""`autotelic sites`: the bundled websites, to look at or to point something at."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="The bundled websites: a shop, a help desk and a knowledge base.")


@app.callback()
def _group() -> None:
    pass


@app.command()
def serve(
    names: Annotated[list[str] | None, typer.Argument(help="shop, helpdesk, kb; all when left out.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the records.")] = 0,
    base_port: Annotated[int, typer.Option(help="Port of the first site; 0: free ports.")] = 8100,
) -> None:
    """Serve the sites on this machine until Ctrl-C. Every visitor has a state of their own.

    [bold]Examples[/bold]

    [cyan]autotelic sites serve[/cyan]

    [cyan]autotelic sites serve kb --base-port 9000[/cyan]
    """
    import asyncio

    from cli.configuration import not_negative
    from environments.sites.registry import SITES, check_names
    from environments.sites.server import run

    not_negative("--seed", seed)
    not_negative("--base-port", base_port)
    chosen = list(dict.fromkeys(names or SITES))
    check_names(chosen)
    asyncio.run(run(chosen, seed=seed, base_port=base_port, child=False))
