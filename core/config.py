"""Every setting of a run, with its default, its range and its meaning; read from TOML, changed from the command line.

A setting that does not exist is refused with the nearest valid name, and a value that is not
supported is refused with what is: nothing is silently ignored.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from core.errors import ConfigError


class Section(BaseModel):
    """Base of the sections: immutable, unknown names forbidden, defaults validated."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class RunConfig(Section):
    """How long, and from which seed."""

    seed: int = Field(0, ge=0)
    iterations: int | None = Field(None, ge=1, description="stop after this many iterations; None: no limit")
    minutes: float | None = Field(
        None, gt=0, description="budget of the whole run, exploration and evaluation included"
    )
    cost: float | None = Field(
        None, gt=0, description="currency units to spend on model endpoints, by their prices; None: no limit"
    )
    tokens: int | None = Field(None, ge=1, description="tokens to send to and get from model endpoints; None: no limit")


class SiteConfig(Section):
    """Where the agent may go, and how that place is put back as it was."""

    environment: str = Field("web", description="how the agent reaches it: a name among the environments")
    urls: tuple[str, ...] = Field(("shop",), min_length=1, description="URLs, or names of bundled sites")
    seed: int = Field(0, ge=0, description="seed of a bundled site's records")
    reset: str = Field(
        "",
        description="URL to request or command to run before an attempt; empty: a fresh session if bundled, else none",
    )
    reset_keeps_login: bool = Field(
        False, description="whether who was logged in still is after a reset; if not, the log-in hook runs again"
    )
    allowed_origins: tuple[str, ...] = Field(
        (), description="more origins that the browser may reach, as https://host[:port]"
    )
    storage_state: str = Field("", description="Playwright storage state file of a logged-in session")
    login: str = Field("", description="scripted log-in hook, as package.module:function")
    obey_robots: bool = True


class ExploreConfig(Section):
    """The exploring proposer's budget and manners."""

    pages: int = Field(90, ge=1)
    seconds: float = Field(60.0, gt=0)
    tasks: int = Field(240, ge=1, description="size of the pool of proven tasks")
    delay: float = Field(0.0, ge=0, description="seconds between requests; at least 1 outside loopback")
    replays: int = Field(2, ge=1, description="times a proposal is replayed from a fresh state with its check true")
    seed: int = Field(0, ge=0)


class ProposerConfig(Section):
    """Who proposes tasks, and how mastery steers it."""

    kind: str = "exploring"
    mastered: float = Field(0.9, gt=0, le=1, description="a family at or above this success rate is retired to upkeep")
    compose_above: float = Field(0.7, gt=0, le=1, description="families above this success rate are composed")


class LanguageProposerConfig(Section):
    """How a language model is asked for tasks, and which of its tasks are kept (`proposer.kind = "language"`)."""

    tasks: int = Field(16, ge=1, description="new tasks asked for in an iteration")
    proven_share: float = Field(
        0.5, ge=0, le=1, description="share of the pool that exploration has proven, beside what the model proposes"
    )
    batch: int = Field(8, ge=1, le=50, description="tasks asked for in one request")
    fruitless_rounds: int = Field(3, ge=1, le=100, description="requests without a usable task until it is given up")
    temperature: float = Field(1.0, ge=0, le=2, description="of the proposals; the feasibility question has 0")
    max_tokens: int = Field(4096, ge=64, description="longest answer")
    map_tokens: int = Field(3000, ge=50, description="share of the site map in a request")
    list_tokens: int = Field(600, ge=50, description="share of each list in a request: demonstrations, failures, ...")
    asked_families: int = Field(4, ge=1, description="families asked for at once, the most learnable first")
    compositions: int = Field(3, ge=0, description="pairs of mastered families suggested at once")
    mastered: float = Field(0.9, gt=0, le=1, description="no more is asked of a family at or above this success rate")
    compose_above: float = Field(0.7, gt=0, le=1, description="families above this success rate are composed")
    duplicate: float = Field(0.92, gt=0, le=1, description="cosine from which two instructions count as the same")
    free_text: bool = Field(False, description="accept criteria in words, which only a judge that reads can decide")
    max_steps: int = Field(10, ge=7, description="steps that an episode of a proposed task may take")
    feasibility: Literal["none", "judge"] = Field(
        "none", description="ask the model a second time whether the task can be done; what is unsure is dropped"
    )

    @field_validator("feasibility", mode="before")
    @classmethod
    def _no_solver(cls, value: object) -> object:
        if value == "solver":
            raise ValueError("feasibility = 'solver' is not available, use 'judge' or 'none'")
        return value


class SamplerConfig(Section):
    """What to practise next (see `training/curriculum`)."""

    kind: str = "learnability"
    step_size: float = Field(0.3, gt=0, le=1, description="SEC's alpha")
    temperature: float = Field(0.4, gt=0, description="SEC's tau")
    uniform_share: float = Field(0.15, ge=0, le=1)


