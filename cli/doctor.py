"""`autotelic doctor`: what is missing on this machine, and the exact command that mends it."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    only: Annotated[
        str | None,
        typer.Option(help="One of python, packages, chromium, folder, cores, model, extras.", show_default=False),
    ] = None,
) -> None:
    """Look at this machine and say what is missing, with the command that mends it.

    Exits with 1 when something that is needed is missing.

    [bold]Examples[/bold]

    [cyan]autotelic doctor[/cyan]

    [cyan]autotelic doctor --only chromium[/cyan]
    """
    import difflib

    from cli.diagnosis import CHECKS
    from core.errors import UserError

    if only is not None and only not in CHECKS:
        near = difflib.get_close_matches(only, CHECKS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(CHECKS)}"
        raise UserError(f"'{only}' is not something that doctor looks at; {hint}")
    missing = 0
    for name in [only] if only else CHECKS:
        for found in CHECKS[name]():
            word, colour = ("ok", "green") if found.ok else ("missing", "red") if found.needed else ("no", "yellow")
            typer.echo(f"{typer.style(f'{word:8}', fg=colour)} {found.name}: {found.detail}")
            if found.mend:
                typer.echo(f"         → {found.mend}")
            missing += found.needed and not found.ok
    if missing:
        raise typer.Exit(1)
