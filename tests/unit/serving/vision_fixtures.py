"""Tiny vision-language models with random weights, pictures to show them, and what they would be shown by hand."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageDraw
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForImageTextToText, AutoTokenizer, PreTrainedTokenizerFast

from core.types import Completion, ImageRef, Message

SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>",
    "<|video_pad|>",
)  # fmt: skip
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for part in m['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CONTEXT = 1024


def tokenizer() -> PreTrainedTokenizerFast:
    """Bytes, and the special tokens of the Qwen family."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE({letter: number for number, letter in enumerate(alphabet)}, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens(list(SPECIAL))
    made = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=inner, eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    made.chat_template = TEMPLATE
    return made


def config(family: str) -> Any:
    """Two layers of 64 and a vision tower of two blocks."""
    from transformers import Qwen2_5_VLConfig, Qwen2VLConfig, Qwen3VLConfig

    named = {token: 256 + number for number, token in enumerate(SPECIAL)}
    text: dict[str, Any] = {
        "vocab_size": 256 + len(SPECIAL), "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": CONTEXT,
        "bos_token_id": None, "eos_token_id": named["<|im_end|>"], "pad_token_id": named["<|endoftext|>"],
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]},
    }  # fmt: skip
    tokens: dict[str, Any] = {
        "image_token_id": named["<|image_pad|>"], "video_token_id": named["<|video_pad|>"],
        "vision_start_token_id": named["<|vision_start|>"], "vision_end_token_id": named["<|vision_end|>"],
    }  # fmt: skip
    tower: dict[str, Any]
    if family == "qwen2_vl":
        tower = {"depth": 2, "embed_dim": 32, "hidden_size": 64, "num_heads": 2, "mlp_ratio": 2}
        return Qwen2VLConfig(text_config=text, vision_config=tower, tie_word_embeddings=True, **tokens)
    tower = {"depth": 2, "hidden_size": 32, "intermediate_size": 48, "num_heads": 2, "out_hidden_size": 64}
    if family == "qwen2_5_vl":
        tower |= {"window_size": 56, "fullatt_block_indexes": [1]}
        return Qwen2_5_VLConfig(text_config=text, vision_config=tower, tie_word_embeddings=True, **tokens)
    tower |= {"num_position_embeddings": 256, "deepstack_visual_indexes": [0], "patch_size": 14}
    return Qwen3VLConfig(text_config=text | {"head_dim": 16}, vision_config=tower, tie_word_embeddings=True, **tokens)


def save(folder: Path, family: str, seed: int = 0) -> Path:
    """A model of this family in a folder, as its makers publish it."""
    torch.manual_seed(seed)
    model: Any = AutoModelForImageTextToText.from_config(config(family))  # type: ignore[no-untyped-call]
    for parameter in model.parameters():
        parameter.data.mul_(3.0)
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    pictures = {
        "image_processor_type": "Qwen2VLImageProcessor", "patch_size": 14, "temporal_patch_size": 2, "merge_size": 2,
        "size": {"shortest_edge": 28 * 28 * 4, "longest_edge": 28 * 28 * 40},
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(pictures))
    return folder


@pytest.fixture(scope="session")
def vision_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Qwen2.5-VL."""
    return save(tmp_path_factory.mktemp("vision"), "qwen2_5_vl")


class Album:
    """Pictures in memory; implements `core.protocols.ImageStore`."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    def put(self, data: bytes, width: int, height: int) -> ImageRef:
        digest = hashlib.sha256(data).hexdigest()
        self.held[digest] = data
        return ImageRef(sha256=digest, width=width, height=height)

    def read(self, image: ImageRef) -> bytes | None:
        return self.held.get(image.sha256)

    def drawn(self, seed: int, width: int = 112, height: int = 84) -> ImageRef:
        """A picture that differs from that of any other seed."""
        image = Image.new("RGB", (width, height), (40 * seed % 256, 200, 90))
        draw = ImageDraw.Draw(image)
        draw.ellipse((5 * seed % 50, 10, 5 * seed % 50 + 40, 60), fill=(200, 30 * seed % 256, 60))
        written = io.BytesIO()
        image.save(written, "WEBP", lossless=True)
        return self.put(written.getvalue(), width, height)


def show(text: str, *images: ImageRef) -> tuple[Message, ...]:
    return (Message(role="system", content="You see."), Message(role="user", content=text, images=images))


def by_hand(folder: Path, album: Album, messages: tuple[Message, ...]) -> dict[str, torch.Tensor]:
    """What transformers' own parts make of the messages, placeholders multiplied in the text before it is tokenised."""
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    words: Any = AutoTokenizer.from_pretrained(folder)
    processor: Any = Qwen2VLImageProcessorPil.from_pretrained(folder)
    turns = [
        {"role": m.role, "content": [*({"type": "image"} for _ in m.images), {"type": "text", "text": m.content}]}
        for m in messages
    ]
    text = words.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    images = [Image.open(io.BytesIO(album.held[image.sha256])) for m in messages for image in m.images]
    found: dict[str, torch.Tensor] = {}
    if images:
        seen = processor(images=images, return_tensors="pt")
        found = {"pixel_values": seen["pixel_values"], "image_grid_thw": seen["image_grid_thw"]}
        for grid in seen["image_grid_thw"].tolist():
            text = text.replace("<|image_pad|>", "<|held|>" * (grid[0] * grid[1] * grid[2] // 4), 1)
        text = text.replace("<|held|>", "<|image_pad|>")
    ids = words(text, return_tensors="pt", add_special_tokens=False)["input_ids"]
    return {"input_ids": ids, "mm_token_type_ids": (ids == words.convert_tokens_to_ids("<|image_pad|>")).int(), **found}


@torch.inference_mode()
def true_logprobs(folder: Path, album: Album, messages: tuple[Message, ...], completion: Completion) -> torch.Tensor:
    """Log-probabilities of a completion by one plain forward pass, placeholders left out of what can be written."""
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
    inputs = by_hand(folder, album, messages)
    assert inputs["input_ids"][0].tolist() == list(completion.prompt_ids)
    start = len(completion.prompt_ids)
    written = torch.tensor([completion.output_ids])
    inputs["input_ids"] = torch.cat([inputs["input_ids"], written], 1)
    inputs["mm_token_type_ids"] = torch.cat([inputs["mm_token_type_ids"], torch.zeros_like(written).int()], 1)
    logits = model(**inputs).logits[0, start - 1 : -1] / completion.sampling.temperature
    logits[:, [model.config.image_token_id, model.config.video_token_id]] = float("-inf")
    return torch.log_softmax(logits, -1).gather(1, written[0, :, None])[:, 0]
