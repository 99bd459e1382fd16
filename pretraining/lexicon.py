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

THINGS = """copper kettle stand garden chair table lamp bottle cup plate spoon winter summer coat glove
boot hat scarf bag box drawer shelf window door lock key clock watch radio speaker camera battery cable charger screen
printer paper pencil brush paint canvas frame mirror carpet curtain pillow mattress oven fridge toaster grill pan knife
bread cheese honey apple pear lemon tomato onion bean rice tea coffee juice soap towel sponge bucket rope ladder hammer
saw drill screw nail wheel pedal saddle helmet boat paddle anchor net hook bench gate fence wall roof tile brick stone
sand clay moss fern rose tulip oak birch maple rabbit fox heron owl otter horse sheep goat hen goose bee spider harbour
bridge tower market station street square hall school office kitchen cellar attic workshop studio server printer network
password account backup meeting training travel budget contract invoice report survey policy holiday payroll parking
newsletter plan draft letter notice rule form list map chart test lesson course exam class tour concert dinner race
league cup final trip visit walk swim ride flight seat room key ward lab field pond hill valley island coast""".split()
ADJECTIVES = """copper silver golden iron wooden woollen cotton linen glass stone leather red blue green yellow white
black grey brown purple orange small large tall short wide narrow long deep flat round square heavy light soft hard warm
wet fast slow quiet loud old new early late first last upper lower inner outer north south east west royal common
double single portable electric manual digital annual monthly weekly daily local foreign public private open
closed missing broken lost simple classic modern little grand wild tame fresh frozen smoked sweet sour
bitter plain striped polished rough bright dark pale mild strong""".split()
FIRST_NAMES = """Ben Clara David Elsa Felix Greta Hugo Ivan Jana Karl Lena Milan Nora Otto Paula Rosa Simon Tina Victor
Walter Yara Zoe Bella Carlos Daria Emil Gita Hana Igor Julia Kenji Laila Marek Nina Omar Quentin Rafael
Selma Tariq Ursula Vera Wanda Xenia Yusuf Anna Peter Maria Thomas Laura Daniel Sofia""".split()
LAST_NAMES = """Weiss Berg Lund Costa Moreau Rossi Keller Ito Sato Kim Park Silva Moreno Ortiz Haas Vogel
Fischer Wood Hill Stone Marsh Baker Cook Turner Walker Young King Wright Bell Cole Dunn Frost Grant Hale Kerr Lane Nash
Pike Reed Shaw Todd Webb Adler Bauer Dietz Ekman Falk""".split()
POOLS = {
    "status": "open closed pending waiting done new active paused cancelled finished draft published planned rejected "
              "approved public internal archived delayed blocked sold reserved overdue".split(),
    "level": "low normal high critical minor major medium urgent easy moderate hard severe trivial".split(),
    "colour": "red blue green yellow white black grey brown purple orange pink beige silver gold navy".split(),
    "material": "wood steel glass cotton wool leather plastic stone clay linen aluminium oak pine bamboo silk "
                "rubber".split(),
    "language": "English German French Spanish Italian Polish Turkish Arabic Hindi Japanese Dutch Danish Greek".split(),
    "often": "daily;weekly;monthly;never;once a year;every two weeks;on weekdays;twice a day".split(";"),
    "size": "Small Medium Large XS S M L XL 36 38 40 42 44".split(),
}  # fmt: skip

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
# (label, label once it is on), and what people say instead of the label, to switch it on and off.
SWITCHES: dict[tuple[str, str], tuple[tuple[str, ...], tuple[str, ...]]] = {
    ("Follow", "Unfollow"): (
        ("keep me posted about {x}", "I want to hear news of {x}", "let me know what happens with {x}"),
        ("stop following {x}", "no more news of {x}", "I no longer want to hear about {x}")),
    ("Watch", "Stop watching"): (
        ("keep an eye on {x}", "tell me when {x} changes", "notify me about {x}"),
        ("no longer watch {x}", "I don't need to be told about {x} any more", "unwatch {x}")),
    ("Save for later", "Saved for later"): (
        ("keep {x} for later", "put {x} aside", "remember {x} for me", "set {x} aside"),
        ("forget {x} again", "don't keep {x}")),
    ("Like", "Liked"): (
        ("give {x} a thumbs up", "say that I like {x}", "show that I enjoyed {x}"),
        ("take back my like of {x}", "unlike {x}", "I don't like {x} any more")),
    ("Bookmark", "Remove bookmark"): (
        ("make a bookmark of {x}", "put {x} in my bookmarks", "keep {x} among my bookmarks"),
        ("take {x} out of my bookmarks", "delete my bookmark of {x}", "unbookmark {x}")),
    ("Pin", "Unpin"): (
        ("keep {x} at the top", "fix {x} to the top"), ("let {x} down from the top", "take the pin off {x}")),
    ("Mark as done", "Mark as open"): (
        ("tick off {x}", "{x} is finished", "{x} has been dealt with", "close {x}"),
        ("open {x} again", "{x} is not finished after all", "reopen {x}")),
    ("Star", "Unstar"): (
        ("put a star on {x}", "give {x} a star", "mark {x} with a star"),
        ("take the star off {x}", "remove the star from {x}")),
    ("Subscribe", "Unsubscribe"): (
        ("sign me up for {x}", "get me a subscription to {x}", "send me everything about {x}"),
        ("cancel my subscription to {x}", "end the subscription to {x}", "send me nothing more about {x}")),
    ("Archive", "Restore"): (
        ("put {x} in the archive", "file {x} away", "move {x} out of sight"),
        ("bring back {x}", "take {x} out of the archive")),
    ("Lock", "Unlock"): (
        ("make sure that nobody can change {x}", "protect {x} from changes"), ("free {x} for changes",
            "open the lock of {x}")),
    ("Add to list", "Remove from list"): (
        ("put {x} on the list", "put {x} on my list", "list {x}"), ("take {x} off the list", "drop {x} from my list")),
    ("Approve", "Withdraw approval"): (
        ("say yes to {x}", "let {x} pass", "agree to {x}", "give {x} the go-ahead"),
            ("take back the approval of {x}",)),
    ("Add", "Added"): (("I want {x}", "put {x} in", "include {x}"), ("take {x} out", "leave out {x}")),
    ("Mute", "Unmute"): (
        ("silence {x}", "I don't want to hear from {x}", "make {x} quiet"), ("let me hear {x} again",
            "turn the sound of {x} on")),
    ("Enable", "Disable"): (
        ("turn on {x}", "switch {x} on", "activate {x}"), ("turn off {x}", "switch {x} off", "deactivate {x}")),
    ("Claim", "Release"): (("take {x} for myself", "{x} is mine", "I take {x}"), ("give {x} back", "let go of {x}")),
    ("Reserve", "Reserved"): (
        ("hold {x} for me", "keep {x} free for me", "book {x}"), ("cancel my reservation of {x}",
            "I don't need {x} any more")),
    ("Start", "Stop"): (("get {x} going", "set {x} in motion", "launch {x}"), ("put an end to {x}", "halt {x}")),
    ("Accept", "Accepted"): (("agree to {x}", "take up {x}", "say yes to {x}"), ("turn {x} down after all",)),
    ("Compare", "Remove from comparison"): (
        ("put {x} next to the others", "take {x} into the comparison"), ("take {x} out of the comparison",)),
    ("Join", "Leave"): (
        ("make me a member of {x}", "sign me up for {x}", "let me take part in {x}"),
        ("I want out of {x}", "end my membership of {x}", "sign me off from {x}")),
    ("Hide", "Unhide"): (("I don't want to see {x}", "put {x} out of sight"), ("let me see {x} again",
        "show {x} again")),
    ("Vote for this", "Withdraw my vote"): (
        ("give {x} my vote", "vote for {x}", "cast my vote for {x}"), ("take back my vote for {x}",)),
    ("Flag", "Unflag"): (("put a flag on {x}", "flag {x} for me", "mark {x}"), ("take the flag off {x}",
        "remove the mark of {x}")),
    ("Favourite", "Unfavourite"): (
        ("{x} is my favourite", "make {x} a favourite", "put {x} among my favourites"),
        ("{x} is no longer a favourite", "take {x} out of my favourites")),
}  # fmt: skip
TOGGLES = list(SWITCHES)
# Buttons that show a field, the field, its button (none: enter sends it), and what people say.
QUICK = [
    ("Leave a comment", "Comment", "Send", ("comment on {x}: {v}", "leave the comment {v} on {x}",
        "say about {x}: {v}")),
    ("Add a label", "Label", "", ("label {x} as {v}", "put the label {v} on {x}", "give {x} the label {v}",
        "add {v} as a label of {x}")),
    ("Rename", "New name", "", ("rename {x} to {v}", "call {x} {v} from now on", "change the name of {x} to {v}",
        "give {x} the name {v}")),
    ("Move", "New place", "Move", ("move {x} to {v}", "put {x} in {v}", "bring {x} to {v}")),
    ("Invite someone", "E-mail", "Invite", ("invite {v} to {x}", "ask {v} to join {x}",
        "send {v} an invitation to {x}")),
    ("Write a note", "Note", "Keep", ("make a note on {x}: {v}", "note on {x} that {v}", "write down {v} for {x}",
        "add the note {v} to {x}")),
    ("Report a problem", "What is wrong", "Report", ("report a problem with {x}: {v}", "{x} has a problem: {v}",
        "tell them about {x}: {v}")),
    ("Set a reminder", "Day", "Remind me", ("remind me of {x} on {v}", "set a reminder for {x} on {v}",
        "I want to be reminded of {x} on {v}")),
    ("Forward", "Recipient", "", ("send {x} to {v}", "forward {x} to {v}", "pass {x} on to {v}")),
    ("Ask a question", "Your question", "Ask", ("ask about {x}: {v}", "put the question {v} about {x}",
        "ask {v} on the page of {x}")),
    ("Make an offer", "Your offer", "Offer", ("offer {v} for {x}", "bid {v} for {x}", "make an offer of {v} for {x}")),
    ("Add a tag", "Tag", "", ("tag {x} with {v}", "tag {x} as {v}", "add the tag {v} to {x}", "give {x} the tag {v}")),
    ("Change the amount", "Amount", "Set", ("make it {v} of {x}", "change the amount of {x} to {v}",
        "I need {v} of {x}")),
    ("Suggest a change", "Suggestion", "Suggest", ("suggest for {x}: {v}", "propose {v} for {x}")),
    ("Hand over", "To whom", "Hand over", ("hand {x} over to {v}", "give {x} to {v}", "make {v} responsible for {x}")),
]  # fmt: skip
QUICK_KINDS = {
    "Comment": "long", "Label": "word", "New name": "name", "New place": "place", "E-mail": "email", "Note": "long",
    "What is wrong": "long", "Day": "date", "Recipient": "person", "Your question": "long", "Your offer": "money",
    "Tag": "word", "Amount": "small", "Suggestion": "long", "To whom": "person",
}  # fmt: skip
# What people say where a value is chosen for a record; {f} is what it is called.
SETTERS = (
    "set the {f} of {x} to {v}", "change the {f} of {x} to {v}", "{x} should have the {f} {v}",
    "make {v} the {f} of {x}", "give {x} the {f} {v}", "{f} of {x}: {v}", "choose {v} as the {f} of {x}",
    "set {x} to {f} {v}",
)  # fmt: skip
TAGS = ["Labels", "Tags", "Keywords", "Topics", "Marks"]
UNTAG = (
    "take {t} off {x}", "remove the tag {t} from {x}", "{x} should not be marked {t} any more", "delete {t} from {x}",
    "untag {x}: no {t}", "drop {t} from {x}", "{x} without {t}, please", "strip {x} of the tag {t}",
)  # fmt: skip
HUBS = [
    "Account",
    "My account",
    "My page",
    "Administration",
    "Tools",
    "Your profile",
    "Manage",
    "Member area",
    "Control panel",
]
COLLECTIONS = [
    "Inbox",
    "My list",
    "Selection",
    "Favourites",
    "Picks",
    "My choice",
    "Collection",
    "Drafts",
    "Waiting list",
    "Mine",
]
INTO = ["Add to {l}", "Save to {l}", "Put in {l}", "Move to {l}", "Copy to {l}", "Send to {l}", "Keep in {l}"]
OUT_OF = ["Remove from {l}", "Take out of {l}", "In {l}", "Already in {l}", "Delete from {l}"]
PUT_IN = (
    "put {x} in {l}", "put {x} on {l}", "add {x} to {l}", "{l}: add {x}", "I want {x} in {l}", "let {l} have {x}",
    "{x} belongs in {l}", "move {x} into {l}", "save {x} to {l}", "include {x} in {l}",
)  # fmt: skip
# What is done to a record for good, with details asked for first.
ENDINGS = ["Finish", "Finish {n}", "Cancel {n}", "Send back", "Reject {n}", "Retire {n}", "Settle", "End {n}",
           "Decline", "Give back", "Complete", "Terminate {n}", "Hand in", "Release {n}"]  # fmt: skip
