"""One client for every OpenAI-compatible endpoint: limits, retries, structured answers, accounts, remembered answers.

A request waits for one of `concurrency` places and keeps it until it is answered or given up, the pauses between its
tries included: a server in trouble is asked less, not more. Nothing that a server says is trusted: its answers are
parsed strictly, its errors are shortened, and the key is blotted out of both.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from core.config import EndpointConfig
from core.errors import ConfigError, ModelFault
from core.protocols import Form
from core.types import Message, Sampling
from core.vision import LoadImage
from serving.backoff import Backoff
from serving.connection import Connection
from serving.keys import key, line
from serving.ledger import Ledger
from serving.parts import content
from serving.replies import Reply, estimate, read
from serving.responses import ResponseCache, fingerprint
from serving.retries import Failed, persist
from serving.structured import Unreadable, correction, instructions, parse, response_format


class OpenAIChat:
    """The model behind an endpoint, for one `role`; implements `core.protocols.ChatModel`.

    `ledger` and `cache` may be shared with other clients; without a `cache`, `config.cache` names its folder. With a
    cache the same request brings the same answer, also where it is under way; leave it out to draw several samples.
    `load_image` returns a picture's bytes, None if it is gone. The key is read from `environment` once, here; raises
    `ConfigError` when it or another setting is missing.
    """

    def __init__(
        self,
        config: EndpointConfig,
        *,
        role: str,
        ledger: Ledger | None = None,
        load_image: LoadImage | None = None,
        cache: ResponseCache | None = None,
        environment: Mapping[str, str] = os.environ,
        backoff: Backoff | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        for name in ("base_url", "model"):
            if not getattr(config, name):
                raise ConfigError(f"the endpoint of the {role} needs a {name}")
        self.config = config
        self.role = role
        self.ledger = Ledger() if ledger is None else ledger
        self._load_image = load_image
        self._cache = ResponseCache(Path(config.cache)) if cache is None and config.cache else cache
        self._name = f"the {role}'s model '{config.model}' at {config.base_url}"
        self._backoff = backoff or Backoff(config.max_wait)
        self._key = key(config, environment)
        self._connection = Connection(
            config.base_url, self._key, self._backoff, timeout=config.timeout, name=self._name
        )
        self._sleep = sleep
        self._places = asyncio.Semaphore(config.concurrency)
        self._unheld: set[type[BaseModel]] = set()  # forms whose schema the server refused
        self._limit_name = "max_tokens"

    def __repr__(self) -> str:
        return f"OpenAIChat({self.config.model!r} at {self.config.base_url!r}, role={self.role!r})"

    async def complete(self, messages: Sequence[Message], *, sampling: Sampling | None = None) -> str:
        """The reply's text. Raises `ModelFault` when there is none, and when it was refused, filtered or cut off.

        Raises `BudgetSpent` in place of a request that may not be paid for; `StorageFault` if the cache's disk refuses.
        """
        sampling = sampling or self._default()

        async def exchange() -> str:
            reply = await self._send(messages, sampling, None)
            if reply.finish == "length":
                self.ledger.failed(self.role)
                raise self._cut_off(sampling)
            return reply.text

        return await self._remembered(self._canonical(messages, sampling, None), exchange, lambda _: True)

    async def complete_as(
        self, messages: Sequence[Message], model: type[Form], *, sampling: Sampling | None = None
    ) -> Form:
        """The reply as a `model`, after at most one turn of repair; raises as `complete` does.

        A server that refuses the schema is from then on told of it in words, for this `model`.
        """
        sampling = sampling or self._default()

        def usable(text: str) -> bool:
            return not _problem(model, text)

        text = await self._remembered(
            self._canonical(messages, sampling, model), lambda: self._formed(messages, model, sampling), usable
        )
        return parse(model, text)

    async def close(self) -> None:
        """Close the connections; a later request opens new ones."""
        await self._connection.close()

    def _default(self) -> Sampling:
        return Sampling(temperature=self.config.temperature, max_tokens=self.config.max_tokens)

    async def _remembered(
        self, request: Mapping[str, Any], exchange: Callable[[], Awaitable[str]], usable: Callable[[str], bool]
    ) -> str:
        if self._cache is None:
            return await exchange()
        digest = fingerprint(request)
        text = self._cache.read(digest)
        if text is not None and usable(text):
            self.ledger.remembered(self.role)
            return text
        text, own = await self._cache.ask(digest, exchange)
        if not own:
            self.ledger.remembered(self.role)
        return text

    async def _formed(self, messages: Sequence[Message], model: type[BaseModel], sampling: Sampling) -> str:
        """A text that `parse` reads as a `model`."""
        reply = await self._held(messages, model, sampling)
        problem = _problem(model, reply.text)
        if not problem:
            return reply.text
        self.ledger.failed(self.role)
        again = correction(problem, cut_off=reply.finish == "length")
        if model not in self._unheld:  # a server may overlook `response_format`, and then nobody was told the schema
            again = f"{again}\n{instructions(model)}"
        turns = (Message(role="assistant", content=reply.text or "(nothing)"), Message(role="user", content=again))
        reply = await self._held([*messages, *turns], model, sampling)
        problem = _problem(model, reply.text)
        if not problem:
            return reply.text
        self.ledger.failed(self.role)
        if reply.finish == "length":
            raise self._cut_off(sampling)
        raise ModelFault(f"{self._name} gave no usable {model.__name__}, even after repair: {line(problem)}")

    async def _held(self, messages: Sequence[Message], model: type[BaseModel], sampling: Sampling) -> Reply:
        """A reply to messages that ask for a `model`, by `response_format` if the server has it, else in words."""
        if self.config.json_schema != "never" and model not in self._unheld:
            try:
                return await self._send(messages, sampling, response_format(model))
            except Failed as failure:
                named = re.search(r"response_format|json_schema", failure.said)
                if self.config.json_schema == "always" or failure.status not in (400, 422) or not named:
                    raise
        self._unheld.add(model)
        told = list(messages)
        words = instructions(model)
        if told and told[-1].role == "user":
            told[-1] = told[-1].model_copy(update={"content": f"{told[-1].content}\n\n{words}"})
        else:
            told.append(Message(role="user", content=words))
        return await self._send(told, sampling, None)

    async def _send(self, messages: Sequence[Message], sampling: Sampling, form: Mapping[str, Any] | None) -> Reply:
        """The answer to one request, tried as often as allowed."""
        if sampling.excluded:
            raise ModelFault(f"{self._name} cannot be told which lines not to write (sampling.excluded)")
        async with self._places:
            body = self._body(messages, sampling, form)

            async def attempt() -> Reply:
                self.ledger.check()
                try:
                    return await self._attempt(messages, body)
                except Failed as failed:
                    self.ledger.failed(self.role)
                    if not self._renamed(body, failed):
                        raise
                return await attempt()

            return await persist(
                attempt,
                attempts=self.config.attempts,
                backoff=self._backoff,
                longest=self.config.max_wait,
                sleep=self._sleep,
            )

    def _renamed(self, body: dict[str, Any], failed: Failed) -> bool:
        """Whether the server wanted the limit under its other name (OpenAI's reasoning models know no other)."""
        if failed.status != 400 or "max_completion_tokens" not in failed.said or "max_tokens" not in body:
            return False
        self._limit_name = "max_completion_tokens"
        body[self._limit_name] = body.pop("max_tokens")
        return True

    async def _attempt(self, messages: Sequence[Message], body: Mapping[str, Any]) -> Reply:
        """The reply, entered into the ledger; it has a text unless it was cut off. Raises `Failed`."""
        reply = self._read(await self._connection.post("/chat/completions", body))
        prompt, completion = reply.prompt_tokens, reply.completion_tokens
        estimated = prompt is None or completion is None
        if prompt is None or completion is None:
            prompt, completion = estimate(messages, reply.text)
        cost = (prompt * self.config.price_prompt + completion * self.config.price_completion) / 1e6
        self.ledger.answered(self.role, prompt, completion, cost, estimated=estimated)
        if reply.refusal:
            raise Failed(f"{self._name} refuses to answer: {reply.refusal}")
        if reply.finish == "content_filter":
            raise Failed(f"{self._name} withheld its answer (content filter)")
        if not reply.text.strip() and reply.finish != "length":
            raise Failed(f"{self._name} answered without a text", again=True)
        return reply

    def _read(self, answer: str) -> Reply:
        """The reply, which may hold no text."""
        try:
            reply = read(answer)
        except ValueError:
            reply = None
        if reply is None:
            raise Failed(f"{self._name} answered with no chat completion ({self._key.told(answer)})", again=True)
        return reply.model_copy(
            update={"text": self._key.removed(reply.text), "refusal": self._key.told(reply.refusal)}
        )

    def _body(self, messages: Sequence[Message], sampling: Sampling, form: Mapping[str, Any] | None) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.config.model,
            "messages": [
                {"role": message.role, "content": content(message, self._load_image, name=self._name)}
                for message in messages
            ],
            "temperature": sampling.temperature,
            self._limit_name: sampling.max_tokens,
        }
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if sampling.seed is not None:
            body["seed"] = sampling.seed
        if form is not None:
            body["response_format"] = form
        return body

    def _canonical(
        self, messages: Sequence[Message], sampling: Sampling, model: type[BaseModel] | None
    ) -> dict[str, Any]:
        """The request as it was meant, whichever way the server has to be asked; pictures by their hash, no key."""
        return {
            "base_url": self.config.base_url.rstrip("/"),
            "model": self.config.model,
            "messages": [message.model_dump(mode="json") for message in messages],
            "sampling": sampling.model_dump(mode="json"),
            "response_format": response_format(model) if model else None,
        }

    def _cut_off(self, sampling: Sampling) -> ModelFault:
        return ModelFault(
            f"{self._name} was cut off after {sampling.max_tokens} tokens; allow longer answers (max_tokens)"
        )


def _problem(model: type[BaseModel], text: str) -> str:
    """Why the text cannot be read as a `model`; empty if it can."""
    try:
        parse(model, text)
    except Unreadable as error:
        return str(error)
    return ""
