"""`autotelic …`: gathers the commands and turns every ending into the right words and exit code.

Exit codes: 0 done · 1 something failed · 2 the input has to be mended · 130 interrupted.
Nothing heavy is imported here or at the top of a command, so that `--help` answers at once.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cli import demo, doctor, evaluate, explore, export, report, run, serve, sites, status, stop
from cli.failures import keep_traceback
from core.errors import AutotelicError, UserError

app = typer.Typer(
    name="autotelic",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help=(
        "Agents that set their own goals: they explore a website in a real browser, propose tasks, practise them, "
        "judge themselves and learn.\n\n"
        "[bold]Begin with[/bold] [cyan]autotelic doctor[/cyan], then [cyan]autotelic run --minutes 10[/cyan]."
    ),
)

app.command("run")(run.command)
app.command("eval")(evaluate.command)
app.command("explore")(explore.command)
app.command("serve")(serve.command)
app.command("export")(export.command)
app.add_typer(demo.app, name="demo")
app.add_typer(sites.app, name="sites")
app.command("report")(report.command)
app.command("status")(status.command)
app.command("stop")(stop.command)
app.command("doctor")(doctor.command)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"autotelic {version('autotelic')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    pass


# Options that take one or more values; each value becomes an option of its own before parsing.
_SEVERAL = ("--site", "--set")


def spread(arguments: list[str]) -> list[str]:
    """`--set a=1 b=2` as `--set a=1 --set b=2`, for the command that takes no bare arguments: `run`."""
    if arguments[:1] != ["run"]:
        return arguments
    out: list[str] = []
    several, values = "", 0
    for argument in arguments:
        if argument.startswith("-") or not several:
            several, values = (argument if argument in _SEVERAL else ""), 0
            out.append(argument)
        else:
            out += [several, argument] if values else [argument]
            values += 1
    return out


def main(arguments: list[str] | None = None) -> None:
    """The program: runs a command and exits."""
    sys.exit(invoke(sys.argv[1:] if arguments is None else arguments))


def invoke(arguments: list[str]) -> int:
    """Run a command and return its exit code; every failure is one sentence on standard error."""
    try:
        code = app(spread(arguments), prog_name="autotelic", standalone_mode=False)
        if code == 130:  # typer's answer to Ctrl-C, and our own
            _say("interrupted")
        return code if isinstance(code, int) else 0
    except UserError as error:
        _say(str(error))
        return 2
    except AutotelicError as error:
        _say(str(error))
        return 1
    except BrokenPipeError:
        # The reader of our output has gone, as in `autotelic status … | head`.
        sys.stderr.close()
        return 0
    except Exception as error:
        if hasattr(error, "format_message") and hasattr(error, "exit_code"):  # a usage error of the parser
            return _usage(error)
        _say(f"something unexpected happened ({type(error).__name__}); the traceback is in {keep_traceback()}")
        return 1


def _usage(error: Exception) -> int:
    context = getattr(error, "ctx", None)
    message = error.format_message().strip()  # type: ignore[attr-defined]
    if not message:  # help was shown because nothing was asked
        return 0
    path = context.command_path if context is not None else "autotelic"
    _say(f"{message.rstrip('.')}; see {path} --help")
    return 2


def _say(sentence: str) -> None:
    print(f"autotelic: {' '.join(sentence.split())}", file=sys.stderr)


if __name__ == "__main__":
    main()
