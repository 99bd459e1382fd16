"""Every setting of a run, with its default, its range and its meaning; read from TOML, changed from the command line.

A setting that does not exist is refused with the nearest valid name, and a value that is not
supported is refused with what is: nothing is silently ignored.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self, get_args

from pydantic import ValidationError, model_validator

from core.config.acting import ActorConfig, PolicyConfig
from core.config.endpoint import EndpointConfig
from core.config.judging import EvaluationConfig, JudgeConfig
from core.config.place import BrowserConfig, RetentionConfig, RunConfig, SiteConfig
from core.config.proposing import ExploreConfig, LanguageProposerConfig, ProposerConfig, SamplerConfig
from core.config.section import Section
from core.config.training import TrainingConfig
from core.config.vllm import VLLMConfig
from core.errors import ConfigError

__all__ = [
    "ActorConfig",
    "BrowserConfig",
    "Config",
    "EndpointConfig",
    "EvaluationConfig",
    "ExploreConfig",
    "JudgeConfig",
    "LanguageProposerConfig",
    "PolicyConfig",
    "ProposerConfig",
    "RetentionConfig",
    "RunConfig",
    "SamplerConfig",
    "Section",
    "SiteConfig",
    "TrainingConfig",
    "VLLMConfig",
    "choices",
    "flatten",
    "load",
    "to_toml",
    "validate",
]


class Config(Section):
    """A run's whole configuration."""

    run: RunConfig = RunConfig()
    site: SiteConfig = SiteConfig()
    explore: ExploreConfig = ExploreConfig()
    proposer: ProposerConfig = ProposerConfig()
    language_proposer: LanguageProposerConfig = LanguageProposerConfig()
    endpoint: EndpointConfig = EndpointConfig()
    sampler: SamplerConfig = SamplerConfig()
    actor: ActorConfig = ActorConfig()
    policy: PolicyConfig = PolicyConfig()
    vllm: VLLMConfig = VLLMConfig()
    training: TrainingConfig = TrainingConfig()
    judge: JudgeConfig = JudgeConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    browser: BrowserConfig = BrowserConfig()
    retention: RetentionConfig = RetentionConfig()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.policy.constrained and self.actor.prompt != "compact":
            raise ValueError("a constrained policy reads the compact prompt alone; set policy.constrained=false")
        if self.actor.sees and (self.training.hindsight or self.training.warm_start):
            raise ValueError(
                "training.hindsight and training.warm_start write prompts without pictures; turn them off, or set"
                " actor.observation='text'"
            )
        if self.actor.sees and self.training.rehearsal:
            raise ValueError(
                "training.rehearsal learns again from episodes whose pictures are pruned; set training.rehearsal=0, or"
                " actor.observation='text'"
            )
        if self.proposer.kind == "language" and not (self.endpoint.base_url and self.endpoint.model):
            raise ValueError(
                "proposer.kind='language' asks a model; set endpoint.base_url, as to http://127.0.0.1:8000/v1, and"
                " endpoint.model"
            )
        if self.language_proposer.demonstrations and self.proposer.kind != "language":
            raise ValueError(
                "language_proposer.demonstrations are told to a model; set proposer.kind='language', or leave them out"
            )
        if self.policy.kind == "served" and not self.policy.urls:
            raise ValueError(
                "policy.kind='served' needs policy.urls; start 'autotelic serve embedded --allow-updates' and name its"
                " address, as http://127.0.0.1:8000/v1"
            )
        if self.policy.kind == "vllm" and (contradiction := self._contradiction_of_vllm()):
            raise ValueError(contradiction)
        return self

    def _contradiction_of_vllm(self) -> str:
        rank = self.training.lora_rank
        if self.policy.constrained:
            return "policy.kind='vllm' cannot be held to the page; set policy.constrained=false"
        if self.actor.sees and self.vllm.images < self.actor.images:
            return f"the policy is shown up to {self.actor.images} pictures; set vllm.images={self.actor.images}"
        if self.vllm.sleep and self.training.asynchronous:
            return "vllm.sleep has nobody act during an update; set training.asynchronous=false, or vllm.sleep=false"
        if self.policy.temperature < 0.01:
            return "policy.kind='vllm' cannot be colder than 0.01, to which vLLM would raise it; set policy.temperature"
        if rank > self.vllm.max_lora_rank:
            return f"training.lora_rank={rank} is more than the server takes; set vllm.max_lora_rank, or lower it"
        if self.vllm.urls and not rank:
            return (
                "vllm.urls are given adapters, never whole weights; set training.lora_rank, as to 16, or leave out"
                " vllm.urls, so that a server is started here"
            )
        return ""


def load(path: Path | None = None, overrides: Iterable[str] = ()) -> Config:
    """The configuration of a TOML file with `section.key=value` overrides on top; raises `ConfigError`."""
    data: dict[str, Any] = {}
    if path is not None:
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ConfigError(f"there is no configuration file '{path}'") from None
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigError(f"'{path}' cannot be read as TOML: {error}") from error
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals or key.count(".") != 1:
            raise ConfigError(f"'{override}' is not of the form section.key=value, as in training.group_size=8")
        section, name = key.strip().split(".")
        table = data.setdefault(section, {})
        if not isinstance(table, dict):
            raise ConfigError(f"'{section}' must be a section ([{section}]), not a value")
        table[name] = _literal(value.strip())
    return validate(data)


def validate(data: Mapping[str, Any]) -> Config:
    """A `Config` from plain data; raises `ConfigError` that names the setting, and the nearest one if unknown."""
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise ConfigError(_sentence(error)) from error


def flatten(config: Config) -> dict[str, Any]:
    """`section.key` → value, for logs and for `--dry-run`."""
    return {
        f"{section}.{key}": value
        for section, table in config.model_dump(mode="json").items()
        for key, value in table.items()
    }


def to_toml(config: Config) -> str:
    """The configuration as TOML; settings that are None are left out."""
    lines: list[str] = []
    for section, table in config.model_dump(mode="json").items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {_toml(value)}" for key, value in table.items() if value is not None]
        lines.append("")
    return "\n".join(lines)


def _literal(text: str) -> Any:
    """A command line's value: TOML where it parses, a plain string otherwise."""
    try:
        read = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return read["value"] if len(read) == 1 else text


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + "".join(c if c >= " " and c != "\x7f" else f"\\u{ord(c):04x}" for c in escaped) + '"'
    return repr(value)


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    name = ".".join(path)
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, _names(), n=1, cutoff=0.5)
        return f"'{name}' is not a setting" + (f"; the nearest is '{near[0]}'" if near else "")
    if first["type"] == "value_error" and len(path) < 2:  # of settings that do not go together
        return str(first["ctx"]["error"])
    return f"{name} = {repr(first['input'])[:100]} is not possible: {first['msg']}"


def _names() -> list[str]:
    names: list[str] = []
    for section, field in Config.model_fields.items():
        kind = field.annotation
        assert isinstance(kind, type)
        assert issubclass(kind, Section)
        names.append(section)
        names += [f"{section}.{key}" for key in kind.model_fields]
    return names


def choices(section: str, key: str) -> tuple[str, ...]:
    """The values of a setting that has a closed list of them; empty otherwise."""
    kind = Config.model_fields[section].annotation
    assert isinstance(kind, type)
    assert issubclass(kind, Section)
    return tuple(str(choice) for choice in get_args(kind.model_fields[key].annotation))
