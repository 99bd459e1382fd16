"""What every section of the configuration is."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Base of the sections: immutable, unknown names forbidden, defaults validated."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
