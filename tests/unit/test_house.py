"""The house rules that no linter knows: whose packages these are, what they are called, how long files get."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ROOMS = tuple(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
HEAVY = (
    "torch",
    "transformers",
    "peft",
    "accelerate",
    "playwright",
    "langgraph",
    "langgraph.checkpoint",
    "chromadb",
    "openai",
    "matplotlib",
    "numpy",
    "uvicorn",
    "jinja2",
)
VAGUE = {"util", "utils", "helper", "helpers", "common", "misc", "shared", "tools_misc"}


def sources() -> list[Path]:
    return [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_imported_from_this_checkout(room: str) -> None:
    found = Path(importlib.import_module(room).__file__ or "")
    assert found == ROOT / room / "__init__.py", f"'{room}' comes from {found}, which is another distribution"


def test_the_layers_name_every_room() -> None:
    contract = PROJECT["tool"]["importlinter"]
    assert tuple(contract["root_packages"]) == ROOMS
    layered = re.findall(r"\w+", " ".join(contract["contracts"][0]["layers"]))
    assert sorted(layered) == sorted(ROOMS)


def test_nothing_is_called_utils() -> None:
    named = [
        path for path in sources() if VAGUE & {part.lower() for part in (*path.relative_to(ROOT).parts, path.stem)}
    ]
    assert named == []


def test_no_file_is_longer_than_500_lines() -> None:
    lengths = {path.relative_to(ROOT): len(path.read_text(encoding="utf-8").splitlines()) for path in sources()}
    assert {path: length for path, length in lengths.items() if length > 500} == {}


def test_every_module_begins_with_a_docstring() -> None:
    without = [path for path in sources() if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))]
    assert [str(path.relative_to(ROOT)) for path in without] == []


def test_the_command_line_imports_nothing_heavy() -> None:
    program = (
        "import sys, cli.main\n"
        f"heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "assert cli.main.app.registered_commands\n"
        "print(','.join(heavy))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stdout.strip() == "", f"imported before any command runs: {result.stdout.strip()}"


def test_every_import_is_a_declared_dependency() -> None:
    declared = {re.split(r"[<>=!~\[;]", line)[0].strip().lower() for line in PROJECT["project"]["dependencies"]}
    for extra in PROJECT["project"]["optional-dependencies"].values():
        declared |= {re.split(r"[<>=!~\[;]", line)[0].strip().lower() for line in extra}
    owners = metadata.packages_distributions()
    known = set(sys.stdlib_module_names) | set(ROOMS)
    undeclared: dict[str, str] = {}
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom) and node.level == 0
                else []
            )
            for top in {name.partition(".")[0] for name in names} - known:
                owning = {owner.lower().replace("_", "-") for owner in owners.get(top, [top])}
                if not owning & declared:
                    undeclared[top] = str(path.relative_to(ROOT))
    assert undeclared == {}


def test_the_lock_pins_every_dependency_exactly() -> None:
    locked = {}
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, equals, version = line.partition("==")
            assert equals, f"'{line}' is no exact pin"
            assert "+" not in version, f"'{line}' names a local build"
            locked[name.lower().replace("_", "-")] = version
    from packaging.requirements import Requirement

    wanted = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["dev"]]
    for requirement in map(Requirement, wanted):
        assert requirement.name.lower() in locked, f"{requirement.name} is not in requirements.lock"
        pinned = locked[requirement.name.lower()]
        assert requirement.specifier.contains(pinned, prereleases=True), f"{requirement} excludes {pinned}"