REMOVE = ["Remove", "Delete", "Drop", "Discard", "Dismiss", "Clear", "Cancel", "Withdraw"]
TAKE_OUT = [
    "take {x} out of {l}", "remove {x} from {l}", "delete {x} from {l}", "I don't want {x} in {l} any more",
    "get rid of {x} in {l}", "drop {x} from {l}", "throw {x} out of {l}", "take {x} off {l}", "{l}: remove {x}",
    "{x} should go from {l}", "{r} {x} in {l}", "open {l} and {r} {x}", "kick {x} out of {l}", "{l} without {x}",
]  # fmt: skip
MORE = [
    "More details",
    "Details",
    "Show more",
    "Specifications",
    "Facts",
    "Full description",
    "All information",
    "Read more",
]
SUBPAGES = [
    "History",
    "Changes",
    "Activity",
    "Remarks",
    "Reactions",
    "Versions",
    "Related",
    "Log",
    "Members",
    "Attachments",
]
LEAVE = ["Log out", "Log off", "Logout", "Leave", "End visit", "Quit"]
SKIP = ["Skip to content", "Skip to main content", "Jump to content", "Skip navigation"]
FOOTER = [
    "Imprint",
    "Privacy",
    "Terms",
    "Accessibility",
    "Jobs",
    "Sitemap",
    "Cookies",
    "Blog",
    "Feedback",
    "Status",
    "API",
]
NOTHING = [
    "No {ns} found",
    "Nothing found",
    "No results",
    "0 {ns}",
    "Nothing matches",
    "There are no {ns} here",
    "No matches",
]
_TABOO = re.compile(
    r"shop|cart|basket|product|checkout|order|ticket|queue|priorit|assign|desk|article|wiki|knowledge|handbook|"
    r"lantern|tent|trail|queue|issue|refund|revision"
)
_RUDE = re.compile(r"fuc|shit|cunt|cock|dick|twat|slut|nig|whor")


