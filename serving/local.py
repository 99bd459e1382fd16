"""The policy in this process: concurrent requests are decoded together on a thread of their own.

A completion's log-probabilities are those of the distribution that its tokens were drawn from
(softmax of the logits over the temperature; nothing is truncated), so the trainer can be exact.
Each request draws from its own seed, whatever it is batched with.
"""

from __future__ import annotations

import asyncio
import queue
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import torch
from safetensors import SafetensorError
from torch import Tensor

from core.errors import ConfigError, ModelFault, UserError
from core.loading import ALONE, quietly
from core.types import Completion, ImageRef, Message, Sampling
from core.vision import LoadImage, Pixels, is_vision
from serving import qwen3
from serving.affordances import Affordances, Walk
from serving.decoder import Decoder, TransformersDecoder
from serving.disarming import Disarm
from serving.vision import VisionChat, VisionDecoder, images_of


@dataclass
class _Request:
    prompt: list[int]
    sampling: Sampling
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    walk: Walk | None = None
    images: tuple[ImageRef, ...] = ()
    pixels: Pixels | None = None

    def answer(self, result: Completion | BaseException) -> None:
        """Hand the result to the waiting coroutine, which may be gone."""

        def settle() -> None:
            if self.future.done():
                return
            if isinstance(result, BaseException):
                self.future.set_exception(result)
            else:
                self.future.set_result(result)

        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(settle)


