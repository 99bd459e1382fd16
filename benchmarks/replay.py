"""Do proposals still hold? Each demonstration of a task file is done again, from a fresh state, and judged.

    python -m benchmarks.replay proposals.jsonl --config benchmarks/tracker.toml [--set key=value ...]

Prints the share that ends with its check true, by family, and each that does not.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from agents.explorer import drafts, evidence
from agents.explorer.drafts import Proven
from agents.explorer.manners import Pace
from agents.explorer.session import session
from cli.configuration import assemble, find
from core.config import Config
from core.errors import ActionError, AutotelicError, InfrastructureError
from core.protocols import EnvironmentPool
from discovery import builders


async def fate(pool: EnvironmentPool, pace: Pace, one: Proven) -> str:
    """Empty when the check holds at the end and not before it; else what went wrong."""
    assert one.task.check is not None
    *before, last = one.demonstration
    answer = str(one.actions()[-1].arguments["text"])
    try:
        async with session(pool, pace) as at:
            await at.begin(one.task)
            early = evidence.holds_after(one.task.check, at.seen, "done")
            for line in before:
                await at.do(line)
            if early:
                return "true at the start"
            held = evidence.holds_after(one.task.check, at.seen, answer)
            return "" if held else f"not true after {last}"
    except (ActionError, InfrastructureError) as error:
        return str(error)


async def replay(config: Config, proven: Sequence[Proven]) -> list[str]:
    """The fate of each, as many at once as the pool has environments."""
    with TemporaryDirectory() as folder:
        place = await builders.open_place(builders.Context(config, Path(folder), 0.0))
        try:
            pace = Pace(config.explore.delay, place.urls)
            free = asyncio.Semaphore(place.pool.size)

            async def bounded(one: Proven) -> str:
                async with free:
                    return await fate(place.pool, pace, one)

            return await asyncio.gather(*map(bounded, proven))
        finally:
            await place.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """The program; returns its exit code: 1 where a replay failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--config", default="default")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    given = parser.parse_args(arguments)
    try:
        proven = drafts.load(given.file)
        fates = asyncio.run(replay(assemble(base=find(given.config), settings=given.set), proven))
    except AutotelicError as error:
        print(error, file=sys.stderr)
        return 2
    failed = [(one, why) for one, why in zip(proven, fates, strict=True) if why]
    for one, why in failed:
        print(f"{one.task.family}: {one.task.instruction} ({one.task.start_url}): {why}")
    families = Counter(one.task.family for one in proven)
    wrong = Counter(one.task.family for one, _ in failed)
    print(", ".join(f"{family} {number - wrong[family]}/{number}" for family, number in sorted(families.items())))
    print(f"{len(proven) - len(failed)} of {len(proven)} hold ({1 - len(failed) / max(1, len(proven)):.1%})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
