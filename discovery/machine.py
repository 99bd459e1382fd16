"""What this machine has: memory, and GPUs that torch could use, found out without importing torch."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from core.types import Record

_SMI = ("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits")
_SECONDS = 10.0
_CGROUP = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


class Gpu(Record):
    """A GPU and its memory in bytes."""

    name: str
    memory: int


class Machine(Record):
    """Bytes of memory that processes here may have, and the GPUs. 0 where it cannot be told."""

    memory: int = 0
    gpus: tuple[Gpu, ...] = ()


def look() -> Machine:
    """This machine."""
    return Machine(memory=_memory(), gpus=_gpus())


def _memory() -> int:
    """The machine's memory, or the container's share where that is less."""
    total = 0
    with suppress(ValueError, OSError, AttributeError):
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in _CGROUP:
        with suppress(OSError, ValueError):  # "max" where there is no limit
            limit = int(path.read_text(encoding="ascii"))
            total = min(total, limit) if total else limit
    return total


def _gpus() -> tuple[Gpu, ...]:
    """What nvidia-smi lists and CUDA_VISIBLE_DEVICES leaves; none where torch is a build for the CPU."""
    program = shutil.which(_SMI[0])
    if program is None or not _torch_has_cuda():
        return ()
    try:
        said = subprocess.run(
            [program, *_SMI[1:]], capture_output=True, text=True, timeout=_SECONDS, check=True, stdin=subprocess.DEVNULL
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    return visible(parse(said), os.environ.get("CUDA_VISIBLE_DEVICES"))


def parse(said: str) -> tuple[Gpu, ...]:
    """The GPUs in nvidia-smi's lines, `name, MiB`; lines that are none are left out."""
    found = (re.fullmatch(r"\s*(.+?)\s*,\s*(\d+)\s*", line) for line in said.splitlines())
    return tuple(Gpu(name=one[1], memory=int(one[2]) * 2**20) for one in found if one is not None)


def visible(gpus: tuple[Gpu, ...], setting: str | None) -> tuple[Gpu, ...]:
    """Those that CUDA_VISIBLE_DEVICES names: numbers up to the first that is none; names are only counted."""
    if setting is None:
        return gpus
    kept: list[Gpu] = []
    for word in filter(None, (part.strip() for part in setting.split(","))):
        if word.lstrip("-").isdecimal():
            if not 0 <= int(word) < len(gpus):
                break
            kept.append(gpus[int(word)])
        elif len(kept) < len(gpus):
            kept.append(gpus[len(kept)])
    return tuple(kept)


def _torch_has_cuda() -> bool:
    """As torch's own version file says."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return False
    with suppress(OSError):
        version = Path(spec.origin).with_name("version.py").read_text(encoding="utf-8")
        return re.search(r"^cuda\b[^=]*=\s*None", version, re.MULTILINE) is None
    return True
