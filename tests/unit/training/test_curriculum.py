"""Samplers: what they draw, what they learn, and that they can be put away and taken up again."""

from __future__ import annotations

import json
import math
from collections import Counter

import pytest

from core.config import SamplerConfig
from core.errors import ConfigError, UserError
from core.protocols import TaskSampler
from core.types import Task
from training.curriculum import SAMPLERS, build
from training.curriculum.learnability import LearnabilitySampler
from training.curriculum.sec import SelfEvolvingSampler

CONFIG = SamplerConfig(kind="sec", step_size=0.5, temperature=0.4, uniform_share=0.2)


def tasks(**families: int) -> list[Task]:
    return [
        Task(id=f"{family}-{i}", instruction="do it", start_url="/", family=family)
        for family, count in families.items()
        for i in range(count)
    ]


def one(family: str) -> Task:
    return tasks(**{family: 1})[0]


@pytest.fixture(params=sorted(SAMPLERS))
def sampler(request: pytest.FixtureRequest) -> TaskSampler:
    return build(CONFIG.model_copy(update={"kind": request.param}))


def test_samplers_keep_the_protocol(sampler: TaskSampler) -> None:
    assert isinstance(sampler, TaskSampler)


def test_no_task_is_drawn_twice_before_all_were(sampler: TaskSampler) -> None:
    pool = tasks(a=3, b=1, c=6)
    for seed in range(20):
        drawn = [task.id for task in sampler.sample(pool, 25, seed=seed)]
        assert len(drawn) == 25
        assert len(set(drawn[:10])) == len(set(drawn[10:20])) == 10
        assert len(set(drawn[20:])) == 5


def test_the_seed_decides(sampler: TaskSampler) -> None:
    pool = tasks(a=30, b=30)
    draw = [[task.id for task in sampler.sample(pool, 12, seed=seed)] for seed in (5, 5, 6)]
    assert draw[0] == draw[1] != draw[2]


def test_an_empty_pool_is_said(sampler: TaskSampler) -> None:
    with pytest.raises(UserError, match="no tasks"):
        sampler.sample([], 3, seed=0)
    assert sampler.sample(tasks(a=2), 0, seed=0) == []


def test_a_sampler_taken_up_again_goes_on_the_same(sampler: TaskSampler) -> None:
    pool = tasks(a=20, b=20, c=20)
    for seed in range(3):
        for task in sampler.sample(pool, 6, seed=seed):
            sampler.update(task, [1, 0], [1.0, -1.0] if task.family == "b" else [0.0, 0.0])
    kinds = {type(build(CONFIG.model_copy(update={"kind": kind}))): kind for kind in SAMPLERS}
    again = build(CONFIG.model_copy(update={"kind": kinds[type(sampler)]}))
    again.restore(json.loads(json.dumps(sampler.state())))
    for seed in range(10, 14):
        assert sampler.sample(pool, 9, seed=seed) == again.sample(pool, 9, seed=seed)
        for each in (sampler, again):
            each.update(one("c"), [1, 1, 0], [0.7, 0.7, -1.4])
    assert sampler.state() == again.state()


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="'unifrom' is not a sampler; the nearest is 'uniform'"):
        build(SamplerConfig(kind="unifrom"))


def test_sec_by_hand() -> None:
    """α = 0.5: r = mean |A| over the batch's attempts; families not drawn are pulled towards 0."""
    sampler = SelfEvolvingSampler(CONFIG)
    pool = tasks(a=4, b=4)
    sampler.sample(pool, 8, seed=0)
    sampler.update(one("a"), [1, 0], [1.0, -1.0])
    sampler.update(one("a"), [1, 1], [0.0, 0.0])
    sampler.update(one("b"), [1, 0], [0.8, -0.8])
    sampler.sample(pool[:4], 1, seed=0)  # closes the batch; draws a alone
    assert sampler.state()["values"] == pytest.approx({"a": 0.25, "b": 0.4})
    sampler.update(one("a"), [1, 0], [1.0, -1.0])
    sampler.sample(pool, 1, seed=0)
    assert sampler.state()["values"] == pytest.approx({"a": 0.625, "b": 0.2})
    chances = sampler.probabilities({"a": 4, "b": 4})
    softmax = math.exp(0.625 / 0.4) / (math.exp(0.625 / 0.4) + math.exp(0.2 / 0.4))
    assert chances == pytest.approx({"a": 0.8 * softmax + 0.1, "b": 0.8 * (1 - softmax) + 0.1})