@cache
def english() -> tuple[str, ...]:
    """Common English words, most frequent first, from CPython's own help topics."""
    from pydoc_data.topics import topics

    counts: Counter[str] = Counter()
    for text in topics.values():
        counts.update(word for word in re.findall(r"\b[a-z]{3,11}\b", text))
    return tuple(word for word, n in counts.most_common(4000) if n > 1 and not _TABOO.search(word))


def pseudo_word(rng: Random) -> str:
    """One or two random syllables that are not rude."""
    while True:
        count = rng.choice((1, 1, 2, 2, 2))
        made = "".join(rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS) for _ in range(count))
        if not _RUDE.search(made):
            return made


def word(rng: Random, pseudo: float = 0.6) -> str:
    """A pseudo-word, or an English one."""
    if rng.random() < pseudo:
        return pseudo_word(rng)
    return rng.choice(NOUNS) if rng.random() < 0.3 else english()[int(len(english()) * rng.random() ** 1.5)]


def name(rng: Random, pseudo: float = 0.6, longest: int = 3) -> str:
    """A title-like name of one to `longest` words, of pseudo-words or of English, sometimes with a number or a code."""
    if rng.random() < pseudo:
        parts = [word(rng, 0.85) for _ in range(rng.randint(1, longest))]
    else:
        count = min(longest, rng.choice((1, 2, 2, 2, 3, 3)))
        parts = [rng.choice(THINGS) if rng.random() < 0.7 else word(rng, 0.1) for _ in range(count)]
        if count > 1 and rng.random() < 0.7:
            parts[0] = rng.choice(ADJECTIVES)
    if rng.random() < 0.1:
        parts.append(str(rng.randint(2, 999)))
    made = " ".join(parts)
    made = made.title() if rng.random() < 0.7 else made.capitalize()
    return f"{code(rng)} {made}" if longest > 2 and rng.random() < 0.04 else made