class LocalPolicy:
    """A Hugging Face model that answers here, causal or vision-language; implements `core.protocols.Policy`.

    `max_batch` requests at most are decoded together. `threads` are torch's, for the whole process.
    `constrained` policies write only what the page allows (`serving.affordances`), from compact prompts.
    `adapter` is merged into the model; `load_image` finds the pictures that a vision-language model is shown.
    `decoded_tokens` and `decoding_seconds` count what was written so far and the time that it took, prompts
    included. Raises `UserError` when the folder holds no usable model.
    """

    def __init__(
        self,
        model_dir: Path,
        *,
        threads: int = 1,
        max_batch: int = 32,
        version: int = 0,
        constrained: bool = False,
        adapter: Path | None = None,
        load_image: LoadImage = lambda _: None,
    ) -> None:
        from transformers import AutoTokenizer

        if not (model_dir / "config.json").exists():
            raise UserError(f"'{model_dir}' holds no model: a folder with config.json and weights is needed")
        sees = is_vision(model_dir)
        if sees and constrained:
            raise ConfigError(
                f"'{model_dir}' holds a vision-language model, which cannot be held to what a page allows; "
                "set policy.constrained=false, or serve it with --free"
            )
        torch.set_num_threads(threads)
        self.model_dir = model_dir
        self.max_batch = max_batch
        self.tokenizer: Any = AutoTokenizer.from_pretrained(model_dir)
        self._disarm = Disarm.of(model_dir)
        self._vision = VisionChat(model_dir, self.tokenizer, load_image) if sees else None
        self.decoded_tokens = 0
        self.decoding_seconds = 0.0
        self.constrained = constrained
        self._affordances = Affordances(self.tokenizer) if constrained else None
        self._version = version
        self._install(_load(model_dir, adapter))
        self._waiting: queue.SimpleQueue[_Request | Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="local-policy", daemon=True)
        self._thread.start()
        self._closed = False

    @property
    def version(self) -> int:
        return self._version

    @property
    def context(self) -> int:
        """Tokens that prompt and completion may have together."""
        return self._context

    @property
    def sees(self) -> bool:
        """Whether the model can be shown pictures."""
        return self._vision is not None

    def encode(self, messages: Sequence[Message]) -> list[int]:
        """The prompt's token ids by the model's own chat template; raises `ModelFault` for pictures it cannot see."""
        if self._vision is not None:
            return self._vision.encode(messages)
        if any(message.images for message in messages):
            raise ModelFault("this policy's model reads text only")
        turns = [{"role": m.role, "content": self._disarm(m.content)} for m in messages]
        encoded = self.tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=True)
        return cast(list[int], encoded["input_ids"])

    async def generate(
        self, messages: Sequence[Message], *, sampling: Sampling, load_image: LoadImage | None = None
    ) -> Completion:
        """Sample one completion. Raises `ModelFault` for prompts beyond the context and after `close`.

        With `load_image`, the pictures of these messages are found there.
        """
        prompt = self.encode(messages)
        if len(prompt) + sampling.max_tokens > self._context:
            raise ModelFault(f"a prompt of {len(prompt)} tokens leaves no room in a context of {self._context}")
        images, pixels = images_of(messages), None
        if self._vision is not None and images:
            self._vision.pictures.check(prompt, images)
            pixels = await asyncio.to_thread(self._vision.pictures.pixels, images, load_image)
        if self._closed:
            raise ModelFault("the policy is closed")
        loop = asyncio.get_running_loop()
        walk = self._affordances.walk(messages[-1].content) if self._affordances else None
        if walk is not None and sampling.excluded:
            walk.avoid(map(self._beginning, sampling.excluded))
        request = _Request(prompt, sampling, loop, loop.create_future(), walk, images, pixels)
        self._waiting.put(request)
        return cast(Completion, await request.future)

    def _beginning(self, text: str) -> list[int]:
        """The tokens of a line that ends in a newline, or of what lines begin with."""
        line = text.removesuffix("\n")
        ids: list[int] = self.tokenizer(line, add_special_tokens=False)["input_ids"]
        return ids if line == text else [*ids, self.tokenizer.eos_token_id]

    def spell(self, messages: Sequence[Message], line: str, *, sampling: Sampling) -> Completion:
        """The completion that writes `line` here, as if it had been sampled; its log-probabilities are not computed.

        An answer is given its source on the page. Raises `ModelFault` when the page does not allow the line.
        """
        if self._affordances is not None:
            line = self._affordances.cited(messages[-1].content, line)
        output = [*self.tokenizer(line, add_special_tokens=False)["input_ids"], self.tokenizer.eos_token_id]
        choices: list[tuple[int, ...]] = []
        if self._affordances is not None:
            choices = self._affordances.walk(messages[-1].content).follow(output)
            if len(choices) < len(output):
                raise ModelFault(f"the page does not allow '{line}'")
        return Completion(
            prompt_ids=tuple(self.encode(messages)),
            output_ids=tuple(output),
            rollout_logprobs=(0.0,) * len(output),
            choices=tuple(choices),
            text=line,
            sampling=sampling,
            policy_version=self._version,
            images=images_of(messages),
        )

    async def publish(self, weights_dir: Path, *, kind: Literal["adapter", "full"], version: int) -> None:
        """Load weights off the event loop, then swap them in between two batches."""
        if kind == "full":
            model = await asyncio.to_thread(_load, weights_dir)
        else:
            model = await asyncio.to_thread(_load, self.model_dir, weights_dir)
        done = threading.Event()

        def swap() -> None:
            self._install(model)
            self._version = version
            done.set()

        self._waiting.put(swap)
        await asyncio.to_thread(done.wait)

    async def close(self) -> None:
        """Finish what is being decoded and end the thread."""
        if not self._closed:
            self._closed = True
            self._waiting.put(None)
            await asyncio.to_thread(self._thread.join)

    def _install(self, model: Any) -> None:
        self._context = int(model.config.get_text_config().max_position_embeddings)
        self._decoder: Callable[[Sequence[Pixels | None]], Decoder]
        if self._vision is not None:
            unwritable = self._vision.pictures.unwritable
            self._decoder = lambda pixels: VisionDecoder(model, pixels, unwritable)
        elif qwen3.supported(model.config):
            weights = qwen3.fuse(model)
            table = qwen3.rotary(model.config, self._context)
            cache = qwen3.PrefixCache()
            self._decoder = lambda _: qwen3.Qwen3Decoder(weights, model.config, table, cache)
        else:
            self._decoder = lambda _: TransformersDecoder(model)

    def _serve(self) -> None:
        """The thread: all that wait and fit are one batch; a callable is run between two batches."""
        stop = False
        while not stop:
            batch: list[_Request] = []
            after: Callable[[], None] | None = None
            item = self._waiting.get()
            while True:
                if item is None:
                    stop = True
                elif isinstance(item, _Request):
                    batch.append(item)
                else:
                    after = item
                if stop or after is not None or len(batch) >= self.max_batch or self._waiting.empty():
                    break
                item = self._waiting.get()
            batch = [request for request in batch if not request.future.cancelled()]
            if batch:
                self._answer(batch)
            if after is not None:
                after()

    def _answer(self, batch: list[_Request]) -> None:
        began = time.monotonic()
        try:
            with torch.inference_mode():
                completions = self._decode(batch)
        except Exception as error:  # whatever torch raises is data to the episode, not the end of the thread
            fault = ModelFault(f"decoding failed: {error}")
            for request in batch:
                request.answer(fault)
            return
        self.decoding_seconds += time.monotonic() - began
        self.decoded_tokens += sum(len(completion.output_ids) for completion in completions)
        for request, completion in zip(batch, completions, strict=True):
            request.answer(completion)

    def _decode(self, batch: list[_Request]) -> list[Completion]:
        """One token a row and a step, and with it those that can only follow."""
        end: int = self.tokenizer.eos_token_id
        limits = [request.sampling.max_tokens for request in batch]
        temperatures = torch.tensor([request.sampling.temperature for request in batch])[:, None]
        draws = [random.Random(request.sampling.seed) for request in batch]
        outputs: list[list[int]] = [[] for _ in batch]
        logprobs: list[list[float]] = [[] for _ in batch]
        choices: list[list[tuple[int, ...]]] = [[] for _ in batch]
        live = list(range(len(batch)))
        decoder = self._decoder([request.pixels for request in batch])
        logits = decoder.prefill([request.prompt for request in batch], max(limits))
        while True:
            walks = [batch[row].walk for row in live]
            among = [walk.choices() if walk else () for walk in walks]
            tokens, chosen = _sample(held(logits, among), temperatures, [draws[row].random() for row in live])
            runs: list[list[int]] = []
            for i, (row, token, logprob) in enumerate(zip(live, tokens.tolist(), chosen.tolist(), strict=True)):
                run = [token]
                if (walk := walks[i]) is not None:
                    walk.advance(token)
                    run += walk.forced()
                run = run[: limits[row] - len(outputs[row])]
                outputs[row] += run
                logprobs[row] += [logprob] + [0.0] * (len(run) - 1)
                choices[row] += [among[i], *((only,) for only in run[1:])]
                runs.append(run)
            going = [
                i
                for i, row in enumerate(live)
                if outputs[row][-1] != end and len(outputs[row]) < limits[row] and not batch[row].future.cancelled()
            ]
            if not going:
                break
            if len(going) < len(live):
                rows = torch.tensor(going)
                decoder.keep(rows)
                temperatures = temperatures[rows]
                live = [live[i] for i in going]
            logits = decoder.step([runs[i] for i in going])
        return [
            Completion(
                prompt_ids=tuple(request.prompt),
                output_ids=tuple(output),
                rollout_logprobs=tuple(logprob),
                choices=tuple(among) if request.walk else (),
                text=self.tokenizer.decode(output, skip_special_tokens=True).strip(),
                sampling=request.sampling,
                policy_version=self._version,
                finish_reason="stop" if output[-1] == end else "length",
                images=request.images,
            )
            for request, output, logprob, among in zip(batch, outputs, logprobs, choices, strict=True)
        ]


