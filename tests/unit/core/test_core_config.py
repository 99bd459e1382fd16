"""Settings: every one survives TOML, and whatever is not possible is refused with what is."""

from __future__ import annotations

import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.config import Config, choices, flatten, load, to_toml, validate
from core.errors import ConfigError


def test_the_defaults_are_possible_and_survive_toml(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(to_toml(Config()), encoding="utf-8")
    assert load(path) == load() == Config()


@given(
    texts=st.lists(st.text(), min_size=1, max_size=3),
    reset=st.text(),
    seed=st.integers(0, 2**62),
    rate=st.floats(min_value=0, exclude_min=True, allow_infinity=False),
    minutes=st.one_of(st.none(), st.floats(0.001, 1e9)),
    flag=st.booleans(),
)
@example(texts=['a"b\\c', "\x7f\x00\n\t\x85\u2028"], reset="", seed=0, rate=5e-324, minutes=None, flag=True)
def test_any_value_survives_toml(
    texts: list[str], reset: str, seed: int, rate: float, minutes: float | None, flag: bool
) -> None:
    config = validate(
        {
            "run": {"seed": seed, "minutes": minutes},
            "site": {"urls": texts, "reset": reset, "obey_robots": flag},
            "training": {"learning_rate": rate},
        }
    )
    assert validate(tomllib.loads(to_toml(config))) == config


def test_overrides_win_over_the_file_and_keep_their_types(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[training]\ngroup_size = 4\nepochs = 3\n", encoding="utf-8")
    overrides = [
        "training.group_size=6",
        "training.learning_rate=1e-3",
        "training.normalise_std=false",
        'site.urls=["http://a.test", "kb"]',
        "site.reset=http://a.test/reset?x=1",
        "policy.kind=local",
        "run.minutes = 2.5",
    ]
    config = load(path, overrides)
    assert (config.training.group_size, config.training.epochs) == (6, 3)
    assert (config.training.learning_rate, config.training.normalise_std) == (1e-3, False)
    assert config.site.urls == ("http://a.test", "kb")
    assert config.site.reset == "http://a.test/reset?x=1"
    assert (config.policy.kind, config.run.minutes) == ("local", 2.5)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("training.grop_size=8", "'training.grop_size' is not a setting; the nearest is 'training.group_size'"),
        ("trainig.group_size=8", "'trainig' is not a setting; the nearest is 'training'"),
        ("qqqq.xxxx=1", "'qqqq' is not a setting"),
        ("training.group_size=1", "training.group_size = 1 is not possible"),
        ("training.group_size=many", "training.group_size = 'many' is not possible"),
        ("training.algorithm=ppo", "training.algorithm = 'ppo' is not possible: Input should be 'grpo', 'rloo'"),
        ("evaluation.share=1", "evaluation.share = 1 is not possible"),
        ("site.urls=[]", "site.urls = [] is not possible"),
        ("run.seed=1\nseed = 2", "run.seed = '1\\nseed = 2' is not possible"),
        ("run.seed=" + "9" * 5000, "is not possible"),
        ("run.seed=" + "[" * 5000, "is not possible"),
        ("run.seed=-1", "run.seed = -1 is not possible"),
        ("run.minutes=0", "run.minutes = 0 is not possible"),
        ("training.group_size", "is not of the form section.key=value, as in training.group_size=8"),
        ("group_size=8", "is not of the form section.key=value"),
        ("a.b.c=8", "is not of the form section.key=value"),
        ("", "is not of the form section.key=value"),
    ],
)
def test_what_is_not_possible_is_said(override: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(None, [override])
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[training", "cannot be read as TOML"),
        (b"\xff\xfe", "cannot be read as TOML"),
        (b"a = " + b"[" * 5000, "cannot be read as TOML"),
        (b"[run]\nseed = " + b"9" * 5000, "cannot be read as TOML"),
        (b"training = 3", "training = 3 is not possible"),
        (b"[training]\ngroup_size = '8x'", "training.group_size = '8x' is not possible"),
        (b"[run]\nseed = nan", "run.seed = nan is not possible"),
        (b"[run.seed]\nx = 1", "run.seed"),
    ],
)
def test_a_malformed_file_is_one_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"\A[^\n]+\Z") as caught:
        load(path)
    assert said in str(caught.value)


def test_a_missing_file_and_a_folder_are_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no configuration file"):
        load(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="cannot be read as TOML"):
        load(tmp_path)


def test_a_value_where_a_section_belongs_is_said(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("training = 3", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"'training' must be a section"):
        load(path, ["training.epochs=2"])


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_override_ends_as_a_configuration_or_a_sentence(key: str, value: str) -> None:
    for override in (f"{key}={value}", f"training.epochs={value}", f"site.login={value}", key):
        with suppress(ConfigError):
            assert isinstance(load(None, [override]), Config)


def test_settings_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Config().run.seed = 3  # type: ignore[misc]


def test_flat_names_and_choices() -> None:
    flat = flatten(Config())
    assert flat["training.group_size"] == 8
    assert flat["site.urls"] == ["shop"]
    assert all(name.count(".") == 1 for name in flat)
    assert choices("training", "algorithm") == ("grpo", "rloo", "filtered_bc", "gigpo")
    assert choices("run", "seed") == ()
    everything: dict[str, Any] = Config().model_dump()
    assert len(flat) == sum(len(section) for section in everything.values())
