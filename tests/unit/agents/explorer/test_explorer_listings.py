"""Questions that listings answer."""

from agents.explorer.listings import counts, extremes, is_plural
from agents.explorer.pages import Entry


def rows(*given: tuple[str, dict[str, str]]) -> list[Entry]:
    return [Entry(header=header, cells=tuple(cells.items())) for header, cells in given]


def test_the_first_and_the_last_by_a_column() -> None:
    entries = rows(
        ("Lamp", {"Price": "$1,200.00", "Due": "3 Mar 2026", "Pages": "7", "Score": "2.5"}),
        ("Vase", {"Price": "$90", "Due": "14 Feb 2026", "Pages": "7", "Score": "3.5"}),
        ("Rug", {"Price": "$300.50", "Due": "1 Jan 2027", "Pages": "9", "Score": "1"}),
    )
    assert set(extremes(entries)) == {
        ("low_price", "Price", "Vase"),
        ("high_price", "Price", "Lamp"),
        ("early", "Due", "Vase"),
        ("late", "Due", "Rug"),
        ("most", "Pages", "Rug"),
        ("low", "Score", "Rug"),
        ("high", "Score", "Vase"),
    }


def test_words_and_missing_values_have_no_order() -> None:
    assert not list(extremes(rows(("A", {"x": "1"}), ("B", {"x": "two"}), ("C", {"x": "3"}))))
    assert not list(extremes(rows(("A", {"x": "1"}), ("B", {}), ("C", {"x": "3"}))))
    assert not list(extremes(rows(("A", {"x": "1"}), ("B", {"x": "2"}))))


def test_records_of_the_same_name_make_no_question() -> None:
    assert not list(extremes(rows(("A", {"x": "1"}), ("A", {"x": "2"}), ("C", {"x": "3"}))))


def test_recurring_values_are_counted() -> None:
    entries = rows(
        *((name, {"Status": status}) for name, status in zip("ABCDE", ["Open"] * 3 + ["Shut"] * 2, strict=True))
    )
    assert list(counts(entries)) == [("Status", "Open", 3), ("Status", "Shut", 2)]
    unique = rows(*((name, {"Owner": f"Person {name}"}) for name in "ABCDE"))
    assert not list(counts(unique))


def test_plurals() -> None:
    assert is_plural("Pages")
    assert not any(is_plural(word) for word in ("Price", "Status", "Address", "Analysis"))
