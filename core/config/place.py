"""How long a run lasts, where it practises, and what of it is kept."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from core.config.section import Section


class RunConfig(Section):
    """How long, and from which seed."""

    seed: int = Field(0, ge=0)
    iterations: int | None = Field(None, ge=1, description="stop after this many iterations; None: no limit")
    minutes: float | None = Field(
        None, gt=0, description="budget of the whole run, exploration and evaluation included"
    )
    cost: float | None = Field(
        None, gt=0, description="currency units to spend on model endpoints, by their prices; None: no limit"
    )
    tokens: int | None = Field(None, ge=1, description="tokens to send to and get from model endpoints; None: no limit")


class SiteConfig(Section):
    """Where the agent may go, and how that place is put back as it was."""

    environment: str = Field("web", description="how the agent reaches it: a name among the environments")
    urls: tuple[str, ...] = Field(("shop",), min_length=1, description="URLs, or names of bundled sites")
    seed: int = Field(0, ge=0, description="seed of a bundled site's records")
    reset: str = Field(
        "",
        description="URL to request or command to run before an attempt; empty: a fresh session if bundled, else none",
    )
    reset_keeps_login: bool = Field(
        False, description="whether who was logged in still is after a reset; if not, the log-in hook runs again"
    )
    allowed_origins: tuple[str, ...] = Field(
        (), description="more origins that the browser may reach, as https://host[:port]"
    )
    storage_state: str = Field("", description="Playwright storage state file of a logged-in session")
    login: str = Field("", description="scripted log-in hook, as package.module:function")
    obey_robots: bool = True


class BrowserConfig(Section):
    """The browser behind the web environment."""

    executable: str = Field("", description="path of a Chromium; empty: look for one")
    contexts: int = Field(4, ge=1, description="episodes at once in one browser")
    processes: int = Field(1, ge=1)
    headless: bool = True
    screenshots: Literal["off", "some", "final", "every"] = Field(
        "some",
        description="of the end of an episode in eight, of the end of each, of every step; one costs 0.1 s. "
        "What the policy is shown (actor.observation) is pictured and kept in any case",
    )
    settle_quiet_ms: int = Field(40, ge=0)
    action_timeout: float = Field(5.0, gt=0)
    navigation_timeout: float = Field(15.0, gt=0)
    width: int = Field(1280, ge=200)
    height: int = Field(900, ge=200)


class RetentionConfig(Section):
    """What is kept when a run gets long."""

    screenshots_mb: int = Field(500, ge=0)
    weights: int = Field(3, ge=1, description="iterations whose weights are kept, beside the first and the last")
