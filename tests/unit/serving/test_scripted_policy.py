"""The scripted policy: exact probabilities, the whole protocol, faults on demand."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ModelFault
from core.protocols import Policy
from core.types import Message, Sampling
from serving.scripted import END, WEIGHTS_FILE, ScriptedPolicy, save

ANSWERS = ['click button "Save"', 'click button "Send"', "back", 'answer "ä漢"']
ASK = [Message(role="system", content="act"), Message(role="user", content="page 7")]


async def test_it_is_a_policy_and_answers_by_function_or_by_table() -> None:
    assert isinstance(ScriptedPolicy({}), Policy)
    by_function = ScriptedPolicy(lambda prompt: "back" if "page 7" in prompt else "wait")
    by_table = ScriptedPolicy({"page 8": "wait", "page 7": "back", "page": "forward"})
    for policy in (by_function, by_table):
        completion = await policy.generate(ASK, sampling=Sampling())
        assert completion.text == "back"
        assert completion.output_ids == (*b"back", END)
        assert completion.rollout_logprobs == (0.0,) * 5
        assert bytes(completion.prompt_ids).decode() == "system: act\nuser: page 7" == policy.prompts[0]
        assert completion.finish_reason == "stop"


@given(
    logits=st.lists(st.floats(-20, 20), min_size=4, max_size=4),
    temperature=st.floats(0.3, 3),
    seed=st.integers(0, 1000),
)
def test_log_probabilities_are_those_of_the_softmax_and_of_the_scorer(
    logits: list[float], temperature: float, seed: int
) -> None:
    policy = ScriptedPolicy(lambda prompt: ANSWERS, weights=dict(zip(ANSWERS, logits, strict=True)))
    completion = asyncio.run(policy.generate(ASK, sampling=Sampling(temperature=temperature, seed=seed)))
    total = math.log(sum(math.exp(logit / temperature) for logit in logits))
    expected = logits[ANSWERS.index(completion.text)] / temperature - total
    assert sum(completion.rollout_logprobs) == pytest.approx(expected, abs=1e-9)
    assert len(completion.rollout_logprobs) == len(completion.output_ids)
    assert policy.score(completion) == completion.rollout_logprobs


async def test_answers_come_as_often_as_their_probabilities_say() -> None:
    policy = ScriptedPolicy(lambda prompt: ["a", "b"], weights={"a": math.log(3)}, seed=4)
    drawn = Counter([(await policy.generate(ASK, sampling=Sampling())).text for _ in range(2000)])
    assert 1400 < drawn["a"] < 1600  # 1500 expected, standard deviation 19


async def test_a_seed_fixes_the_answer_and_temperature_zero_takes_the_best() -> None:
    policy = ScriptedPolicy(lambda prompt: ANSWERS, weights={"back": 0.5})
    for seed in range(20):
        first, second = [await policy.generate(ASK, sampling=Sampling(seed=seed)) for _ in range(2)]
        assert first == second
    assert len({(await policy.generate(ASK, sampling=Sampling(seed=seed))).text for seed in range(40)}) == 4
    greedy = await policy.generate(ASK, sampling=Sampling(temperature=0))
    assert (greedy.text, sum(greedy.rollout_logprobs)) == ("back", 0.0)


async def test_length_and_stop_cut_the_answer_where_they_should() -> None:
    policy = ScriptedPolicy(lambda prompt: 'answer "ä漢"\nback')
    cut = await policy.generate(ASK, sampling=Sampling(max_tokens=9))
    assert (cut.text, cut.finish_reason, len(cut.output_ids)) == ('answer "', "length", 9)
    stopped = await policy.generate(ASK, sampling=Sampling(stop=("\n",)))
    assert (stopped.text, stopped.finish_reason, stopped.output_ids[-1]) == ('answer "ä漢"', "stop", ord("\n"))
    exact = await policy.generate(ASK, sampling=Sampling(max_tokens=len('answer "ä漢"\nback'.encode()) + 1))
    assert exact.finish_reason == "stop"


async def test_publishing_changes_version_and_probabilities_for_later_calls_alone(tmp_path: Path) -> None:
    policy = ScriptedPolicy(lambda prompt: ["a", "b"], weights={"a": 1.0}, delay=0.05)
    under_way = asyncio.create_task(policy.generate(ASK, sampling=Sampling(temperature=0)))
    await asyncio.sleep(0)
    save(tmp_path / "1", {"b": 30.0})
    await policy.publish(tmp_path / "1", kind="full", version=1)
    assert ((await under_way).text, (await under_way).policy_version) == ("a", 0)
    later = await policy.generate(ASK, sampling=Sampling(seed=0))
    assert (later.text, later.policy_version, policy.version) == ("b", 1, 1)


async def test_adapters_replace_each_other_on_top_of_the_base(tmp_path: Path) -> None:
    policy = ScriptedPolicy(lambda prompt: ["a", "b"], weights={"a": 1.0})
    for version in (1, 2):
        save(tmp_path / str(version), {"a": 0.5, "b": float(version)})
        await policy.publish(tmp_path / str(version), kind="adapter", version=version)
        assert policy.weights == {"a": 1.5, "b": float(version)}
    save(tmp_path / "full", {"b": 9.0})
    await policy.publish(tmp_path / "full", kind="full", version=3)
    assert policy.weights == {"b": 9.0}


@pytest.mark.parametrize("content", [None, "{", "[]", '{"a": "x"}', '{"a": null}'])
async def test_weights_that_cannot_be_read_are_a_fault_and_change_nothing(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / WEIGHTS_FILE).write_text(content)
    policy = ScriptedPolicy(lambda prompt: "a", weights={"a": 1.0}, version=4)
    with pytest.raises(ModelFault, match="holds no weights"):
        await policy.publish(tmp_path, kind="full", version=5)
    assert (policy.version, policy.weights) == (4, {"a": 1.0})


async def test_faults_come_when_told_to() -> None:
    policy = ScriptedPolicy(lambda prompt: "a", fail_every=3)
    outcomes = await asyncio.gather(
        *(policy.generate(ASK, sampling=Sampling()) for _ in range(9)), return_exceptions=True
    )
    assert [isinstance(outcome, ModelFault) for outcome in outcomes] == [False, False, True] * 3
    with pytest.raises(ModelFault, match="no answer to the prompt"):
        await ScriptedPolicy({"elsewhere": "back"}).generate(ASK, sampling=Sampling())
    await policy.close()
    with pytest.raises(ModelFault, match="closed"):
        await policy.generate(ASK, sampling=Sampling())
