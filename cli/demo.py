"""`autotelic demo`: record how a person does a task, clean and look at recordings, replay them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from core.config import Config
    from core.demos import Recording
    from environments.web.environment import WebEnvironment
    from environments.web.recorder import Recorder

app = typer.Typer(no_args_is_help=True, help="Show it how: demonstrations recorded in a browser window.")

_CONFIG = typer.Option(help="A TOML file, or the name of a preset in configs/.")
_SETTINGS = typer.Option("--set", help="section.key=value; any setting.")
_SITE = typer.Option(help="One more origin that the browser may reach. May be given several times.")


@app.callback()
def _group() -> None:
    pass


@app.command()
def record(
    url: Annotated[str, typer.Argument(help="A URL, or the name of a bundled site.")],
    task: Annotated[str, typer.Option(help="What you are going to do, as you would tell it to somebody.")],
    output: Annotated[
        Path | None, typer.Option(help="The file to write; demos/SITE-DATE-TIME.json when left out.")
    ] = None,
    site: Annotated[list[str] | None, _SITE] = None,
    minutes: Annotated[float | None, typer.Option(help="Stop after so long.")] = None,
    headless: Annotated[bool, typer.Option("--headless", hidden=True)] = False,
    config: Annotated[str | None, _CONFIG] = None,
    settings: Annotated[list[str] | None, _SETTINGS] = None,
) -> None:
    """Open a browser window and write down what you do there, until you close it or press Ctrl-C.

    Each click, text, choice and change of page becomes an action as agents write them, with the page it was done on.
    Passwords, card numbers, codes, and whatever is typed beside a password are stored as [cyan]{secret}[/cyan].

    [bold]Examples[/bold]

    [cyan]autotelic demo record helpdesk --task "Close the oldest open ticket"[/cyan]

    [cyan]autotelic demo record https://staging.example.org --task "Order two tents" --output tents.json[/cyan]
    """
    import asyncio
    import time
    from urllib.parse import urlsplit

    from cli.configuration import positive
    from cli.output import write_text
    from core.demos import LONGEST_TASK
    from core.errors import UserError

    positive("--minutes", minutes)
    task = " ".join(task.split())
    if not task or len(task) > LONGEST_TASK:
        raise UserError(f"--task has to say in 1 to {LONGEST_TASK} characters what you are going to do")
    chosen = _assemble(url, site, config, settings, headless=headless)
    if not headless:
        _need_display()
    name = urlsplit(url).hostname or url
    path = output or Path("demos") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}.json"
    recording = asyncio.run(_record(chosen, task, minutes))
    if not recording.steps:
        raise UserError("nothing was recorded, so that no file was written; do the task in the window that opens")
    write_text(path, recording.as_text())
    typer.echo(f"{_count(len(recording.steps), 'step')} written to {path}")


@app.command()
def clean(
    files: Annotated[list[Path], typer.Argument(help="Recordings; those of the same task are compared.")],
    output: Annotated[
        Path | None, typer.Option(help="Folder for the cleaned files; each beside its original when left out.")
    ] = None,
    majority: Annotated[
        float, typer.Option(help="Share of a task's recordings that have to share a step for it to be kept.")
    ] = 0.5,
) -> None:
    """Drop the detours: steps that most recordings of the same task do not share. Writes NAME.clean.json.

    [bold]Examples[/bold]

    [cyan]autotelic demo clean demos/close-1.json demos/close-2.json demos/close-3.json[/cyan]

    [cyan]autotelic demo clean demos/*.json --output cleaned --majority 0.7[/cyan]
    """
    from agents.extraneous import clean as drop
    from cli.console import printable
    from cli.output import write_text
    from core import demos
    from core.errors import UserError

    if not 0 < majority <= 1:
        raise UserError(f"--majority has to be greater than 0 and at most 1, not {majority:g}")
    files = list(dict.fromkeys(files))
    targets = [(output or path.parent) / f"{path.stem}.clean.json" for path in files]
    if len(set(targets)) < len(targets):
        raise UserError("two of the recordings have the same name: clean them one by one, into different folders")
    for path, target, cleaned in zip(
        files, targets, drop([demos.load(path) for path in files], majority=majority), strict=True
    ):
        write_text(target, cleaned.recording.as_text())
        kept, of = len(cleaned.recording.steps), cleaned.of
        why = {1: "the only recording of its task, so kept as it is", 2: "two recordings cannot outvote each other"}
        more = f" ({why[of]})" if of in why and not cleaned.dropped else f" (compared with {of - 1} of the same task)"
        typer.echo(f"{path}: {kept} of {_count(kept + len(cleaned.dropped), 'step')} kept{more} → {target}")
        for one in cleaned.dropped:
            typer.echo(f"  dropped {one.number:>3}  {printable(one.line)}  · in {one.shared} of {of} recordings")


@app.command()
def show(
    file: Annotated[Path, typer.Argument(help="A recording.")],
    views: Annotated[bool, typer.Option("--views", help="Also what the page looked like before each step.")] = False,
) -> None:
    """Show what a recording holds.

    [bold]Examples[/bold]

    [cyan]autotelic demo show demos/helpdesk-20260101-120000.json[/cyan]

    [cyan]autotelic demo show tents.json --views[/cyan]
    """
    from cli.console import printable
    from core import demos

    found = demos.load(file)
    typer.echo(typer.style(printable(found.task), bold=True))
    typer.echo(f"  {printable(found.url)} · {found.started_at:%Y-%m-%d %H:%M} · {_count(len(found.steps), 'step')}")
    page = ""
    for number, step in enumerate(found.steps, 1):
        if step.seen.url != page:
            page = step.seen.url
            typer.echo(typer.style(f"  {printable(step.seen.title)}  {printable(page)}", dim=True))
        for line in step.seen.view.splitlines() if views else ():
            typer.echo(typer.style(f"        {printable(line)}", dim=True))
        typer.echo(f"  {number:>3}  {printable(step.action)}")
    typer.echo(typer.style(f"  {printable(found.final.title)}  {printable(found.final.url)}", dim=True))


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="A recording.")],
    site: Annotated[list[str] | None, _SITE] = None,
    config: Annotated[str | None, _CONFIG] = None,
    settings: Annotated[list[str] | None, _SETTINGS] = None,
) -> None:
    """Do a recording again in a browser without a window, and say at which step it fails, if it does.

    It acts on the site as you did. Where something secret was typed, you are asked for it.

    [bold]Examples[/bold]

    [cyan]autotelic demo replay demos/helpdesk-20260101-120000.json[/cyan]

    [cyan]autotelic demo replay tents.json --set site.reset=https://staging.example.org/test/reset[/cyan]
    """
    import asyncio

    from cli.console import printable
    from core import demos
    from core.errors import EnvironmentFault
    from discovery import demonstrations

    found = demos.load(file)
    chosen = _assemble(found.url, site, config, settings, headless=True)
    steps = _Steps()
    result = asyncio.run(demonstrations.replay(chosen, found, secret=_ask, did=steps.did))
    if result.failed:
        line = found.lines[result.failed - 1]
        raise EnvironmentFault(
            f"step {result.failed} of {len(found.steps)} failed: {printable(line)}: {printable(result.why)}"
        )
    typer.echo(f"{_count(len(found.steps), 'step')} done; it ended on {printable(result.last.title)}")


async def _record(config: Config, task: str, minutes: float | None) -> Recording:
    """Record until the window is closed, Ctrl-C, or the minutes are over."""
    import asyncio
    import signal

    from discovery import demonstrations

    loop = asyncio.get_running_loop()
    ends = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    steps = _Steps()

    def opened(recorder: Recorder, environment: WebEnvironment) -> None:
        for number in ends:
            loop.add_signal_handler(number, recorder.stop)
        if minutes is not None:
            loop.call_later(60 * minutes, recorder.stop)
        steps.note("recording: do the task in the window, then close it or press Ctrl-C here")
        watched(environment)

    try:
        return await demonstrations.record(config, task=task, did=steps.did, note=steps.note, opened=opened)
    finally:
        for number in ends:
            loop.remove_signal_handler(number)


def watched(environment: WebEnvironment) -> None:
    """Called when the window is there; a test takes its place and acts as the person."""


class _Steps:
    """Steps as they come, on standard error, so that a pipe gets the result alone."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False, soft_wrap=True)

    def did(self, number: int, line: str) -> None:
        self._say(f"  {number:>3}  {line}")

    def note(self, sentence: str) -> None:
        self._say(f"       {sentence}", style="dim")

    def _say(self, text: str, **how: Any) -> None:
        from cli.console import printable

        indent = text[: len(text) - len(text.lstrip())]
        if self._console.is_terminal:
            self._console.print(indent + printable(text), markup=False, **how)


def _assemble(
    url: str, site: list[str] | None, config: str | None, settings: list[str] | None, *, headless: bool
) -> Config:
    """The configuration with this site."""
    from cli.configuration import assemble, find

    options = {"site.urls": [url], "site.allowed_origins": site}
    chosen = assemble(base=find(config), options=options, settings=settings or [])
    return chosen.model_copy(update={"browser": chosen.browser.model_copy(update={"headless": headless})})


def _need_display() -> None:
    """Raises `UserError` where no window can be shown."""
    import os
    import sys

    from core.errors import UserError

    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise UserError(
            "there is no display to open a browser window on; run this in a desktop session, or over 'ssh -X' from one"
        )


def _ask(target: str) -> str:
    """What to type into a field whose content was kept out of the recording; raises `UserError` without a terminal."""
    import sys

    from cli.console import printable
    from core.errors import UserError

    if not sys.stdin.isatty():
        raise UserError(
            f"the recording types a secret into {printable(target)}: replay it in a terminal, which asks for it, or"
            " record the task after logging in, with site.storage_state"
        )
    return str(typer.prompt(f"secret for {printable(target)}", hide_input=True, err=True))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
