"""A model behind an OpenAI-compatible endpoint."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from core.config.section import Section


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