class ActorConfig(Section):
    """One episode: what the policy is shown and how long it may try."""

    prompt: Literal["compact", "full"] = Field(
        "compact", description="full explains the grammar; the embedded policy wants compact"
    )
    observation_tokens: int = Field(288, ge=40)
    history: int = Field(6, ge=0, description="past actions shown")
    max_steps: int = Field(10, ge=1)
    max_invalid: int = Field(3, ge=1, description="actions in a row that may fail before the episode ends")
    episode_seconds: float = Field(60.0, gt=0)


class PolicyConfig(Section):
    """The model that acts and learns."""

    kind: str = "local"
    model: str = Field("embedded", description="'embedded', or a folder with a Hugging Face causal language model")
    temperature: float = Field(1.0, gt=0)
    max_tokens: int = Field(80, ge=1)
    max_batch: int = Field(32, ge=1)
    threads: int = Field(1, ge=1, description="torch threads")
    constrained: bool = Field(
        True, description="only what the page allows can be written (serving/affordances.py); needs the compact prompt"
    )
    urls: tuple[str, ...] = Field(
        (), description="served: addresses of 'autotelic serve --allow-updates', as http://127.0.0.1:8000/v1"
    )
    key_env: str = Field(
        "AUTOTELIC_SERVE_KEY", description="served: name of the variable with the servers' key, if they have one"
    )
    timeout: float = Field(120.0, gt=0, description="served: seconds until one attempt at a request is given up")


_WIDEST_SEQUENCE_CLIP = 0.1  # a mean over tokens varies less than one of them, so a token's range holds nothing back


