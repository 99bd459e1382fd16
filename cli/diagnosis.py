"""What a machine needs to run this, looked at one thing at a time, each with the command that mends it."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.config import BrowserConfig

NEEDED_PYTHON = (3, 11)
NEEDED_GB = 2.0
_MODEL_FILES = ("config.json", "model.safetensors", "tokenizer.json")
EXTRAS = {
    "vllm": "serve larger models",
    "ray": "spread episodes over machines",
    "trl": "compare with TRL's trainers",
    "bench": "run MiniWoB++",
}


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `mend` is a command (or, where there is none, what to do); empty when all is well."""

    name: str
    ok: bool
    detail: str
    mend: str = ""
    needed: bool = True


def python() -> Iterator[Finding]:
    """The interpreter's version."""
    have = ".".join(map(str, sys.version_info[:3]))
    want = ".".join(map(str, NEEDED_PYTHON))
    ok = sys.version_info >= NEEDED_PYTHON
    mend = "" if ok else f"make clean setup PYTHON=/path/to/python{want}"
    yield Finding("Python", ok, f"{have}, needs {want} or newer", mend)


def packages() -> Iterator[Finding]:
    """Every declared dependency against the version that is installed."""
    from packaging.requirements import Requirement

    bad = []
    declared = [Requirement(line) for line in metadata.requires("autotelic") or ()]
    core = [each for each in declared if each.marker is None or each.marker.evaluate({"extra": ""})]
    for requirement in core:
        version = _installed(requirement.name)
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            plain = f"{requirement.name}{requirement.specifier}"
            bad.append(plain)
            detail = f"{version or 'nothing'} installed, needs {requirement.specifier}"
            yield Finding(requirement.name, False, detail, _pip(plain))
    if not bad:
        yield Finding("packages", True, f"all {len(core)} dependencies in the versions needed")


def chromium() -> Iterator[Finding]:
    """A browser that starts."""
    import asyncio

    from core.config import BrowserConfig
    from core.errors import AutotelicError

    try:
        path, version = asyncio.run(_launch(BrowserConfig()))
    except AutotelicError as error:
        yield Finding("Chromium", False, str(error).partition(";")[0], _browser_command())
    else:
        yield Finding("Chromium", True, f"{version} at {path}")


def folder() -> Iterator[Finding]:
    """Whether runs can be written here, and how much of them."""
    place = Path("runs") if Path("runs").is_dir() else Path()
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
        yield Finding("write access", True, f"to {place.resolve()}")
    except OSError as error:
        mend = f"cd to a folder of your own, or: chmod u+w {shlex.quote(str(place.resolve()))}"
        yield Finding("write access", False, f"to {place.resolve()}: {error.strerror}", mend)
    free = shutil.disk_usage(place).free / 1e9
    mend = "" if free >= NEEDED_GB else f"free some space on the disk of {place.resolve()}, or run elsewhere"
    yield Finding("disk", free >= NEEDED_GB, f"{free:.1f} GB free, needs {NEEDED_GB:g}", mend)


def cores() -> Iterator[Finding]:
    """How much can run at once."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    mend = "" if count >= 2 else "autotelic run --set browser.contexts=2"
    yield Finding("cores", count >= 2, f"{count}, 2 or more are pleasant", mend, needed=False)


def model() -> Iterator[Finding]:
    """The model that the project ships."""
    from core.errors import ConfigError
    from discovery.policies import model_folder

    mend = f"git -C {shlex.quote(str(Path(__file__).parent.parent))} checkout HEAD -- serving/embedded"
    try:
        place = model_folder("embedded")
    except ConfigError as error:
        yield Finding("embedded model", False, str(error), mend)
        return
    absent = [name for name in _MODEL_FILES if not (place / name).is_file()]
    if absent:
        yield Finding("embedded model", False, f"{', '.join(absent)} not in {place}", mend)
    else:
        size = sum(path.stat().st_size for path in place.iterdir() if path.is_file()) / 1e6
        yield Finding("embedded model", True, f"{size:.1f} MB in {place}")


def extras() -> Iterator[Finding]:
    """Optional packages."""
    from packaging.requirements import Requirement

    for extra, purpose in EXTRAS.items():
        wanted = [
            each
            for line in metadata.requires("autotelic") or ()
            if (each := Requirement(line)).marker is not None
            and each.marker.evaluate({"extra": extra})
            and not each.marker.evaluate({"extra": ""})
        ]
        missing = [each.name for each in wanted if _installed(each.name) is None]
        mend = _pip(f"autotelic[{extra}]") if missing else ""
        yield Finding(f"extra {extra}", bool(wanted) and not missing, f"to {purpose}", mend, needed=False)


CHECKS: dict[str, Callable[[], Iterator[Finding]]] = {
    "python": python,
    "packages": packages,
    "chromium": chromium,
    "folder": folder,
    "cores": cores,
    "model": model,
    "extras": extras,
}


async def _launch(config: BrowserConfig) -> tuple[str, str]:
    """The path and the version of the browser that runs use, after it has opened a page."""
    from playwright.async_api import Error, async_playwright

    from core.errors import EnvironmentFault
    from environments.web.browser import find_executable, launch

    async with async_playwright() as playwright:
        browser = await launch(playwright, config, proxy_url="http://127.0.0.1:9")
        try:
            page = await browser.new_page()
            await page.goto("about:blank")
            return find_executable(config, playwright), browser.version
        except Error as error:
            raise EnvironmentFault(f"the browser opened no page: {error.message.splitlines()[0]}") from error
        finally:
            await browser.close()


def _browser_command() -> str:
    if shutil.which("apt-get") and Path("/etc/debian_version").is_file() and not _is_ubuntu():
        administrator = "" if os.geteuid() == 0 else "sudo "
        return f"{administrator}apt-get install -y chromium chromium-headless-shell"
    return f"{shlex.quote(sys.executable)} -m playwright install --with-deps chromium"


def _is_ubuntu() -> bool:
    """Ubuntu's chromium package is a snap, which cannot be driven."""
    release = Path("/etc/os-release")
    return release.is_file() and "ID=ubuntu" in release.read_text(encoding="utf-8").splitlines()


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _pip(*requirements: str) -> str:
    source = Path(__file__).parent.parent
    editable = source / "pyproject.toml"
    words = [
        f"-e {shlex.quote(each.replace('autotelic', str(source), 1))}"
        if each.startswith("autotelic[") and editable.is_file()
        else shlex.quote(each)
        for each in requirements
    ]
    return f"{shlex.quote(sys.executable)} -m pip install {' '.join(words)}"
