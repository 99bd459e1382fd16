"""Questions and answers of the help page."""

from __future__ import annotations

QUESTIONS = (
    (
        "How long does delivery take?",
        "Standard delivery takes 3 to 5 working days and costs $4.90. Express delivery takes 1 working day and costs "
        "$11.90. Store pick-up is free and ready after 2 days.",
    ),
    (
        "How do I return something?",
        "You have 45 days to send goods back. Open the order, choose a reason and register the return.",
    ),
    ("What does gift wrapping cost?", "Nothing. Tick the box when you check out; we use recycled paper and string."),
    (
        "Do you repair what you sell?",
        "Yes. Our workshop in Penhallow repairs tents, boots and stoves for a flat fee of $18.",
    ),
    ("Can I buy for my company?", "Write to trade@fernway.example. Trade customers pay within 30 days."),
    ("How do discount codes work?", "Type the code into the field in your cart. Only one code applies to an order."),
    ("Do you have gift cards?", "Gift cards of $25, $50 and $100 are sold in every store. They are valid for 4 years."),
    ("Can I try tents before I buy?", "Stores with gear rental lend most tents for $12 a night."),
)
