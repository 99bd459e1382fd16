"""The loop with a real model, trainer and policy: killed and resumed, it ends with bitwise the same weights."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

import discovery
from agents.explorer.hindsight import Achieved
from core import actions
from core.errors import ConfigError, UserError
from core.loading import quietly
from core.types import Action, Element, Observation, Trajectory
from discovery import builders, loop
from discovery.policies import LocalKind
from tests.integration import loop_worker
from tests.integration.loop_fixtures import Child, episodes, weights

LINES = [f'click button "{name}"' for name in loop_worker.NAMES]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random Qwen3 whose vocabulary has whole actions, so that chance finds the right one."""
    words = ["<|end|>", "<|user|>", "<|assistant|>", "?", *LINES, "task", "find", "press", *loop_worker.NAMES]
    inner = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="?"))
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("removed")]
    )
    inner.decoder = decoders.Fuse()
    inner.add_special_tokens(words[:3])
    inner.add_tokens([AddedToken(line, normalized=False) for line in LINES])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|end|>", pad_token="<|end|>")  # type: ignore[no-untyped-call]
    tokenizer.chat_template = "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{% endfor %}<|assistant|>"
    torch.manual_seed(0)
    network = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(words), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=4, head_dim=8, tie_word_embeddings=True, max_position_embeddings=256,
            rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        )
    )  # fmt: skip
    path = tmp_path_factory.mktemp("model")
    network.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


class Teacher(loop_worker.Proposals):
    """Knows which button to press, has other words for one task, and has just seen another done."""

    def demonstrations(self) -> dict[str, tuple[Action, ...]]:
        return {f"{n}-{i}": (actions.parse(f'click button "{n}"'),) for n in loop_worker.NAMES for i in range(2)}

    def replays(self) -> dict[str, tuple[Observation, ...]]:
        elements = tuple(Element(id=n, role="button", name=n, interactive=True) for n in loop_worker.NAMES)
        end = Observation(url="http://site.test/gamma", text="done gamma")
        return {"gamma-1": (Observation(url="http://site.test/", title="Seen before", elements=elements), end)}

    def retold(self) -> dict[str, tuple[str, ...]]:
        return {"beta-0": ("find beta", "press beta"), "gamma-1": ()}

    def questions(self, observation: Observation, count: int, *, seed: int) -> list[tuple[str, str]]:
        return [("press alpha", 'click button "alpha"')][:count] if observation.title == "Seen before" else []


def real(model: Path) -> builders.Build:
    """The fake site with the built-in local policy and its trainer."""

    async def build(context: builders.Context) -> builders.Parts:
        kind = LocalKind(context)
        parts = await loop_worker.builder()(context)
        parts.trainer, parts.open_policy = kind.learner(), kind.open
        parts.proposer = Relabeller()
        return parts

    return build


class Relabeller(Teacher):
    """Says after every failure that it was the right answer to another task."""

    def hindsight(self, trajectory: Trajectory, *, seed: int) -> Achieved | None:
        return Achieved(f"press {trajectory.steps[0].action.raw_text or seed}", 0)


def run(model: Path, run_dir: Path, *, resume: bool = False, **training: Any) -> None:
    data = loop_worker.config(iterations=2).model_dump()
    data["policy"] |= {"model": str(model), "max_tokens": 1, "constrained": False}
    data["training"] |= {"learning_rate": 0.01, "group_size": 8, **training}
    data["evaluation"] |= {"every": 0}
    config = type(loop_worker.config()).model_validate(data)
    asyncio.run(loop.run(config, run_dir, resume=resume, build=real(model)))


def killed(model: Path, run_dir: Path, *instants: str, **training: Any) -> None:
    """Begin, and go on after each kill, in processes of their own."""
    for number, instant in enumerate(instants):
        name, _, count = instant.partition(":")

        def work(_: Sequence[str], name: str = name, count: str = count, number: int = number) -> None:
            loop_worker.kill_at(name, int(count))
            run(model, run_dir, resume=number > 0, **training)

        assert Child(run_dir, main=work).wait() == -signal.SIGKILL


