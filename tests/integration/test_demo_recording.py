"""Recording a person in a real browser: what they did becomes lines that an agent can do again, and nothing secret."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page

from cli import demo
from core import demos
from core.config import validate
from core.demos import Recording
from core.errors import UserError
from discovery import demonstrations
from environments.web.environment import WebEnvironment
from environments.web.masking import Masking
from environments.web.pool import BrowserPool
from environments.web.recorder import Recorder
from tests.integration.web_fixtures import Site, browser_pool, do, eventually, forbidden, lent, site, task

LATER = 1.15  # seconds after which a navigation is a person's own and no answer to what they did before
Person = Callable[[Page], Awaitable[None]]


@pytest.fixture(scope="module")
def web() -> Iterator[Site]:
    with site() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool(web: Site) -> AsyncIterator[BrowserPool]:
    async with browser_pool(web.url) as running:
        yield running


class Shown:
    """A recording, what was said meanwhile, and the page that it ended on."""

    def __init__(self, recording: Recording, lines: list[str], notes: list[str]) -> None:
        self.recording = recording
        self.lines = list(recording.lines)
        self.told = lines
        self.notes = notes


async def record(pool: BrowserPool, person: Person, start: str = "/", *, notes: list[str] | None = None) -> Shown:
    """What is recorded while `person` uses the page; the pool's browser gets a context of its own for it."""
    lines: list[str] = []
    notes = [] if notes is None else notes
    async with lent(pool, broken=True) as environment:
        recorder = Recorder(
            environment,
            await environment.reset(task(start)),
            task="a task",
            masking=Masking(pool.redactor),
            did=lambda _number, line: lines.append(line),
            note=notes.append,
        )
        recording = asyncio.create_task(recorder.run())
        await asyncio.sleep(0.2)
        try:
            await person(environment.tabs.active.page)
        finally:
            recorder.stop()
            await recording
        return Shown(recorder.recording("http://a.test"), lines, notes)


async def replayed(pool: BrowserPool, lines: list[str], start: str = "/") -> tuple[str, list[str]]:
    """Where the lines lead an agent, and what it was told on the way."""
    async with lent(pool, broken=True) as environment:
        seen = await environment.reset(task(start, max_steps=99))
        told = []
        for line in lines:
            seen = (await do(environment, line)).observation
            if seen.last_action_error:
                told.append(seen.last_action_error)
        return seen.url, told


FORM = """<title>Form</title><form action=/sent>
 <label>Full name <input name=name></label> <label>Notes <textarea name=notes></textarea></label>
 <label>Size <select name=size><option>Small<option>Large<option>Huge</select></label>
 <label><input type=checkbox name=news> Newsletter</label>
 <button>Send</button> <button>Send</button></form>"""


@pytest.mark.asyncio(loop_scope="module")
async def test_a_form_is_recorded_as_an_agent_would_fill_it_in(web: Site, pool: BrowserPool) -> None:
    web.pages |= {"/form": FORM, "/sent": "<title>Sent</title><h1>Thank you</h1>"}

    async def person(page: Page) -> None:
        await page.get_by_label("Full name").click()
        await page.keyboard.type('Ann "Q" Lee')
        await page.keyboard.press("Tab")
        await page.keyboard.type("one")
        await page.keyboard.press("Enter")
        await page.keyboard.type("two")
        await page.keyboard.press("Tab")
        await page.keyboard.press("L")
        await page.get_by_text("Newsletter").click()
        await page.get_by_role("button", name="Send").nth(1).click()
        await page.wait_for_url("**/sent*")

    shown = await record(pool, person, "/form")
    assert shown.lines == [
        'type textbox "Full name" "Ann \\"Q\\" Lee"',
        'type textbox "Notes" "one two"',
        'select combobox "Size" "Large"',
        'click checkbox "Newsletter"',
        'click button "Send" #2',
    ]
    assert shown.told == shown.lines
    assert shown.recording.final.title == "Sent"
    before = [step.seen.view for step in shown.recording.steps]
    assert 'textbox "Full name"\n' in before[0]  # each page is as it was before the step
    assert 'combobox "Size" = "Small"' in before[2]
    assert 'checkbox "Newsletter"\n' in before[3]
    assert 'checkbox "Newsletter" checked' in before[4]
    url, told = await replayed(pool, shown.lines, "/form")
    assert (url.partition("?")[0], told) == (web.url + "/sent", [])


@pytest.mark.asyncio(loop_scope="module")
async def test_enter_sends_a_form_once(web: Site, pool: BrowserPool) -> None:
    web.pages |= {"/form": FORM, "/sent": "<title>Sent</title>"}

    async def person(page: Page) -> None:
        await page.get_by_label("Full name").click()
        await page.keyboard.type("Ann")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/sent*")

    assert (await record(pool, person, "/form")).lines == ['type textbox "Full name" "Ann" enter']