def code(rng: Random) -> str:
    """A code such as AB-2189."""
    letters = "ABCDEFGHKLMNPRSTX"
    shape = rng.randrange(4)
    if shape == 3:
        return "".join(rng.choice(letters) for _ in range(rng.randint(3, 6))) + str(rng.randint(1, 99))
    head = rng.choice(letters) + (rng.choice(letters) if shape else "")
    return f"{head}{rng.choice(('-', '-', '', ' ')) if shape < 2 else '-'}{rng.randint(10, 9999)}"


def date(rng: Random, shape: int) -> str:
    """A day, written in one of three shapes; shape 0 sorts by its digits."""
    months = ["Jan", "Feb", "Mar", "Apr", "May", "June", "July", "Aug", "Sept", "Oct", "Nov", "Dec"]
    year, month, day = rng.randint(2015, 2027), rng.randint(1, 12), rng.randint(1, 28)
    if shape == 0:
        return f"{year}-{month:02d}-{day:02d}"
    return f"{day} {months[month - 1]} {year}" if shape == 1 else f"{months[month - 1]} {day}"


def person(rng: Random, pseudo: float) -> str:
    """A first and a last name."""
    last = pseudo_word(rng).capitalize() if rng.random() < 0.3 + 0.5 * pseudo else rng.choice(LAST_NAMES)
    return f"{rng.choice(FIRST_NAMES)} {last}"


