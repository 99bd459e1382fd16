"""Whether a vLLM server is what a policy needs, found out as it is opened: one sentence for whatever is wrong."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from core.errors import ConfigError
from serving.keys import line
from serving.retries import Failed
from serving.vllm import WHOLE
from serving.vllm_replica import Replica

_PROMPT = [{"role": "user", "content": "Say what the weather is like."}]
_CANDIDATES = 5
_TIE = 1e-3  # nats; a smaller difference tells nothing
_LOADING = "--enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 in its environment"


class _Card(BaseModel):
    id: str
    root: str | None = None
    parent: str | None = None


class _Models(BaseModel):
    data: tuple[_Card, ...]


class _Candidate(BaseModel):
    token: str
    logprob: float


class _Position(BaseModel):
    top_logprobs: tuple[_Candidate, ...]


class _Logprobs(BaseModel):
    content: tuple[_Position, ...]


class _Choice(BaseModel):
    logprobs: _Logprobs
    token_ids: tuple[int, ...] | None = None


class _Answer(BaseModel):
    choices: tuple[_Choice, ...]
    prompt_token_ids: tuple[int, ...] | None = None


class ServerCheck:
    """Implements `serving.vllm_fleet.Check` for the model in a folder."""

    def __init__(self, model: Path) -> None:
        self._model = model

    async def __call__(self, replica: Replica, *, lora: bool) -> str:
        """The base model's name at the server; raises `ConfigError`, and `ModelFault` when it cannot be reached."""
        base = await self._base(replica)
        try:
            warm = await self._probe(replica, base.id, 1.0)
            cold = await self._probe(replica, base.id, 0.5)
            prompt = warm.prompt_token_ids
            if not prompt or not warm.choices[0].token_ids:
                raise ConfigError(f"{replica.url} gives no token ids; it needs vLLM 0.10.2 or newer")
            if _raw(warm, cold):
                raise ConfigError(
                    f"{replica.url} gives log-probabilities before temperature; start it with"
                    " --logprobs-mode processed_logprobs"
                )
        except (ValidationError, IndexError, KeyError) as error:
            raise ConfigError(f"{replica.url} does not answer as vLLM does: {line(str(error))}") from error
        if replica.child is None and list(prompt) != await asyncio.to_thread(self._encode):
            raise ConfigError(
                f"{replica.url} serves another model than '{self._model}': its prompts are other tokens; set"
                " policy.model to the folder of the model that it serves"
            )
        if lora:
            await self._loads(replica)
        return base.id

    async def _base(self, replica: Replica) -> _Card:
        try:
            models = _Models.model_validate_json(await replica.show_models())
        except ValidationError as error:
            raise ConfigError(f"{replica.url} does not answer as vLLM does: it lists no models") from error
        except Failed as failed:
            if failed.status in (401, 403):
                raise ConfigError(f"{replica.url} wants its key; name its variable in vllm.key_env") from failed
            raise
        bases = [one for one in models.data if one.parent is None]
        if replica.child is not None:
            bases = [one for one in bases if one.id == replica.child.name]
        if not bases:
            raise ConfigError(f"{replica.url} serves no model of ours; another server may have taken its port")
        if replica.child is None and bases[0].root and not await asyncio.to_thread(self._same, Path(bases[0].root)):
            raise ConfigError(
                f"{replica.url} serves the model in '{bases[0].root}', and policy.model is '{self._model}'; serve the"
                " one, or set the other"
            )
        return bases[0]

    def _same(self, root: Path) -> bool:
        """Whether the folder that a server names may hold our model; a name that is no folder here tells nothing."""
        if not (root / "config.json").is_file():
            return True
        told, ours = ((folder / "config.json").read_text(encoding="utf-8") for folder in (root, self._model))
        return bool(json.loads(told) == json.loads(ours))

    def _encode(self) -> list[int]:
        from transformers import AutoTokenizer

        tokenizer: Any = AutoTokenizer.from_pretrained(self._model)
        encoded = tokenizer.apply_chat_template(_PROMPT, add_generation_prompt=True, return_dict=True)
        return list(encoded["input_ids"])

    async def _probe(self, replica: Replica, name: str, temperature: float) -> _Answer:
        body = {
            "model": name,
            "messages": _PROMPT,
            "temperature": temperature,
            "max_tokens": 1,
            "seed": 0,
            "logprobs": True,
            "top_logprobs": _CANDIDATES,
            "return_token_ids": True,
            "return_tokens_as_token_ids": True,  # two tokens may read the same
            **WHOLE,
        }
        try:
            return _Answer.model_validate_json(await replica.probe("/v1/chat/completions", body))
        except Failed as failed:
            raise ConfigError(f"the server cannot be used: {failed}") from failed

    async def _loads(self, replica: Replica) -> None:
        """Whether adapters can be loaded: an empty name is refused for what it is where they can, as unknown else."""
        try:
            await replica.probe("/v1/load_lora_adapter", {"lora_name": "", "lora_path": ""})
        except Failed as failed:
            if failed.status == 400 and "lora_name" in failed.said:
                return
            raise ConfigError(f"{replica.url} loads no adapters ({failed}); start it with {_LOADING}") from failed
        raise ConfigError(f"{replica.url} loads no adapters; start it with {_LOADING}")


def _raw(warm: _Answer, cold: _Answer) -> bool:
    """Whether log-probabilities are the same at temperature 1 and ½: differences between tokens have to double.

    The likeliest tokens and the differences between them do not depend on what was drawn.
    """
    before, after = (
        {one.token: one.logprob for one in answer.choices[0].logprobs.content[0].top_logprobs}
        for answer in (warm, cold)
    )
    both = sorted(before.keys() & after.keys(), key=before.__getitem__)
    if len(both) < 2:
        return False
    low, high = both[0], both[-1]
    plain = before[high] - before[low]
    return plain > _TIE and (after[high] - after[low]) < 1.5 * plain