@pytest.mark.asyncio(loop_scope="module")
async def test_the_address_bar_and_the_buttons_beside_it_are_actions_but_redirects_are_not(
    web: Site, pool: BrowserPool
) -> None:
    web.pages |= {
        "/": "<title>Home</title><a href=/one>One</a>",
        "/one": "<title>One</title><script>setTimeout(() => location.replace('/two'), 50)</script>",
        "/two": "<title>Two</title>",
    }

    async def person(page: Page) -> None:
        await page.get_by_role("link", name="One").click()
        await page.wait_for_url("**/two")
        await asyncio.sleep(LATER)
        await page.goto(web.url + "/form?api_key=s3cr3t&page=2")
        await asyncio.sleep(LATER)
        await page.go_back()
        await asyncio.sleep(LATER)
        await page.go_forward()

    shown = await record(pool, person)
    assert shown.lines == ['click link "One"', f'goto "{web.url}/form?api_key={{secret}}&page=2"', "back", "forward"]
    assert "s3cr3t" not in shown.recording.as_text()


@pytest.mark.asyncio(loop_scope="module")
async def test_what_scripts_do_is_not_recorded(web: Site, pool: BrowserPool) -> None:
    web.pages["/forging"] = """<title>F</title><button onclick="act()">Act</button> <button id=b>Other</button>
      <label id=l><input type=checkbox> Tick</label> <input id=i aria-label=Field>
      <script>function act() {
        b.click(); i.value = "forged"; i.focus();
        for (const type of ["input", "change"]) i.dispatchEvent(new Event(type, { bubbles: true }));
        i.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
        for (const name of Object.getOwnPropertyNames(window)) if (/^_[0-9a-f]{24}$/.test(name)) window.found = name;
      }
      setTimeout(() => l.click(), 20);
      </script>"""

    async def person(page: Page) -> None:
        await page.get_by_role("button", name="Act").click()
        await asyncio.sleep(0.2)
        assert await page.evaluate("window.found") is None

    assert (await record(pool, person, "/forging")).lines == ['click button "Act"']


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "spoiling",
    [
        "JSON.stringify = () => { throw 1 }",
        pytest.param("Array.prototype.map = null", marks=pytest.mark.slow),
        pytest.param("Element.prototype.getAttribute = () => 7", marks=pytest.mark.slow),
        pytest.param("Event.prototype.composedPath = () => [{}]", marks=pytest.mark.slow),
        pytest.param("window.CustomEvent = null; EventTarget.prototype.dispatchEvent = null", marks=pytest.mark.slow),
        pytest.param(
            "Object.defineProperty(document, 'title', { get: () => 'x'.repeat(3e6) })", marks=pytest.mark.slow
        ),
    ],
)
async def test_a_page_that_spoils_its_own_world_does_not_end_the_recording(
    web: Site, pool: BrowserPool, spoiling: str
) -> None:
    web.pages |= {
        "/spoilt": f"<title>S</title><button>Act</button><script>setTimeout(() => {{ {spoiling} }}, 700)</script>",
        "/fine": "<title>Fine</title><button>Act</button>",
    }

    async def person(page: Page) -> None:
        await asyncio.sleep(0.8)
        await page.mouse.click(30, 20)
        await asyncio.sleep(LATER)
        await page.goto(web.url + "/fine")
        await page.get_by_role("button", name="Act").click()

    shown = await record(pool, person, "/spoilt")
    assert shown.lines[-1] == 'click button "Act"'
    assert len(shown.recording.as_text()) < 50_000


@pytest.mark.asyncio(loop_scope="module")
async def test_new_tabs_of_pages_are_followed_and_turned_away_from(web: Site, pool: BrowserPool) -> None:
    web.pages |= {
        "/": "<title>Home</title><a href=/two target=_blank>Open</a> <button>Stay</button>",
        "/two": "<title>Two</title><button>There</button>",
    }

    async def person(page: Page) -> None:
        async with page.expect_popup() as opening:
            await page.get_by_role("link", name="Open").click()
        popup = await opening.value
        await asyncio.sleep(0.3)
        await popup.get_by_role("button", name="There").click()
        await asyncio.sleep(0.2)
        await page.bring_to_front()
        await page.get_by_role("button", name="Stay").click()
        await asyncio.sleep(LATER)
        await popup.close()
        await asyncio.sleep(0.5)

    shown = await record(pool, person)
    assert shown.lines == [
        'click link "Open"',
        'click button "There"',
        "switch_tab 1",
        'click button "Stay"',
        "switch_tab 2",
        "close_tab",
    ]
    assert (await replayed(pool, shown.lines)) == (web.url + "/", [])


