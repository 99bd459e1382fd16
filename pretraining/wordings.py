"""How exercises are worded: patterns, other words for what the page says, and fillers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from agents import speech
from pretraining import lexicon
from pretraining.website import Website

OPEN = [
    "Open {x}.", "Go to {x}.", "Open the {x} page.", "Go to the {x} page.", "Show me {x}.", "Navigate to {x}.",
    "Take me to {x}.", "Visit the page of {x}.", "Bring up {x}.", "Find the page for {x} and open it.", "View {x}.",
    "I want to see {x}.", "Pull up the page about {x}.", "Get to {x}.", "Display the {x} page.",
    "Where is {x}? Open it.",
    "Go to the page {x}.", "Show the page {x}.", "Your task is to open {x}.", "Use the link {x}.",
    "I'm looking for {x}.",
    "Find {x} and open it.", "Look at {x}.", "Switch to the {x} page.", "Head over to {x}.", "Go and see {x}.", "{x}.",
    "Let me read {x}.", "Bring me to {x}.", "I need the page about {x}.", "Find {x}.", "Let me see {x}.",
]  # fmt: skip
LOOKUP = [
    "What is the {f} of {x}?", "Find the {f} of {x}.", "Tell me the {f} of {x}.", "What {f} does {x} have?",
    "Look up the {f} for {x}.", "Which {f} is given for {x}?", "Report the {f} of {x}.", "{f} of {x}?", "{x}: {f}?",
    "Open {x} and tell me its {f}.", "Check {x}: what is its {f}?", "I need the {f} of {x}.", "For {x}, give the {f}.",
    "What is {x}'s {f}?", "Find {x} and answer with its {f}.", "What does the page of {x} say about {f}?",
    "What is given as {f} for {x}?", "What does it say under {f} for {x}?", "What's the {f} for {x}?",
    "{x}: what is shown for {f}?", "Read off the {f} that {x} has.", "Which {f} is listed for {x}?",
    "What {f} is shown for {x}?", "Do you know the {f} of {x}?", "Find out what {x} has as {f}.",
    "Which {f} does {x} use?", "Which {f} took care of {x}?", "Which {f} brought {x}?", "What {f} was {x} given?",
    "Which {f} goes with {x}?", "Under which {f} is {x}?", "{x} has which {f}?", "Which {f} is {x} with?",
    "In which {f} is {x}?", "By which {f} is {x}?", "From which {f} does {x} come?",
]  # fmt: skip
ITS = [
    "tell me its {f}", "what is its {f}?", "say what its {f} is", "report the {f}", "what {f} does it have?",
    "give me the {f}", "answer with its {f}", "read me the {f}",
]  # fmt: skip
SEARCH = [
    "Search for {x}.", "Use the search to find {x}.", "Look for {x} with the search box.", "Search {x}.",
    "Run a search for {x}.", "Do a search for {x}.", "Look up {x} through the search.", "Type {x} into the search.",
    "Search this site for {x}.", "What comes up for {x}? Search for it.", "See what the search finds for {x}.",
    "Enter {x} in the search field.",
]  # fmt: skip
FOUND = [
    "Search for {x} and open it.", "Find {x} by searching and open its page.", "Use search to get to {x}.",
    "Search for {x}, then open the result.", "Look {x} up and go to its page.", "Look for {x} and open what you find.",
]  # fmt: skip
CATEGORY = [
    "Show only {c}.", "Filter the {ns} by {c}.", "List the {ns} in {c}.", "Show the {c} {ns}.", "Narrow down to {c}.",
    "Pick {c} under {l}.", "Choose {c} for {l}.", "Change {l} to {c}.", "Filter the list by {l} {c}.",
    "Only {c}, please.",
    "I want only {c}.", "Open the {c} category.", "Set {l} to {c}.", "Browse {c}.", "Limit the list to {c}.",
    "Show me just the {c} {ns}.", "I only want to see the {c} ones.", "Which {ns} are {c}? Show them.",
    "Leave out everything that is not {c}.", "Let me see all {c} {ns}.", "Show nothing but {c}.",
]  # fmt: skip
ORDER = [
    "Sort the {ns} by {o}.", "Order the list by {o}.", "Sort by {o}.", "Arrange the {ns}: {o}.",
    "List the {ns} by {o}.",
    "Put the {ns} in the order {o}.", "Change the sorting to {o}.", "Show the {ns} with {o} order.", "{o}, please.",
    "Show {o}.", "I want to see {o}.", "Line up the {ns}, {o}.", "Have the list sorted: {o}.",
]  # fmt: skip
MOST = [
    "Which {n} is the {m}?", "What is the {m} {n}?", "Find the {m} {n}.", "Name the {m} {n}.",
    "Which is the {m} of the {ns}?",
    "Tell me the {m} {n}.", "Which of the {ns} is the {m}?", "What is the name of the {m} {n}?", "The {m} {n}?",
]  # fmt: skip
LOWEST = [
    "Which {n} has the lowest {f}?", "Find the {n} with the smallest {f}.", "What is the {n} with the least {f}?",
    "Name the {n} that has the lowest {f}.", "Which {n} is lowest in {f}?", "Which of the {ns} has the minimum {f}?",
    "Which {n} comes first by {f}?", "Which {n} has the fewest {f}?",
]  # fmt: skip
HIGHEST = [
    "Which {n} has the highest {f}?", "Find the {n} with the greatest {f}.", "What is the {n} with the most {f}?",
    "Name the {n} that has the highest {f}.", "Which {n} is highest in {f}?", "Which of the {ns} has the largest {f}?",
    "Which {n} comes last by {f}?", "Which {n} has the most {f}?",
]  # fmt: skip
COUNT = [
    "How many {ns} are in {c}?", "Count the {ns} in {c}.", "What is the number of {ns} in {c}?", "How many are {c}?",
    "How many {c} {ns} are there?", "Tell me how many {ns} {c} has.", "How many {ns} are {c}?",
    "How many {c} ones are there?",
    "How many {ns} belong to {c}?", "{c}: how many {ns}?", "Count the {c} {ns}.",
    "How many {ns} do you find under {c}?",
]  # fmt: skip
COUNT_ALL = [
    "How many {ns} are there?", "How many {ns} are listed?", "Count the {ns}.", "What is the number of {ns}?",
    "How many {ns} are there in all?", "How many entries does the list have?",
]  # fmt: skip
SWITCH = [
    "{t} {x}.", "{t} for {x}.", "Press {t} for {x}.", "Open {x} and press {t}.", "Click {t} on {x}.", "Use {t} on {x}.",
    "Use the button {t} of {x}.", "{t}: {x}.", "For {x}, use {t}.", "Your task is to press {t} for {x}.",
    "Go to {x} and {t} it.", "Find {x} and choose {t}.", "For {x}, press the {t} button.", "I'd like to {t} {x}.",
]  # fmt: skip
OFF = [
    "Undo {t} for {x}.", "{o} {x}.", "{o} for {x}.", "No more {t} for {x}.", "Take back {t} on {x}.",
    "Press {o} on {x}.",
    "I no longer want {t} on {x}.", "{x} should not be {t} any more: {o}.", "Cancel {t} for {x}.",
    "Turn off {t} for {x}.",
]  # fmt: skip
SET = [
    "set {f} to {v}", "change {f} to {v}", "put {v} as the {f}", "enter {v} for {f}", "choose {v} as {f}", "{f} is {v}",
    "make the {f} {v}", "{f} {v}", "{f}: {v}", "use {v} for {f}", "fill in {v} for {f}", "select {v} for {f}",
    "{v} as {f}",
    "with {v} as {f}", "type {v} into {f}", "{f} should be {v}", "update {f} to {v}", "pick {v} for {f}",
    "with {f} {v}",
    "use the {f} {v}", "put {v} under {f}", "the {f} is {v}", "give {v} as {f}", "change the {f} to {v}",
    "add the {f} {v}",
]  # fmt: skip
CHANGE = [
    "Change the {f} of {x} to {v}.", "Set the {f} of {x} to {v}.", "Edit {x}: {f} should be {v}.", "{x}: {f} {v}.",
    "Update {x} so that its {f} is {v}.", "Give {x} the {f} {v}.", "{x} needs {v} as its {f}; save that.",
    "The {f} of {x} is {v} now.", "The {f} of {x} is wrong, it should be {v}.", "Correct the {f} of {x}: {v}.",
    "Set {x} to {f} {v}.", "{x} has the {f} {v} from now on.", "Make {v} the {f} of {x}.", "Put {v} as the {f} of {x}.",
    "Replace the {f} of {x} by {v}.", "Change {x} to {f} {v}.", "Enter {v} as the {f} of {x}.",
]  # fmt: skip
TICK = ["tick {f}", "check {f}", "turn on {f}", "enable {f}", "select {f}", "switch {f} on", "with {f}", "I want {f}",
        "activate {f}", "yes to {f}"]  # fmt: skip
UNTICK = ["untick {f}", "uncheck {f}", "turn off {f}", "disable {f}", "switch {f} off", "without {f}", "no {f}",
          "I don't want {f}"]  # fmt: skip
THEN = ["then press {s}", "and {s}", "and press {s}", "then click {s}", "and submit", "and save", "and send it",
        "then submit it", "and confirm with {s}", "", "", "", "", "and submit the form"]  # fmt: skip
WHERE = [
    "On the {p} page, {a}.", "Open {p} and {a}.", "Go to {p}: {a}.", "In {p}, {a}.", "Fill in {p}: {a}.", "{p}: {a}.",
    "Use {p} to {a}.", "{a}, on {p}.", "Under {p}, {a}.", "Complete the {p} form: {a}.", "At {p}, {a}.",
    "For {p}, {a}.",
    "In my {p}, {a}.", "{a} in my {p}.",
]  # fmt: skip
HERE_LOOKUP = [
    "What is the {f} of this {n}?", "What is the {f} here?", "Tell me the {f} of this {n}.", "What's the {f}?", "{f}?",
    "Which {f} does this {n} have?", "Read the {f} on this page.", "What does this page give as {f}?",
    "Answer with this {n}'s {f}.", "Find the {f} on this page.", "What {f} does this have?",
]  # fmt: skip
HERE_SWITCH = [
    "{t} this {n}.", "Press {t}.", "Use the button {t}.", "Click {t} here.", "{t}.", "Press the {t} button.",
    "{t} this.",
    "Use {t} on this page.", "{t} it.",
]  # fmt: skip
OPTED = [
    "{s} {x} in {v}.", "{s} {x} with {v}.", "{s} the {x}, {f} {v}.", "I want {x} in {v}: {s}.", "{x}, {v}: {s}.",
    "{s}: {x} with {f} {v}.", "Take {v} for {x} and {s}.", "{s} {x} ({f} {v}).",
]  # fmt: skip
OPENED = [
    "{o} {x}: {a}.", "{o} {x} and {a}.", "{o} for {x}: {a}.", "{o} on {x}, {a}.", "{o} {x}, {a}.", "{x}: {o}, {a}.",
    "For {x}, {o} and {a}.",
]  # fmt: skip
ENDED = [
    "{o} {x} as {v}.", "{o} {x} with the {f} {v}.", "{o} {x}: {v}.", "{o} {x}, {f} {v}.", "{o} {x} because of {v}.",
    "{x} is to be {v}: {o} it.", "{o} {x} with {v} as the {f}.",
]  # fmt: skip
VERSUS_MORE = [
    "Which has the higher {f}, {x} or {y}?", "Which of {x} and {y} has more {f}?", "{x} or {y}: which {f} is higher?",
    "Is the {f} of {x} or of {y} greater?", "Does {x} or {y} have the larger {f}?",
]  # fmt: skip
VERSUS_LESS = [
    "Which has the lower {f}, {x} or {y}?", "Which of {x} and {y} has less {f}?", "{x} or {y}: which {f} is lower?",
    "Is the {f} of {x} or of {y} smaller?", "Does {x} or {y} have the smaller {f}?",
]  # fmt: skip
VERSUS = ["Which is {m}, {x} or {y}?", "Is {x} or {y} {m}?", "{x} or {y}, which is {m}?"]
COUNT_BOTH = [
    "How many {c} {ns} are {d}?", "How many {ns} in {c} are {d}?", "How many {d} {ns} are there in {c}?",
    "Count the {c} {ns} that are {d}.", "How many of the {c} {ns} are {d}?", "How many {ns} are both {c} and {d}?",
]  # fmt: skip
FIRST_OPEN = ["open the first result", "open the first one", "go to the first {n}", "open the one at the top"]
FIRST_NAME = ["name the first one", "tell me the first result", "which {n} comes first?", "say which one is at the top"]
HERE_FORM = ["{a}.", "Here, {a}.", "On this page, {a}.", "{a}.", "Your task is to {a}.", "For this {n}, {a}."]
STATED = [
    "What is the {f} on the {x}?", "Open {x} and tell me the {f}.", "According to {x}, what is the {f}?",
    "Which {f} does {x} give?", "Find the {f} under {x}.", "What {f} is given on {x}?", "Look at {x}: what is the {f}?",
]  # fmt: skip
GRID = [
    "What is the {f} for {r} under {c}?", "What is the {f} for {r} and {c}?", "{f} for {r}, {c}?",
    "For {r} and {c}, what is the {f}?",
    "In {x}, what does {r} get under {c}?", "How is {r} with {c} on {x}?", "What does {x} say for {r} when it is {c}?",
    "What {f} applies to {c} {r}?", "What is the {c} {f} for {r}?", "Look in {x}: {r}, {c}?",
]  # fmt: skip
TIMETABLE = [
    "When does {x} {v} on {r}?", "At what time does {x} {v} on {r}?", "On {r}, when does {x} {v}?", "{x}: when does it "
    "{v} on {r}?", "Until when can I go to {x} on {r}, when it {vs}?", "What time does {x} {v} {r}?",
    "What does {x} give for {r} under {vs}?",
]  # fmt: skip
QUANTITY = [
    "Change the {f} of {x} to {v}.", "Set the {f} of {x} to {v}.", "Make it {v} of {x}.", "I want {v} of {x}.",
    "{v} of {x}, not {w}.",
    "In {l}, set {x} to {v}.", "Update the {f} for {x} in {l} to {v}.", "{x}: {v} instead of {w}.",
    "I need {v} {x} in {l}.",
]  # fmt: skip
SUB = [
    "Open the {t} of {x}.", "Show the {t} of {x}.", "Go to {x} and open its {t}.", "Let me see the {t} of {x}.",
    "{t} of {x}.",
    "Find {x} and look at its {t}.", "For {x}, bring up the {t}.",
]  # fmt: skip
LINKS = [
    "{h} and {b}", "{h} and then {b}", "{h}, then {b}", "{a} Then {b}", "First {l} Then {b}", "{a} After that, {b}",
    "{h}; {b}",
    "{a} Afterwards {b}", "{a} Next, {b}", "{a} And {b}", "{a} Also {b}", "{h}. When that is done, {b}", "{h}, and {b}",
]  # fmt: skip
_IMPERATIVES = frozenset(
    "open go show find take set change put enter make use fill pick update give edit search look list filter choose "
    "sort press click mark move keep add remove delete turn switch tell name count get bring visit navigate let".split()
)
_EXACT = ("Answer as written there.", "Give the exact words.", "Answer as it is written.", "Just the answer, please.")
_NUMBER = ("Answer with a number.", "Just the number.", "Give the number.", "A number is enough.")
_ASIDES = ("I'd like to know: ", "Quick question: ", "Can you tell me: ", "Tell me: ", "Question: ")
_ARTICLES = re.compile(r"\b(the|my|this) (?:the|this|my) ", re.IGNORECASE)
_STOPS = re.compile(r"([?!.])[.,?]+(?=\s|$)")
_NAMES = frozenset("xycdovptlsrw")


def spoken(rng: Random) -> bool:
    """Whether a wording is to come from `agents.speech`, one source among others."""
    return rng.random() < 0.35


def marked(rng: Random, text: str) -> str:
    """A name in quotes, or mostly not."""
    marks = rng.choice(("", "", "", "", "", "", "", '"', '"', "'"))
    return f"{marks}{text}{marks}"


def say(rng: Random, patterns: Sequence[str], **parts: str) -> str:
    """A wording with its parts filled in, with a capital at the start."""
    marks = rng.choice(("", "", "", "", "", "", "", '"', '"', "'"))
    given = {
        key: f"{marks}{part}{marks}" if key in _NAMES and part[:4] not in ("the ", "this", "it", "my ") else part
        for key, part in parts.items()
    }
    return capital(rng.choice(patterns).format(**given))


def capital(text: str) -> str:
    """With a capital at the start."""
    return text[:1].upper() + text[1:]


def smooth(text: str) -> str:
    """Without the seams of filling in: doubled articles and stops."""
    text = _ARTICLES.sub(r"\1 ", text)
    return _STOPS.sub(r"\1", text).replace(" .", ".")


def lower(text: str) -> str:
    """With a small letter at the start, unless that is "I"."""
    return text if text.startswith(("I ", "I'")) else text[:1].lower() + text[1:]


def polished(rng: Random, text: str, *, asks: bool, number: bool = False) -> str:
    """With what people say around a wish: please, thanks, how to answer; sometimes without capitals or full stop."""
    text = capital(smooth(text))
    first = text.split(" ", 1)[0].strip(",.:?!").lower()
    if asks and rng.random() < 0.1:
        text = rng.choice(_ASIDES) + lower(text)
    elif first in _IMPERATIVES and rng.random() < 0.25:
        bare = text.rstrip(".")
        text = rng.choice(
            ("Please {a}.", "Please {a}.", "Could you {a}?", "I want you to {a}.", "Can you {a} for me?", "Now {a}.",
             "{A}, please.", "{A} for me.", "{A} on this site.", "{A}. Thanks!", "Would you {a}?", "You should {a}.")
        ).format(a=lower(bare), A=bare)  # fmt: skip
    if asks and rng.random() < 0.12:
        text = f"{text} {rng.choice(_NUMBER if number and rng.random() < 0.7 else _EXACT)}"
    if rng.random() < 0.12:
        text = text.rstrip(".")
    text = smooth(text)
    return text[:1].lower() + text[1:] if rng.random() < 0.12 else text


@dataclass(frozen=True)
class Mention:
    """What an instruction calls a record, and what to search for then."""

    text: str
    query: str


def mention(site: Website, index: int, rng: Random) -> Mention:
    """A record by its name, with its noun, or by words of its name that no other record has all of."""
    name = site.records[index].name
    pick = rng.random()
    if pick < 0.56:
        return Mention(name, name)
    part = _part(site, index, rng) if pick > 0.72 else name
    shown = part.lower() if rng.random() < 0.3 else part
    pattern = rng.choice(("the {p} {n}", "{p} {n}", "the {p}", "{p}", "the {n} {p}", "{n} {p}", "the {n} called {p}",
                          "the {n} on {p}", "the {n} about {p}", "the {n} with {p}", "the {n} named {p}"))  # fmt: skip
    return Mention(pattern.format(p=shown, n=site.noun), part)


def subject(site: Website, rng: Random, index: int | None, called: Mention | None) -> tuple[int, Mention]:
    """The record that an exercise is about and what it is called, chosen by chance where they are not given."""
    index = rng.randrange(len(site.records)) if index is None else index
    return index, called or mention(site, index, rng)


def _part(site: Website, index: int, rng: Random) -> str:
    name = site.records[index].name
    words = name.split()
    if len(words) < 2:
        return name
    kept = sorted(rng.sample(range(len(words)), rng.randint(1, len(words) - 1)))
    if rng.random() < 0.2:
        rng.shuffle(kept)
    some = {words[i].lower() for i in kept}
    others = (set(r.name.lower().split()) for i, r in enumerate(site.records) if i != index)
    return name if any(some <= other for other in others) else " ".join(words[i] for i in kept)


def field_name(site: Website, rng: Random, label: str) -> str:
    """A field as a person would speak of it: as written, in lower case, or by other words."""
    known = site.meaning.get(label)
    pick = rng.random()
    if known is not None and known.words and label in known.labels and pick < 0.3:
        return rng.choice(known.words)
    return label.lower() if pick < 0.8 else label


def question(site: Website, rng: Random, label: str, value: str, called: str) -> str:
    """A question for a field of something."""
    known = site.meaning.get(label)
    if spoken(rng) and (made := speech.questions(label, value)):
        return capital(rng.choice(made).format(record=called))
    always = known is not None and known.kind == "long" and not known.words  # a word and its meaning
    if known is not None and known.asks and label in known.labels and (always or rng.random() < 0.55):
        return capital(rng.choice(known.asks).format(x=called, n=site.noun))
    name = field_name(site, rng, label)
    if called == "it":
        return capital(rng.choice(ITS).format(f=name))
    if called.startswith("this"):
        return say(rng, HERE_LOOKUP, f=name, n=site.noun)
    return say(rng, LOOKUP, x=called, f=name)


def toggle_words(rng: Random, pair: tuple[str, str], *, off: bool) -> tuple[str, ...]:
    """What people say instead of a switch's label, with `{x}`; nothing where they would read the label."""
    label = pair[1] if off else pair[0]
    if spoken(rng) and (made := speech.requests(label)):
        return tuple(text.replace("{record}", "{x}") for text in made if text.count("{") == text.count("{record}"))
    words = lexicon.SWITCHES.get(pair, ((), ()))[1 if off else 0]
    return words if rng.random() < 0.55 else ()