def held(logits: Tensor, among: Sequence[tuple[int, ...]]) -> Tensor:
    """Logits (rows, vocabulary) with what each row may not draw at minus infinity; a row without choices is free."""
    if not any(among):
        return logits
    mask = torch.zeros_like(logits)
    for row, allowed in enumerate(among):
        if allowed:
            mask[row] = float("-inf")
            mask[row, list(allowed)] = 0.0
    return logits + mask


def _sample(logits: Tensor, temperatures: Tensor, draws: Sequence[float]) -> tuple[Tensor, Tensor]:
    """One token a row by inverse transform, with its log-probability: (rows, vocabulary) → (rows,), (rows,).

    At temperature 0 all of the probability is the likeliest token's, so that its logarithm is 0.
    """
    greedy = temperatures == 0
    if bool(greedy.any()):
        likeliest = torch.full_like(logits, float("-inf")).scatter(1, logits.argmax(-1, keepdim=True), 0.0)
        logits, temperatures = torch.where(greedy, likeliest, logits), temperatures + greedy
    logprobs = torch.log_softmax(logits.float() / temperatures, -1)
    cumulative = logprobs.double().exp().cumsum(-1)
    wanted = torch.tensor(draws, dtype=torch.float64)[:, None] * cumulative[:, -1:]
    tokens = torch.searchsorted(cumulative, wanted, right=True).clamp(max=logits.shape[-1] - 1)
    return tokens[:, 0], logprobs.gather(1, tokens)[:, 0]


def _load(directory: Path, adapter: Path | None = None) -> Any:
    """The model of a folder, with an adapter merged into it where one is given; raises `UserError`."""
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

    sees = is_vision(directory)
    kind: Any = AutoModelForImageTextToText if sees else AutoModelForCausalLM
    try:
        with ALONE:
            model: Any = kind.from_pretrained(directory, dtype=torch.float32)
    except (OSError, ValueError) as error:
        name = "vision-language" if sees else "causal language"
        raise UserError(f"'{directory}' cannot be loaded as a {name} model: {error}") from error
    if adapter is not None:
        model = _merged(model, adapter)
    model.requires_grad_(False)
    return model


def _merged(model: Any, adapter: Path) -> Any:
    from peft import PeftModel

    try:
        with quietly():
            return PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise UserError(f"the adapter '{adapter}' cannot be added to the model: {error}") from error
