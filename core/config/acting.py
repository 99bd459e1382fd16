"""The policy and what it is shown."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from core.config.section import Section


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
