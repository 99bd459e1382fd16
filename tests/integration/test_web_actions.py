"""Actions in a real browser: what a person could do works, what a person could not is refused with a sentence."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from environments.web.environment import WebEnvironment
from tests.integration.web_fixtures import Site, browser_pool, do, find, lent, site, task

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def web() -> Iterator[Site]:
    with site() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def env(web: Site) -> AsyncIterator[WebEnvironment]:
    async with browser_pool(web.url) as pool, lent(pool) as environment:
        yield environment


FORM = """<title>Form</title>
<form action=/sent>
 <label>Full name <input name=name value=old></label> <label>Born <input type=date name=born></label>
 <label>Size <select name=size><option value=s>Small<option value=l>Large</select></label>
 <label><input type=checkbox name=news> Newsletter</label>
 <fieldset><legend>Pay by</legend><label><input type=radio name=pay value=card> Card</label>
 <label><input type=radio name=pay value=cash> Cash</label></fieldset>
 <label>Fixed <input readonly value=fixed></label> <label>Photo <input type=file></label>
 <label>Code <input type=password name=code></label>
 <button disabled>Later</button> <button>Send</button></form>"""


async def test_a_form_is_filled_and_sent(web: Site, env: WebEnvironment) -> None:
    sent: list[str] = []

    def receive(request: object) -> tuple[int, dict[str, str], bytes]:
        sent.append(request.path)  # type: ignore[attr-defined]
        return 200, {}, b"<title>Sent</title><h1>Thank you</h1>"

    web.pages |= {"/form": FORM, "/sent": receive}
    await env.reset(task("/form"))
    for line in (
        'type textbox "full NAME" "Ann \\"Q\\" Lee"',
        'type textbox "Born" "1990-02-03"',
        'select combobox "Size" "large"',
        'click checkbox "Newsletter"',
        'click radio "Cash"',
        'type textbox "Code" "s3cret!"',
    ):
        result = await do(env, line)
        assert result.observation.last_action_error == "", line
    seen = result.observation
    assert find(seen, "textbox", "Full name").value == 'Ann "Q" Lee'
    assert find(seen, "combobox", "Size").value == "Large"
    assert find(seen, "combobox", "Size").options == ("Small", "Large")
    assert "checked" in find(seen, "checkbox", "Newsletter").states
    assert "checked" in find(seen, "radio", "Cash").states
    assert find(seen, "radio", "Cash").group == "Pay by"
    assert "s3cret" not in seen.model_dump_json()
    result = await do(env, 'click button "Send"')
    assert result.observation.title == "Sent"
    assert result.info["http_status"] == 200
    assert sent == ["/sent?name=Ann+%22Q%22+Lee&born=1990-02-03&size=l&news=on&pay=cash&code=s3cret%21"]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('type textbox "Born" "yesterday"', "wants YYYY-MM-DD"),
        ('select combobox "Size" "Huge"', 'has no option "Huge"; it has "Small", "Large"'),
        ('type textbox "Fixed" "x"', "read-only"),
        ('click button "Later"', "disabled"),
        ('click button "Photo"', "uploads are refused"),
        ('click button "Dispatch"', 'the nearest of its kind: "'),
        ('click checkbox "Send"', '"Send" is a button'),
        ('click button "Send" #2', "only 1 button"),
        ("click [e999]", "no element [e999]"),
        ('type checkbox "Newsletter" "x"', "takes no text"),
        ('press "Entre"', "there is no key 'Entre'"),
        ('goto "https://example.com/"', "not among the allowed origins"),
        ('goto "file:///etc/passwd"', "not among the allowed origins"),
        ('goto "javascript:alert(1)"', "not among the allowed origins"),
        ("switch_tab 3", "there is no tab 3"),
        ("close_tab", "the only tab"),
        ("back", "no page to go back to"),
        ("scroll up", "nothing scrolls further up"),
        ("use_skill shopping", "no skills"),
        ('call_tool mail.send {"to": "x"}', "no tools"),
    ],
)
async def test_what_cannot_be_done_is_said_and_changes_nothing(
    web: Site, env: WebEnvironment, line: str, sentence: str
) -> None:
    web.pages["/form"] = FORM
    before = await env.reset(task("/form"))
    result = await do(env, line)
    assert sentence in result.observation.last_action_error
    assert not result.terminated
    assert result.observation.url == before.url


async def test_typing_replaces_what_was_there_and_keys_are_heard(web: Site, env: WebEnvironment) -> None:
    web.pages["/keys"] = """<label>Find <input id=q value="old text"></label><output id=o></output>
      <label>Note <textarea id=n></textarea></label><div contenteditable aria-label=Rich>before</div>
      <script>q.addEventListener('keyup', () => o.textContent = 'heard ' + q.value);
      q.addEventListener('keydown', e => { if (e.key === 'Enter') document.title = 'Entered ' + q.value })</script>"""
    await env.reset(task("/keys"))
    result = await do(env, 'type textbox "Find" "blue lamp" enter')
    assert result.observation.title == "Entered blue lamp"
    assert find(result.observation, "status", "heard blue lamp")
    result = await do(env, 'type textbox "Find" ""')
    assert find(result.observation, "textbox", "Find").value == ""
    result = await do(env, 'type textbox "Rich" "after"')
    assert find(result.observation, "textbox", "Rich").value == "after"
    result = await do(env, 'press textbox "Note" "a"')
    assert find(result.observation, "textbox", "Note").value == "a"


async def test_a_covered_button_is_not_clicked_until_it_can_be(web: Site, env: WebEnvironment) -> None:
    web.pages[
        "/covered"
    ] = """<button onclick="document.title='clicked'" style="position:absolute;left:20px;top:20px">Under</button>
      <div id=veil style="position:fixed;inset:0;background:#0003;z-index:9" aria-label=Veil></div>
      <script>addEventListener('keydown', () => veil.remove())</script><title>Veiled</title>"""
    seen = await env.reset(task("/covered"))
    assert "covered" in find(seen, "button", "Under").states
    result = await do(env, 'click button "Under"')
    assert "covered by" in result.observation.last_action_error
    assert result.observation.title == "Veiled"
    await do(env, 'press "Escape"')
    result = await do(env, 'click button "Under"')
    assert (result.observation.title, result.observation.last_action_error) == ("clicked", "")


async def test_a_partly_covered_button_is_clicked_where_it_shows(web: Site, env: WebEnvironment) -> None:
    web.pages[
        "/partly"
    ] = """<button onclick="document.title='clicked'" style="position:absolute;left:0;top:0;width:200px;height:40px">
      Wide</button><div style="position:absolute;left:60px;top:0;width:140px;height:40px;background:red"></div>"""
    await env.reset(task("/partly"))
    assert (await do(env, 'click button "Wide"')).observation.title == "clicked"


async def test_an_element_far_down_is_scrolled_to(web: Site, env: WebEnvironment) -> None:
    web.pages["/long"] = (
        "<div style=height:5000px>top</div><button onclick=\"document.title='clicked'\">Bottom</button>"
    )
    seen = await env.reset(task("/long"))
    assert "offscreen" in find(seen, "button", "Bottom").states
    assert (await do(env, "scroll down")).observation.last_action_error == ""
    assert (await do(env, "scroll up")).observation.last_action_error == ""
    result = await do(env, 'click button "Bottom"')
    assert (result.observation.title, result.observation.last_action_error) == ("clicked", "")


async def test_elements_drawn_anew_between_looking_and_acting_are_found_again(web: Site, env: WebEnvironment) -> None:
    web.pages["/redraw"] = """<div id=box></div><script>let n = 0;
      const draw = () => { box.innerHTML = '<button>Press</button>';
        box.firstChild.onclick = () => document.title = 'pressed ' + ++n };
      draw(); setInterval(draw, 10)</script>"""
    await env.reset(task("/redraw"))
    for number in (1, 2):
        result = await do(env, 'click button "Press"')
        assert result.observation.title == f"pressed {number}", result.observation.last_action_error


async def test_a_scripted_combobox_is_opened_and_an_option_clicked(web: Site, env: WebEnvironment) -> None:
    web.pages[
        "/combo"
    ] = """<div role=combobox tabindex=0 aria-label=Colour aria-expanded=false aria-controls=list id=c>Red</div>
      <ul role=listbox id=list hidden><li role=option>Red<li role=option>Green<li role=option>Blue</ul>
      <label>City <input role=combobox id=city aria-controls=cities></label><ul role=listbox id=cities></ul><script>
      c.onclick = () => { list.hidden = !list.hidden; c.ariaExpanded = String(!list.hidden) };
      list.onclick = e => { c.textContent = e.target.textContent; list.hidden = true };
      city.oninput = () => setTimeout(() => { cities.innerHTML = ['Oslo', 'Osaka', 'Paris'].filter(x =>
        x.toLowerCase().startsWith(city.value.toLowerCase())).map(x => '<li role=option>' + x).join('') }, 250);
      cities.onclick = e => { city.value = e.target.textContent; cities.innerHTML = '' }</script>"""
    await env.reset(task("/combo"))
    result = await do(env, 'select combobox "Colour" "green"')
    assert find(result.observation, "combobox", "Colour").value == "Green", result.observation.last_action_error
    result = await do(env, 'select combobox "City" "Osaka"')
    assert find(result.observation, "combobox", "City").value == "Osaka", result.observation.last_action_error
    result = await do(env, 'select combobox "Colour" "Mauve"')
    assert 'has no option "Mauve"; it has "Red", "Green", "Blue"' in result.observation.last_action_error


async def test_a_list_that_closes_over_a_whole_option_is_opened_by_a_part_of_it(web: Site, env: WebEnvironment) -> None:
    web.pages["/town"] = """<label>Town <input role=combobox id=town aria-controls=towns></label>
      <ul role=listbox id=towns></ul><script>
      const all = ['Upper Hill', 'Upper Hollow', 'Lowland'];
      town.oninput = () => {
        const found = town.value ? all.filter(x => x.toLowerCase().includes(town.value.toLowerCase())) : [];
        const whole = found.length === 1 && found[0].toLowerCase() === town.value.toLowerCase();
        towns.innerHTML = whole ? '' : found.map(x => '<li role=option>' + x).join('') };
      towns.onclick = e => {
        town.value = e.target.textContent; towns.innerHTML = ''; document.title = 'chosen' }</script>"""
    await env.reset(task("/town"))
    result = await do(env, 'select combobox "Town" "Lowland"')
    assert find(result.observation, "combobox", "Town").value == "Lowland", result.observation.last_action_error
    assert result.observation.title == "chosen"
    result = await do(env, 'select combobox "Town" "Upper Hollow"')
    assert find(result.observation, "combobox", "Town").value == "Upper Hollow", result.observation.last_action_error
    result = await do(env, 'select combobox "Town" "Nowhere"')
    assert 'has no option "Nowhere"' in result.observation.last_action_error


async def test_hidden_native_check_boxes_are_clicked_through_their_labels(web: Site, env: WebEnvironment) -> None:
    web.pages["/drawn"] = """<style>input { position: absolute; opacity: 0; width: 0; height: 0 }
      span { display: inline-block; width: 20px; height: 20px; background: teal }</style>
      <label><input type=checkbox onchange="document.title = this.checked"><span></span> Agree</label>"""
    seen = await env.reset(task("/drawn"))
    assert find(seen, "checkbox", "Agree").states == ()
    assert (await do(env, 'click checkbox "Agree"')).observation.title == "true"


async def test_history_and_goto(web: Site, env: WebEnvironment) -> None:
    web.pages |= {"/one": "<title>One</title><a href=/two>Two</a>", "/two": "<title>Two</title>"}
    await env.reset(task("/one"))
    assert (await do(env, 'click link "Two"')).observation.title == "Two"
    assert (await do(env, "back")).observation.title == "One"
    assert (await do(env, "forward")).observation.title == "Two"
    result = await do(env, 'goto "/one"')
    assert (result.observation.title, result.observation.url) == ("One", web.url + "/one")


async def test_new_tabs_become_active_and_can_be_left(web: Site, env: WebEnvironment) -> None:
    web.pages |= {
        "/tabs": "<title>First</title><a href=/popup target=_blank>Open</a>",
        "/popup": web.slow(0.3, "<title>Second</title><button onclick='window.close()'>Done</button>"),
    }
    await env.reset(task("/tabs"))
    result = await do(env, 'click link "Open"')
    assert (result.observation.title, result.observation.active_tab) == ("Second", 1)
    assert result.observation.tabs == ("First", "Second")
    assert (await do(env, "switch_tab 1")).observation.title == "First"
    assert (await do(env, "switch_tab 2")).observation.title == "Second"
    result = await do(env, 'click button "Done"')
    assert (result.observation.title, result.observation.tabs) == ("First", ("First",))
    await do(env, 'click link "Open"')
    assert (await do(env, "close_tab")).observation.title == "First"


async def test_answers_end_the_episode(web: Site, env: WebEnvironment) -> None:
    await env.reset(task("/"))
    result = await do(env, 'answer "42"')
    assert result.terminated
    await env.reset(task("/"))
    assert (await do(env, 'give_up "impossible"')).terminated
