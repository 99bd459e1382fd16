"""Stop texts: a completion ends with the token that completes the first of them."""

from __future__ import annotations

from typing import Any

from core.types import Completion


def stopped(completion: Completion, tokenizer: Any) -> Completion:
    """The completion up to the first of its `sampling.stop`; the tokens of the stop are kept, its text is not.

    Log-probabilities stay exact: each is conditional on the tokens before it alone.
    """
    stops = [stop for stop in completion.sampling.stop if stop]
    if not stops or _first(_text(tokenizer, completion.output_ids), stops) is None:
        return completion
    for length in range(1, len(completion.output_ids) + 1):
        text = _text(tokenizer, completion.output_ids[:length])
        if (place := _first(text, stops)) is not None:
            return completion.model_copy(
                update={
                    "output_ids": completion.output_ids[:length],
                    "rollout_logprobs": completion.rollout_logprobs[:length],
                    "choices": completion.choices[:length],
                    "text": text[:place].strip(),
                    "finish_reason": "stop",
                }
            )
    return completion


def _first(text: str, stops: list[str]) -> int | None:
    return min((place for stop in stops if (place := text.find(stop)) >= 0), default=None)


def _text(tokenizer: Any, ids: tuple[int, ...]) -> str:
    text: str = tokenizer.decode(ids, skip_special_tokens=True)
    return text
