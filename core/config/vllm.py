"""vLLM servers: the ones that a run starts, and the ones that it is attached to."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, model_validator

from core.config.section import Section

# What is decided by other settings, or must not be decided otherwise: each with its own name in vLLM's command line.
_DECIDED = (
    "--api-key",
    "--api-server-count",
    "--config",
    "--data-parallel-size",
    "--dtype",
    "--enable-lora",
    "--enable-sleep-mode",
    "--generation-config",
    "--gpu-memory-utilization",
    "--host",
    "--limit-mm-per-prompt",
    "--logprobs-mode",
    "--lora-modules",
    "--max-loras",
    "--max-lora-rank",
    "--max-model-len",
    "--model",
    "--override-generation-config",
    "--port",
    "--reasoning-parser",
    "--root-path",
    "--seed",
    "--served-model-name",
    "--tensor-parallel-size",
    "--uds",
)
_SHORT = {"-asc": "--api-server-count", "-dp": "--data-parallel-size", "-tp": "--tensor-parallel-size"}
_OF_STARTED = (
    "interpreter",
    "port",
    "dtype",
    "max_model_len",
    "gpu_memory_utilization",
    "tensor_parallel_size",
    "cpu_cache_gb",
    "startup_seconds",
    "options",
    "sleep",
)


class VLLMConfig(Section):
    """policy.kind='vllm': a vLLM server of the run's own, or servers that run already (see `serving/vllm`)."""

    interpreter: str = Field(
        "", description="the Python that has vLLM, as .venv-vllm/bin/python; empty: the one that runs this"
    )
    urls: tuple[str, ...] = Field(
        (),
        description="addresses of vLLM servers to use, as http://127.0.0.1:8000/v1; empty: one is started, and stopped",
    )
    key_env: str = Field(
        "", pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$", description="urls: name of the variable with the servers' key"
    )
    folder: str = Field(
        "", description="urls: where adapters are put for servers elsewhere, which see it by the same path"
    )
    timeout: float = Field(120.0, gt=0, description="seconds until one attempt at a request is given up")
    attempts: int = Field(5, ge=1, le=20, description="tries at a request, the first one included")
    max_lora_rank: Literal[1, 8, 16, 32, 64, 128, 256, 320, 512] = Field(
        16, description="highest rank of an adapter; with urls, what these were started with"
    )
    max_loras: int = Field(
        4, ge=2, description="adapters that a server holds at once: requests under way finish on the one they began on"
    )
    images: int = Field(0, ge=0, description="pictures in a prompt at most; 0: the model reads text only")
    port: int = Field(0, ge=0, le=65535, description="where the server listens on 127.0.0.1; 0: a free port")
    dtype: Literal["auto", "bfloat16", "float32"] = Field(
        "auto", description="of weights and arithmetic; auto: the model's own. The trainer's differs from bfloat16"
    )
    max_model_len: int = Field(0, ge=0, description="tokens of prompt and completion; 0: all that the model can")
    gpu_memory_utilization: float = Field(0.9, gt=0, le=1, description="share of a GPU's memory that the server takes")
    tensor_parallel_size: int = Field(1, ge=1, description="GPUs that share one model")
    cpu_cache_gb: int = Field(1, ge=1, description="GiB of key-value cache where the server runs on the CPU")
    startup_seconds: float = Field(600.0, gt=0, description="how long the server may take until it answers")
    options: tuple[str, ...] = Field((), description="further arguments of its command line, as ['--enforce-eager']")
    sleep: bool = Field(
        False, description="one GPU for server and trainer: the server leaves its memory during an update (GPU only)"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if contradiction := self._contradiction():
            raise ValueError(contradiction)
        return self

    def _contradiction(self) -> str:
        """What cannot be had, as a sentence that names the fix."""
        for option in self.options:
            name = option.split("=", 1)[0].replace("_", "-")
            name = _SHORT.get(name, name)
            plain = re.sub("^--no-", "--", name)
            # An abbreviation is as good as the name to the server.
            if len(plain) > len("--") and any(one.startswith(plain) for one in _DECIDED) and plain.startswith("--"):
                return f"vllm.options cannot hold {option}: it is decided by the other settings of [vllm]; leave it out"
        if not self.urls:
            for name in ("key_env", "folder"):
                if getattr(self, name):
                    return f"vllm.{name} is for servers that run already; name them in vllm.urls, or leave it out"
            return ""
        fields = type(self).model_fields
        for name in _OF_STARTED:
            if getattr(self, name) != fields[name].default:
                return f"vllm.{name} is for a server that is started here; leave it out, or leave out vllm.urls"
        for url in self.urls:
            if not re.fullmatch(r"https?://[^\s/@?#]+(/[^\s@?#]*)?/v1/?", url):
                return f"vllm.urls holds '{url}'; an address is like http://127.0.0.1:8000/v1, without credentials"
        return ""
