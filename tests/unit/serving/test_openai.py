"""The client against a real HTTP server that misbehaves on purpose."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from core.config import EndpointConfig
from core.errors import BudgetSpent, ConfigError, ModelFault, StorageFault
from core.protocols import ChatModel
from core.types import ImageRef, Message, Sampling
from serving.backoff import Backoff
from serving.ledger import Ledger
from serving.openai import OpenAIChat
from serving.responses import ResponseCache
from tests.unit.serving.endpoint_fixtures import Answer, Body, Server, error, said

KEY = "sk-very/secret-0123456789"
ASK = [Message(role="system", content="be brief"), Message(role="user", content="which ledge?")]


class Judgement(BaseModel):
    done: bool
    why: str
    hint: str = ""


def files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


class Chat:
    """A client of `server`, with its pauses noted in place of waited for."""

    def __init__(self, server: Server, **settings: Any) -> None:
        self.server = server
        self.options = {
            name: settings.pop(name) for name in ("ledger", "cache", "load_image", "role") if name in settings
        }
        self.settings = {"model": "m", "api_key_env": "THE_KEY", **settings}
        self.pauses: list[float] = []

    async def __aenter__(self) -> OpenAIChat:
        self._serving = self.server.serve()
        url = await self._serving.__aenter__()

        async def sleep(seconds: float) -> None:
            self.pauses.append(seconds)

        self.client = OpenAIChat(
            EndpointConfig(base_url=url, **self.settings),
            **{"role": "judge", **self.options},
            environment={"THE_KEY": KEY},
            backoff=Backoff(self.settings.get("max_wait", 60.0), chance=lambda: 1.0, now=lambda: 784111777.0),
            sleep=sleep,
        )
        return self.client

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()
        await self._serving.__aexit__(None, None, None)


async def test_a_reply_is_its_text_and_the_request_says_what_was_asked() -> None:
    server = Server(said("the upper one"))
    async with Chat(server) as chat:
        model: ChatModel = chat
        sampling = Sampling(temperature=0.5, max_tokens=9, stop=("END",), seed=3)
        assert await model.complete(ASK, sampling=sampling) == "the upper one"
        assert await chat.complete(ASK) == "the upper one"
    assert server.requests[0] == {
        "model": "m",
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "which ledge?"}],
        "temperature": 0.5,
        "max_tokens": 9,
        "stop": ["END"],
        "seed": 3,
    }
    assert (server.requests[1]["temperature"], server.requests[1]["max_tokens"]) == (1.0, 1024)
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert "seed" not in server.requests[1]


async def test_a_server_here_needs_no_key_and_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "somebody-elses")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    for variable in ("", "NOT_SET"):
        server = Server(said("yes"))
        async with Chat(server, api_key_env=variable) as chat:
            assert await chat.complete(ASK) == "yes"
        assert "somebody-elses" not in str(server.headers)
        assert "authorization" not in server.headers[0]


def test_a_missing_setting_or_key_is_named() -> None:
    far = EndpointConfig(base_url="https://models.example/v1", model="m", api_key_env="THE_KEY")
    with pytest.raises(ConfigError, match="THE_KEY"):
        OpenAIChat(far, role="judge", environment={"THE_KEY": "  "})
    with pytest.raises(ConfigError, match="THE_KEY holds characters") as bad:
        OpenAIChat(far, role="judge", environment={"THE_KEY": "sk-\nnope"})
    assert "sk-" not in str(bad.value)
    with pytest.raises(ConfigError, match="needs a model"):
        OpenAIChat(EndpointConfig(base_url="http://localhost/v1"), role="judge")
    with pytest.raises(ConfigError, match="needs a base_url"):
        OpenAIChat(EndpointConfig(model="m"), role="judge")
    assert KEY not in repr(OpenAIChat(far, role="judge", environment={"THE_KEY": KEY}))


@pytest.mark.parametrize(
    "url", ["https://user:pw@models.example/v1", "https://models.example/v1?key=1", "models.example", "ftp://a/v1"]
)
def test_an_address_with_credentials_or_without_a_scheme_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        EndpointConfig(base_url=url)


async def test_what_passes_is_tried_again_after_longer_and_longer_pauses() -> None:
    server = Server((500, error("oops")), "reset", (409, "busy"), "half", (408, ""), said("at last"))
    setup = Chat(server, attempts=6)
    async with setup as chat:
        assert await chat.complete(ASK) == "at last"
    assert setup.pauses == [0.5, 1.0, 2.0, 4.0, 8.0]
    assert len(server.requests) == 6
    assert (chat.ledger.roles["judge"].calls, chat.ledger.roles["judge"].failures) == (1, 5)


async def test_retry_after_is_respected_in_seconds_and_as_a_date() -> None:
    date = "Sun, 06 Nov 1994 08:49:57 GMT"  # 20 s after the clock's now
    server = Server(
        (429, error("slow down"), {"Retry-After": "7.5"}),
        (503, error("slow down"), {"Retry-After": date}),
        (429, error("slow down"), {"Retry-After": "soon"}),
        said("ok"),
    )
    setup = Chat(server)
    async with setup as chat:
        assert await chat.complete(ASK) == "ok"
    assert setup.pauses == pytest.approx([7.5 + 0.1, 20 + 0.2, 2.0])


async def test_a_longer_pause_than_allowed_is_not_cut_short_but_given_up() -> None:
    server = Server((429, error("slow down"), {"Retry-After": "3600"}))
    setup = Chat(server, max_wait=30)
    async with setup as chat:
        with pytest.raises(ModelFault, match="pause of 3600 s"):
            await chat.complete(ASK)
    assert setup.pauses == []
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
async def test_what_will_not_pass_is_not_tried_again(status: int) -> None:
    server = Server((status, error("no such thing")))
    async with Chat(server) as chat:
        with pytest.raises(ModelFault, match=rf"the judge's model 'm' at .* answered {status} \(no such thing\)"):
            await chat.complete(ASK)
    assert len(server.requests) == 1


async def test_an_empty_purse_is_no_rate_limit() -> None:
    server = Server((429, error("pay first", code="insufficient_quota")))
    async with Chat(server) as chat:
        with pytest.raises(ModelFault, match="pay first"):
            await chat.complete(ASK)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((500, error("broken")), r"answered 500 \(broken\), at the last of 3 attempts"),
        ("reset", "cannot be reached"),
        ("<html>", "no chat completion"),
        ({"choices": []}, "no chat completion"),
        ((200, '{"choices": [{"mess'), "no chat completion"),
        (error("upstream is down"), "no chat completion .*upstream is down"),
        (said(None), "without a text"),
        (said("  "), "without a text"),
    ],
)
async def test_the_last_failure_is_one_sentence(answer: Any, sentence: str) -> None:
    server = Server((200, answer, {"Content-Type": "text/html"}) if answer == "<html>" else answer)
    setup = Chat(server, attempts=3)
    async with setup as chat:
        with pytest.raises(ModelFault, match=sentence) as fault:
            await chat.complete(ASK)
    assert "\n" not in str(fault.value)
    assert len(setup.pauses) == 2
    assert chat.ledger.roles["judge"].failures == 3


async def test_a_slow_server_is_not_waited_for() -> None:
    setup = Chat(Server("hang"), attempts=3, timeout=0.05)
    async with setup as chat:
        with pytest.raises(ModelFault, match=r"did not answer within 0\.05 s, at the last of 3 attempts"):
            await chat.complete(ASK)
    assert len(setup.pauses) == 2


async def test_nobody_listens() -> None:
    async with Server().serve() as url:
        pass
    pauses = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    chat = OpenAIChat(EndpointConfig(base_url=url, model="m", attempts=2), role="judge", sleep=sleep)
    with pytest.raises(ModelFault, match="cannot be reached"):
        await chat.complete(ASK)
    assert len(pauses) == 1
    await chat.close()


async def test_refused_withheld_and_cut_off_answers_say_so_and_are_not_asked_for_again() -> None:
    for answer, sentence in [
        (said(None, refusal="I would rather not"), "refuses to answer: I would rather not"),
        (said("", finish="content_filter"), "content filter"),
        (said("and so", finish="length"), "cut off after 1024 tokens"),
        (said("", finish="length"), "cut off"),
    ]:
        server = Server(answer)
        async with Chat(server) as chat:
            with pytest.raises(ModelFault, match=sentence):
                await chat.complete(ASK)
        assert len(server.requests) == 1
        usage = chat.ledger.roles["judge"]
        assert (usage.calls, usage.failures, usage.prompt_tokens) == (1, 1, 7)


async def test_the_key_is_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answers: list[Answer] = [
        (401, error(f"the key {KEY} is wrong")),
        (400, f"no json, but {KEY}"),
        (200, f"garbage {KEY}"),
        said(None, refusal=f"not with {KEY}"),
        said(f"your key is {KEY}"),
    ]
    server = Server(*answers)
    shown = []
    async with Chat(server, attempts=1, cache=ResponseCache(tmp_path)) as chat:
        for _ in answers[:-1]:
            with pytest.raises(ModelFault) as fault:
                await chat.complete(ASK)
            shown.append(str(fault.getrepr(chain=True, style="long")))
        assert await chat.complete(ASK) == "your key is [key]"
        shown += [repr(chat), str(vars(chat)), json.dumps(chat.ledger.state()), caplog.text]
    written = files(tmp_path)
    assert len(written) == 1
    for text in (*shown, *map(Path.read_text, written), *map(str, written)):
        assert KEY not in text
    assert all("[key]" in text for text in shown[:4])


async def test_no_more_requests_at_once_than_allowed() -> None:
    now, most = 0, 0

    async def answer(body: Body) -> Answer:
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        for _ in range(20):
            await asyncio.sleep(0)
        now -= 1
        return said("ok")

    async with Chat(Server(answer), concurrency=3) as chat:
        assert await asyncio.gather(*(chat.complete(ASK) for _ in range(12))) == ["ok"] * 12
    assert 1 <= most <= 3


async def test_pictures_are_shown_before_the_text() -> None:
    image = ImageRef(sha256="ab" * 32, width=2, height=1)
    server = Server(said("a cat"))
    async with Chat(server, load_image=lambda one: b"webp of " + one.sha256[:2].encode()) as chat:
        await chat.complete([Message(role="user", content="what \ud800 is it?", images=(image,))])
    url = f"data:image/webp;base64,{base64.b64encode(b'webp of ab').decode()}"
    assert server.requests[0]["messages"][0]["content"] == [
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "text", "text": "what ? is it?"},
    ]
    async with Chat(server, load_image=lambda one: None) as chat:
        with pytest.raises(ModelFault, match="picture abab"):
            await chat.complete([Message(role="user", content="and now?", images=(image,))])
    assert len(server.requests) == 1


async def test_lines_that_may_not_be_written_are_not_ignored() -> None:
    server = Server(said("x"))
    async with Chat(server) as chat:
        with pytest.raises(ModelFault, match="excluded"):
            await chat.complete(ASK, sampling=Sampling(excluded=("back\n",)))
    assert server.requests == []


async def test_the_other_name_of_the_limit_is_learned() -> None:
    def answer(body: Body) -> Answer:
        if "max_tokens" in body:
            return 400, error("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        return said("ok")

    server = Server(answer)
    async with Chat(server) as chat:
        assert [await chat.complete(ASK), await chat.complete(ASK)] == ["ok", "ok"]
    assert [body.get("max_completion_tokens") for body in server.requests] == [None, 1024, 1024]


GOOD = '{"done": true, "why": "it is saved", "hint": ""}'


async def test_an_answer_is_held_to_its_schema() -> None:
    server = Server(said(GOOD))
    async with Chat(server) as chat:
        assert await chat.complete_as(ASK, Judgement) == Judgement(done=True, why="it is saved")
    asked = server.requests[0]["response_format"]
    assert asked["type"] == "json_schema"
    assert asked["json_schema"]["strict"] is True
    assert asked["json_schema"]["schema"]["required"] == ["done", "why", "hint"]
    assert server.requests[0]["messages"][-1]["content"] == "which ledge?"


@pytest.mark.parametrize("status", [400, 422])
async def test_a_server_without_schemas_is_told_in_words_and_not_asked_twice(status: int) -> None:
    def answer(body: Body) -> Answer:
        if "response_format" in body:
            return status, error("x" * 400 + " This response_format type is unavailable")
        return said(f"```json\n{GOOD}\n```")

    server = Server(answer)
    async with Chat(server) as chat:
        for _ in range(2):
            assert (await chat.complete_as(ASK, Judgement)).done
    assert ["response_format" in body for body in server.requests] == [True, False, False]
    last = server.requests[-1]["messages"][-1]
    assert last["content"].startswith("which ledge?")
    assert '"why"' in last["content"]


@pytest.mark.parametrize(("mode", "requests"), [("always", 1), ("never", 1), ("auto", 1)])
async def test_other_refusals_and_the_setting_are_respected(
    mode: Literal["always", "never", "auto"], requests: int
) -> None:
    server = Server((400, error("response_format is unknown" if mode == "always" else "your messages are bad")))
    async with Chat(server, json_schema=mode) as chat:
        with pytest.raises(ModelFault, match="answered 400"):
            await chat.complete_as(ASK, Judgement)
    assert len(server.requests) == requests
    assert ("response_format" in server.requests[0]) == (mode != "never")


@pytest.mark.parametrize(
    ("first", "complaint"),
    [
        ('{"done": "yes", "why": "it is saved"}', "done: "),
        ('{"done": true, "why": "it is saved", "mood": "good"}', "mood: Extra inputs are not permitted"),
        ('{"done": true}', "why: Field required"),
        (f"Here you are: {GOOD}", "Invalid JSON"),
    ],
)
async def test_a_wrong_answer_is_repaired_once_with_what_was_wrong(first: str, complaint: str) -> None:
    server = Server(said(first), said(GOOD))
    async with Chat(server) as chat:
        assert (await chat.complete_as(ASK, Judgement)).why == "it is saved"
    assistant, user = server.requests[1]["messages"][2:]
    assert assistant == {"role": "assistant", "content": first}
    assert complaint in user["content"]
    assert '"why"' in user["content"]
    assert "cut off" not in user["content"]
    assert chat.ledger.roles["judge"].failures == 1


async def test_a_truncated_answer_is_repaired_with_a_hint() -> None:
    server = Server(said('{"done": true, "why": "it', finish="length"), said(GOOD))
    async with Chat(server) as chat:
        assert (await chat.complete_as(ASK, Judgement)).done
    assert "cut off" in server.requests[1]["messages"][-1]["content"]


async def test_there_is_no_second_repair() -> None:
    for last, sentence in [
        (said("[]"), "no usable Judgement, even after repair"),
        (said("{", finish="length"), "cut off after 1024"),
        (said(None, refusal="no"), "refuses"),
    ]:
        server = Server(said("{}"), last)
        async with Chat(server) as chat:
            with pytest.raises(ModelFault, match=sentence):
                await chat.complete_as(ASK, Judgement)
        assert len(server.requests) == 2
        assert chat.ledger.roles["judge"].failures == 2


async def test_tokens_are_paid_for_and_guessed_where_nobody_counts_them() -> None:
    ledger = Ledger()
    server = Server(
        said("four", usage=(1000, 500)), said("four" * 10, usage=None), said("x", usage={"prompt_tokens": -1})
    )
    async with Chat(server, ledger=ledger, role="proposer", price_prompt=2, price_completion=10) as chat:
        await chat.complete(ASK)
        assert ledger.cost == pytest.approx(0.002 + 0.005)
        await chat.complete(ASK)
        await chat.complete(ASK)
    usage = ledger.roles["proposer"]
    assert (usage.calls, usage.estimated) == (3, 2)
    assert (usage.prompt_tokens, usage.completion_tokens) == (1000 + 2 * (2 + 3), 500 + 10 + 1)


async def test_a_spent_budget_stops_before_the_next_request_and_before_the_next_try() -> None:
    ledger = Ledger(budget=0.01)
    server = Server(said("a", usage=(900, 0)), said("b", usage=(200, 0)), said("c"))
    async with Chat(server, ledger=ledger, price_prompt=10) as chat:
        assert [await chat.complete(ASK), await chat.complete(ASK)] == ["a", "b"]
        with pytest.raises(BudgetSpent, match=r"0\.01"):
            await chat.complete(ASK)
        assert len(server.requests) == 2
    server = Server(said("", usage=(5, 5)))
    async with Chat(server, ledger=Ledger(token_budget=20)) as chat:
        with pytest.raises(BudgetSpent, match="20 tokens"):
            await chat.complete(ASK)
    assert len(server.requests) == 2


async def test_answers_are_remembered_across_clients_and_failures_are_not(tmp_path: Path) -> None:
    server = Server((400, error("no")), said("kept"), said("[]"), said(GOOD), said("other"))
    ledger = Ledger(token_budget=10_000)
    async with Chat(server, ledger=ledger, cache=ResponseCache(tmp_path)) as chat:
        with pytest.raises(ModelFault):
            await chat.complete(ASK)
        assert [await chat.complete(ASK) for _ in range(3)] == ["kept"] * 3
        first = [await chat.complete_as(ASK, Judgement) for _ in range(2)]
        assert first[0] == first[1]
        assert len(server.requests) == 4  # one answer was repaired; the repaired one is kept
        ledger.token_budget = 0
        assert await chat.complete(ASK) == "kept"  # costs nothing
        ledger.token_budget = None
        assert await chat.complete(ASK, sampling=Sampling(seed=5)) == "other"
        again = OpenAIChat(chat.config, role="proposer", cache=ResponseCache(tmp_path), environment={})
        assert await again.complete(ASK) == "kept"
        assert again.ledger.roles["proposer"].cached == 1
    assert ledger.roles["judge"].cached == 4
    assert len(server.requests) == 5


async def test_a_damaged_entry_is_asked_for_again_and_rewritten(tmp_path: Path) -> None:
    server = Server(said("kept"))
    async with Chat(server, cache=ResponseCache(tmp_path)) as chat:
        await chat.complete(ASK)
        (path,) = files(tmp_path)
        whole = path.read_bytes()
        for damage in (whole[:-9], b"\xff\xfe", b"[]", b"", b'{"key": "other", "text": "kept"}'):
            path.write_bytes(damage)
            assert await chat.complete(ASK) == "kept"
            assert path.read_bytes() == whole
    assert len(server.requests) == 6


async def test_a_disk_that_refuses_is_a_storage_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    async with Chat(Server(said("x")), cache=ResponseCache(tmp_path / "file")) as chat:
        with pytest.raises(StorageFault, match="answer"):
            await chat.complete(ASK)


async def test_the_same_request_under_way_is_shared_with_a_cache_and_drawn_anew_without(tmp_path: Path) -> None:
    server = Server(said("one"), said("two"), said("three"))
    async with Chat(server, cache=ResponseCache(tmp_path)) as chat:
        assert await asyncio.gather(*(chat.complete(ASK) for _ in range(5))) == ["one"] * 5
        assert len(server.requests) == 1
        assert (chat.ledger.roles["judge"].calls, chat.ledger.roles["judge"].cached) == (1, 4)
    async with Chat(server) as chat:
        assert sorted(await asyncio.gather(*(chat.complete(ASK) for _ in range(2)))) == ["three", "two"]
