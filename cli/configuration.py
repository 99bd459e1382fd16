"""From a preset, options and `--set` to one checked configuration."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import UserError

if TYPE_CHECKING:
    from core.config import Config


def assemble(*, base: Path | None, options: Mapping[str, Any] | None = None, settings: Iterable[str] = ()) -> Config:
    """The configuration of a file, with options (`section.key` → value, None: not given) and `--set` on top.

    Raises `ConfigError` for a setting that does not exist or cannot have that value.
    """
    from core.config import load

    overrides = [f"{key}={_toml(value)}" for key, value in (options or {}).items() if value is not None]
    return load(base, [*overrides, *settings])


def find(config: str | None) -> Path | None:
    """The file of `--config`: a path, or the name of a preset; raises `UserError` when there is neither."""
    if config is None:
        return None
    path = Path(config)
    if path.is_file():
        return path
    presets = {preset.stem: preset for preset in presets_folder().glob("*.toml")}
    if config in presets:
        return presets[config]
    near = difflib.get_close_matches(config, presets, n=1)
    hint = f"did you mean the preset '{near[0]}'?" if near else f"the presets are {', '.join(sorted(presets))}"
    raise UserError(f"there is no configuration file '{config}'; {hint}")


def presets_folder() -> Path:
    """Where the presets lie: `configs/` of the checkout, or inside this package when it was installed as a wheel."""
    inside = Path(__file__).parent / "presets"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "configs"


def positive(option: str, value: float | None) -> None:
    """Raises `UserError` unless `value` is None or greater than 0."""
    if value is not None and not value > 0:
        raise UserError(f"{option} has to be greater than 0, not {value:g}")


def not_negative(option: str, value: int | None) -> None:
    """Raises `UserError` unless `value` is None or at least 0."""
    if value is not None and value < 0:
        raise UserError(f"{option} has to be 0 or more, not {value}")


def existing(option: str, path: Path | None) -> str | None:
    """The absolute path of a file that has to exist; raises `UserError` when it does not."""
    if path is None:
        return None
    if not path.is_file():
        raise UserError(f"there is no file '{path}' for {option}")
    return str(path.resolve())


def _toml(value: Any) -> str:
    """A number, a text or a list of texts as TOML, which is JSON but for one control character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
