"""The embedded policy's tokenizer: a small lower-case BPE in which copying is easy.

A word has the same tokens wherever it stands: in an instruction, in quotes on the page, in an action.
The opening of an element (` link "`) and the joints between parts are single tokens, digits stand alone,
a new line is a space (what opens it is mark enough), and everything else is byte-pair encoded with a byte
fallback.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast

from pretraining.examples import Difficulty, stream

PAD, USER, ASSISTANT, END = "<|pad|>", "<|user|>", "<|assistant|>", "<|end|>"
ROLES = (
    "page row cell link button textbox searchbox combobox listbox option checkbox radio switch spinbutton slider "
    "heading text definition alert status dialog tab menuitem img row_header skill tool list"
).split()
JOINTS = ('" = "', '" of "', ' of "', '" | "', '" #', '" "', '" enter', '"', '{"', '": "', '", "', '"}')
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' }}{{ message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ '<|end|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def build(vocabulary: int, seed: int = 0, examples: int = 6000) -> PreTrainedTokenizerFast:
    """Train the tokenizer on made-up pages and on English from CPython's help topics."""
    tokenizer = Tokenizer(BPE(byte_fallback=True, unk_token=None))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Lowercase(), normalizers.Replace("\n", " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(prepend_scheme="always", split=True),
            pre_tokenizers.Split(Regex(r"▁?\p{L}+|▁?\p{N}|▁?[^\p{L}\p{N}▁]|▁"), "isolated"),
        ]
    )
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Replace("▁", " "), decoders.Fuse()])
    special = [PAD, USER, ASSISTANT, END]
    alphabet = [f"<0x{i:02X}>" for i in range(256)]
    trainer = BpeTrainer(
        vocab_size=vocabulary - len(ROLES) - len(JOINTS),
        special_tokens=special + alphabet,
        show_progress=False,
        limit_alphabet=200,
    )
    tokenizer.train_from_iterator(_corpus(seed, examples), trainer)
    tokenizer.add_tokens(
        [AddedToken(f' {role} "', normalized=True) for role in ROLES] + [AddedToken(j, normalized=True) for j in JOINTS]
    )
    fast: PreTrainedTokenizerFast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, pad_token=PAD, eos_token=END, clean_up_tokenization_spaces=False
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


def _corpus(seed: int, examples: int) -> Iterator[str]:
    from pydoc_data.topics import topics

    for text in topics.values():
        yield from (line for line in text.splitlines() if line)
    for example in islice(stream(seed, 10_000_000, Difficulty(pseudo=0.3)), examples):
        yield _plain(example.prompt)


def _plain(text: str) -> str:
    return text.replace('"', " ")
