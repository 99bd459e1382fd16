"""Screenshots: stored once by content, pruned oldest first, never half there."""

from __future__ import annotations

import hashlib
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import StorageFault
from core.types import ImageRef
from memory.screenshots import ScreenshotStore


def aged(store: ScreenshotStore, data: bytes, age: int) -> str:
    sha256 = store.put(data, 1, 1).sha256
    os.utime(store.path(sha256), (1_000_000 - age, 1_000_000 - age))
    return sha256


def test_a_picture_is_stored_once_under_its_content(tmp_path: Path) -> None:
    store = ScreenshotStore(tmp_path / "screenshots")
    first, second = store.put(b"picture", 30, 20), store.put(b"picture", 30, 20)
    assert first == second == ImageRef(sha256=hashlib.sha256(b"picture").hexdigest(), width=30, height=20)
    assert [path.name for path in store.directory.iterdir()] == [f"{first.sha256}.webp"]
    assert ScreenshotStore(tmp_path / "screenshots").read(first) == b"picture"


def test_a_torn_file_is_not_handed_out_and_is_mended_by_the_next_put(tmp_path: Path) -> None:
    store = ScreenshotStore(tmp_path)
    image = store.put(b"picture", 1, 1)
    store.path(image.sha256).write_bytes(b"")
    assert store.read(image) is None
    store.put(b"picture", 1, 1)
    assert store.read(image) == b"picture"


def test_pruning_drops_the_oldest_and_spares_what_must_stay(tmp_path: Path) -> None:
    store = ScreenshotStore(tmp_path)
    old, middle, young = (aged(store, bytes([n]) * 100, age) for n, age in ((1, 300), (2, 200), (3, 100)))
    assert store.prune(1000) == 0
    assert store.prune(250) == 100
    assert not store.path(old).exists()
    assert store.prune(100, keep={middle}) == 100
    assert store.path(middle).exists()
    assert not store.path(young).exists()
    assert store.prune(0, keep={middle}) == 0
    assert store.read(ImageRef(sha256=old, width=1, height=1)) is None


def test_a_picture_used_again_is_young_again(tmp_path: Path) -> None:
    store = ScreenshotStore(tmp_path)
    first, second = aged(store, b"a" * 100, 200), aged(store, b"b" * 100, 100)
    store.put(b"a" * 100, 1, 1)
    store.prune(100)
    assert store.path(first).exists()
    assert not store.path(second).exists()


def test_what_killed_writers_left_is_removed_and_what_living_ones_write_is_not(tmp_path: Path) -> None:
    store = ScreenshotStore(tmp_path)
    left, living = tmp_path / ".x.1.0.tmp", tmp_path / ".x.2.0.tmp"
    left.touch()
    os.utime(left, (1_000_000, 1_000_000))
    living.touch()
    store.prune(1000)
    assert not left.exists()
    assert living.exists()


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "AB" * 32, "ab" * 31, "ab" * 32 + "\n"])
def test_a_name_that_is_no_digest_reaches_no_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not a SHA-256"):
        ScreenshotStore(tmp_path).read(ImageRef(sha256=name, width=1, height=1))


LIMITED = """
import resource, sys
from pathlib import Path
from core.errors import StorageFault
from memory.screenshots import ScreenshotStore
store = ScreenshotStore(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
try:
    store.put(b"x" * 5000, 1, 1)
except StorageFault as fault:
    print(fault)
"""


def test_a_full_disk_is_a_storage_fault_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert "could not be written" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_storage_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageFault, match="could not be written"):
        ScreenshotStore(tmp_path / "file" / "screenshots").put(b"x", 1, 1)
