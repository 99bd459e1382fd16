"""Labels built around a word that means nothing, and how people ask for such a field.

"Blomped by" holds who blomped something, and people ask "Who blomped it?" whatever blomping is: endings and
order tell. Reading questions by their grammar is learned here, whatever words a site uses.
"""

from __future__ import annotations

import re
from random import Random

from pretraining import lexicon
from pretraining.concepts import Concept

# Label; kind of value; questions. {v}: a verb, with its forms {ved} and {vs}; {n} and {ns}: a noun; {m}: another one;
# {u} and {us}: a unit of time. `{x}` stays, for the thing that is asked about.
_FRAMES = (
    ("{ved} by", "person", "Who {ved} {x}?; Who {vs} {x}?; By whom is {x} {ved}?; By whom was {x} {ved}?; "
     "Whose job is it to {v} {x}?; Who has to {v} {x}?; Who may {v} {x}?"),
    ("{ved} on", "date", "When was {x} {ved}?; On which day was {x} {ved}?; When did they {v} {x}?"),
    ("Last {ved}", "date", "When was {x} last {ved}?; When did someone last {v} {x}?"),
    ("{ved} at", "time", "At what time is {x} {ved}?; When is {x} {ved}?; When do they {v} {x}?"),
    ("{ved} at", "place", "Where is {x} {ved}?; Where do they {v} {x}?"),
    ("{ved} in", "place", "Where was {x} {ved}?; In which place is {x} {ved}?; Where do people {v} {x}?"),
    ("{ved} from", "place", "Where is {x} {ved} from?; From where do they {v} {x}?"),
    ("{ved} for", "name", "For whom is {x} {ved}?; Who is {x} {ved} for?; What is {x} {ved} for?"),
    ("{ved} with", "name", "With what is {x} {ved}?; What do they {v} {x} with?"),
    ("{vs} at", "time", "When does {x} {v}?; At what time does {x} {v}?"),
    ("{vs} on", "date", "When does {x} {v}?; On which day does {x} {v}?"),
    ("{vs}", "time", "When does {x} {v}?; At what time does {x} {v}?"),
    ("{v} after", "period", "After how long does {x} {v}?; When does {x} {v}?; How long until {x} {vs}?; "
     "After what time do I {v} {x}?"),
    ("{ved} within", "period", "How soon is {x} {ved}?; Within what time is {x} {ved}?; How long until {x} is {ved}?; "
     "How fast do they {v} {x}?"),
    ("{v} every", "period", "How often do they {v} {x}?; How often is {x} {ved}?; How often does {x} {v}?"),
    ("{n} limit", "money", "What is the limit for {ns} of {x}?; How much {n} does {x} allow?; "
     "What is the most {n} for {x}?"),
    ("{n} {m}", "name", "Which {m} does {x} have for {ns}?; What is the {m} of the {n} of {x}?; "
     "What {m} has the {n} of {x}?; Which {n} {m} does {x} use?"),
    ("{n} {m}", "money", "How much is the {m} for a {n} of {x}?; What is the {m} per {n} of {x}?"),
    ("{n} {m}", "code", "Which {m} is used for the {n} of {x}?; What is the {m} of {x}'s {n}?"),
    ("{n} length", "min", "How long is the {n} of {x}?; How long does a {n} of {x} take?; "
     "How long does {x}'s {n} last?"),
    ("{n} time", "period", "How long does the {n} of {x} take?; How long is the {n} for {x}?"),
    ("{n} size", "kg", "How big is the {n} of {x}?; How large is a {n} of {x}?"),
    ("{n} cost", "money", "How much is the {n} of {x}?; What does the {n} of {x} cost?; "
     "What do I pay for the {n} of {x}?"),
    ("{n} share", "percent", "How many percent is the {n} of {x}?; How much of {x} is {n}?; What share of {x} is {n}?"),
    ("{n} share", "percent", "How high is the {n} of {x}?"),
    ("{ns}", "count", "How many {ns} does {x} have?; How many {ns} are there in {x}?; How many {ns} has {x} got?; "
     "How many {ns} belong to {x}?; How many {ns} does {x} need?"),
    ("Number of {ns}", "count", "How many {ns} does {x} have?; How many {ns} are there for {x}?"),
    ("{n} in {us}", "small", "How many {us} of {n} does {x} have?; How many {us} is the {n} of {x}?; "
     "How many {us} does the {n} of {x} take?; How long is the {n} of {x}, in {us}?"),
    ("{ns} a {u}", "small", "How many {ns} a {u} does {x} give?; How many {ns} does {x} have in a {u}?; "
     "How many {ns} are there per {u} for {x}?"),
    ("{ns} per {u}", "count", "How many {ns} does {x} have in a {u}?; How many {ns} a {u} does {x} make?"),
    ("{n} name", "name", "What is the {n} of {x} called?; What is the name of {x}'s {n}?"),
    ("{n} place", "place", "Where is the {n} of {x}?; Where do I find the {n} of {x}?"),
    ("{n} date", "date", "When is the {n} of {x}?; On which day is the {n} of {x}?"),
    ("{n} person", "person", "Who is the {n} person of {x}?; Whom do I ask about {n} for {x}?"),
    ("{n}er", "person", "Who {vs} {x}?; Who is the {n}er of {x}?; Who {ved} {x}?"),
    ("{n} until", "date", "Until when does {x} have {n}?; How long is the {n} of {x} good for?"),
    ("{n} above", "money", "From which amount on does {x} need a {n}?; Above what amount is there a {n} for {x}?"),
    ("{m} {n}", "word", "Which {n} is {m} for {x}?; What is the {m} {n} for {x}?; Which {m} {n} has {x}?"),
    ("{m} {n}", "date", "When is the {m} {n} of {x}?"),
    ("{m} {n}", "person", "Who is the {m} {n} of {x}?; Who does {x} have as {m} {n}?"),
    ("Longest {n}", "period", "How long may a {n} of {x} be at most?; How long is the longest {n} for {x}?"),
    ("First {n}", "period", "How long until the first {n} of {x}?; How soon does {x} get a {n}?"),
)  # fmt: skip
_TERMS = (
    "What does {t} mean?", "What is meant by {t}?", "What is {t}?", "Explain {t}.", "How is {t} explained?",
    "What does {t} mean on {x}?", "Look up the meaning of {t}.", "Tell me what {t} means.", "Define {t}.",
    "Find {t} under {x} and tell me what it means.", "What does it say about {t}?", "What does {x} say about {t}?",
)  # fmt: skip


