"""A web application that nobody here wrote: a Roundup issue tracker, explored and learned from like any site.

    python3 -m venv TRACKER && TRACKER/bin/pip install roundup==2.6.0
    TRACKER/bin/python benchmarks/tracker_server.py TRACKER/home      # serves until it is interrupted
    python -m cli.main explore http://127.0.0.1:8917/ --config benchmarks/tracker.toml --output proposals.jsonl
    python -m cli.main run --config benchmarks/tracker.toml --minutes 15

`log_in` is the log-in hook that `benchmarks/tracker.toml` names.
"""

from __future__ import annotations

from collections.abc import Mapping

from playwright.async_api import Page

USER, PASSWORD = "mira", "practice"


async def log_in(page: Page, environ: Mapping[str, str]) -> None:  # noqa: ARG001 (no secret is needed)
    """Fill in the form beside the list of issues."""
    await page.fill("input[name=__login_name]", USER)
    await page.fill("input[name=__login_password]", PASSWORD)
    await page.click("input[type=submit][value=Login]")
    await page.wait_for_selector("text=Logout")