@pytest.mark.asyncio(loop_scope="module")
async def test_a_tab_opened_by_hand_is_closed_again(web: Site, pool: BrowserPool) -> None:
    web.pages |= {"/": "<title>Home</title><a href=/two>Open</a> <button>Stay</button>", "/two": "<title>Two</title>"}

    async def person(page: Page) -> None:
        async with page.context.expect_page() as opening:
            await page.get_by_role("link", name="Open").click(modifiers=["ControlOrMeta"])
        opened = [await opening.value, await page.context.new_page()]
        await eventually(lambda: all(one.is_closed() for one in opened))
        await page.get_by_role("button", name="Stay").click()

    shown = await record(pool, person)
    assert shown.lines == ['click button "Stay"']
    assert shown.notes == ["a tab that was opened by hand was closed: agents cannot open tabs"] * 2


@pytest.mark.asyncio(loop_scope="module")
async def test_what_leads_out_of_the_site_is_taken_back(web: Site, pool: BrowserPool) -> None:
    notes: list[str] = []
    with forbidden() as outside:
        web.pages["/"] = f"<title>Home</title><a href={outside.url}>Out</a> <button>Stay</button>"

        async def person(page: Page) -> None:
            await page.get_by_role("link", name="Out").click()
            await eventually(lambda: any("turned back" in note for note in notes))
            await page.get_by_role("button", name="Stay").click()

        shown = await record(pool, person, notes=notes)
        assert outside.connections == 0
    assert shown.lines == ['click button "Stay"']
    assert any("taken back" in note for note in shown.notes)
    assert any("not among the allowed origins" in note for note in shown.notes)


@pytest.mark.asyncio(loop_scope="module")
async def test_closing_the_window_ends_the_recording_without_a_step(web: Site, pool: BrowserPool) -> None:
    web.pages["/"] = "<title>Home</title><button>Stay</button>"
    async with lent(pool, broken=True) as environment:
        recorder = Recorder(
            environment,
            await environment.reset(task("/")),
            task="a task",
            masking=Masking(pool.redactor),
            did=lambda *_: None,
            note=lambda _: None,
        )
        recording = asyncio.create_task(recorder.run())
        await asyncio.sleep(0.2)
        page = environment.tabs.active.page
        await page.get_by_role("button", name="Stay").click()
        await asyncio.sleep(LATER)
        await page.close()
        await recording
        assert recorder.recording("u").lines == ('click button "Stay"',)


@pytest.mark.asyncio(loop_scope="module")
async def test_text_that_was_not_committed_is_recorded_at_the_end(web: Site, pool: BrowserPool) -> None:
    web.pages["/typing"] = "<title>T</title><input aria-label=Field><p contenteditable aria-label=Rich>old</p>"

    async def person(page: Page) -> None:
        await page.get_by_label("Rich").click()
        await page.keyboard.press("End")
        await page.keyboard.type("er")
        await page.get_by_label("Field").click()
        await page.keyboard.type("half")

    shown = await record(pool, person, "/typing")
    assert shown.lines == ['type textbox "Rich" "older"', 'type textbox "Field" "half"']


@pytest.mark.asyncio(loop_scope="module")
async def test_lists_that_close_under_the_mouse_and_frames_of_the_site_are_heard(web: Site, pool: BrowserPool) -> None:
    web.pages |= {
        "/list": """<title>L</title><div role=listbox aria-label=Sizes>
          <div role=option onmousedown="this.parentElement.remove()">Small</div></div>
          <iframe src=/inner title=Inner></iframe>""",
        "/inner": "<title>I</title><button>Inside</button>",
    }

    async def person(page: Page) -> None:
        await page.get_by_role("option", name="Small").click()
        await page.frames[1].get_by_role("button", name="Inside").click()

    assert (await record(pool, person, "/list")).lines == ['click option "Small"', 'click button "Inside"']


