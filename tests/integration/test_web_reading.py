"""What is read from a page: roles, names, values, states, places; through frames and shadow roots; nothing hidden."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from core.types import Observation
from environments.web.environment import WebEnvironment
from tests.integration.web_fixtures import Site, browser_pool, do, find, lent, site, task

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def web() -> Iterator[Site]:
    with site() as running:
        yield running


@pytest.fixture(scope="module")
def other() -> Iterator[Site]:
    with site() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def env(web: Site, other: Site) -> AsyncIterator[WebEnvironment]:
    async with browser_pool(web.url, other.url) as pool, lent(pool) as environment:
        yield environment


async def see(web: Site, env: WebEnvironment, html: str) -> Observation:
    web.pages["/page"] = html
    return await env.reset(task("/page"))


def shown(seen: Observation, *roles: str) -> list[tuple[str, str]]:
    return [(e.role, e.name) for e in seen.elements if not roles or e.role in roles]


async def test_roles_and_names_follow_aria(web: Site, env: WebEnvironment) -> None:
    seen = await see(
        web,
        env,
        """<span id=a>First</span><span id=b>part</span>
        <input aria-labelledby="a b"><input aria-label=Labelled title=no>
        <label for=i>By <b>label</b></label><input id=i>
        <input placeholder=Hint><input title=Titled><input type=search name=q_term><input type=number aria-label=Count>
        <input type=range aria-label=Volume value=30><input type=submit><input type=image alt=Picture src=x>
        <a href=/x><img alt=Logo src=x></a><button><svg><title>Close</title></svg></button>
        <button aria-label=Named>Ignored</button><div role=button tabindex=0>Drawn</div>
        <div role=tab aria-selected=true>Tab</div>
        <div role=switch aria-checked=true>Wifi</div><textarea aria-label=Notes>kept</textarea><a>no link</a>
        <select multiple aria-label=Many><option selected>One<option selected>Two<option>Three</select>
        <table><tr><td>Street</td><td><input></td></tr></table>""",
    )
    assert [(e.role, e.name) for e in seen.elements if e.interactive] == [
        ("textbox", "First part"),
        ("textbox", "Labelled"),
        ("textbox", "By label"),
        ("textbox", "Hint"),
        ("textbox", "Titled"),
        ("searchbox", "q term"),
        ("spinbutton", "Count"),
        ("slider", "Volume"),
        ("button", "Submit"),
        ("button", "Picture"),
        ("link", "Logo"),
        ("button", "Close"),
        ("button", "Named"),
        ("button", "Drawn"),
        ("tab", "Tab"),
        ("switch", "Wifi"),
        ("textbox", "Notes"),
        ("listbox", "Many"),
        ("textbox", "Street"),
    ]
    assert find(seen, "slider", "Volume").value == "30"
    assert find(seen, "listbox", "Many").value == "One, Two"
    assert find(seen, "tab", "Tab").states == ("selected",)
    assert find(seen, "switch", "Wifi").states == ("checked",)
    assert find(seen, "textbox", "Notes").value == "kept"


async def test_states_are_told(web: Site, env: WebEnvironment) -> None:
    seen = await see(
        web,
        env,
        """<input aria-label=R required readonly><input aria-label=I aria-invalid=true autofocus>
        <button disabled>D</button>
        <fieldset disabled><button>E</button></fieldset><button aria-expanded=true>X</button>
        <button aria-pressed=true>P</button><details open><summary>S</summary>more</details>""",
    )
    assert set(find(seen, "textbox", "R").states) == {"required", "readonly"}
    assert set(find(seen, "textbox", "I").states) == {"invalid", "focused"}
    assert find(seen, "button", "D").states == ("disabled",)
    assert find(seen, "button", "E").states == ("disabled",)
    assert find(seen, "button", "X").states == ("expanded",)
    assert find(seen, "button", "P").states == ("checked",)
    assert find(seen, "button", "S").states == ("expanded",)


async def test_what_is_hidden_is_not_read(web: Site, env: WebEnvironment) -> None:
    seen = await see(
        web,
        env,
        """<button hidden>A</button><div style=display:none><a href=/>B</a>secret one</div>
        <button>Seen</button>
        <div style=visibility:hidden><button>C</button>secret two <b style=visibility:visible>shown</b></div>
        <details><summary>More</summary><p>secret three</p></details><template><button>D</button></template>
        <div aria-hidden=true><button>E</button></div><a href=/ style="position:absolute;left:-9999px">Skip</a>
        <script>var secret_four</script><noscript>secret five</noscript><input type=hidden value=secret>
        <select aria-label=S><option>Chosen<option>secret six</select>""",
    )
    assert [e.name for e in seen.elements if e.interactive] == ["Seen", "More", "S"]
    assert "secret" not in seen.text
    assert "shown" in seen.text
    assert "Chosen" in seen.text


async def test_listeners_and_pointers_make_elements_interactive(web: Site, env: WebEnvironment) -> None:
    seen = await see(
        web,
        env,
        """<div id=l>Listener</div><div onclick=1>Attribute</div><div id=p>Property</div>
        <span style=cursor:pointer><b>Pointer</b></span><div id=outer><p>Just text</p><button>Inner</button></div>
        <svg width=40 height=40><circle id=c r=10 cx=20 cy=20 aria-label=Dot /></svg><div id=k>Keys only</div>
        <script>l.addEventListener('mousedown', () => {}); p.onclick = () => {};
        outer.addEventListener('click', () => {});
        c.addEventListener('click', () => document.title = 'dot'); k.addEventListener('keydown', () => {})</script>""",
    )
    assert shown(seen, "button") == [
        ("button", name) for name in ("Listener", "Attribute", "Property", "Pointer", "Inner", "Dot")
    ]
    assert (await do(env, 'click button "Dot"')).observation.title == "dot"


async def test_facts_are_read_from_tables_lists_and_labels(web: Site, env: WebEnvironment) -> None:
    seen = await see(
        web,
        env,
        """<h1>Stock</h1><table aria-label=Parts><thead><tr><th>Part<th>Price<th></tr></thead>
        <tr><td><a href=/1>Bolt</a><td>$1<td><button>Edit</button></tr>
        <tr><td><a href=/2>Nut</a><td>$2<td><button>Edit</button></table>
        <table><tr><th>Weight</th><td>3 kg</td></tr></table><dl><dt>Brand</dt><dd>Acme</dd></dl>
        <p><b>Status:</b> open</p><div><span class=label>Owner</span><span>Ann</span></div><p>Plain <i>words</i>.</p>
        <ul><li><h3><a href=/l>Lamp</a></h3><p>$5</p><li><h3><a href=/c>Chair</a></h3><p>$9</p></ul>
        <ol><li>first<li>second</ol><div role=alert>Careful</div><div role=status>Saved</div>""",
    )
    cells = [(e.row, e.row_index, e.column, e.name, e.table) for e in seen.elements if e.role == "cell"]
    assert cells == [
        ("Bolt", 1, "Part", "Bolt", "Parts"),
        ("Bolt", 1, "Price", "$1", "Parts"),
        ("Nut", 2, "Part", "Nut", "Parts"),
        ("Nut", 2, "Price", "$2", "Parts"),
    ]
    edits = [e for e in seen.elements if e.name == "Edit"]
    assert [(e.row, e.nth) for e in edits] == [("Bolt", 1), ("Nut", 2)]
    facts = {e.name: e.value for e in seen.elements if e.role == "definition"}
    assert facts == {"Weight": "3 kg", "Brand": "Acme", "Status": "open", "Owner": "Ann"}
    texts = [(e.name, e.row) for e in seen.elements if e.role == "text"]
    assert texts == [("Plain words.", ""), ("$5", "Lamp"), ("$9", "Chair"), ("first", ""), ("second", "")]
    assert ("alert", "Careful") in shown(seen)
    assert ("status", "Saved") in shown(seen)


async def test_tables_of_old_applications_are_read(web: Site, env: WebEnvironment) -> None:
    seen = await see(
        web,
        env,
        """<table><tr><th>ID<th>When<th>Title<th>State</tr><tr><th colspan=4>urgent</th></tr>
        <tr><td>39<td>2 days ago<td><a href=/39>Torn net</a><td>open</tr>
        <tr><td>7<td>3 days ago<td><a href=/7>Wet rope</a><td>done</tr>
        <tr><td colspan=4><table><tr><td><a href=/next>next</a></table></tr></table>
        <table><tr><th colspan=2>Notes</th></tr><tr><th>n1<th>By Ann</tr><tr><td colspan=2>Mend it.</tr>
        <tr><th>n2<th>By Bo</tr><tr><td colspan=2>Done.</tr></table>
        <form><table><tr><th>Title</th><td><input name=t></td></tr>
        <tr><td>&nbsp;</td><td><input type=submit value=Store> <a href=/copy>Copy</a></td></tr></table></form>""",
    )
    cells = [(e.row, e.column, e.name) for e in seen.elements if e.role == "cell"]
    assert cells == [
        ("Torn net", "ID", "39"), ("Torn net", "When", "2 days ago"), ("Torn net", "Title", "Torn net"),
        ("Torn net", "State", "open"),
        ("Wet rope", "ID", "7"), ("Wet rope", "When", "3 days ago"), ("Wet rope", "Title", "Wet rope"),
        ("Wet rope", "State", "done"),
    ]  # fmt: skip
    assert {e.row for e in seen.elements if e.role == "button"} == {""}
    assert {("text", "Mend it."), ("text", "Done."), ("textbox", "Title")} <= set(shown(seen))


async def test_controls_know_which_form_they_belong_to(web: Site, env: WebEnvironment) -> None:
    seen = await see(
        web,
        env,
        """<form id=a><input aria-label=One><button>Send</button></form><input aria-label=Far form=a>
        <form><input aria-label=Two></form><input aria-label=Free>""",
    )
    forms = {e.name: e.form for e in seen.elements}
    assert forms["One"] == forms["Send"] == forms["Far"] != forms["Two"]
    assert forms["Free"] == ""
    assert find(seen, "button", "Send").input_type == "submit"


async def test_messages_are_known_by_the_class_that_colours_them(web: Site, env: WebEnvironment) -> None:
    html = """<p class=error-message>Wrong word</p><div class="ok-message">Kept</div><span class=mirror>Glass</span>
    <div class=errors><input aria-label=A></div>"""
    seen = await see(web, env, html)
    assert shown(seen, "alert", "status") == [("alert", "Wrong word"), ("status", "Kept")]


async def test_navigation_lists_are_no_rows(web: Site, env: WebEnvironment) -> None:
    lists = "<ul><li><a href=/a>Ay</a><li><a href=/b>Bee</a></ul><nav><ul><li><a href=/c>C</a> x</ul></nav>"
    seen = await see(web, env, lists)
    assert {e.row for e in seen.elements} == {""}


async def test_frames_and_shadow_roots_are_seen_and_acted_in(web: Site, other: Site, env: WebEnvironment) -> None:
    other.pages["/inner"] = """<p>foreign words</p><div style=height:30px></div>
      <button onclick="parent.postMessage('foreign', '*')">Foreign</button><label>Field <input></label>"""
    seen = await see(
        web,
        env,
        f"""<h1>Outside</h1><div style=height:120px></div>
        <iframe title=Near srcdoc="<button onclick=&quot;parent.document.title='near'&quot;>Near button</button>
        <p>near words</p>"></iframe><iframe src={other.url}/inner width=500></iframe><x-box>slotted words</x-box>
        <script>customElements.define('x-box', class extends HTMLElement {{ constructor() {{ super();
          this.attachShadow({{mode: 'open'}}).innerHTML = '<button>Shadow</button><slot></slot>';
          this.shadowRoot.querySelector('button').onclick = () => document.title = 'shadow' }} }});
        onmessage = e => document.title = e.data</script>""",
    )
    for words in ("near words", "foreign words", "slotted words"):
        assert words in seen.text
    assert len({e.id for e in seen.elements}) == len(seen.elements)
    assert find(seen, "button", "Near button").frame == "Near"
    assert (await do(env, 'click button "Near button"')).observation.title == "near"
    assert (await do(env, 'click button "Shadow"')).observation.title == "shadow"
    result = await do(env, 'type textbox "Field" "typed"')
    assert find(result.observation, "textbox", "Field").value == "typed", result.observation.last_action_error
    assert (await do(env, 'click button "Foreign"')).observation.title == "foreign"


async def test_what_is_behind_a_modal_dialog_is_covered(web: Site, env: WebEnvironment) -> None:
    seen = await see(
        web,
        env,
        """<button>Behind</button><p>Below</p>
        <dialog id=d aria-label=Ask><p>Sure?</p><button onclick=d.close()>Yes</button></dialog>
        <script>d.showModal()</script>""",
    )
    assert "covered" in find(seen, "button", "Behind").states
    assert "covered" in find(seen, "text", "Below").states
    assert "covered" not in find(seen, "button", "Yes").states
    assert find(seen, "button", "Yes").group == "Ask"
    assert "Sure?" in seen.text
    result = await do(env, 'click button "Yes"')
    assert "covered" not in find(result.observation, "button", "Behind").states


async def test_ids_stay_while_the_page_lives(web: Site, env: WebEnvironment) -> None:
    seen = await see(
        web,
        env,
        """<button onclick="b.insertAdjacentHTML('beforebegin', '<button>New</button>')">Add</button>
        <button id=b>Old</button>""",
    )
    old = find(seen, "button", "Old").id
    result = await do(env, 'click button "Add"')
    assert find(result.observation, "button", "Old").id == old
    assert find(result.observation, "button", "New").id not in (old, find(seen, "button", "Add").id)


async def test_long_pages_keep_their_controls(web: Site, env: WebEnvironment) -> None:
    rows = "".join(f"<tr><td>row {i}<td>value {i}</tr>" for i in range(600))
    seen = await see(web, env, f"<table><tr><th>A<th>B</tr>{rows}</table><button>Last</button>")
    assert len(seen.elements) == 400
    assert seen.elements[-1].name == "Last"
    assert "value 599" in seen.text


async def test_pages_that_meddle_with_prototypes_are_read(web: Site, env: WebEnvironment) -> None:
    seen = await see(
        web,
        env,
        """<button>Fine</button><script>Array.prototype.toJSON = function () { return 'spoilt' };
        JSON.stringify = () => 'spoilt'; window.setTimeout = window.fetch = null;
        Array.prototype.extra = 1; Object.prototype.more = 2; window.__autotelic = null;
        try { Object.defineProperty(window, '__autotelic', {value: {}}) } catch {}</script>""",
    )
    assert ("button", "Fine") in shown(seen)


async def test_deep_and_huge_pages_are_read_within_bounds(web: Site, env: WebEnvironment) -> None:
    seen = await see(web, env, "<div>" * 3000 + "deep" + "</div>" * 3000 + "<p>after</p>" + "<i>x</i>" * 40000)
    assert "after" in seen.text