def sentence(rng: Random, longest: int = 8) -> str:
    """A few words in lower case."""
    parts = [rng.choice(THINGS) if rng.random() < 0.4 else word(rng, 0.15) for _ in range(rng.randint(3, longest))]
    return " ".join(parts)


def of_kind(rng: Random, kind: str, pseudo: float = 0.6, shape: int = 0) -> str:
    """A value of this kind; `shape` keeps a column's values alike."""
    if kind in POOLS:
        return rng.choice(POOLS[kind])
    match kind:
        case "money":
            unit = ("${}", "€{}", "{} €", "£{}")[shape % 4]
            return unit.format(f"{rng.randint(1, 400)}.{rng.choice(('00', '50', '95', '99', '25'))}")
        case "kg" | "m" | "cm" | "km/h" | "°C" | "km" | "l" | "m²" | "w" | "min":
            spread = rng.randint(1, 99)
            return f"{spread}.{rng.randint(0, 9)} {kind}" if shape % 2 else f"{spread * (1 + shape)} {kind}"
        case "year":
            return str(rng.randint(1870, 2027))
        case "rating":
            return f"{rng.randint(1, 4)}.{rng.randint(0, 9)}" + ("", " / 5", " of 5", " stars")[shape % 4]
        case "small":
            return str(rng.randint(2, 30))
        case "count" | "digits":
            return str(rng.randint(1, 20 if shape % 2 else 5000)) if kind == "count" else str(rng.randint(1000, 99999))
        case "date":
            return date(rng, shape % 3)
        case "person":
            return person(rng, pseudo)
        case "first":
            return rng.choice(FIRST_NAMES)
        case "phone":
            return f"{rng.choice(('555', '0' + str(rng.randint(20, 99)), '+49 30'))} {rng.randint(1000, 999999)}"
        case "email":
            host = f"{pseudo_word(rng)}.{rng.choice(('org', 'net', 'example', 'com'))}"
            return f"{rng.choice(FIRST_NAMES).lower() if rng.random() < 0.5 else pseudo_word(rng)}@{host}"
        case "url":
            return f"{pseudo_word(rng)}.example"
        case "address":
            return f"{rng.randint(1, 199)} {name(rng, pseudo, 1)} {rng.choice(('Street', 'Road', 'Lane', 'Square'))}"
        case "code":
            return code(rng)
        case "time":
            return f"{rng.randint(6, 22):02d}:{rng.choice(('00', '15', '30', '45', '05', '50'))}"
        case "percent":
            return f"{rng.randint(1, 99)}%"
        case "hours":
            if shape % 2:
                return f"{rng.randint(6, 11):02d}:{rng.choice(('00', '30'))} to {rng.randint(12, 22)}:00"
            return f"{rng.randint(6, 11)} am to {rng.randint(3, 10)} pm"
        case "period":
            unit = rng.choice(("days", "weeks", "months", "years", "hours", "working days"))
            return f"{rng.randint(2, 60)} {unit}"
        case "long":
            return sentence(rng)
        case "last":
            return person(rng, pseudo).split(" ")[1]
        case "place" | "name" | "word":
            return name(rng, pseudo, 1 if kind == "word" else 2)
        case _:
            return value(rng, pseudo)


def noun(rng: Random, pseudo: float) -> str:
    """What a site is about, in the singular."""
    if rng.random() < pseudo:
        return pseudo_word(rng)
    made = rng.choice(NOUNS if rng.random() < 0.5 else THINGS)
    return made[:-1] if made.endswith("s") and not made.endswith(("ss", "us")) else made


def plural(noun: str) -> str:
    """A regular plural."""
    if re.search("[^aeiou]y$", noun):
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


def value(rng: Random, pseudo: float = 0.6) -> str:
    """Some textual value: mostly a word or two, else a code, a date, a person, an address."""
    kind = rng.choice(("code", "date", "email", "person", "", "", "", "", ""))
    return of_kind(rng, kind, pseudo, rng.randrange(3)) if kind else name(rng, pseudo, 2)