def test_sec_takes_a_family_of_which_nothing_was_scored_as_no_evidence() -> None:
    sampler = build(CONFIG)
    pool = tasks(a=2, b=2)
    sampler.sample(pool, 4, seed=0)
    sampler.update(one("a"), [1, 0], [1.0, -1.0])
    sampler.update(one("b"), [1, 0], [1.0, -1.0])
    sampler.sample(pool, 4, seed=1)
    sampler.update(one("a"), [1, 1], [0.0, 0.0])
    sampler.update(one("b"), [], [])
    sampler.sample(pool, 4, seed=2)
    assert sampler.state()["values"] == pytest.approx({"a": 0.25, "b": 0.5})


def test_sec_draws_by_its_probabilities() -> None:
    sampler = SelfEvolvingSampler(CONFIG)
    pool = tasks(easy=1000, good=1000, hard=1000)
    sampler.sample(pool, 3, seed=0)
    for family, size in (("easy", 0.0), ("good", 1.0), ("hard", 0.3)):
        sampler.update(one(family), [1, 0], [size, -size])
    drawn = Counter(task.family for seed in range(60) for task in sampler.sample(pool, 50, seed=seed))
    for family, chance in sampler.probabilities(dict.fromkeys(("easy", "good", "hard"), 1000)).items():
        assert drawn[family] / 3000 == pytest.approx(chance, abs=0.04)
    assert drawn["good"] > drawn["hard"] > drawn["easy"] > 0


def test_sec_draws_a_larger_family_more_often() -> None:
    sampler = SelfEvolvingSampler(CONFIG)
    assert sampler.probabilities({"few": 2, "many": 18}) == pytest.approx({"few": 0.1, "many": 0.9})
    drawn = Counter(task.family for seed in range(300) for task in sampler.sample(tasks(few=2, many=18), 1, seed=seed))
    assert drawn["many"] / 300 == pytest.approx(0.9, abs=0.05)


def test_sec_refuses_rewards_without_their_advantages() -> None:
    with pytest.raises(ValueError, match="2 rewards but 1 advantages"):
        build(CONFIG).update(one("a"), [1, 0], [1.0])


def topical(family: str, topic: str, number: int) -> Task:
    return Task(id=f"{topic}-{number}", instruction="do it", start_url="/", family=family, topic=topic)


def test_learnability_by_hand() -> None:
    """Each level leans on the one above by 4 attempts: family 4 of 8, topic 4 of 4 and task 4 of 4 more."""
    sampler = LearnabilitySampler(CONFIG)
    easy, hard = topical("form", "easy", 1), topical("form", "hard", 1)
    assert sampler.rate(easy) == 0.5
    sampler.update(easy, [1, 1, 1, 1], [0.0] * 4)
    sampler.update(hard, [0, 0, 0, 0], [0.0] * 4)
    family = (4 + 4 * 0.5) / (8 + 4)
    topic = (4 + 4 * family) / (4 + 4)
    assert sampler.rate(topical("form", "new", 1)) == pytest.approx(family)
    assert sampler.rate(topical("form", "easy", 2)) == pytest.approx(topic)
    assert sampler.rate(easy) == pytest.approx((4 + 4 * topic) / (4 + 4))
    assert sampler.rate(hard) == pytest.approx(1 - sampler.rate(easy))


def test_learnability_prefers_what_goes_right_half_of_the_time() -> None:
    sampler = LearnabilitySampler(CONFIG.model_copy(update={"uniform_share": 0.1}))
    pool = [topical("form", topic, number) for topic in ("always", "half", "never") for number in range(50)]
    for number in range(10):
        for topic, rewards in (("always", [1, 1]), ("half", [1, 0]), ("never", [0, 0])):
            sampler.update(pool[("always", "half", "never").index(topic) * 50 + number], rewards, [0.0, 0.0])
    shares = dict(zip((task.id for task in pool), sampler.weights(pool), strict=True))
    assert math.fsum(shares.values()) == pytest.approx(1.0)
    drawn = Counter(task.topic for seed in range(200) for task in sampler.sample(pool, 10, seed=seed))
    assert drawn["half"] > 1.5 * drawn["always"] > 0
    assert drawn["always"] == pytest.approx(drawn["never"], rel=0.3)
    single = Counter(sampler.sample(pool, 1, seed=seed)[0].topic for seed in range(2000))
    half = math.fsum(share for name, share in shares.items() if name.startswith("half"))
    assert single["half"] / 2000 == pytest.approx(half, abs=0.03)


def test_learnability_forgets_with_time() -> None:
    sampler = LearnabilitySampler(CONFIG)
    task = topical("form", "a", 1)
    sampler.update(task, [0] * 8, [0.0] * 8)
    sampler.sample([task], 1, seed=0)
    before = sampler.rate(task)
    for seed in range(10):
        sampler.sample([task], 1, seed=seed)
    assert sampler.rate(task) == before, "only batches with a report count"
    for _ in range(10):
        sampler.update(topical("other", "b", 1), [1], [0.0])
        sampler.sample([task], 1, seed=0)
    assert before < sampler.rate(task) < 0.5