@pytest.mark.asyncio(loop_scope="module")
async def test_card_numbers_codes_and_shown_passwords_stay_out_of_the_file(web: Site, pool: BrowserPool) -> None:
    web.pages |= {
        "/pay": """<title>Pay</title><form action=/paid>
          <label>Card <input name=c autocomplete="billing cc-number"></label>
          <label>Code <input name=o autocomplete=one-time-code></label> <button>Pay</button></form>
          <form action=/paid><label>User <input name=u></label> <label>Pin <input id=p type=password name=p></label>
          <button type=button onclick="p.type = 'text'">Show</button> <button>Enter</button></form>""",
        "/paid": lambda request: (200, {}, f"<title>{request.path}</title><p>{request.path}</p>".encode()),
    }

    async def person(page: Page) -> None:
        for label, text in (("Card", "4111222233334444"), ("Code", "935218"), ("User", "ann.lee"), ("Pin", "hunter22")):
            await page.get_by_label(label).click()
            await page.keyboard.type(text)
        await page.get_by_role("button", name="Show").click()
        await page.get_by_label("Pin").click()
        await page.keyboard.press("End")
        await page.keyboard.type("xyz")
        await page.get_by_role("button", name="Enter").click()
        await page.wait_for_url("**/paid*")

    shown = await record(pool, person, "/pay")
    text = shown.recording.as_text() + "".join(shown.told) + "".join(shown.notes)
    for secret in ("4111222233334444", "935218", "ann.lee", "hunter22", "xyz"):
        assert secret not in text
    assert shown.lines.count('type textbox "Pin" "{secret}"') == 2
    assert shown.lines[-1] == 'click button "Enter"'


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.slow
async def test_a_session_with_a_log_in_is_recorded_and_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def person(page: Page) -> None:
        await page.get_by_role("button", name="Sign out").click()
        await page.get_by_label("Username").click()
        await page.keyboard.type("lead")
        await page.keyboard.press("Tab")
        await page.keyboard.type("evening")
        await page.keyboard.press("Enter")
        await page.get_by_role("link", name="New ticket").first.click()
        await page.get_by_label("Title").click()
        await page.keyboard.type("Printer on fire")
        await page.get_by_label("Queue").focus()
        await page.keyboard.press("ArrowDown")
        await page.get_by_role("link", name="Reports").click()
        await page.wait_for_url("**/reports")

    acting: list[asyncio.Task[None]] = []

    def opened(recorder: Recorder, environment: WebEnvironment) -> None:
        async def act() -> None:
            try:
                await asyncio.sleep(0.2)
                await person(environment.tabs.active.page)
            finally:
                recorder.stop()

        acting.append(asyncio.create_task(act()))

    config = validate({"site": {"urls": ["helpdesk"]}})
    notes: list[str] = []
    recording = await demonstrations.record(
        config, task="report a fire", did=lambda *_: None, note=notes.append, opened=opened
    )
    await acting[0]
    text = recording.as_text()
    assert "evening" not in text
    assert '"lead"' not in text
    assert "127.0.0.1" not in text  # where it was served then is of no use later
    assert recording.lines == (
        'click button "Sign out"',
        'type textbox "Username" "{secret}"',
        'type textbox "Password" "{secret}" enter',
        'click link "New ticket"',
        'type textbox "Title" "Printer on fire"',
        'select combobox "Queue" "Accounts"',
        'click link "Reports"',
    )
    assert recording.final.url == "/reports"
    asked: list[str] = []

    def secret(target: str) -> str:
        asked.append(target)
        return {'textbox "Username"': "lead", 'textbox "Password"': "evening"}[target]

    result = await demonstrations.replay(config, recording, secret=secret, did=lambda *_: None)
    assert (result.failed, result.last.title) == (0, recording.final.title)
    assert len(asked) == 2

    wrong = recording.model_copy(update={"steps": recording.steps[3:4] + recording.steps[2:3]})
    result = await demonstrations.replay(config, wrong, secret=lambda _: "x", did=lambda *_: None)
    assert (result.failed, 'no textbox "Password"' in result.why) == (2, True)
    with pytest.raises(UserError, match="record the task after logging in"):
        await demonstrations.replay(config, recording, secret=demo._ask, did=lambda *_: None)


def test_the_command_writes_a_file_that_it_can_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from cli import main

    def watched(environment: WebEnvironment) -> None:
        async def act() -> None:
            await asyncio.sleep(0.3)
            page = environment.tabs.active.page
            await page.get_by_role("link", name="Reports").click()
            await asyncio.sleep(0.5)
            await page.close()

        acting.append(asyncio.get_running_loop().create_task(act()))

    acting: list[asyncio.Task[None]] = []
    monkeypatch.setattr(demo, "watched", watched)
    path = tmp_path / "one.json"
    command = ["demo", "record", "helpdesk", "--task", "see the reports", "--headless", "--output", str(path)]
    assert main.invoke([*command, "--minutes", "1"]) == 0
    assert demos.load(path).lines == ('click link "Reports"',)
    assert main.invoke(["demo", "show", str(path)]) == 0
    out = capfd.readouterr().out
    assert f"1 step written to {path}" in out
    assert '1  click link "Reports"' in out
