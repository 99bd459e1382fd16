"""Screenshots by content: each picture is stored once, under the SHA-256 of its bytes."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import time
from collections.abc import Set
from contextlib import suppress
from pathlib import Path

from core.errors import StorageFault
from core.types import ImageRef

_SHA256 = re.compile(r"[0-9a-f]{64}")
_STALE_SECONDS = 3600.0


class ScreenshotStore:
    """A folder of `<sha256>.webp` files. Safe for several writers and readers, in threads or processes."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._counter = itertools.count()

    def path(self, sha256: str) -> Path:
        """Where a picture lies, or would; raises `ValueError` unless given 64 hexadecimal digits."""
        if not _SHA256.fullmatch(sha256):
            raise ValueError(f"'{sha256[:80]}' is not a SHA-256 in lower-case hexadecimal digits")
        return self.directory / f"{sha256}.webp"

    def put(self, data: bytes, width: int, height: int) -> ImageRef:
        """Store WebP bytes of `width` × `height` pixels once; raises `StorageFault` when the disk refuses."""
        digest = hashlib.sha256(data).hexdigest()
        path = self.path(digest)
        temporary = self.directory / f".{digest}.{os.getpid()}.{next(self._counter)}.tmp"
        try:
            if _size(path) == len(data):
                os.utime(path)  # used again: youngest for `prune`
            else:
                self.directory.mkdir(parents=True, exist_ok=True)
                # Not synced: what a power cut leaves torn, `read` recognises and `put` writes again.
                temporary.write_bytes(data)
                temporary.replace(path)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise StorageFault(f"a screenshot could not be written to '{self.directory}': {error}") from error
        return ImageRef(sha256=digest, width=width, height=height)

    def read(self, image: ImageRef) -> bytes | None:
        """The picture's bytes; None when it was pruned or is damaged."""
        try:
            data = self.path(image.sha256).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageFault(f"a screenshot could not be read from '{self.directory}': {error}") from error
        return data if hashlib.sha256(data).hexdigest() == image.sha256 else None

    def prune(self, max_bytes: int, keep: Set[str] = frozenset()) -> int:
        """Delete the pictures used longest ago until at most `max_bytes` remain; returns the bytes freed.

        Pictures whose SHA-256 is in `keep` stay, even above the limit. What killed writers left is removed.
        """
        files: list[tuple[float, int, Path]] = []
        for path in self.directory.glob("*.webp"):
            with suppress(FileNotFoundError):
                status = path.stat()
                files.append((status.st_mtime, status.st_size, path))
        excess = sum(size for _, size, _ in files) - max_bytes
        freed = 0
        for _, size, path in sorted(files):
            if freed >= excess:
                break
            if path.stem not in keep:
                path.unlink(missing_ok=True)
                freed += size
        for path in self.directory.glob(".*.tmp"):
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                    path.unlink()
        return freed


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1
