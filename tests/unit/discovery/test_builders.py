"""Parts are found by name, those of other distributions like our own; names that do not exist are refused."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from core.config import SamplerConfig, validate
from core.errors import ConfigError
from core.types import Sampling
from discovery import builders, places
from discovery.policies import model_folder
from memory.screenshots import ScreenshotStore
from tests.unit.serving.vision_fixtures import Album, show, vision_folder

__all__ = ["vision_folder"]  # a fixture


def test_every_built_in_name_loads() -> None:
    for group, names in builders._BUILT_IN.items():
        for name in names:
            assert callable(builders.find(group, name))


def test_a_name_that_does_not_exist_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"sampler\.kind = 'uniforn' does not exist; the nearest is 'uniform'"):
        builders.find("samplers", "uniforn")
    with pytest.raises(ConfigError, match=r"there are learnability, sec, uniform"):
        builders.find("samplers", "zzz")


def foreign(monkeypatch: pytest.MonkeyPatch, point: EntryPoint) -> None:
    def points(*, group: str) -> list[Any]:
        return [point] if group == point.group else []

    monkeypatch.setattr(builders, "entry_points", points)


def test_a_part_of_another_distribution_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    foreign(monkeypatch, EntryPoint("mine", "training.curriculum.uniform:UniformSampler", "autotelic.samplers"))
    assert builders.find("samplers", "mine").__name__ == "UniformSampler"
    assert builders.find("samplers", "sec")(SamplerConfig(kind="sec")).state()["values"] == {}


def test_a_part_that_cannot_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    foreign(monkeypatch, EntryPoint("mine", "no.such.module:thing", "autotelic.samplers"))
    with pytest.raises(ConfigError, match=r"sampler\.kind = 'mine' \(no\.such\.module:thing\) cannot be loaded"):
        builders.find("samplers", "mine")


def test_a_built_in_name_cannot_be_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    foreign(monkeypatch, EntryPoint("sec", "somebody.else:thing", "autotelic.samplers"))
    with pytest.raises(ConfigError, match="is taken"):
        builders.find("samplers", "sec")


def test_a_folder_without_a_model_is_refused(tmp_path: Any) -> None:
    with pytest.raises(ConfigError, match=r"policy\.model = .* there is no model in"):
        model_folder(str(tmp_path))


def test_bundled_sites_and_urls_do_not_mix() -> None:
    config = validate({"site": {"urls": ["shop", "http://127.0.0.1:1/"]}})
    with pytest.raises(ConfigError, match="either"):
        places._bundled(config)


def test_the_test_split_is_for_the_seed_it_was_written_for() -> None:
    tasks, split = places._heldout(["shop"], 0)
    assert split == "shop/test"
    assert len(tasks) >= 40
    assert places._heldout(["shop"], 1) == ([], "")
    assert places._heldout([], 0) == ([], "")


def test_pictures_are_not_shown_to_a_model_that_reads_text_only(tmp_path: Path) -> None:
    config = validate(
        {
            "actor": {"observation": "both", "prompt": "full"},
            "policy": {"constrained": False},
            "training": {"rehearsal": 0},
        }
    )
    with pytest.raises(ConfigError, match=r"cannot be shown; set policy\.model to one of qwen2_vl"):
        builders.policy_kind(builders.Context(config, tmp_path, 1.0))


async def test_a_run_s_policy_finds_the_run_s_pictures(vision_folder: Path, tmp_path: Path) -> None:
    config = validate(
        {
            "actor": {"observation": "both", "prompt": "full"},
            "policy": {"constrained": False, "model": str(vision_folder)},
            "training": {"rehearsal": 0},
        }
    )
    store = ScreenshotStore(tmp_path / "screenshots")
    album = Album()
    image = album.drawn(1)
    store.put(album.held[image.sha256], image.width, image.height)
    policy = await builders.policy_kind(builders.Context(config, tmp_path, 1.0)).open(vision_folder, 0)
    completion = await policy.generate(show("x", image), sampling=Sampling(max_tokens=2))
    await policy.close()
    assert completion.images == (image,)