class TrainingConfig(Section):
    """The update (see `training/losses` and `training/advantages`)."""

    algorithm: Literal["grpo", "rloo", "filtered_bc", "gigpo"] = "grpo"
    loss: Literal["clipped", "cispo"] = Field(
        "clipped", description="PPO's clipped surrogate, or CISPO, whose clip bounds a token's weight and drops none"
    )
    ratio: Literal["token", "sequence"] = Field(
        "token", description="what is clipped: each token's ratio, or the geometric mean of its turn's (GSPO)"
    )
    importance_cap: float = Field(
        0.0,
        ge=0,
        description="bound of the weight that corrects for stale rollouts, as 2: clip against the weights that the"
        " update begins with, not against the rollout's; 0: no correction",
    )
    discount: float = Field(0.95, gt=0, le=1, description="gigpo: what a reward one step later is worth")
    step_weight: float = Field(1.0, gt=0, description="gigpo: weight of a step's advantage beside the episode's")
    tasks_per_iteration: int = Field(16, ge=1)
    group_size: int = Field(8, ge=2)
    probes: int = Field(
        4, ge=1, description="attempts after which a group in which all did equally well is not gone on with"
    )
    refill_rounds: int = Field(0, ge=0, description="further draws while too few groups carry a signal")
    learning_rate: float = Field(3e-4, gt=0)
    warmup: int = Field(
        6, ge=0, description="optimizer steps over which the learning rate rises; Adam's first ones are the largest"
    )
    weight_decay: float = Field(0.0, ge=0)
    max_grad_norm: float = Field(1.0, gt=0)
    epochs: int = Field(1, ge=1, description="passes over one iteration's rows")
    minibatches: int = Field(2, ge=1, description="optimizer steps in a pass")
    threads: int = Field(2, ge=1, description="torch threads of an update, during which nothing else runs")
    micro_batch_tokens: int = Field(2048, ge=256)
    eps_low: float = Field(
        0.2,
        gt=0,
        description="ratios below 1 - eps_low are clipped; 0.2 for tokens, 3e-4 for sequences of a thousand tokens and"
        " more for shorter ones, at least 1 for no lower bound, as in CISPO's paper",
    )
    eps_high: float = Field(
        0.28,
        gt=0,
        description="ratios above 1 + eps_high are clipped; 0.28 for tokens, 4e-4 for sequences of a thousand tokens"
        " and more for shorter ones, 0.3 to 5 for cispo",
    )
    normalise_std: bool = True
    kl_coefficient: float = Field(0.0, ge=0)
    entropy_coefficient: float = Field(0.0, ge=0)
    hindsight: float = Field(
        0.0, ge=0, description="advantage of what failed look-ups achieved all the same; 0: nothing is relabelled"
    )
    branching: bool = Field(
        True, description="go on with a group whose probes all failed, by attempts that part from them, if possible"
    )
    rehearsal: float = Field(
        0.3, ge=0, description="advantage of an earlier iteration's success that is learned from again; 0: none is"
    )
    rehearsed: int = Field(12, ge=1, description="past successes in an update, where there is rehearsal")
    warm_start: bool = Field(False, description="imitate the explorer's own replays before the first iteration")
    warm_start_passes: int = Field(
        4, ge=1, description="how often a warm start goes through the replays, told in other words each time"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if contradiction := self._contradiction():
            raise ValueError(contradiction)
        return self

    def _contradiction(self) -> str:
        """What would be ignored or make no sense beside another setting, as a sentence that names the fix."""
        fields = type(self).model_fields
        cloning = self.algorithm == "filtered_bc"
        if cloning and (self.loss != "clipped" or self.ratio != "token" or self.importance_cap):
            return (
                "training.algorithm='filtered_bc' imitates and has no ratio;"
                " leave training.loss='clipped', training.ratio='token' and training.importance_cap=0"
            )
        if self.algorithm != "gigpo" and any(
            getattr(self, name) != fields[name].default for name in ("discount", "step_weight")
        ):
            return "training.discount and training.step_weight are gigpo's alone; set training.algorithm='gigpo'"
        if self.loss == "cispo" and self.ratio == "sequence":
            return "training.loss='cispo' weighs each token by its own ratio; set training.ratio='token'"
        if self.ratio == "sequence" and max(self.eps_low, self.eps_high) > _WIDEST_SEQUENCE_CLIP:
            return (
                f"training.ratio='sequence' never clips beyond {_WIDEST_SEQUENCE_CLIP};"
                " set training.eps_low=3e-4 and training.eps_high=4e-4, or more for short turns"
            )
        if 0 < self.importance_cap < 1:
            return "training.importance_cap below 1 weighs down what is not stale; set it to 0 or to at least 1"
        return ""


class JudgeConfig(Section):
    """Who scores training episodes."""

    kind: str = "checks"


class EvaluationConfig(Section):
    """Held-out success: measured, never trained on."""

    heldout: str = Field("", description="task file; empty: the bundled site's test split, where there is one")
    episodes_per_task: int = Field(3, ge=1)
    every: int = Field(0, ge=0, description="iterations between measurements inside the run; 0: only first and last")
    share: float = Field(0.25, gt=0, lt=1, description="share of a time budget kept for the final measurement")
    temperature: float = Field(1.0, gt=0)


class BrowserConfig(Section):
    """The browser behind the web environment."""

    executable: str = Field("", description="path of a Chromium; empty: look for one")
    contexts: int = Field(4, ge=1, description="episodes at once in one browser")
    processes: int = Field(1, ge=1)
    headless: bool = True
    screenshots: Literal["off", "some", "final", "every"] = Field(
        "some", description="of the end of an episode in eight, of the end of each, of every step; one costs 0.1 s"
    )
    settle_quiet_ms: int = Field(40, ge=0)
    action_timeout: float = Field(5.0, gt=0)
    navigation_timeout: float = Field(15.0, gt=0)
    width: int = Field(1280, ge=200)
    height: int = Field(900, ge=200)


class RetentionConfig(Section):
    """What is kept when a run gets long."""

    screenshots_mb: int = Field(500, ge=0)
    weights: int = Field(3, ge=1, description="iterations whose weights are kept, beside the first and the last")


class EndpointConfig(Section):
    """An OpenAI-compatible endpoint that answers proposers, judges or the chat (see `serving/openai`)."""

    base_url: str = Field(
        "",
        pattern=r"^(https?://[^\s/@?#]+(/[^\s@?#]*)?)?$",
        description="as http://127.0.0.1:8000/v1, without credentials; empty: there is none",
    )
    model: str = Field("", description="the model's name at the endpoint")
    api_key_env: str = Field(
        "",
        pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$",
        description="name of the environment variable that holds the key, never the key; empty: none is sent",
    )
    concurrency: int = Field(4, ge=1, le=1024, description="requests at once; one that waits to be repeated counts")
    timeout: float = Field(60.0, gt=0, le=3600, description="seconds until one attempt at a request is given up")
    attempts: int = Field(5, ge=1, le=20, description="tries at a request, the first one included")
    max_wait: float = Field(
        60.0,
        gt=0,
        le=3600,
        description="longest pause between two tries, in seconds; given up if the server wants more",
    )
    price_prompt: float = Field(0.0, ge=0, le=1e6, description="currency units per million prompt tokens")
    price_completion: float = Field(0.0, ge=0, le=1e6, description="currency units per million completion tokens")
    temperature: float = Field(1.0, ge=0, le=2, description="where the caller asks for none")
    max_tokens: int = Field(1024, ge=1, description="longest answer, where the caller asks for none")
    json_schema: Literal["auto", "always", "never"] = Field(
        "auto", description="hold structured answers to their schema: if the server can, or it fails, or by asking only"
    )
    cache: str = Field(
        "", description="folder of past answers, given again to the same request; empty: every request is sent"
    )


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
    training: TrainingConfig = TrainingConfig()
    judge: JudgeConfig = JudgeConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    browser: BrowserConfig = BrowserConfig()
    retention: RetentionConfig = RetentionConfig()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.policy.constrained and self.actor.prompt != "compact":
            raise ValueError("a constrained policy reads the compact prompt alone; set policy.constrained=false")
        if self.proposer.kind == "language" and not (self.endpoint.base_url and self.endpoint.model):
            raise ValueError(
                "proposer.kind='language' asks a model; set endpoint.base_url, as to http://127.0.0.1:8000/v1, and"
                " endpoint.model"
            )
        if self.policy.kind == "served" and not self.policy.urls:
            raise ValueError(
                "policy.kind='served' needs policy.urls; start 'autotelic serve embedded --allow-updates' and name its"
                " address, as http://127.0.0.1:8000/v1"
            )
        return self


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
