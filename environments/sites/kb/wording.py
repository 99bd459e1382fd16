"""The words that handbook articles are made of, by section."""

from __future__ import annotations

PEOPLE = (
    ("Agnes Holloway", "People team", "Leeds"),
    ("Bruno Ferrante", "Finance", "Turin"),
    ("Chiara Solberg", "Platform", "Oslo"),
    ("Declan Murtagh", "Reliability", "Cork"),
    ("Esther Nakamura", "Security", "Osaka"),
    ("Florian Weiss", "Workplace", "Graz"),
    ("Gabriela Pinto", "Support", "Porto"),
    ("Henrik Dahl", "Data", "Aarhus"),
    ("Imogen Clarke", "Sales", "Bristol"),
    ("Jasper Koning", "Design", "Utrecht"),
)
HOURS = ("08:00 to 16:00", "09:00 to 17:00", "10:00 to 18:00", "07:30 to 15:30")

# The section's first owner by position in PEOPLE, tags, and opening sentences with the title as blank.
OWNERS = {
    "leave": 0, "expenses": 1, "engineering": 2, "oncall": 3, "security": 4,
    "workplace": 5, "support": 6, "data": 7, "sales": 8, "design": 9,
}  # fmt: skip
TAGS = {
    "leave": ("people", "absence", "approval", "calendar"),
    "expenses": ("money", "receipts", "approval", "cards"),
    "engineering": ("code", "release", "tooling", "quality"),
    "oncall": ("incident", "rota", "alerts", "reliability"),
    "security": ("risk", "accounts", "devices", "audit"),
    "workplace": ("office", "rooms", "safety", "access"),
    "support": ("customers", "replies", "targets", "phone"),
    "data": ("tables", "metrics", "exports", "privacy"),
    "sales": ("pricing", "contracts", "customers", "targets"),
    "design": ("visual", "layout", "writing", "quality"),
}
SUMMARIES = {
    "leave": (
        "How much time you may take, and who signs it off.",
        "Plan ahead and tell your manager early.",
        "What counts, what does not, and how it is recorded.",
    ),
    "expenses": (
        "What the company pays back, and up to which amount.",
        "Send the receipt within the month and name the project.",
        "Ask first when the sum is above the limit.",
    ),
    "engineering": (
        "The defaults that every service starts from.",
        "How a change travels from a branch to production.",
        "What reviewers look for before they approve.",
    ),
    "oncall": (
        "Who answers, how fast, and who is told next.",
        "Stay calm, write things down, ask for help early.",
        "What to do in the first quarter of an hour.",
    ),
    "security": (
        "The rule, the reason for it, and who grants exceptions.",
        "Small habits that keep customer data safe.",
        "When in doubt, report it.",
    ),
    "workplace": (
        "Where it is, when it is open, and whom to ask.",
        "Leave the place as you found it.",
        "Shared by all floors, booked on the day.",
    ),
    "support": (
        "What we promise, by plan, and how we measure it.",
        "Answer as a person, sign with your name.",
        "When to hand over to a second line.",
    ),
    "data": (
        "Where the numbers come from and when they are fresh.",
        "One definition for all reports.",
        "Who may read it, and how long it is kept.",
    ),
    "sales": (
        "What may be offered without asking.",
        "How the price comes about, step by step.",
        "Whom to call before anything is promised.",
    ),
    "design": (
        "Sizes and colours for all products.",
        "Use the component, do not draw it anew.",
        "What good looks like, with examples.",
    ),
}
EARLIER = ("First draft of the page.", "Short notes from the team meeting.", "Copied from the old handbook.")
HOW = (
    "Ask your team lead before you start.",
    "Fill in the form and wait for the reply.",
    "Read the table first, most questions are answered there.",
    "Check the figures against the table below.",
    "Tell the owner when something here is wrong.",
)
STEPS = (
    "Write down the reason", "Choose a date", "Tell the people affected", "Attach the file", "Note the reference",
    "Wait for approval", "Check the result", "Close the request", "Share the outcome",
)  # fmt: skip
NOTES = ("Clearer wording", "New figures", "Yearly review", "Fixed a typo", "Added steps", "Moved from the old wiki")
REMARKS = (
    "Thanks, this saved me an hour.",
    "Does this hold for contractors too?",
    "The figures match the contract.",
    "Please add an example.",
    "Step two was not clear to me.",
    "Still true after the change in spring.",
)

TERMS = (
    ("Acceptance note", "Written proof that a customer has received a delivery."),
    ("Backfill", "Loading past days into a table after a fault."),
    ("Blast radius", "How much breaks when one part fails."),
    ("Burn rate", "Money spent each month beyond income."),
    ("Canary", "A first small share of users who get a release."),
    ("Churn", "Share of customers who leave in a quarter."),
    ("Cold start", "The slow first request after a service wakes."),
    ("Cost centre", "The team that pays for a purchase."),
    ("Dark launch", "Code in production that nobody can see yet."),
    ("Dogfooding", "Using our own product at work."),
    ("Error budget", "Downtime that is allowed in a month."),
    ("Escrow", "Source code kept by a third party."),
    ("Fallback", "What a service does when another is down."),
    ("Freeze", "Weeks in which nothing is released."),
    ("Golden path", "The supported way to build a service."),
    ("Handover", "Passing the pager to the next person."),
    ("Idle lock", "A screen that locks by itself."),
    ("Joiner", "Somebody in the first month here."),
    ("Kill switch", "A flag that turns a feature off at once."),
    ("Ledger date", "The day on which a cost is booked."),
    ("Mean time to repair", "Average time from alert to fix."),
    ("North metric", "The one figure a product team follows."),
    ("Offboarding", "The steps when somebody leaves."),
    ("Pager", "The phone that rings for alerts."),
    ("Postmortem", "The written review after an incident."),
    ("Quorum", "How many copies must agree on a write."),
    ("Rollback", "Going back to the release before."),
    ("Runway", "Months until the money is spent."),
    ("Seat", "One paid user of the product."),
    ("Shadow shift", "A rota shift taken beside somebody senior."),
    ("Soak test", "Running a release for a day under load."),
    ("Tombstone", "A mark left where a record was deleted."),
    ("Uplift", "Price increase at renewal."),
    ("Vesting", "Earning shares over the years."),
    ("Warm spare", "A copy that can take over in a minute."),
    ("Zero touch", "A request done without human help."),
)
