"""`autotelic run`: explore, propose, practise, judge, learn; then the report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from core.config import Config
    from discovery.metrics import Summary


def command(
    site: Annotated[
        list[str] | None,
        typer.Option(help="A URL, or the name of a bundled site (shop, helpdesk, kb). May be given several times."),
    ] = None,
    config: Annotated[str | None, typer.Option(help="A TOML file, or the name of a preset in configs/.")] = None,
    run_dir: Annotated[
        Path | None, typer.Option(help="The run's folder; runs/SITE-DATE-TIME when left out.", show_default=False)
    ] = None,
    iterations: Annotated[int | None, typer.Option(help="Stop after so many iterations.")] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Budget of the whole run, exploration and evaluation included.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same draws.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --run-dir, or with the newest in runs/.")
    ] = False,
    heldout: Annotated[
        Path | None, typer.Option(help="Tasks to measure with and never to train on, a JSON object a line.")
    ] = None,
    reset: Annotated[
        str | None, typer.Option(help="How your site is put back as it was: a URL to request or a command to run.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="section.key=value; any setting. May be given several times.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done and needed, check it, and start nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --dry-run: the plan for a program to read.")] = False,
) -> None:
    """Explore a site, propose tasks, practise them, judge the attempts and learn from them.

    Without [cyan]--site[/cyan] it serves and uses the bundled shop. Ctrl-C ends the run cleanly and says how to go on.

    [bold]Examples[/bold]

    [cyan]autotelic run --minutes 10[/cyan]

    [cyan]autotelic run --site helpdesk --iterations 20 --seed 1[/cyan]

    [cyan]autotelic run --site http://127.0.0.1:8000 --reset http://127.0.0.1:8000/reset --heldout tasks.jsonl[/cyan]

    [cyan]autotelic run --config smoke --set training.group_size=4 browser.screenshots=every[/cyan]

    [cyan]autotelic run --config vllm --dry-run[/cyan]

    [cyan]autotelic run --resume --run-dir runs/shop-20260101-120000 --minutes 30[/cyan]
    """
    from cli.configuration import existing, not_negative, positive
    from core.errors import UserError

    if as_json and not dry_run:
        raise UserError("--json is for the plan of --dry-run; add it, or follow a run with 'autotelic status --json'")
    positive("--iterations", iterations)
    positive("--minutes", minutes)
    not_negative("--seed", seed)
    options = {
        "site.urls": site or None,
        "run.iterations": iterations,
        "run.minutes": minutes,
        "run.seed": seed,
        "evaluation.heldout": existing("--heldout", heldout),
        "site.reset": reset,
    }
    chosen, folder = _settle(config, run_dir, resume, options, settings or [])
    if dry_run:
        from cli import plan
        from discovery.preflight import show_models

        plan.show(chosen, folder, resume=resume, as_json=as_json, ask=show_models)
        return
    _run(chosen, folder, resume)


def _settle(
    config: str | None, run_dir: Path | None, resume: bool, options: dict[str, Any], settings: list[str]
) -> tuple[Config, Path]:
    """The configuration and the folder; a resumed run begins from its own configuration."""
    from cli.configuration import assemble, find
    from cli.rundirs import fresh, newest

    if not resume:
        chosen = assemble(base=find(config), options=options, settings=settings)
        return chosen, run_dir or fresh(chosen.site.urls[0])
    from discovery.rundirectory import stored_config

    folder = run_dir or newest()
    stored_config(folder)
    base = find(config) if config else folder / "config.toml"
    return assemble(base=base, options=options, settings=settings), folder


def _run(config: Config, folder: Path, resume: bool) -> None:
    import asyncio
    import sys

    import discovery
    from cli import failures
    from cli.lines import LineProgress

    failures.log_to(folder)
    typer.echo(f"run: {folder}")
    if sys.stdout.isatty():
        from rich.console import Console

        from cli.live import LiveProgress

        listener: LineProgress | LiveProgress = LiveProgress(Console(), f"autotelic · {', '.join(config.site.urls)}")
    else:
        listener = LineProgress(sys.stdout)
    try:
        with listener:
            summary = asyncio.run(discovery.run(config, folder, resume=resume, progress=listener))
    except (KeyboardInterrupt, asyncio.CancelledError):
        typer.echo(f"go on with: autotelic run --resume --run-dir {folder}", err=True)
        raise typer.Exit(130) from None
    _conclude(summary, folder)


def _conclude(summary: Summary, folder: Path) -> None:
    """Say what came out, write the report, and exit with 130 after Ctrl-C."""
    from discovery.report.build import build
    from discovery.report.words import points, share

    final, control, gain = (summary.heldout.get(name) or {} for name in ("final", "control", "gain"))
    if gain.get("gain") is not None:
        low, high = gain["ci95"]
        typer.echo(
            f"held-out success: {share(control['success'], 1)} before, {share(final['success'], 1)} after; "
            f"gain {points(gain['gain'])} points, 95% interval {points(low)} to {points(high)}"
        )
    typer.echo(f"report: {build(folder)}")
    if summary.status == "stopped":
        typer.echo(f"go on with: autotelic run --resume --run-dir {folder}")
        if summary.reason.startswith("SIG"):
            raise typer.Exit(130)
