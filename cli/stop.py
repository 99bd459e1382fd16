"""`autotelic stop`: ask a run to end cleanly."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    run_dir: Annotated[Path, typer.Argument(help="The run's folder.")],
    wait: Annotated[bool, typer.Option("--wait", help="Return only when the run has ended.")] = False,
) -> None:
    """Ask a run to stop cleanly. What is finished is kept; --resume goes on from there.

    [bold]Example[/bold]

    [cyan]autotelic stop runs/shop-20260101-120000 --wait[/cyan]
    """
    import time

    from discovery.control import SqliteControl
    from discovery.rundirectory import running_pid, stored_config

    stored_config(run_dir)
    pid = running_pid(run_dir)
    if pid is None:
        typer.echo(f"{run_dir} is not running")
        return
    control = SqliteControl(run_dir / "control.sqlite", create=False)
    try:
        control.send("stop")
    finally:
        control.close()
    typer.echo(f"asked process {pid} to stop; it ends the episodes under way first")
    while wait and running_pid(run_dir) == pid:
        time.sleep(0.2)
    if wait:
        typer.echo("stopped")