@pytest.fixture(scope="module")
def uninterrupted(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = tmp_path_factory.mktemp("runs") / "whole"
    child = Child(run_dir, main=lambda _: run(model, run_dir))
    assert child.wait() == 0, child.log()
    return run_dir


def test_killed_and_resumed_it_ends_with_the_same_weights(model: Path, uninterrupted: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "killed"
    killed(model, run_dir, "after-episode:20", "before-stable:1", "before-line:2")
    finished = episodes(run_dir)
    child = Child(run_dir, main=lambda _: run(model, run_dir, resume=True))
    assert child.wait() == 0, child.log()
    assert finished.items() <= episodes(run_dir).items()
    assert weights(run_dir) == weights(uninterrupted)
    lines = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    assert [line["policy_version"] for line in lines] == [1, 2]
    assert all(abs(line["mismatch_kl"]) < 1e-4 for line in lines)


def test_the_weights_differ_from_one_iteration_to_the_next(uninterrupted: Path) -> None:
    files = [uninterrupted / "iterations" / f"{n:04d}" / "weights" / "model.safetensors" for n in range(3)]
    assert len({file.read_bytes() for file in files}) == 3


def test_what_failed_is_relabelled_and_learned_from_the_same_after_a_kill(
    model: Path, uninterrupted: Path, tmp_path: Path
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    killed(model, cut, "after-episode:20", "before-stable:1", hindsight=0.5)
    for child in (
        Child(whole, main=lambda _: run(model, whole, hindsight=0.5)),
        Child(cut, main=lambda _: run(model, cut, resume=True, hindsight=0.5)),
    ):
        assert child.wait() == 0, child.log()
    assert weights(cut) == weights(whole) != weights(uninterrupted)
    line = json.loads((whole / "metrics.jsonl").read_text().splitlines()[0])
    failures = sum(value == 0.0 for _, value in episodes(whole).values())
    assert 0 < line["relabelled"] <= failures


def test_past_successes_are_rehearsed_and_the_same_ones_after_a_kill(
    model: Path, uninterrupted: Path, tmp_path: Path
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    rehearsal: dict[str, Any] = {"rehearsal": 1.0, "rehearsed": 2}
    killed(model, cut, "before-stable:2", **rehearsal)
    for child in (
        Child(whole, main=lambda _: run(model, whole, **rehearsal)),
        Child(cut, main=lambda _: run(model, cut, resume=True, **rehearsal)),
    ):
        assert child.wait() == 0, child.log()
    assert weights(cut) == weights(whole) != weights(uninterrupted)
    lines = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
    assert lines[0]["rehearsed"] == 0 < lines[1]["rehearsed"] <= 2


def test_a_warm_start_imitates_the_demonstrations(model: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "warm"
    name, count = "after-episode", 6  # two demonstrations are done

    def die(_: Sequence[str]) -> None:
        loop_worker.kill_at(name, count)
        run(model, run_dir, warm_start=True)

    assert Child(run_dir, main=die).wait() == -signal.SIGKILL
    finished = episodes(run_dir)
    started = [episode for episode in finished if episode.startswith("demo-")]
    assert started == ["demo-gamma-1", "demo-alpha-0"], "what was seen already needs no environment"
    child = Child(run_dir, main=lambda _: run(model, run_dir, resume=True, warm_start=True))
    assert child.wait() == 0, child.log()
    after = episodes(run_dir)
    assert finished.items() <= after.items()
    demonstrated = {episode: value for episode, (_, value) in after.items() if episode.startswith("demo-")}
    assert len(demonstrated) == 6
    assert set(demonstrated.values()) == {1.0}
    first, second = (json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines())
    assert (first["iteration"], first["episodes"], first["policy_version"]) == (1, 6, 1)
    # Six demonstrations and a question about one of them, each pass with an action and an end for each.
    assert first["tokens"] == 4 * (12 + 2)
    assert second["policy_version"] == 2


async def test_a_warm_start_without_a_teacher_is_refused(tmp_path: Path) -> None:
    data = loop_worker.config().model_dump()
    data["training"] |= {"warm_start": True}
    config = type(loop_worker.config()).model_validate(data)
    with pytest.raises(ConfigError, match=r"policy\.kind"):
        await loop.run(config, tmp_path / "run", build=loop_worker.builder())


def test_with_adapters_a_run_learns_resumes_and_exports_what_it_acts_with(model: Path, tmp_path: Path) -> None:
    lora: dict[str, Any] = {"lora_rank": 4, "learning_rate": 0.03}
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    child = Child(whole, main=lambda _: run(model, whole, **lora))
    assert child.wait() == 0, child.log()
    killed(model, cut, "before-stable:1", **lora)
    child = Child(cut, main=lambda _: run(model, cut, resume=True, **lora))
    assert child.wait() == 0, child.log()
    assert weights(cut) == weights(whole)
    names = {path.name for path in (whole / "iterations/0002/weights").iterdir()}
    assert names == {"adapter_config.json", "adapter_model.safetensors", "trainer.pt"}
    lines = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
    assert [line["policy_version"] for line in lines] == [1, 2]
    assert all(line["mismatch_kl"] < 1e-6 for line in lines), "the policy acts with the merged adapter"
    target = tmp_path / "models" / "learned"
    assert discovery.export(whole, target) == 2
    prompt = torch.tensor([[1, 9, 2]])
    learned, initial = (AutoModelForCausalLM.from_pretrained(path)(prompt).logits for path in (target, model))
    base = AutoModelForCausalLM.from_pretrained(model)
    with quietly():
        adapted = PeftModel.from_pretrained(base, str(whole / "iterations/0002/weights"))
    assert torch.allclose(learned, adapted(prompt).logits, atol=1e-5)
    assert not torch.allclose(learned, initial, atol=1e-3)
    assert (target / "tokenizer.json").is_file()
    with pytest.raises(UserError, match="exists already"):
        discovery.export(whole, target)
