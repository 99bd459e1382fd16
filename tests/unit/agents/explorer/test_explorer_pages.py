"""Reading pages: shapes of URLs, facts, records, forms, search boxes."""

from agents.explorer import pages
from core.types import Element, Observation


def element(role: str, name: str, **more: object) -> Element:
    interactive = role not in ("heading", "text", "cell", "definition", "status", "alert")
    return Element.model_validate(
        {"id": f"{role}{name}", "role": role, "name": name, "interactive": interactive, **more}
    )


def page(*elements: Element, url: str = "http://a.example/x", text: str = "") -> pages.Page:
    return pages.read(Observation(url=url, title="Lamps | Store", text=text, elements=elements))


def test_shapes_hide_what_names_a_record() -> None:
    assert pages.shape("http://h/item/12?page=3&q=&kind=a&size=2") == "/item/*?kind"
    assert pages.shape("http://h/item/blue-door") == pages.shape("http://h/item/77")
    assert pages.shape("http://h/about") == "/about"
    assert pages.shape("http://h/issue12") == pages.shape("http://h/issue7") == "/issue*"
    assert pages.shape("http://h/towns/oslo") != pages.shape("http://h/towns/bergen")
    crowded = frozenset({"/towns"})
    assert pages.shape("http://h/towns/oslo", crowded) == pages.shape("http://h/towns/bergen", crowded) == "/towns/*"


def test_pages_of_the_same_make_share_a_template() -> None:
    fields = (element("textbox", "Note"), element("button", "Save"))
    one = page(element("heading", "One", level=1), *fields, url="http://h/i/1")
    two = page(element("heading", "Two", level=1), *fields, element("link", "More", href="/m"), url="http://h/i/2")
    other = page(element("heading", "Two", level=1), url="http://h/i/3")
    assert one.template == two.template != other.template


def test_the_name_is_the_highest_heading_or_the_title() -> None:
    assert page(element("heading", "Low", level=3), element("heading", "High", level=1)).name == "High"
    assert page().name == "Lamps"


def test_facts_are_terms_that_occur_once() -> None:
    found = page(
        element("definition", "Weight", value="2 kg"),
        element("definition", "Colour", value="red"),
        element("definition", "colour", value="blue"),
        element("text", "Made in: Norway"),
        element("definition", "Row", value="x", row="Card 1"),
    ).facts
    assert found == (("Weight", "2 kg"), ("Made in", "Norway"))


def test_a_table_of_values_says_something_about_its_page() -> None:
    found = page(
        *(element("cell", value, row=term, row_index=at, table="Rules", column="Value")
          for at, (term, value) in enumerate((("Limit", "€61"), ("Approved by", "Team lead"), ("Limit", "€3")))),
        element("definition", "Owner", value="Ines"),
        element("cell", "€5", row="Taxi", row_index=7, table="Fares", column="Price"),
        element("cell", "open", row="Gate", row_index=8, column="Value"),
        element("button", "Close", row="Gate", row_index=8),
    )  # fmt: skip
    assert found.facts == (("Approved by", "Team lead"), ("Owner", "Ines"))
    assert [entry.header for entry in found.entries] == ["Taxi", "Gate"]


def test_rows_and_cards_become_records() -> None:
    found = page(
        element("link", "Lamp", href="/lamp", row="Lamp", row_index=1, table="Goods"),
        element("cell", "$3.00", column="Price", row="Lamp", row_index=1, table="Goods"),
        element("link", "Read more", href="/vase?x=1#top", row="Vase", row_index=2),
        element("text", "$4.50", row="Vase", row_index=2),
    ).entries
    assert [entry.header for entry in found] == ["Lamp", "Vase"]
    assert found[0].cells == (("Price", "$3.00"),)
    assert found[1].cells == (("price", "$4.50"),)
    assert found[1].link is not None
    assert found[1].link.url == "http://a.example/vase?x=1"


