"""What is kept out of recordings: secrets wherever they turn up, and credentials in addresses; and nothing else."""

from __future__ import annotations

import pytest

from core.types import Element, Observation
from environments.web.masking import Masking, address
from environments.web.redaction import Redactor


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://ann:pw@a.test/x", "https://a.test/x"),
        ("/x?token=abc&page=2", "/x?token={secret}&page=2"),
        ("/x?page=2&access_token=abc#id_token=d.e.f", "/x?page=2&access_token={secret}#id_token={secret}"),
        ("/x;jsessionid=1F2?a=1", "/x;jsessionid={secret}"),
        ("/x?sessionId=1&apiKey=2&api-key=3&code=4&PASSWORD=5", None),
        ("/x;a=1?token=2", "/x;a=1?token={secret}"),
        ("/x?next=/y?b=1?token=2", "/x?next=/y?b=1?token={secret}"),
        ("/x?to%6ben=abc", "/x?to%6ben={secret}"),
        ("/x?next=%2Fcallback%3Fcode%3Dabc", "/x?next={secret}"),
        ("see http://a.test/?sig=abc, please", "see http://a.test/?sig={secret} please"),
        (
            "/x?keyword=tent&postcode=123&monkey=1&author=me&next=%2Fa",
            "/x?keyword=tent&postcode=123&monkey=1&author=me&next=%2Fa",
        ),
        ("mail ann@a.test about a=b", "mail ann@a.test about a=b"),
    ],
)
def test_addresses_lose_credentials_and_nothing_else(given: str, kept: str | None) -> None:
    if kept is None:
        assert address(given).count("{secret}") == given.count("=")
        assert not any(f"={digit}" in address(given) for digit in "12345")
    else:
        assert address(given) == kept


def test_a_password_is_masked_in_every_spelling() -> None:
    masking = Masking(Redactor())
    masking.add("p&ss wörd", guarded=True)
    for text in ("a p&ss wörd b", "?q=p%26ss+w%C3%B6rd", "p%26ss%20w%C3%B6rd", "p&amp;ss wörd"):
        assert "rd" not in masking.text(text)
        assert "{secret}" in masking.text(text)


def test_what_may_be_a_word_is_masked_only_where_it_stands_alone() -> None:
    masking = Masking(Redactor())
    masking.add("lead", guarded=False)
    masking.add("123", guarded=True)
    masking.add("7", guarded=True)
    assert masking.text("Leader of lead, LEAD; 1234 123 7") == "Leader of {secret}, {secret}; 1234 {secret} 7"


def test_hidden_fields_lose_their_values_and_nothing_else_does() -> None:
    seen = Observation(
        url="/?pin=1",
        title="t",
        elements=(
            Element(id="e1", role="textbox", name="Pin", value="7"),
            Element(id="e2", role="textbox", name="Pin", value=""),
            Element(id="e3", role="textbox", name="City", value="Oslo"),
        ),
    )
    shown = Masking(Redactor()).observation(seen, frozenset({"e1", "e2"}))
    assert [one.value for one in shown.elements] == ["{secret}", "", "Oslo"]
    assert shown.url == "/?pin={secret}"
