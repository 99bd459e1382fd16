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
from serving.backoff import Backoff
from serving.keys import Key, line, loopback
from serving.retries import PASSING, Failed, persist

_LOAD = "/load_weights"
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
    have to be; `sleep` waits between tries.
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
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if not urls:
            raise ConfigError("policy.urls names no server; start one with 'autotelic serve … --allow-updates'")
        self.name = f"policy-{secrets.token_hex(6)}"
        self.constrained = constrained
        self._urls = tuple(urls)
        self._key = key or Key()
        self._timeout = timeout
        self._attempts = attempts
        self._places = asyncio.Semaphore(concurrency)
        self._sleep = sleep
        self._backoff = Backoff(_LONGEST)
        self._clients: dict[str, Any] = {}
        self._turns = itertools.cycle(self._urls)
        self._version = 0
        self._closed = False

    @property
    def version(self) -> int:
        return self._version

    async def generate(self, messages: Sequence[Message], *, sampling: Sampling) -> Completion:
        """Sample one completion from the published weights. Raises `ModelFault`."""
        if any(message.images for message in messages):
            raise ModelFault("this policy's model reads text only")
        body: dict[str, Any] = {
            "model": self.name,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
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
        return self._completion(url, answer, sampling)

    async def publish(self, weights_dir: Path, *, kind: Literal["adapter", "full"], version: int) -> None:
        """Have every server answer from these weights; raises `ModelFault` if one of them cannot."""
        if kind != "full":
            raise ModelFault("a served policy is published as full weights")
        path = await asyncio.to_thread(weights_dir.resolve)
        body = {"name": self.name, "path": str(path), "version": version}
        await asyncio.gather(*(self._persist(url, _LOAD, body) for url in self._urls))
        self._version = version

    async def close(self) -> None:
        """Close the connections. The servers go on."""
        self._closed = True
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.close()

    def _completion(self, url: str, answer: Any, sampling: Sampling) -> Completion:
        try:
            body = _Body.model_validate(answer)
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

    async def _persist(self, url: str, path: str, body: dict[str, Any]) -> Any:
        return await persist(
            lambda: self._attempt(url, path, body),
            attempts=self._attempts,
            backoff=self._backoff,
            longest=_LONGEST,
            sleep=self._sleep,
        )

    async def _attempt(self, url: str, path: str, body: dict[str, Any]) -> Any:
        """The JSON that a server answers; raises `Failed`."""
        import openai

        try:
            async with asyncio.timeout(self._timeout):
                return await self._client(url).post(path, cast_to=object, body=body)
        except openai.APIStatusError as error:
            failed = self._refused(url, path, error)
        except (TimeoutError, openai.APITimeoutError):
            failed = Failed(f"{url} did not answer within {self._timeout:g} s", again=True)
        except openai.APIConnectionError as error:
            why = self._key.told(str(error.__cause__ or error))
            failed = Failed(f"{url} cannot be reached ({why}); is 'autotelic serve' running there?", again=True)
        except (openai.OpenAIError, ValueError) as error:
            failed = Failed(f"{url} cannot be asked ({self._key.told(str(error))})")
        raise failed  # out here, so that a traceback does not show the package's error, which may hold the key

    def _refused(self, url: str, path: str, error: Any) -> Failed:
        """What an error status means; `error` is an `openai.APIStatusError`."""
        status: int = error.status_code
        if status == 404 and path == _LOAD:
            return Failed(f"{url} takes no weights, so it is no server of ours; start one with 'autotelic serve'")
        said = error.body.get("message") if isinstance(error.body, dict) else error.body
        return Failed(
            f"{url} answered {status} ({self._key.told(str(said or ''))})",
            again=status in PASSING or status >= 500,
            asked=self._backoff.asked(error.response.headers.get("retry-after")),
            status=status,
        )

    def _client(self, url: str) -> Any:
        if self._closed:
            raise ModelFault("the policy is closed")
        if url not in self._clients:
            import openai

            self._clients[url] = openai.AsyncOpenAI(
                base_url=url,
                api_key=self._key.reveal() or "none",
                max_retries=0,
                timeout=self._timeout,
                http_client=openai.DefaultAsyncHttpxClient(trust_env=not loopback(url)),
            )
        return self._clients[url]
