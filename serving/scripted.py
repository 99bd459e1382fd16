"""A scripted policy: a public test double that speaks the whole `Policy` protocol without a model.

A script gives the candidate answers to a prompt; the weights are one number (logit) for each answer.
The policy samples a candidate from their softmax. Tokens are the answer's UTF-8 bytes and an end token,
and a token's log-probability is that of the byte given the bytes before it: the mass of the candidates
that go on this way, over the mass of those that began this way. So log-probabilities are exact, sum to
the candidate's own, and change when new weights are published, as a real model's do.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from core.errors import ModelFault
from core.types import Completion, Message, Sampling

END = 256
WEIGHTS_FILE = "weights.json"

Script = Callable[[str], str | Sequence[str]] | Mapping[str, str | Sequence[str]]


class ScriptedPolicy:
    """Answers from `script`: a function of the prompt's text, or a table from a part of it to the answers.

    The first entry of a table whose key stands in the prompt counts. Several answers are sampled by
    `weights` (logits; 0 for an answer not named). Every `fail_every`-th call raises `ModelFault`, and
    each takes `delay` seconds. `sampling.seed` makes an answer a function of seed, prompt and weights.
    """

    constrained = True  # to its script

    def __init__(
        self,
        script: Script,
        *,
        weights: Mapping[str, float] | None = None,
        version: int = 0,
        fail_every: int = 0,
        delay: float = 0.0,
        seed: int = 0,
    ) -> None:
        self._script = script
        self._base = dict(weights or {})
        self._state = (self._base, version)
        self._fail_every = fail_every
        self._delay = delay
        self._random = random.Random(seed)
        self._closed = False
        self.prompts: list[str] = []

    @property
    def version(self) -> int:
        return self._state[1]

    @property
    def weights(self) -> dict[str, float]:
        """The logit of each answer that has one."""
        return dict(self._state[0])

    def encode(self, messages: Sequence[Message]) -> list[int]:
        """The prompt's tokens: the bytes of its text."""
        return list(_written(messages).encode())

    async def generate(self, messages: Sequence[Message], *, sampling: Sampling) -> Completion:
        """Sample one answer; raises `ModelFault` when told to, when closed, or without an answer to the prompt."""
        weights, version = self._state  # what is published meanwhile is for later calls
        prompt = _written(messages)
        self.prompts.append(prompt)
        call = len(self.prompts)
        if self._delay:
            await asyncio.sleep(self._delay)
        if self._closed:
            raise ModelFault("the scripted policy is closed")
        if self._fail_every and call % self._fail_every == 0:
            raise ModelFault(f"the scripted policy fails every {self._fail_every} calls")
        masses = self._masses(prompt, weights, sampling.temperature, sampling.excluded)
        chooser = self._random if sampling.seed is None else random.Random(f"{sampling.seed} {prompt}")
        text = chooser.choices(list(masses), list(masses.values()))[0]
        output = [*text.encode(), END]
        finish: Literal["stop", "length"] = "stop"
        stops = [(position, stop) for stop in sampling.stop if stop and (position := text.find(stop)) >= 0]
        if stops:
            position, stop = min(stops)
            output = output[: len((text[:position] + stop).encode())]
            text = text[:position]
        if len(output) > sampling.max_tokens:
            output, finish = output[: sampling.max_tokens], "length"
            text = text[: len(bytes(output).decode(errors="ignore"))]
        return Completion(
            prompt_ids=tuple(prompt.encode()),
            output_ids=tuple(output),
            rollout_logprobs=_logprobs(masses, output),
            text=text,
            sampling=sampling,
            policy_version=version,
            finish_reason=finish,
            images=tuple(image for message in messages for image in message.images),
        )

    def score(self, completion: Completion) -> tuple[float, ...]:
        """Log-probabilities of a completion's tokens under the present weights, as a trainer computes them."""
        prompt = bytes(completion.prompt_ids).decode()
        return _logprobs(self._masses(prompt, self._state[0], completion.sampling.temperature), completion.output_ids)

    async def publish(self, weights_dir: Path, *, kind: Literal["adapter", "full"], version: int) -> None:
        """Answer from the logits in `weights_dir`'s weights.json; an adapter's are added to those of the base."""
        try:
            given = json.loads((weights_dir / WEIGHTS_FILE).read_text(encoding="utf-8"))
            loaded = {str(answer): float(logit) for answer, logit in given.items()}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise ModelFault(f"'{weights_dir / WEIGHTS_FILE}' holds no weights: {error}") from error
        if kind == "full":
            self._base = loaded
        else:
            loaded = {key: self._base.get(key, 0.0) + loaded.get(key, 0.0) for key in {**self._base, **loaded}}
        self._state = (loaded, version)

    async def close(self) -> None:
        self._closed = True

    def _masses(
        self, prompt: str, weights: Mapping[str, float], temperature: float, excluded: Sequence[str] = ()
    ) -> dict[str, float]:
        """The probability of each candidate; temperature 0 gives all of it to the best, the first among equals."""
        answers = self._answers(prompt)
        left = [one for one in answers if not f"{one.splitlines()[-1]}\n".startswith(tuple(excluded))]
        answers = left or answers
        logits = [weights.get(answer, 0.0) for answer in answers]
        best = max(logits)
        if temperature <= 0:
            return {answers[logits.index(best)]: 1.0}
        masses = [math.exp((logit - best) / temperature) for logit in logits]
        return {answer: mass / sum(masses) for answer, mass in zip(answers, masses, strict=True)}

    def _answers(self, prompt: str) -> list[str]:
        if isinstance(self._script, Mapping):
            found = next((answers for part, answers in self._script.items() if part in prompt), ())
        else:
            found = self._script(prompt)
        answers = list(dict.fromkeys([found] if isinstance(found, str) else found))
        if not answers:
            raise ModelFault(f"the script has no answer to the prompt that ends '{prompt[-80:]}'")
        return answers


def _written(messages: Sequence[Message]) -> str:
    return "\n".join(f"{message.role}: {message.content}" for message in messages)


def save(weights_dir: Path, weights: Mapping[str, float]) -> None:
    """Write logits where `publish` reads them."""
    weights_dir.mkdir(parents=True, exist_ok=True)
    (weights_dir / WEIGHTS_FILE).write_text(json.dumps(dict(weights), indent=1), encoding="utf-8")


def _logprobs(masses: Mapping[str, float], output: Sequence[int]) -> tuple[float, ...]:
    """The log-probability of each token of `output` given those before it; -inf where no candidate goes on so."""
    alive = {(*answer.encode(), END): mass for answer, mass in masses.items()}
    logprobs = []
    before = sum(alive.values())
    for index, token in enumerate(output):
        alive = {ids: mass for ids, mass in alive.items() if index < len(ids) and ids[index] == token}
        mass = sum(alive.values())
        logprobs.append(math.log(mass / before) if mass > 0 else -math.inf)
        before = mass
    return tuple(logprobs)
