"""What comes from pages, between delimiters that no page can know, so that a model can tell it from its orders."""

from __future__ import annotations

import re
import secrets
import unicodedata

# Signs that a reader could take for the delimiter's angle brackets, as single code points.
_OPENING, _CLOSING = (
    "<\uff1c\ufe64\u2039\u27e8\u3008\u2329\u00ab\u300a",
    ">\uff1e\ufe65\u203a\u27e9\u3009\u232a\u00bb\u300b",
)
_RUNS = re.compile(rf"[{_OPENING}]{{2,}}|[{_CLOSING}]{{2,}}")


class Fence:
    """The delimiter of one request; `token` is random unless a test names it.

    That the data is never to be obeyed is said by the prompts; the fence sees to it that data cannot end itself: runs
    of angle brackets, their look-alikes, the token, and characters that do not show are taken out of it.
    """

    def __init__(self, token: str = "") -> None:
        self.token = token or secrets.token_hex(8)

    @property
    def opening(self) -> str:
        """The line before data."""
        return f"<<<UNTRUSTED DATA {self.token}>>>"

    @property
    def closing(self) -> str:
        """The line after data."""
        return f"<<<END OF DATA {self.token}>>>"

    def around(self, title: str, data: str) -> str:
        """A titled block of data; the title has to be our own."""
        return f"{title} (untrusted data):\n{self.opening}\n{self.clean(data)}\n{self.closing}"

    def clean(self, data: str) -> str:
        """The data without anything that could pass for the delimiter."""
        shown = "".join(map(_shown, data))
        shown = re.sub(re.escape(self.token), "[token]", shown, flags=re.I)
        return _RUNS.sub(lambda run: "(" if run[0][0] in _OPENING else ")", shown)


def _shown(character: str) -> str:
    """The character as a reader sees it: other line ends and controls are a space, what is invisible is nothing."""
    kind = unicodedata.category(character)
    if character == "\n" or kind not in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return character
    return "" if kind in ("Cf", "Cs") else " "
