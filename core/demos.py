"""Recordings: what a person did on a site, as lines of the action grammar with the page that each was done on.

A recording is one JSON file. `url` is what was recorded, an address or the name of a bundled site; addresses of a
bundled site are paths, since where it is served changes. What was secret stands there as `{secret}`. Files come from
anywhere, so that sizes are bounded, and a line that is not of the grammar makes the whole file unusable.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator

from core import actions
from core.errors import ActionError, UserError
from core.types import Record

SECRET = "{secret}"  # noqa: S105
MOST_STEPS = 500
LONGEST_URL = 2000
LONGEST_TITLE = 300
LONGEST_VIEW = 20_000
LONGEST_LINE = 20_000
LONGEST_TASK = 2000
_MOST_BYTES = 16_000_000

_Url = Annotated[str, Field(max_length=LONGEST_URL)]


class Seen(Record):
    """A page as it was seen; `view` is it in words, as `core.views` renders it."""

    url: _Url
    title: str = Field("", max_length=LONGEST_TITLE)
    view: str = Field("", max_length=LONGEST_VIEW)


class RecordedStep(Record):
    """A line of the action grammar, and the page before it was done."""

    action: str = Field(max_length=LONGEST_LINE)
    seen: Seen

    @field_validator("action")
    @classmethod
    def _is_an_action(cls, line: str) -> str:
        if "\n" in line:
            raise ValueError("an action is one line")
        try:
            actions.parse(line)
        except ActionError as error:
            raise ValueError(str(error)) from error
        return line


class Recording(Record):
    """One demonstration of a task; `final` is the page at its end."""

    format: Literal[1] = 1
    url: _Url
    task: str = Field(min_length=1, max_length=LONGEST_TASK)
    started_at: datetime
    steps: tuple[RecordedStep, ...] = Field((), max_length=MOST_STEPS)
    final: Seen

    @property
    def lines(self) -> tuple[str, ...]:
        """The actions."""
        return tuple(step.action for step in self.steps)

    def as_text(self) -> str:
        """The content of its file."""
        return self.model_dump_json(indent=1) + "\n"


def load(path: Path) -> Recording:
    """The recording of a file; raises `UserError` with the reason where there is none."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UserError(f"'{path}' is no recording: it is larger than {_MOST_BYTES // 1_000_000} MB")
        return Recording.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"there is no recording '{path}'; make one with autotelic demo record") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        why = f"{where}: {first['msg']}"
        raise UserError(f"'{path}' is no recording that can be used, record it again ({why})") from None
    except OSError as error:
        raise UserError(f"'{path}' cannot be read: {error.strerror or error}") from None
