"""Completions in the words of OpenAI's API, with the token ids as vLLM gives them and what each was drawn among.

An answer holds all that a `core.types.Completion` does: `prompt_token_ids`, and in each choice `token_ids`,
`logprobs`, `finish_reason`, `message.content` and `autotelic` with `choices`, `seed` and `policy_version`.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from core.types import Completion
from serving.requests import ChatRequest

_BYTE = re.compile("<0x([0-9A-F]{2})>")


class Piece(NamedTuple):
    """A part of a completion: tokens from `begin` up to `end`, and what they add to the text."""

    text: str
    begin: int
    end: int


class Answer:
    """The answer to one request, whole or in chunks. `completions` are of the same weights."""

    def __init__(self, request: ChatRequest, model: str, completions: Sequence[Completion], tokenizer: Any) -> None:
        self._request, self._model, self._tokenizer = request, model, tokenizer
        self._completions = completions
        self._id = f"chatcmpl-{secrets.token_hex(12)}"
        self._created = int(time.time())

    def whole(self) -> dict[str, Any]:
        """The body of a `chat.completion`."""
        choices = []
        for index, completion in enumerate(self._completions):
            everything = Piece(completion.text, 0, len(completion.output_ids))
            choices.append(
                {
                    "index": index,
                    "message": {"role": "assistant", "content": completion.text, "refusal": None},
                    "finish_reason": completion.finish_reason,
                    **self._details(completion, everything),
                }
            )
        return {**self._head("chat.completion"), **self._prompt(), "choices": choices, "usage": self._usage()}

    def chunks(self) -> Iterator[dict[str, Any]]:
        """The bodies of `chat.completion.chunk`s, one choice after the other. No character is ever cut in two."""
        head = self._head("chat.completion.chunk")
        first = self._prompt()
        usage = {"usage": None} if self._request.include_usage else {}

        def chunk(index: int, delta: dict[str, Any], finish: str | None = None, **details: Any) -> dict[str, Any]:
            choice = {"index": index, "delta": delta, "finish_reason": finish, "logprobs": None, **details}
            return {**head, "choices": [choice], **usage}

        for index, completion in enumerate(self._completions):
            yield {**chunk(index, {"role": "assistant", "content": ""}), **first}
            first = {}
            for piece in pieces(completion, self._tokenizer):
                yield chunk(index, {"content": piece.text}, **self._details(completion, piece))
            yield chunk(index, {}, completion.finish_reason)
        if self._request.include_usage:
            yield {**head, "choices": [], "usage": self._usage()}

    def _head(self, kind: str) -> dict[str, Any]:
        """What every body begins with."""
        version = self._completions[0].policy_version
        return {
            "id": self._id,
            "object": kind,
            "created": self._created,
            "model": self._model,
            "system_fingerprint": f"policy-version-{version}",
            "autotelic": {"policy_version": version},
        }

    def _prompt(self) -> dict[str, Any]:
        return {"prompt_token_ids": self._completions[0].prompt_ids} if self._request.token_ids else {}

    def _details(self, completion: Completion, piece: Piece) -> dict[str, Any]:
        """Log-probabilities, token ids and what they were drawn among, as far as they were asked for."""
        tokens = slice(piece.begin, piece.end)
        details: dict[str, Any] = {"logprobs": None}
        if self._request.logprobs:
            pairs = zip(completion.output_ids[tokens], completion.rollout_logprobs[tokens], strict=True)
            details["logprobs"] = {
                "content": [_logprob(self._tokenizer, token, value) for token, value in pairs],
                "refusal": None,
            }
        if self._request.token_ids:
            details["token_ids"] = completion.output_ids[tokens]
            details["autotelic"] = {
                "choices": completion.choices[tokens],
                "seed": completion.sampling.seed,
                "policy_version": completion.policy_version,
            }
        return details

    def _usage(self) -> dict[str, int]:
        prompt = len(self._completions[0].prompt_ids)
        written = sum(len(completion.output_ids) for completion in self._completions)
        return {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}


def pieces(completion: Completion, tokenizer: Any) -> Iterator[Piece]:
    """The completion in as many parts as it can be read in: their texts make its text, their tokens all tokens.

    A token that ends within a character, or in white space that may be the end, waits for the next.
    """
    sent, begin = "", 0
    for end in range(1, len(completion.output_ids) + 1):
        text = tokenizer.decode(completion.output_ids[:end], skip_special_tokens=True).lstrip()
        if text != sent and completion.text.startswith(text) and text.startswith(sent):
            yield Piece(text[len(sent) :], begin, end)
            sent, begin = text, end
    if begin < len(completion.output_ids) or sent != completion.text:
        yield Piece(completion.text[len(sent) :], begin, len(completion.output_ids))


def _logprob(tokenizer: Any, token: int, value: float) -> dict[str, Any]:
    return {
        "token": tokenizer.decode([token]),
        "logprob": value,
        "bytes": _bytes(tokenizer, token),
        "top_logprobs": [],
    }


def _bytes(tokenizer: Any, token: int) -> list[int] | None:
    """The token's bytes, also of one that is a part of a character; None where they are not known."""
    if byte := _BYTE.fullmatch(str(tokenizer.convert_ids_to_tokens(token))):
        return [int(byte[1], 16)]
    text = tokenizer.decode([token])
    return None if "\ufffd" in text else list(text.encode())
