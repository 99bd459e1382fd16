"""An OpenAI-compatible endpoint over local policies: chat completions, models, and updates where they are allowed.

A completion is decoded whole before its stream begins, since the local policy decodes a batch as one; the
stream then delivers it in parts, and whatever goes wrong has an HTTP status. There are no log-probabilities of
tokens that were not drawn. What a client asked for that has gone away is not decoded further.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from core.errors import AutotelicError, ModelFault, UserError
from core.types import Completion
from serving.completions import Answer
from serving.local import LocalPolicy
from serving.refusals import Refusal, invalid, unsupported
from serving.requests import ChatRequest, chat_request, decoded, flag, text, whole
from serving.stopping import stopped
from serving.versions import Catalogue, Shelf, Version

MAX_BODY = 4 * 2**20
_DRAINED = 16  # times the limit is read of a body that is too large, so that the client reads why

_T = TypeVar("_T")
Handler = Callable[[Request], Awaitable[Response]]


def application(
    catalogue: Catalogue,
    shelf: Shelf,
    *,
    allow_updates: bool = False,
    key: str | None = None,
    max_body: int = MAX_BODY,
) -> Starlette:
    """The application. With a `key`, all but `/health` requires it as a bearer token."""
    endpoint = _Endpoint(catalogue, shelf, allow_updates=allow_updates, max_body=max_body)

    def guarded(handler: Handler) -> Handler:
        async def handle(request: Request) -> Response:
            if key is not None:
                scheme, _, given = request.headers.get("authorization", "").partition(" ")
                if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), key.encode()):
                    raise Refusal(401, "this endpoint requires its key as a bearer token", code="invalid_api_key")
            return await handler(request)

        return _explained(handle)

    return Starlette(
        routes=[
            Route("/health", _health),
            Route("/v1/models", guarded(endpoint.models)),
            Route("/v1/models/{name:path}", guarded(endpoint.model)),
            Route("/v1/chat/completions", guarded(endpoint.chat), methods=["POST"]),
            Route("/v1/load_weights", guarded(endpoint.load_weights), methods=["POST"]),
            Route("/v1/load_lora_adapter", guarded(endpoint.load_adapter), methods=["POST"]),
            Route("/v1/unload_lora_adapter", guarded(endpoint.unload_adapter), methods=["POST"]),
        ],
        exception_handlers={HTTPException: _no_route},
    )


class _Endpoint:
    def __init__(self, catalogue: Catalogue, shelf: Shelf, *, allow_updates: bool, max_body: int) -> None:
        self._catalogue, self._shelf = catalogue, shelf
        self._allow_updates = allow_updates
        self._max_body = max_body
        self._began = int(time.time())

    async def chat(self, request: Request) -> Response:
        asked = await asyncio.to_thread(chat_request, await self._body(request))  # pictures take their time
        version = self._catalogue.find(asked.model)
        completions, tokenizer = await _unless_gone(request, self._complete(asked, version))
        answer = Answer(asked, version.name, completions, tokenizer)
        if asked.stream:
            return StreamingResponse(
                _events(answer), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
            )
        return JSONResponse(answer.whole())

    async def models(self, request: Request) -> Response:  # noqa: ARG002
        return JSONResponse({"object": "list", "data": [self._card(one) for one in self._catalogue.versions()]})

    async def model(self, request: Request) -> Response:
        return JSONResponse(self._card(self._catalogue.find(request.path_params["name"])))

    async def load_weights(self, request: Request) -> Response:
        """`{"name", "path", "version"}`: a model folder on this machine."""
        body = await self._update(request, "name", "path", "version")
        name, path = _required(body, "name"), Path(_required(body, "path"))
        number = whole(body, "version", None, least=0)
        if number is None:
            raise invalid("version", "given: the number of updates in these weights")
        await self._load(Version(name, path, number, load=self._catalogue.next_load()))
        return JSONResponse({"name": name, "policy_version": number})

    async def load_adapter(self, request: Request) -> Response:
        """vLLM's `{"lora_name", "lora_path"}`; `version` is ours, one more than the base model's when left out."""
        body = await self._update(request, "lora_name", "lora_path", "load_inplace", "base_model_name", "version")
        name, path = _required(body, "lora_name"), Path(_required(body, "lora_path"))
        if self._catalogue.is_known(name):
            raise Refusal(400, f"'{name}' is the name of a model; choose another", param="lora_name")
        if self._catalogue.is_loaded(name) and not flag(body, "load_inplace"):
            message = f"The lora adapter '{name}' has already been loaded; set 'load_inplace' to true to replace it"
            raise Refusal(400, message, param="lora_name")
        named = text(body, "base_model_name")
        base = self._catalogue.base() if named is None else self._catalogue.find(named)
        if base.adapter is not None:
            raise invalid("base_model_name", "a model without an adapter")
        other = await asyncio.to_thread(_trained_on_another, path, base.folder)
        if other:
            raise Refusal(400, f"the adapter was trained on '{other}', and this is '{base.folder}'", param="lora_path")
        number = whole(body, "version", base.number + 1, least=0) or 0
        await self._load(Version(name, base.folder, number, adapter=path, load=self._catalogue.next_load()))
        return PlainTextResponse(f"Success: LoRA adapter '{name}' added successfully.")

    async def unload_adapter(self, request: Request) -> Response:
        body = await self._update(request, "lora_name", "lora_int_id")
        name = _required(body, "lora_name")
        if not self._catalogue.is_loaded(name):
            raise Refusal(404, f"The lora adapter '{name}' cannot be found", code="model_not_found", param="lora_name")
        self._catalogue.remove(name)
        return PlainTextResponse(f"Success: LoRA adapter '{name}' removed successfully.")

    async def _complete(self, asked: ChatRequest, version: Version) -> tuple[list[Completion], Any]:
        try:
            async with self._shelf.borrow(version) as policy:
                most = _room(policy, asked)
                draws = [
                    policy.generate(asked.messages, sampling=asked.sampling(index, most), load_image=asked.load_image)
                    for index in range(asked.n)
                ]
                written = await asyncio.gather(*draws)
                return [stopped(completion, policy.tokenizer) for completion in written], policy.tokenizer
        except UserError as error:  # the weights have gone, which is not the asker's mistake
            raise ModelFault(str(error)) from error

    async def _update(self, request: Request, *names: str) -> dict[str, Any]:
        """The body of a request for an update, if these are allowed."""
        if not self._allow_updates:
            raise Refusal(403, "updates are not allowed here; start the server with --allow-updates")
        body = await self._body(request)
        for name, value in body.items():
            if name not in names and value is not None:
                raise unsupported(name, f"known are {', '.join(names)}")
        return {name: value for name, value in body.items() if value is not None}

    async def _load(self, version: Version) -> None:
        """Open the weights, then let the name stand for them. Requests under way keep theirs."""
        try:
            async with self._shelf.borrow(version):
                self._catalogue.put(version)
        except AutotelicError as error:
            raise Refusal(400, str(error), code="invalid_weights") from error

    async def _body(self, request: Request) -> dict[str, Any]:
        # A web page may send anything else to another origin without asking, and JSON it may not.
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise Refusal(415, "the body has to be JSON, and the header 'Content-Type: application/json'")
        kept, length = bytearray(), 0
        async for part in request.stream():
            length += len(part)
            if length <= self._max_body:
                kept += part
            elif length > _DRAINED * self._max_body:
                break
        if length > self._max_body:
            raise Refusal(413, f"the body is larger than {self._max_body} bytes", code="request_too_large")
        return decoded(bytes(kept))

    def _card(self, version: Version) -> dict[str, Any]:
        return {
            "id": version.name,
            "object": "model",
            "created": self._began,
            "owned_by": "autotelic",
            "root": str(version.adapter or version.folder),
            "autotelic": {"policy_version": version.number},
        }


def _room(policy: LocalPolicy, asked: ChatRequest) -> int:
    """The tokens that a choice may have; raises `Refusal` when the policy could not do what is asked."""
    if asked.excluded and not policy.constrained:
        raise unsupported("autotelic.excluded", "this model is not held to what a page allows")
    if asked.pictures and not policy.sees:
        at = next(at for at, message in enumerate(asked.messages) if message.images)
        raise unsupported(f"messages[{at}].content", "this model reads text only")
    try:
        prompt = len(policy.encode(asked.messages))
    except ModelFault as fault:  # a picture of a shape that the model does not take
        raise invalid("messages", f"what the model can be shown ({fault})") from fault
    left = policy.context - prompt
    if left < 1 or (asked.max_tokens or 1) > left:
        wanted = f" and 'max_tokens' is {asked.max_tokens}" if asked.max_tokens else ""
        raise Refusal(
            400,
            f"this model's maximum context length is {policy.context} tokens; the messages are {prompt}{wanted}",
            code="context_length_exceeded",
            param="messages",
        )
    return asked.max_tokens or left


async def _unless_gone(request: Request, work: Coroutine[Any, Any, _T]) -> _T:
    """The result of `work`, which is given up when the client goes away. The body has been read already."""

    async def leave() -> None:
        await request.receive()  # after the body, only that the client has gone is received

    working, going = asyncio.create_task(work), asyncio.create_task(leave())
    try:
        await asyncio.wait({working, going}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        for task in (working, going):
            task.cancel()
        await asyncio.gather(working, going, return_exceptions=True)


async def _events(answer: Answer) -> AsyncIterator[str]:
    for chunk in answer.chunks():
        yield f"data: {json.dumps(chunk)}\n\n"
        await asyncio.sleep(0)  # others are served between two parts
    yield "data: [DONE]\n\n"


def _trained_on_another(adapter: Path, base: Path) -> str:
    """The folder that an adapter names as its base, where that is another than `base`; empty for one that has gone."""
    try:
        named = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))["base_model_name_or_path"]
        folder = Path(named)
        return str(folder) if folder.is_dir() and folder.resolve() != base.resolve() else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""  # loading it will say what is wrong with it


def _required(body: dict[str, Any], name: str) -> str:
    value = text(body, name)
    if value is None:
        raise invalid(name, "given")
    return value


async def _health(request: Request) -> Response:  # noqa: ARG001
    return Response()


def _explained(handler: Handler) -> Handler:
    """The handler, with every failure in OpenAI's format."""

    async def handle(request: Request) -> Response:
        try:
            return await handler(request)
        except Refusal as refusal:
            found = refusal
        except ModelFault as fault:
            found = Refusal(503, str(fault), code="model_fault")
        except ClientDisconnect:
            return Response(status_code=499)  # nobody reads it
        except Exception:
            logging.getLogger(__name__).exception("a request failed unexpectedly")
            found = Refusal(500, "something unexpected happened; the server's log has the traceback")
        return JSONResponse(found.body(), found.status)

    return handle


async def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    refusal = Refusal(error.status_code, f"{request.method} {request.url.path}: {error.detail}", code="unknown_url")
    return JSONResponse(refusal.body(), error.status_code, headers=error.headers)
