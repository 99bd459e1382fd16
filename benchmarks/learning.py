"""Does practice raise held-out success? Arms x sites x seeds, each cell a whole run in a process of its own.

    python -m benchmarks.learning run --arms default uniform --sites shop helpdesk kb --seeds 0 1 2
    python -m benchmarks.learning run --arms default gentle --sites shop --split dev --set evaluation.every=2
    python -m benchmarks.learning table runs/learning-test [DIR ...]
    python -m benchmarks.learning plot runs/learning-test --output gains.png

`run` can be interrupted (Ctrl-C, kill) and repeated: finished cells are skipped, the open one goes on. Tune
with `--split dev`, so that the test split is never looked at. Arms are in `benchmarks/arms.toml`, what lies
in the folder is told in `benchmarks/experiment.py`, the figures of a line in `benchmarks/outcomes.py`.
"""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import comparison, experiment
from benchmarks.cells import Terms, cross, read_arms
from cli.configuration import positive
from core.errors import AutotelicError, UserError
from environments.sites.registry import SITES
from environments.sites.tasks import SPLITS


def main(arguments: Sequence[str] | None = None, *, command: Sequence[str] = experiment.AUTOTELIC) -> int:
    """The program; returns its exit code. `command` starts `autotelic`."""
    given = _parser().parse_args(arguments)
    try:
        match given.what:
            case "run":
                return _run(given, command)
            case "table":
                print(comparison.table([(source.resolve().name, experiment.read(source)) for source in given.sources]))
            case "plot":
                comparison.plot(experiment.read(given.source), given.output)
                print(f"written to {given.output}")
            case "arms":
                for arm in read_arms().values():
                    print(f"{arm.name}: {arm.description}")
    except AutotelicError as error:
        print(f"learning: {' '.join(str(error).split())}", file=sys.stderr)
        return 2 if isinstance(error, UserError) else 1
    return 0


def _run(given: argparse.Namespace, command: Sequence[str]) -> int:
    positive("--minutes", given.minutes)
    terms = Terms(given.config, given.minutes, given.split, tuple(given.settings))
    cells = cross(given.arms, given.sites, given.seeds, terms)
    folder = given.output or Path("runs") / f"learning-{given.split}"
    say = functools.partial(print, flush=True)
    say(f"{len(cells)} cells of {given.minutes:g} minutes into {folder}")
    return experiment.Experiment(folder, terms, command=command, say=say).run(cells)


def _parser() -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="benchmarks.learning", description=__doc__, formatter_class=form)
    commands = parser.add_subparsers(dest="what", required=True)
    run = commands.add_parser("run", help="run the cells that are not done")
    run.add_argument("--arms", nargs="+", default=["default", "uniform"])
    run.add_argument("--sites", nargs="+", default=list(SITES))
    run.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    run.add_argument("--minutes", type=float, default=9.5, help="budget of each run (9.5)")
    run.add_argument("--split", choices=SPLITS, default="test", help="held-out tasks to measure with (test)")
    run.add_argument("--config", default="default", help="preset or TOML file that the arms change (default)")
    run.add_argument("--set", nargs="+", dest="settings", default=[], metavar="SECTION.KEY=VALUE", help="for all arms")
    run.add_argument("--output", type=Path, help="folder of the experiment (runs/learning-SPLIT)")
    table = commands.add_parser("table", help="a Markdown table of the results")
    table.add_argument("sources", nargs="+", type=Path, metavar="DIR", help="folder, or file of results")
    plot = commands.add_parser("plot", help="gains and practice as a PNG file")
    plot.add_argument("source", type=Path, metavar="DIR", help="folder, or file of results")
    plot.add_argument("--output", type=Path, required=True, help="the PNG file")
    commands.add_parser("arms", help="list the arms")
    return parser


if __name__ == "__main__":
    sys.exit(main())
