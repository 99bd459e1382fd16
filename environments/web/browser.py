"""Chromium: finding one, starting it behind the filtering proxy, and starting it again when it dies."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from playwright.async_api import Browser, Error, Playwright

from core.config import BrowserConfig
from core.errors import EnvironmentFault, UserError

# The headless shell needs the least CPU and memory of them, so it goes first; a window needs a whole browser.
_SHELLS = ("chromium-headless-shell", "chrome-headless-shell")
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
)


def find_executable(config: BrowserConfig, playwright: Playwright | None = None) -> str:
    """Path of a Chromium: the configured one, one of the system, or Playwright's own.

    Raises `UserError` with the command that installs one.
    """
    if config.executable:
        if os.access(config.executable, os.X_OK):
            return str(config.executable)
        raise UserError(f"browser.executable = '{config.executable}' is not a program that can be run")
    for name in (*(_SHELLS if config.headless else ()), *_BROWSERS):
        found: str | None = shutil.which(name)
        if found:
            return found
    if playwright is not None:
        own = str(playwright.chromium.executable_path)
        if Path(own).exists():
            return own
    raise UserError(
        f"there is no Chromium here; install one with: {sys.executable} -m playwright install --with-deps chromium"
        " (or, on Debian and Ubuntu: sudo apt-get install chromium)"
    )


async def launch(playwright: Playwright, config: BrowserConfig, *, proxy_url: str, seconds: float = 30.0) -> Browser:
    """A browser all of whose traffic, loopback included, goes through the proxy; raises `EnvironmentFault`."""
    flags = [*_FLAGS]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        flags.append("--no-sandbox")
    try:
        return await playwright.chromium.launch(
            executable_path=find_executable(config, playwright),
            headless=config.headless,
            args=flags,
            proxy={"server": proxy_url, "bypass": "<-loopback>"},
            timeout=seconds * 1000,
            handle_sigint=False,  # Ctrl-C is the run's to handle; it closes the browser when the episode is recorded
            handle_sigterm=False,
            handle_sighup=False,
        )
    except Error as error:
        raise EnvironmentFault(f"the browser did not start: {error.message.splitlines()[0]}") from error
