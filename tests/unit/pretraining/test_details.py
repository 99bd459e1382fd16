"""Pages below the listing: what hides behind a button, what a form says, what a collection holds."""

from collections.abc import Callable
from random import Random

from pretraining import expert
from pretraining.records import Place
from pretraining.website import Website


def _site(wanted: Callable[[Website], bool]) -> Website:
    return next(site for i in range(3000) if wanted(site := Website(Random(f"details/{i}"), pseudo=0.4)))


def _written(site: Website, *, hidden: bool) -> bool:
    """Whether the first small form is a text, behind a button and with one, or neither."""
    form = next(iter(site.quicks), None)
    if form is None or form.widgets[0].role != "textbox":
        return False
    return bool(form.opener) is hidden and bool(form.submit) is hidden


def test_a_hidden_form_shows_after_its_button_and_is_gone_once_sent() -> None:
    site = _site(lambda s: _written(s, hidden=True) and not s.keeps_entries)
    site.go(Place("detail", 0))
    key, label = "quick:0:0", site.quicks[0].widgets[0].label
    assert site.at(f"{key}/{label}") is None
    site.act(expert.press(site, f"{key}?"))
    field = site.at(f"{key}/{label}")
    assert field is not None
    site.act(expert.write(field, "hello"))
    site.act(expert.press(site, f"{key}!"))
    assert site.submitted[key] == {label: "hello"}
    assert site.at(f"{key}/{label}") is None
    assert site.status


def test_a_form_without_a_button_is_sent_by_enter() -> None:
    site = _site(lambda s: _written(s, hidden=False))
    site.go(Place("detail", 1))
    label = site.quicks[0].widgets[0].label
    field = site.at(f"quick:1:0/{label}")
    assert field is not None
    site.act(expert.write(field, "hello", enter=True))
    assert site.submitted["quick:1:0"] == {label: "hello"}


def test_a_form_that_lacks_what_is_required_says_so_and_is_finished_then() -> None:
    site = _site(lambda s: any(f.required and f.submit and 0 not in s.hub for f in s.forms[:1]))
    site.go(Place("form", 0))
    required = site.forms[0].required
    goal = expert.follow_all([expert.submitted("form:0", {required: "7"}, expert.at_page("form", 0))])
    site.act(expert.press(site, "form:0!"))
    assert "form:0" not in site.submitted
    assert required in site.status
    for _ in range(2):
        action = goal(site)
        assert action is not None
        site.act(action)
    assert site.submitted["form:0"][required] == "7"
    last = goal(site)
    assert last is not None
    assert last.name == "answer"


def test_a_collection_tells_how_much_it_holds_and_lets_go_of_it() -> None:
    site = _site(lambda s: s.counted_links and len(s.held) > 1)
    before = len(site.held)
    index = min(site.held)
    goal = expert.removed(index)
    while (action := goal(site)) is not None:
        site.act(action)
    link = site.at("held")
    assert link is not None
    assert link.name == f"{site.held_label} ({before - 1})"


def test_a_header_sorts_upwards_and_then_downwards() -> None:
    site = _site(lambda s: s.sort_as == "headers" and len(s.records) > 3)
    option = next(option for option, (_, descending) in site.sorts.items() if descending)
    goal, clicks = expert.filtered(sort=option), 0
    while (action := goal(site)) is not None:
        site.act(action)
        clicks += 1
    assert clicks == 3
    assert site.place.sort == option


def test_the_page_is_built_anew_after_every_action() -> None:
    site = Website(Random("details/cache"), pseudo=0.4)
    first = site.observe()
    assert site.observe() is first
    site.act(expert.press(site, "list"))
    assert site.observe() is not first


def test_a_filter_chosen_by_mistake_that_leaves_nothing_is_taken_back_before_comparing() -> None:
    site = _site(lambda s: bool(s.categories) and any(label not in ("", "*") for label, _ in s.sorts.values()))
    label, highest = next(order for order in site.sorts.values() if order[0] not in ("", "*"))
    goal = expert.extreme(label, highest=highest, category=site.records[0].category)
    site.go(Place("list", picked={label: "no such value"}, category=site.records[0].category))
    assert site.listed() == []
    said = ""
    for _ in range(8):
        action = goal(site)
        assert action is not None
        if action.name == "answer":
            said = action.arguments["text"]
            break
        site.act(action)
    found = site.records[expert.first_by(site, label, highest=highest)]
    assert found.category == site.records[0].category
    assert found.name in said
