"""Words for made-up websites: pseudo-words, English words, and many ways to label the same control.

Copying is learned from names that cannot be memorised, so most names are pseudo-words of random
syllables. English comes from the topics that CPython ships as its own help texts, which every
interpreter has; subject areas of the sites that we measure on are left out.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from random import Random

ONSETS = """b c d f g h j k l m n p r s t v w z br ch cl cr dr fl gr kr pl pr qu sh sk sl sn st th tr tw""".split()
VOWELS = """a e i o u ai ea ee ia io oa oo ou y""".split()
CODAS = ["", "", "", "", *"""b d g k l m n p r s t x ck ld lt mp nd ng nt rd rk rn sk st th""".split()]

NOUNS = """mineral bird comet planet museum exhibit painting sculpture river glacier volcano recipe dish spice weather
station buoy hotel room guest vacancy applicant song album band concert team match stadium player farm crop
orchard meadow garden seedling puppy breed film actor director chess opening telescope lens nebula lighthouse
ferry tram vehicle engine vessel cabin clinic patient vaccine dentist library novel poem author archive fossil
crystal desert canyon festival parade quilt potter kiln loom violin cello organ choir ballet opera""".split()

SEARCH = [
    "Search", "Find", "Look up", "Search for", "Find a {n}", "Search {ns}", "Keyword", "Keywords", "Query",
    "Quick find", "Type to search", "Search this site", "Look for", "Enter a name", "Filter by name",
    "What are you looking for?",
]  # fmt: skip
SUBMIT = [
    "Save", "Submit", "Send", "Apply", "Confirm", "Update", "OK", "Done", "Continue", "Save {n}", "Create {n}",
    "Add {n}", "Register", "Go", "Finish", "Post", "Book", "Reserve", "Request", "Save settings", "Send it", "Publish",
    "Store", "Proceed", "Save all", "Set", "Add", "Record {n}", "Accept",
]  # fmt: skip
APPLY = ["Apply", "Filter", "Show", "Go", "Update", "Refine", "Apply filter", "Show results", "Update list"]
SORT = ["Sort", "Sort by", "Order", "Order by", "Arrange by", "Sorting", "Show first", "Ordering"]
FILTER = ["Category", "Group", "Type", "Section", "Topic", "Area", "Department", "Show only"]
NEXT = ["Next", "Next page", "More", "Older", "Show more", "Page 2", "Following", "Further {ns}", ">"]
PREVIOUS = ["Previous", "Back", "Newer", "Previous page", "<"]
EDIT = ["Edit", "Change", "Modify", "Edit {n}", "Amend", "Edit details", "Update details", "Revise", "Correct"]
LISTING = ["All {ns}", "{ns}", "Browse", "Browse {ns}", "List of {ns}", "Directory", "Index", "Overview", "Explore"]
INFO = ["About", "Contact", "Help", "Hours", "Terms", "Press", "Visit us", "Questions", "Privacy", "Team", "Imprint"]
FORMS = [
    "Settings", "Preferences", "New {n}", "Contact form", "Apply", "Subscribe", "Profile", "Notifications", "Booking",
    "Registration", "Feedback", "Report a {n}", "Submit a {n}", "Address", "Delivery", "Options", "Membership",
]  # fmt: skip
SAVED = [
    "{f} saved", "Saved", "Thank you", "Your changes were saved", "{f} was updated", "Done", "Success", "{e} updated",
    "Your request was received", "{f} received", "Changes stored", "All set", "We got it", "{e}: change recorded",
]  # fmt: skip
TOGGLES = [
    ("Follow", "Unfollow"), ("Watch", "Stop watching"), ("Save for later", "Saved for later"), ("Like", "Liked"),
    ("Bookmark", "Remove bookmark"), ("Pin", "Unpin"), ("Mark as done", "Mark as open"), ("Star", "Unstar"),
    ("Subscribe", "Unsubscribe"), ("Archive", "Restore"), ("Lock", "Unlock"), ("Add to list", "Remove from list"),
    ("Approve", "Withdraw approval"), ("Add", "Added"), ("Mute", "Unmute"), ("Enable", "Disable"), ("Claim", "Release"),
    ("Add to basket", "In your basket"), ("Reserve", "Reserved"), ("Start", "Stop"), ("Accept", "Accepted"),
]  # fmt: skip
NUMERIC = [
    "Price", "Cost", "Weight", "Height", "Length", "Age", "Year", "Rating", "Score", "Pages", "Capacity", "Distance",
    "Duration", "Seats", "Depth", "Members", "Views", "Size", "Total", "Amount", "Count", "Stock", "Fee", "Points",
]  # fmt: skip
TEXTUAL = [
    "Status", "Owner", "Type", "Kind", "Colour", "Material", "Code", "Place", "City", "Country", "Author", "Category",
    "Origin", "Level", "Phone", "E-mail", "Shape", "Maker", "Group", "Region", "Contact", "Style", "Number", "Date",
    "Created", "Updated", "Location", "Reference", "Language", "Format", "Department", "Editor", "Model", "Serial",
]  # fmt: skip
ENTRIES = [
    "Name", "First name", "Last name", "Street", "Comment", "Message", "Note", "Subject", "Title", "Quantity",
]  # fmt: skip
SYNONYMS = {
    "price": ("cost", "asking price"), "cost": ("price",), "owner": ("person in charge",), "type": ("kind",),
    "kind": ("type",), "colour": ("color", "shade"), "material": ("what it is made of",), "city": ("town",),
    "author": ("writer",), "phone": ("telephone number", "phone number"), "e-mail": ("email address", "email"),
    "maker": ("manufacturer",), "date": ("day",), "created": ("creation date",), "updated": ("last update",),
    "location": ("place",), "place": ("location",), "weight": ("mass",), "status": ("state", "current status"),
    "rating": ("score",), "stock": ("number in stock", "availability"), "code": ("identifier",),
}  # fmt: skip
_TABOO = re.compile(
    r"shop|cart|basket|product|checkout|order|ticket|queue|priorit|assign|desk|article|wiki|knowledge|handbook|"
    r"lantern|tent|trail|queue|issue|refund|revision"
)


@cache
def english() -> tuple[str, ...]:
    """Common English words, most frequent first, from CPython's own help topics."""
    from pydoc_data.topics import topics

    counts: Counter[str] = Counter()
    for text in topics.values():
        counts.update(word for word in re.findall(r"\b[a-z]{3,11}\b", text))
    return tuple(word for word, n in counts.most_common(4000) if n > 1 and not _TABOO.search(word))


