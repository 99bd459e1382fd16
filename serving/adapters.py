"""Adapters on disk for a server: each under a name and a path of its own, kept for as long as it may be read."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
from pathlib import Path

from core.errors import ModelFault, StorageFault

_FILES = ("adapter_config.json", "adapter_model.safetensors")


def rank(folder: Path) -> int:
    """The highest rank of an adapter's layers; raises `ModelFault` when the folder holds no adapter."""
    for name in _FILES:
        if not (folder / name).is_file():
            raise ModelFault(f"'{folder}' holds no adapter: there is no {name}")
    try:
        told = json.loads((folder / _FILES[0]).read_text(encoding="utf-8"))
        return max(int(told["r"]), *(int(one) for one in (told.get("rank_pattern") or {}).values()), 0)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelFault(f"'{folder}' holds no adapter that can be read ({error!r})") from error


class AdapterShelf:
    """A private folder of adapters, hard-linked where that is possible; made in `root`, or as a temporary one.

    Run directories drop old weights while a server may still have to read them; nothing is dropped here before
    `drop`. Servers on other machines have to see `root` by the same path.
    """

    def __init__(self, root: Path | None = None) -> None:
        try:
            if root is None:
                self.folder = Path(tempfile.mkdtemp(prefix="autotelic-adapters-"))
            else:
                self.folder = root.expanduser().resolve() / f"adapters-{secrets.token_hex(6)}"
                self.folder.mkdir(parents=True)
        except OSError as error:
            raise StorageFault(f"there is no place for adapters: {error}") from error

    def put(self, weights: Path, name: str) -> Path:
        """The adapter's path under a new name, complete before it is there; raises `StorageFault`."""
        building, path = self.folder / f".{name}", self.folder / name
        try:
            building.mkdir()
            for file in _FILES:
                source = (weights / file).resolve()
                try:
                    os.link(source, building / file)
                except OSError:  # another file system, or one without links
                    shutil.copyfile(source, building / file)
            building.rename(path)
        except OSError as error:
            shutil.rmtree(building, ignore_errors=True)
            raise StorageFault(f"the adapter '{weights}' cannot be put into '{self.folder}': {error}") from error
        return path

    def drop(self, name: str) -> None:
        """Delete an adapter's files."""
        shutil.rmtree(self.folder / name, ignore_errors=True)

    def close(self) -> None:
        """Delete all of them."""
        shutil.rmtree(self.folder, ignore_errors=True)
