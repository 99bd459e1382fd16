"""Task samplers: what to practise next. Found by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable

from core.config import SamplerConfig
from core.errors import ConfigError
from core.protocols import TaskSampler
from training.curriculum.learnability import LearnabilitySampler
from training.curriculum.sec import SelfEvolvingSampler
from training.curriculum.uniform import UniformSampler

SAMPLERS: dict[str, Callable[[SamplerConfig], TaskSampler]] = {
    "uniform": lambda _config: UniformSampler(),
    "sec": SelfEvolvingSampler,
    "learnability": LearnabilitySampler,
}


def build(config: SamplerConfig) -> TaskSampler:
    """The configured sampler; raises `ConfigError` with the nearest name."""
    if config.kind not in SAMPLERS:
        near = difflib.get_close_matches(config.kind, SAMPLERS, n=1, cutoff=0.0)[0]
        raise ConfigError(f"sampler.kind = '{config.kind}' is not a sampler; the nearest is '{near}'")
    return SAMPLERS[config.kind](config)