def pseudo_word(rng: Random) -> str:
    """One or two random syllables."""
    return "".join(
        rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS) for _ in range(rng.choice((1, 1, 2, 2, 2)))
    )


def word(rng: Random, pseudo: float = 0.6) -> str:
    """A pseudo-word, or an English one."""
    if rng.random() < pseudo:
        return pseudo_word(rng)
    return rng.choice(NOUNS) if rng.random() < 0.3 else english()[int(len(english()) * rng.random() ** 1.5)]


def name(rng: Random, pseudo: float = 0.6, longest: int = 3) -> str:
    """A title-like name of one to `longest` words, sometimes with a number."""
    parts = [word(rng, pseudo) for _ in range(rng.randint(1, longest))]
    if rng.random() < 0.12:
        parts.append(str(rng.randint(2, 999)))
    return " ".join(parts).title() if rng.random() < 0.7 else " ".join(parts).capitalize()


def plural(noun: str) -> str:
    """A regular plural."""
    return noun[:-1] + "ies" if noun.endswith("y") else noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


def value(rng: Random, pseudo: float = 0.6) -> str:
    """A textual field's value: a word or two, a code, a date, a clock time, an address."""
    match rng.randrange(10):
        case 0:
            return f"{rng.choice('ABCDEFGHKLMNPRSTX')}{rng.choice('ABCDEFGHKLMNPRSTX')}-{rng.randint(10, 9999)}"
        case 1:
            return f"{rng.randint(2015, 2027)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
        case 2:
            months = ["Jan", "Feb", "Mar", "Apr", "May", "June", "July", "Aug", "Sept", "Oct", "Nov", "Dec"]
            return f"{rng.randint(1, 28)} {rng.choice(months)} {rng.randint(2015, 2027)}"
        case 3:
            return f"{pseudo_word(rng)}@{pseudo_word(rng)}.{rng.choice(('org', 'net', 'example', 'com'))}"
        case _:
            return name(rng, pseudo, 2)


def number(rng: Random, shape: int) -> str:
    """A numeric value in one of four shapes: money, a measure with its unit, a small and a large whole number."""
    if shape == 0:
        return f"${rng.randint(1, 400)}.{rng.choice(('00', '50', '95', '99', '25'))}"
    if shape == 1:
        return f"{rng.randint(1, 99)}.{rng.randint(0, 9)} kg"
    return str(rng.randint(1, 20) if shape == 2 else rng.randint(1, 5000))
