"""What an experiment is made of: arms from `arms.toml`, crossed with sites and seeds, on common terms."""

from __future__ import annotations

import difflib
import itertools
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.config import load
from core.errors import UserError
from environments.sites.registry import check_names
from environments.sites.tasks import Split, task_file

ARMS = Path(__file__).parent / "arms.toml"


@dataclass(frozen=True)
class Arm:
    """A named set of changes to the configuration."""

    name: str
    description: str
    overrides: tuple[str, ...]


@dataclass(frozen=True)
class Terms:
    """What all cells of an experiment share; `settings` are applied after an arm's overrides."""

    config: str
    minutes: float
    split: Split
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cell:
    """One run of the experiment."""

    arm: Arm
    site: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.arm.name}-{self.site}-{self.seed}"

    @property
    def key(self) -> tuple[str, str, int]:
        return self.arm.name, self.site, self.seed

    def overrides(self, terms: Terms) -> list[str]:
        """Everything that `--set` is given."""
        return [*self.arm.overrides, *terms.settings]

    def asked(self, terms: Terms) -> dict[str, Any]:
        """What makes another run of this name comparable."""
        shared = {"config": terms.config, "minutes": terms.minutes, "split": terms.split}
        return {**shared, "overrides": self.overrides(terms)}

    def arguments(self, terms: Terms, run_dir: Path) -> list[str]:
        """The arguments of `autotelic` that start this cell."""
        given = ["run", "--config", terms.config, "--site", self.site, "--seed", str(self.seed)]
        given += ["--minutes", f"{terms.minutes:g}", "--run-dir", str(run_dir)]
        if terms.split != "test":  # the test split is what a run takes by itself
            given += ["--heldout", str(task_file(self.site, terms.split))]
        return given + [word for override in self.overrides(terms) for word in ("--set", override)]


def read_arms(path: Path = ARMS) -> dict[str, Arm]:
    """The arms of a file by name; raises `UserError` when it is not one."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        return {
            name: Arm(name, str(table["description"]), tuple(map(str, table["overrides"])))
            for name, table in tables.items()
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"'{path}' is no file of arms with description and overrides: {error}") from error


def cross(arms: Sequence[str], sites: Sequence[str], seeds: Iterable[int], terms: Terms) -> list[Cell]:
    """All cells, with the arms of one site and seed side by side, so that a machine's moods meet all alike.

    Raises `UserError` for an arm or site that does not exist, `ConfigError` for settings that don't.
    """
    from cli.configuration import find

    known = read_arms()
    for name in arms:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(known)}"
            raise UserError(f"there is no arm '{name}' in {ARMS.name}; {hint}")
    check_names(sites)
    cells = [Cell(known[arm], site, seed) for seed, site, arm in itertools.product(seeds, sites, arms)]
    if len({cell.name for cell in cells}) < len(cells):
        raise UserError("an arm, a site or a seed is named twice")
    if any(cell.seed < 0 for cell in cells):
        raise UserError("a seed has to be 0 or more")
    base = find(terms.config)
    for arm in arms:
        load(base, [*known[arm].overrides, *terms.settings])
    return cells