def test_forms_end_at_the_button_that_sends_them() -> None:
    found = page(
        element("searchbox", "Search"),
        element("textbox", "Title", group="New"),
        element("combobox", "Kind", options=("a", "b"), group="New"),
        element("button", "Cancel", group="New"),
        element("button", "Create", group="New"),
        element("textbox", "Alone", group="Other"),
    )
    assert [[field.name for field in form.fields] for form in found.forms] == [["Title", "Kind"], ["Alone"]]
    assert found.forms[0].submit is not None
    assert found.forms[0].submit.name == "Create"
    assert found.forms[1].submit is None
    assert [box.name for box in found.searches] == ["Search"]


def test_fields_of_different_forms_never_join() -> None:
    found = page(
        element("textbox", "Number", form="f1"),
        element("textbox", "Title", form="f2"),
        element("button", "Pick a file", form="f2", input_type="file"),
        element("button", "Redo", form="f2", input_type="submit"),
        element("textbox", "Loose"),
        element("button", "Send", form="f3", input_type="submit"),
    ).forms
    sent = [([field.name for field in form.fields], form.submit and form.submit.name) for form in found]
    assert sent == [(["Number"], None), (["Title"], "Redo"), (["Loose"], None)]


def test_radio_buttons_of_a_group_of_their_own_belong_to_the_form_around_them() -> None:
    found = page(
        element("textbox", "Remark", group="Other"),
        element("combobox", "Size", options=("S", "M"), group="Order"),
        element("radio", "Navy", group="Colour"),
        element("radio", "Sand", group="Colour"),
        element("spinbutton", "Quantity", group="Order"),
        element("button", "Add to bag", group="Order"),
    )
    assert [[field.name for field in form.fields] for form in found.forms] == [["Size", "Navy", "Sand", "Quantity"]]


def test_disabled_and_hidden_controls_do_not_exist() -> None:
    found = page(
        element("button", "Save", states=("disabled",)), element("link", "Gone", href="/g", states=("hidden",))
    )
    assert not found.buttons
    assert not found.links


def test_the_clearest_link_to_a_page_is_chosen() -> None:
    found = page(
        element("link", "Lamp", href="/lamp", row="Lamp"),
        element("link", "The lamp", href="/lamp"),
        element("link", "Lamp", href="/lamp", nth=2),
    )
    link = found.link_to("http://a.example/lamp")
    assert link is not None
    assert link.name == "The lamp"


def test_controls_are_renamed_with_their_record() -> None:
    assert pages.renamed("Add Lamp to list", "lamp", "Vase") == "Add Vase to list"
    assert pages.renamed("Add to list", "", "Vase") == "Add to list"


def test_a_button_sends_the_fields_of_its_own_group_whatever_it_is_called() -> None:
    field = element("textbox", "E-mail", group="Stock alert")
    found = page(
        field, element("button", "Tell me when it is back", group="Stock alert"), element("button", "Save to list")
    )
    assert [(form.submit.name if form.submit else "") for form in found.forms] == ["Tell me when it is back"]
    away = page(field, element("button", "Clear", group="Stock alert"), element("button", "Save to list"))
    assert [(form.submit.name if form.submit else "") for form in away.forms] == ["Save to list"]


def test_a_form_that_appears_in_a_row_is_that_rows() -> None:
    def observed(*elements: Element) -> Observation:
        return Observation(url="http://a.example/x", elements=elements)

    other = element("textbox", "Note", row="Lamps")
    before = observed(element("button", "Rename Vases", row="Vases"), other)
    name, save = element("textbox", "New name", row="Vases", value="Vases"), element("button", "Save name", row="Vases")
    (form,) = pages.row_forms(before, observed(name, save, other), "Vases")
    assert ([field.name for field in form.fields], form.submit and form.submit.name) == (["New name"], "Save name")
    assert pages.row_forms(before, observed(name, save, other), "") == []
    assert pages.row_forms(before, before, "Vases") == []