def field(rng: Random) -> Concept:
    """A made-up field: its label, the kind of its values, and questions for it."""
    label, kind, asks = rng.choice(_FRAMES)
    verb, noun, other = (_stem(rng) for _ in range(3))
    unit = rng.choice(("day", "week", "month", "year", "hour", "minute"))
    forms = {
        "v": verb, "ved": verb + ("d" if verb.endswith("e") else "ed"), "vs": lexicon.plural(verb),
        "n": verb if "{n}er" in label else noun, "ns": lexicon.plural(noun), "m": other, "u": unit, "us": f"{unit}s",
    }  # fmt: skip
    made = label.format(**forms)
    questions = tuple(one.strip().format(x="{x}", **forms) for one in asks.split(";"))
    return Concept((made[:1].upper() + made[1:],), kind, asks=questions)


def term(rng: Random, pseudo: float) -> Concept:
    """A word with a meaning, as in a glossary."""
    name = lexicon.name(rng, pseudo, 2)
    spoken = name.lower() if rng.random() < 0.7 else name
    return Concept((name,), "long", asks=tuple(one.format(t=spoken, x="{x}") for one in _TERMS))


def _stem(rng: Random) -> str:
    """A word that can take endings."""
    while not re.fullmatch("[a-z]{3,9}", made := lexicon.word(rng, 0.6).lower()):
        pass
    return made
