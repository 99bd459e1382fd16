"""What fields of made-up sites mean: the labels on pages, what kind of value they hold, and how people ask for it.

People rarely use the word on the page ("How heavy is it?" under "Weight"), so every usual label comes with
other words, questions, superlatives and ways to ask for a change.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Concept:
    """Texts hold `{x}` for the record and `{v}` for a new value; `most` and `least` are superlatives."""

    labels: tuple[str, ...]
    kind: str
    words: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    most: tuple[str, ...] = ()
    least: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(";") if part.strip())


def _of(
    labels: str, kind: str, words: str = "", asks: str = "", most: str = "", least: str = "", changes: str = ""
) -> Concept:
    return Concept(*(_split(labels),), kind, *map(_split, (words, asks, most, least, changes)))


NUMERIC = (
    _of("Price; Cost; Fee; Rate; Charge", "money", "cost; price; amount to pay",
        "How much is {x}?; How much does {x} cost?; What do I pay for {x}?; What does {x} cost?; "
        "What would {x} cost me?",
        "most expensive; dearest; priciest; costliest", "cheapest; least expensive; most affordable",
        "let {x} cost {v}; charge {v} for {x}"),
    _of("Weight; Mass", "kg", "mass; weight",
        "How heavy is {x}?; What does {x} weigh?; How much does {x} weigh?; How many kilos is {x}?",
        "heaviest; weightiest", "lightest"),
    _of("Height; Elevation", "m", "height", "How tall is {x}?; How high is {x}?", "tallest; highest",
        "shortest; lowest"),
    _of("Length", "m", "length", "How long is {x}?", "longest", "shortest"),
    _of("Width; Breadth", "cm", "width", "How wide is {x}?; How broad is {x}?", "widest; broadest", "narrowest"),
    _of("Depth", "m", "depth", "How deep is {x}?; How far down does {x} go?", "deepest", "shallowest"),
    _of("Speed; Pace", "km/h", "speed", "How fast is {x}?; How quick is {x}?", "fastest; quickest", "slowest"),
    _of("Temperature", "°C", "temperature", "How warm is {x}?; How hot is {x}?; How cold is {x}?",
        "hottest; warmest", "coldest; coolest"),
    _of("Distance", "km", "distance", "How far away is {x}?; How far is {x}?; How far is it to {x}?",
        "farthest; most distant; furthest away", "nearest; closest"),
    _of("Age", "count", "age", "How old is {x}?; How many years old is {x}?", "oldest", "youngest"),
    _of("Year; Built; Founded", "year", "year",
        "When was {x} made?; From which year is {x}?; In what year was {x} made?; Which year is {x} from?",
        "newest; most recent; latest", "oldest; earliest"),
    _of("Released; Published; Added; Created; Opened", "date", "date; day",
        "When did {x} come out?; When was {x} added?; When was {x} made?; Since when does {x} exist?; "
        "What date is {x}?",
        "newest; latest; most recent; most recently added", "oldest; earliest; first"),
    _of("Rating; Score; Stars; Grade", "rating", "score; rating; marks",
        "How well is {x} rated?; How good is {x}?; How do people rate {x}?; How many stars does {x} have?",
        "best; best rated; top rated; highest rated", "worst; worst rated; lowest rated"),
    _of("Pages", "count", "number of pages; page count", "How many pages does {x} have?; How thick is {x}?",
        "longest; thickest", "shortest; thinnest"),
    _of("Capacity; Volume", "l", "capacity; how much fits", "How much does {x} hold?; How much fits into {x}?",
        "largest; roomiest; most spacious", "smallest"),
    _of("Duration; Time", "min", "duration; time needed",
        "How long does {x} take?; How long does {x} last?; How much time does {x} need?; How many minutes is {x}?",
        "longest", "shortest; quickest"),
    _of("Seats; Places; Sleeps", "count", "number of seats; room for people",
        "How many people can sit in {x}?; How many people fit in {x}?; For how many people is {x}?; "
        "How many can {x} take?",
        "largest; biggest", "smallest"),
    _of("Members; Participants; People", "count", "number of people; size of the group",
        "How many people belong to {x}?; How many people are in {x}?; How big is the group of {x}?", "biggest; largest",
        "smallest"),
    _of("Views; Visits; Downloads", "count", "number of visitors; popularity",
        "How often was {x} seen?; How popular is {x}?; How many people looked at {x}?", "most popular; most viewed",
        "least popular; least viewed"),
    _of("Votes; Likes; Points", "count", "number of votes", "How many people liked {x}?; How many votes did {x} get?",
        "most liked; most popular", "least liked; least popular"),
    _of("Size; Area", "m²", "size; dimensions", "How big is {x}?; How large is {x}?; What size is {x}?",
        "biggest; largest", "smallest; tiniest"),
    _of("Stock; Available; Left; Remaining", "count", "number left; availability",
        "How many of {x} are left?; How many of {x} are there?; How many of {x} can I still get?; "
        "How much of {x} remains?",
        "most available", "scarcest"),
    _of("Replies; Comments; Answers", "count", "number of replies",
        "How many people answered {x}?; How many replies has {x}?",
        "most discussed", "least discussed"),
    _of("Population; Inhabitants", "count", "number of inhabitants", "How many people live in {x}?",
        "most populous; biggest", "least populous; smallest"),
    _of("Power; Output", "w", "power", "How powerful is {x}?; How strong is {x}?; How many watts has {x}?",
        "most powerful; strongest", "weakest"),
    _of("Quantity; Count; Number", "count", "amount; quantity", "How many of {x} are there?", "most numerous", "rarest",
        "make it {v}; I need {v}; take {v}"),
)  # fmt: skip

TEXTUAL = (
    _of("Owner; Responsible; Manager; Keeper; Lead", "person", "person in charge; who looks after it; caretaker",
        "Who owns {x}?; Who is responsible for {x}?; Whose is {x}?; Who looks after {x}?; Who is in charge of {x}?; "
        "To whom does {x} belong?; Who runs {x}?",
        changes="make {v} responsible for {x}; hand {x} over to {v}; give {x} to {v}; pass {x} to {v}; "
        "let {v} take care of {x}; {v} should look after {x}; put {v} in charge of {x}"),
    _of("Author; Writer; Editor; Creator; Artist", "person", "writer; maker; who made it",
        "Who wrote {x}?; Who made {x}?; Who is behind {x}?; Who created {x}?; By whom is {x}?"),
    _of("Reporter; Requester; Sender; Customer; Guest", "person", "who sent it; who asked",
        "Who reported {x}?; Who sent {x}?; Who asked for {x}?; From whom is {x}?; Who raised {x}?"),
    _of("Instructor; Teacher; Guide; Trainer", "person", "teacher; who leads it",
        "Who teaches {x}?; Who leads {x}?; Who gives {x}?"),
    _of("Contact; Contact person", "person", "person to ask; who to ask",
        "Whom do I ask about {x}?; Who can help me with {x}?"),
    _of("Maker; Brand; Manufacturer; Producer; Supplier", "name", "company; manufacturer; firm",
        "Who makes {x}?; Which company makes {x}?; What brand is {x}?; Who produces {x}?; Where do they get {x} from?"),
    _of("Status; State; Progress; Stage; Condition", "status", "state; current state; how it stands",
        "How far is {x}?; What state is {x} in?; What has become of {x}?; Where does {x} stand?; How is {x} doing?; "
        "What is going on with {x}?; Is {x} finished?",
        changes="mark {x} as {v}; move {x} to {v}; put {x} on {v}; declare {x} {v}"),
    _of("Urgency; Severity; Importance; Level", "level", "urgency; importance; how pressing it is",
        "How urgent is {x}?; How important is {x}?; How pressing is {x}?; How serious is {x}?",
        changes="treat {x} as {v}; raise {x} to {v}; mark {x} as {v}; {x} is {v} now"),
    _of("Difficulty; Grade; Level", "level", "how hard it is", "How hard is {x}?; How difficult is {x}?; "
        "How easy is {x}?"),
    _of("Colour; Color; Shade; Finish", "colour", "colour; color; shade",
        "What colour is {x}?; In which colour does {x} come?; What does {x} look like?",
        changes="paint {x} {v}; make {x} {v}"),
    _of("Material; Fabric; Made of; Composition", "material", "what it is made of; stuff",
        "What is {x} made of?; What is {x} made from?; Out of what is {x} built?"),
    _of("Place; Location; Room; Venue; Shelf; Site", "place", "place; location; whereabouts; where it is",
        "Where is {x}?; Where do I find {x}?; Where is {x} kept?; Where can I see {x}?; In which place is {x}?; "
        "Where does {x} take place?",
        changes="move {x} to {v}; put {x} in {v}; bring {x} to {v}"),
    _of("City; Town; Country; Region", "place", "town; where it is",
        "Where is {x}?; In which city is {x}?; Where is {x} located?"),
    _of("Origin; Source; Provenance", "place", "where it comes from", "Where does {x} come from?; Where is {x} from?"),
    _of("Address; Street", "address", "address; where to go; postal address",
        "Where do I go for {x}?; Where is {x} to be found?"),
    _of("Phone; Telephone; Mobile; Hotline", "phone", "phone number; telephone number; number to call",
        "What number do I call for {x}?; How do I reach {x} by phone?; How can I call {x}?; "
        "Which number do I dial for {x}?"),
    _of("E-mail; Email; Mail", "email", "email address; mail address; where to write",
        "Where can I write to for {x}?; How can I reach {x} by mail?; To which address do I write about {x}?"),
    _of("Updated; Modified; Last change; Changed", "date", "last update; date of the last change",
        "When was {x} last changed?; When was {x} last updated?; How recent is {x}?; When was {x} last touched?"),
    _of("Created; Added; Posted; Received; Registered", "date", "creation date; day it was made",
        "When was {x} created?; When was {x} added?; When did {x} come in?; When was {x} sent?; "
        "How long has {x} existed?"),
    _of("Due; Deadline; Ends; Expires; Until; Closing", "date", "deadline; last day; end date; due day",
        "When does {x} end?; By when must {x} be done?; Until when is {x} valid?; How long is {x} open?; "
        "When is {x} due?; "
        "When does {x} run out?",
        changes="postpone {x} to {v}; extend {x} until {v}; {x} has to be done by {v}"),
    _of("Starts; Begins; Opens; Date; Departure", "date", "start; beginning; day",
        "When does {x} start?; When does {x} begin?; On which day is {x}?; When is {x}?",
        changes="move {x} to {v}; let {x} begin on {v}"),
    _of("Hours; Opening; Open", "hours", "opening hours; opening times",
        "When is {x} open?; When can I visit {x}?; At what times is {x} open?; How late is {x} open?"),
    _of("Guarantee; Warranty; Notice; Validity; Retention", "period", "guarantee; time limit; how long it is covered",
        "How long is {x} guaranteed?; How long is {x} covered?; For how long is {x} valid?"),
    _of("Delivery; Shipping; Processing; Response", "period", "waiting time; delivery time",
        "How long until {x} arrives?; How fast does {x} come?; How long do I wait for {x}?; How soon do I get {x}?"),
    _of("Language", "language", "language; tongue", "Which language is {x} in?; In what language is {x} written?"),
    _of("Format; Medium", "word", "format; file type", "What format is {x} in?; "
        "As what kind of file is {x} available?"),
    _of("Shape; Form", "word", "shape", "What shape is {x}?; What shape does {x} have?"),
    _of("Type; Kind; Sort; Class; Variety", "word", "type; kind; sort",
        "What kind of thing is {x}?; What sort of {n} is {x}?; "
        "What type of {n} is {x}?"),
    _of("Group; Team; Department; Unit", "name", "team; group; department",
        "Which team handles {x}?; Which group takes care of {x}?; "
        "Who deals with {x}?", changes="move {x} to {v}; give {x} to {v}"),
    _of("Code; Reference; Number; Serial; Identifier", "code", "reference number; code; identifier; number",
        "What is the number of {x}?; How is {x} numbered?; Under which number does {x} run?"),
    _of("Version; Edition; Model", "code", "version; edition", "Which version is {x}?; Which edition of {x} is it?; "
        "What model is {x}?"),
    _of("Care; Cleaning; Maintenance", "long", "how to care for it; care instructions",
        "How do I clean {x}?; How do I look after {x}?"),
    _of("Use; Purpose; Suitable for", "long", "what it is for; purpose",
        "What is {x} for?; What is {x} used for?; What can I do with {x}?"),
    _of("Contents; Includes; Ingredients; Parts", "long", "what is in it; what comes with it",
        "What is in {x}?; What comes with {x}?; What does {x} contain?; What does {x} consist of?"),
    _of("Reason; Cause; Motive", "long", "reason; why", "Why is there {x}?; What caused {x}?; "
        "What is the reason for {x}?"),
    _of("Summary; Description; Topic", "long", "what it is about; short description",
        "What is {x} about?; What does {x} deal with?"),
    _of("Requirements; Condition; Eligibility", "long", "what is required; conditions",
        "What do I need for {x}?; Who may use {x}?"),
    _of("Frequency; Schedule", "period", "how often", "How often does {x} happen?; How regularly does {x} take place?"),
    _of("Diet; Allergens; Warnings", "word", "what to watch out for", "What do I have to watch out for with {x}?"),
    _of("Access; Visibility; Audience", "status", "who can see it", "Who can see {x}?; Who has access to {x}?",
        changes="let {v} people see {x}; make {x} {v}"),
)  # fmt: skip

# Fields that are only ever entered.
ENTRIES = (
    _of("Name; Full name; Display name", "person", "name", changes="call {x} {v}; my name is {v}; rename {x} to {v}"),
    _of("First name; Given name", "first", "first name", changes="my first name is {v}"),
    _of("Last name; Surname; Family name", "last", "family name; surname", changes="my surname is {v}"),
    _of("Street; Address line", "address", "address", changes="I live at {v}; send it to {v}"),
    _of("Postcode; Zip; Postal code", "digits", "postcode; zip code"),
    _of("Comment; Message; Note; Remark; Reason; Details; Body", "long", "message; note; text",
        changes="write: {v}; say: {v}; with the words {v}; tell them {v}; note: {v}"),
    _of("Subject; Title; Heading; Topic", "name", "title; subject; heading",
        changes="call {x} {v}; it is about {v}; entitled {v}"),
    _of("Quantity; Amount; How many; Number of people; Guests; Copies", "small", "number; quantity; how many",
        changes="make it {v}; {v} of them; I need {v}; {v} pieces; for {v}"),
    _of("Date; Day; Arrival; Appointment", "date", "day; date", changes="for {v}; on {v}; it is on {v}"),
    _of("Phone; Telephone; Mobile", "phone", "phone number; telephone number; number to call",
        changes="I can be called at {v}; "
        "my new number is {v}"),
    _of("E-mail; Email", "email", "email address; mail address", changes="my address is {v}; write to me at {v}"),
    _of("City; Town", "place", "town; city", changes="I live in {v}"),
    _of("Country; Region", "place", "country"),
    _of("Code; Voucher; Reference; Coupon; Promo code", "code", "code",
        changes="use the code {v}; apply {v}; redeem {v}"),
    _of("Tag; Label; Keyword", "word", "tag; label; keyword", changes="tag it {v}; label it {v}"),
    _of("Company; Organisation; Employer", "name", "company; firm", changes="I work for {v}"),
    _of("Website; Link", "url", "web address; link"),
    _of("Language", "language", "language", changes="show everything in {v}; switch to {v}"),
    _of("Colour; Theme", "colour", "colour; look", changes="make it {v}; I want it in {v}; in {v}"),
    _of("Size", "size", "size", changes="in {v}; I take {v}; in size {v}"),
    _of("Frequency; Rhythm", "often", "how often", changes="send it {v}; {v} is enough"),
    _of("Time zone; Region", "place", "time zone"),
)  # fmt: skip
BY_LABEL = {label: concept for group in (ENTRIES, TEXTUAL, NUMERIC) for concept in group for label in concept.labels}
