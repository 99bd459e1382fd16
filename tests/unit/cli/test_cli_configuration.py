"""From presets, options and `--set` to a configuration and a folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cli import rundirs
from cli.configuration import assemble, find, presets_folder
from cli.run import _settle
from core.config import Config, load
from core.errors import ConfigError, RunDirectoryError, UserError
from discovery.rundirectory import RunDirectory


@pytest.mark.parametrize("preset", sorted(presets_folder().glob("*.toml")), ids=lambda path: path.stem)
def test_a_preset_is_valid_and_says_what_it_is_for(preset: Path) -> None:
    load(preset)
    assert preset.read_text(encoding="utf-8").startswith("# ")
    assert find(preset.stem) == preset


def test_the_default_preset_is_the_default() -> None:
    assert load(find("default")) == Config()


def test_a_path_goes_before_a_preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("default").write_text("[run]\nseed = 5\n")
    assert load(find("default")).run.seed == 5


def test_an_unknown_preset_is_refused_with_those_there_are() -> None:
    with pytest.raises(UserError, match=r"the presets are .*default"):
        find("zzz")


def test_set_goes_before_options_and_options_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("[run]\nseed = 1\nminutes = 3\n")
    options = {"run.seed": 2, "run.minutes": None, "site.urls": ['http://x/"a"', "shop"]}
    config = assemble(base=file, options=options, settings=["run.iterations=7", "training.algorithm=rloo"])
    assert (config.run.seed, config.run.minutes, config.run.iterations) == (2, 3.0, 7)
    assert config.site.urls == ('http://x/"a"', "shop")
    assert config.training.algorithm == "rloo"
    assert assemble(base=file, options=options, settings=["run.seed=9"]).run.seed == 9


def test_an_option_with_an_odd_value_is_kept_as_it_is() -> None:
    command = 'sh -c "echo \\"grüß\\" | cat" # no\x7f\t😀'
    assert assemble(base=None, options={"site.reset": command}).site.reset == command


def test_a_resumed_run_begins_from_its_own_configuration(tmp_path: Path) -> None:
    started = assemble(base=None, options={"run.seed": 4, "site.urls": ["kb"]})
    RunDirectory.create(tmp_path / "r", started).close()
    config, folder = _settle(None, tmp_path / "r", True, {"run.minutes": 3.0, "run.seed": None}, [])
    assert folder == tmp_path / "r"
    assert config == assemble(base=None, options={"run.seed": 4, "site.urls": ["kb"], "run.minutes": 3.0})


def test_a_bad_setting_is_refused_before_a_folder_is_chosen() -> None:
    with pytest.raises(ConfigError):
        _settle(None, None, False, {}, ["run.sed=1"])


def test_a_fresh_folder_is_named_after_its_site_and_never_taken(tmp_path: Path) -> None:
    first = rundirs.fresh("https://Example.org:8080/a?b", runs=tmp_path)
    assert first.name.startswith("example-org-8080-")
    names = set()
    for _ in range(3):
        folder = rundirs.fresh("shop", runs=tmp_path)
        folder.mkdir()
        names.add(folder.name)
    assert len(names) == 3
    assert rundirs.fresh("://", runs=tmp_path).name.startswith("run-")


def test_the_newest_run_is_the_one_begun_last(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="--run-dir"):
        rundirs.newest(runs=tmp_path)
    for name, age in (("a", 10), ("b", 5), ("c", 20)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.toml").touch()
        os.utime(tmp_path / name / "config.toml", (1000 - age, 1000 - age))
    (tmp_path / "no-run").mkdir()
    assert rundirs.newest(runs=tmp_path) == tmp_path / "b"
