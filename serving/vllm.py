"""A policy behind vLLM, exact on every token: what the trainer gets is what the server drew, and with which odds.

vLLM tokenises the prompt and draws; ids and log-probabilities come from its answers. It includes the end token in both
where it drew it, and only there. Everything that would bend the distribution is turned off in each request, whatever
the server's defaults are. A new version is an adapter under a new name, or, for whole weights, the server anew.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from core.errors import ModelFault
from core.types import Completion, Message, Sampling
from core.vision import LoadImage, Pictures
from serving.backoff import Backoff
from serving.keys import line
from serving.parts import content
from serving.retries import persist
from serving.vllm_fleet import Adapter, Fleet

_LONGEST = 10.0  # seconds between two tries
_UNKNOWN = -9999.0  # what vLLM writes for a log-probability that it does not know
_COLDEST = 0.01  # vLLM raises a lower temperature, other than 0, to this
# The whole vocabulary as the model sees it: nothing truncated, nothing penalised.
WHOLE = {
    "top_p": 1.0,
    "top_k": -1,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
}


class _Logprob(BaseModel):
    logprob: float


class _Logprobs(BaseModel):
    content: tuple[_Logprob, ...]


class _Said(BaseModel):
    content: str | None


class _Choice(BaseModel):
    message: _Said
    finish_reason: Literal["stop", "length", "abort"]
    token_ids: tuple[int, ...] = Field(min_length=1)
    logprobs: _Logprobs


class _Body(BaseModel):
    prompt_token_ids: tuple[int, ...] = Field(min_length=1)
    choices: tuple[_Choice, ...] = Field(min_length=1, max_length=1)


class VLLMPolicy:
    """Implements `core.protocols.Policy` over a `Fleet`, which it has joined already and leaves when it is closed.

    `version` is that of the fleet's own weights; a fleet with adapters has nothing to ask for before the first
    `publish`. `images` pictures at most go into a prompt, which `pictures` counts as the trainer does, and texts as
    `disarm` makes them. `constrained` is always false: vLLM is not held to the page.
    """

    constrained = False

    def __init__(
        self,
        fleet: Fleet,
        *,
        version: int = 0,
        attempts: int = 5,
        concurrency: int = 64,
        images: int = 0,
        load_image: LoadImage | None = None,
        pictures: Pictures | None = None,
        disarm: Callable[[str], str] = str,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._fleet = fleet
        self._version = version
        self._attempts = attempts
        self._places = asyncio.Semaphore(concurrency)
        self._images = images
        self._load_image = load_image
        self._pictures = pictures
        self._disarm = disarm
        self._sleep = sleep
        self._backoff = Backoff(_LONGEST)
        self._adapter: Adapter | None = None
        self._closed = False

    @property
    def version(self) -> int:
        return self._version

    async def generate(self, messages: Sequence[Message], *, sampling: Sampling) -> Completion:
        """Sample one completion. Raises `ModelFault`."""
        body = self._body(messages, sampling)
        images = tuple(image for message in messages for image in message.images)

        async def attempt() -> Completion:
            if self._closed:
                raise ModelFault("the policy is closed")
            if self._fleet.lora and self._adapter is None:
                raise ModelFault("nothing has been published yet")
            # Both before anything is awaited: they belong together.
            adapter, version = self._adapter, self._version
            replica, answer = await self._fleet.complete(body, adapter)
            completion = _completion(replica.url, answer, sampling, version)
            if self._pictures is not None:
                self._pictures.check(completion.prompt_ids, images)
            return completion.model_copy(update={"images": images}) if images else completion

        async with self._places, self._fleet.request():
            return await persist(
                attempt, attempts=self._attempts, backoff=self._backoff, longest=_LONGEST, sleep=self._sleep
            )

    async def publish(self, weights_dir: Path, *, kind: Literal["adapter", "full"], version: int) -> None:
        """Answer from these weights from now on, at every server; raises `ModelFault` if one of them cannot.

        Requests under way finish on the adapter that they began on; whole weights wait for them.
        """
        if (kind == "adapter") is not self._fleet.lora:
            what = "was started without adapters" if kind == "adapter" else "is given adapters, never whole weights"
            raise ModelFault(f"the vLLM server {what}; resume with the training.lora_rank that the run began with")
        if kind == "full":
            await self._fleet.reset(weights_dir)
            self._version = version
        else:
            new = await self._fleet.add(weights_dir, version)
            old, self._adapter, self._version = self._adapter, new, version
            if old is not None:
                await self._fleet.retire(old)

    def asleep(self) -> AbstractAsyncContextManager[None]:
        """An asynchronous context in which the servers leave the GPU to others, if vllm.sleep says so."""
        return self._fleet.asleep()

    async def close(self) -> None:
        """Leave the servers: those that this process has started stop with the last policy."""
        if self._closed:
            return
        self._closed = True
        if self._adapter is not None:
            await self._fleet.retire(self._adapter)
        await self._fleet.leave()

    def _body(self, messages: Sequence[Message], sampling: Sampling) -> dict[str, Any]:
        if sampling.excluded:
            raise ModelFault("vLLM cannot be told which lines not to write (sampling.excluded)")
        if 0 < sampling.temperature < _COLDEST:
            raise ModelFault(f"vLLM would raise a temperature of {sampling.temperature:g} to {_COLDEST}")
        shown = sum(len(message.images) for message in messages)
        if shown and (self._load_image is None or not self._images):
            raise ModelFault("this policy's model reads text only")
        if shown > self._images:
            raise ModelFault(f"a prompt with {shown} pictures is more than vllm.images={self._images} allows")
        name = "the policy's model"
        plain = [message.model_copy(update={"content": self._disarm(message.content)}) for message in messages]
        return {
            "messages": [
                {"role": message.role, "content": content(message, self._load_image, name=name)} for message in plain
            ],
            "temperature": sampling.temperature,
            "max_tokens": sampling.max_tokens,
            "logprobs": True,
            "return_token_ids": True,
            "stop": list(sampling.stop) or None,
            "seed": sampling.seed,
            **WHOLE,
        }


def _completion(url: str, answer: str, sampling: Sampling, version: int) -> Completion:
    """The completion in a server's answer; raises `ModelFault`."""
    try:
        body = _Body.model_validate_json(answer)
    except ValidationError as error:
        why = line("; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()))
        raise ModelFault(f"{url} does not answer as vLLM does, its answer lacks what training needs ({why})") from error
    (choice,) = body.choices
    logprobs = tuple(one.logprob for one in choice.logprobs.content)
    if len(logprobs) != len(choice.token_ids):
        raise ModelFault(f"{url} gave {len(choice.token_ids)} tokens but {len(logprobs)} log-probabilities")
    if any(not math.isfinite(one) or one <= _UNKNOWN for one in logprobs):
        raise ModelFault(f"{url} does not know the log-probability of a token that it drew")
    if sampling.temperature == 0:  # all of the probability is the likeliest token's
        logprobs = (0.0,) * len(logprobs)
    return Completion(
        prompt_ids=body.prompt_token_ids,
        output_ids=choice.token_ids,
        rollout_logprobs=logprobs,
        text=(choice.message.content or "").strip(),
        sampling=sampling,
        policy_version=version,
        finish_reason=choice.finish_reason,
    )
