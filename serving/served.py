"""A policy behind one or several of our own servers (`autotelic serve --allow-updates`), exact on every token.

The servers read published weights from the same disk. Requests go round; an update is a barrier: it is over when every
server has the weights, and what is asked after it is answered from them. Nothing is tokenised here: ids,
log-probabilities and what each token was drawn among come from the server that drew them.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from core.errors import ConfigError, ModelFault
from core.types import Completion, Message, Sampling
from core.vision import Pictures
from serving.backoff import Backoff
from serving.connection import Connection
from serving.keys import Key, line
from serving.parts import content
from serving.retries import Failed, persist

_HINT = "; is 'autotelic serve' running there?"
_LONGEST = 10.0  # seconds between two tries


class _Extra(BaseModel):
    choices: tuple[tuple[int, ...], ...]
    policy_version: int


class _Logprob(BaseModel):
    logprob: float


class _Logprobs(BaseModel):
    content: tuple[_Logprob, ...]


class _Said(BaseModel):
    content: str


class _Choice(BaseModel):
    message: _Said
    finish_reason: Literal["stop", "length", "abort"]
    token_ids: tuple[int, ...]
    logprobs: _Logprobs
    autotelic: _Extra


class _Body(BaseModel):
    prompt_token_ids: tuple[int, ...] = Field(min_length=1)
    choices: tuple[_Choice, ...] = Field(min_length=1, max_length=1)


class ServedPolicy:
    """Implements `core.protocols.Policy` over HTTP. `urls` are addresses like `http://127.0.0.1:8000/v1`.

    The weights go by a name of this object's own, so that several policies may share a server; before the first
    `publish` there is nothing to ask for. `timeout` is in seconds, for one try. `constrained` says what the servers
    have to be; `pictures` how their model sees, None for one that reads text only. `sleep` waits between tries.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        constrained: bool,
        key: Key | None = None,
        timeout: float = 120.0,
        attempts: int = 5,
        concurrency: int = 64,
        pictures: Pictures | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if not urls:
            raise ConfigError("policy.urls names no server; start one with 'autotelic serve … --allow-updates'")
        self.name = f"policy-{secrets.token_hex(6)}"
        self.constrained = constrained
        self._pictures = pictures
        self._attempts = attempts
        self._places = asyncio.Semaphore(concurrency)
        self._sleep = sleep
        self._backoff = Backoff(_LONGEST)
        self._servers = {
            url: Connection(url, key or Key(), self._backoff, timeout=timeout, name=url, hint=_HINT) for url in urls
        }
        self._turns = itertools.cycle(self._servers)
        self._version = 0
        self._closed = False

    @property
    def version(self) -> int:
        return self._version

    async def generate(self, messages: Sequence[Message], *, sampling: Sampling) -> Completion:
        """Sample one completion from the published weights. Raises `ModelFault`."""
        images = tuple(image for message in messages for image in message.images)
        pictures = self._pictures
        if images and pictures is None:
            raise ModelFault("this policy's model reads text only")
        load = None if pictures is None else pictures.load
        body: dict[str, Any] = {
            "model": self.name,
            "messages": [
                {"role": message.role, "content": content(message, load, name="the served policy")}
                for message in messages
            ],
            "temperature": sampling.temperature,
            "max_tokens": sampling.max_tokens,
            "logprobs": True,
            "return_token_ids": True,
            "stop": list(sampling.stop) or None,
            "seed": sampling.seed,
            "autotelic": {"excluded": list(sampling.excluded)} if sampling.excluded else None,
        }
        async with self._places:
            url = next(self._turns)
            answer = await self._persist(url, "/chat/completions", body)
        completion = self._completion(url, answer, sampling)
        if pictures is not None:
            pictures.check(completion.prompt_ids, images)
        return completion.model_copy(update={"images": images})

    async def publish(self, weights_dir: Path, *, kind: Literal["adapter", "full"], version: int) -> None:
        """Have every server answer from these weights; raises `ModelFault` if one of them cannot."""
        path = str(await asyncio.to_thread(weights_dir.resolve))
        body: dict[str, Any]
        if kind == "full":
            where, body = "/load_weights", {"name": self.name, "path": path, "version": version}
        else:
            where = "/load_lora_adapter"
            body = {"lora_name": self.name, "lora_path": path, "version": version, "load_inplace": True}
        await asyncio.gather(*(self._load(url, where, body) for url in self._servers))
        self._version = version

    async def close(self) -> None:
        """Close the connections. The servers go on."""
        self._closed = True
        for server in self._servers.values():
            await server.close()

    async def _load(self, url: str, where: str, body: dict[str, Any]) -> None:
        try:
            await self._persist(url, where, body)
        except Failed as failed:
            if failed.status != 404:
                raise
            raise ModelFault(
                f"{url} takes no weights, so it is no server of ours; start one with 'autotelic serve'"
            ) from failed

    def _completion(self, url: str, answer: str, sampling: Sampling) -> Completion:
        try:
            body = _Body.model_validate_json(answer)
        except ValidationError as error:
            why = line("; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()))
            raise ModelFault(f"{url} is no server of ours, its answers lack what training needs ({why})") from error
        (choice,) = body.choices
        logprobs = tuple(one.logprob for one in choice.logprobs.content)
        if len(logprobs) != len(choice.token_ids):
            raise ModelFault(f"{url} gave {len(choice.token_ids)} tokens but {len(logprobs)} log-probabilities")
        if bool(choice.autotelic.choices) is not self.constrained:
            flag = "--constrained" if self.constrained else "--free"
            raise ModelFault(
                f"{url} and policy.constrained={str(self.constrained).lower()} do not agree; serve with {flag}"
            )
        return Completion(
            prompt_ids=body.prompt_token_ids,
            output_ids=choice.token_ids,
            rollout_logprobs=logprobs,
            choices=choice.autotelic.choices,
            text=choice.message.content,
            sampling=sampling,
            policy_version=choice.autotelic.policy_version,
            finish_reason=choice.finish_reason,
        )

    async def _persist(self, url: str, path: str, body: dict[str, Any]) -> str:
        """What a server answers, tried again where that may help."""
        if self._closed:
            raise ModelFault("the policy is closed")
        return await persist(
            lambda: self._servers[url].post(path, body),
            attempts=self._attempts,
            backoff=self._backoff,
            longest=_LONGEST,
            sleep=self._sleep,
        )
