"""The policy and what it is shown."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from core.config.section import Section


class ActorConfig(Section):
    """One episode: what the policy is shown and how long it may try."""

    prompt: Literal["compact", "full"] = Field(
        "compact", description="full explains the grammar; the embedded policy wants compact"
    )
    observation: Literal["text", "marks", "both"] = Field(
        "text",
        description="the page in words; a picture of what is in view with marks on what can be used; or both. "
        "Pictures need a vision-language model and prompt='full'",
    )
    observation_tokens: int = Field(288, ge=40, description="of the page in words")
    images: int = Field(1, ge=1, le=16, description="marks, both: pictures shown at most, the present one included")
    image_width: int = Field(1024, ge=224, le=4096, description="marks, both: wider pictures are scaled down; pixels")
    legend_tokens: int = Field(160, ge=0, description="marks: what is marked in words beside the picture; 0: nothing")
    history: int = Field(6, ge=0, description="past actions shown")
    max_steps: int = Field(10, ge=1)
    max_invalid: int = Field(3, ge=1, description="actions in a row that may fail before the episode ends")
    episode_seconds: float = Field(60.0, gt=0)

    @property
    def sees(self) -> bool:
        """Whether the policy is shown pictures."""
        return self.observation != "text"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.sees and self.prompt == "compact":
            raise ValueError(
                f"actor.observation='{self.observation}' shows pictures, which the compact prompt has no place for; "
                "set actor.prompt='full'"
            )
        return self


class PolicyConfig(Section):
    """The model that acts and learns."""

    kind: str = "local"
    model: str = Field(
        "embedded", description="'embedded', or a folder with a Hugging Face model, causal or vision-language"
    )
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
