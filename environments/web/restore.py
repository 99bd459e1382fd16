"""Putting a site that keeps one state for everybody back as it was: a URL to request, or a command to run."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable

from core.errors import ConfigError, EnvironmentFault

_SECONDS = 60.0


def restorer(reset: str, *, seconds: float = _SECONDS) -> Callable[[], Awaitable[None]]:
    """What `site.reset` asks for; raises `ConfigError` for a command that cannot be read."""
    if reset.startswith(("http://", "https://")):
        return lambda: _request(reset, seconds)
    try:
        words = shlex.split(reset)
    except ValueError as error:
        raise ConfigError(f"site.reset = {reset!r} cannot be read as a command: {error}") from error
    if not words:
        raise ConfigError("site.reset is empty: give a URL to request or a command to run")
    return lambda: _run(words, seconds)


async def _request(url: str, seconds: float) -> None:
    """Outside the browser: by POST, and by GET where the site does not take POST."""

    def ask() -> None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            opener.open(urllib.request.Request(url, data=b"", method="POST"), timeout=seconds).close()  # noqa: S310
        except urllib.error.HTTPError as error:
            error.close()
            if error.code not in (404, 405, 501):
                raise
            opener.open(url, timeout=seconds).close()

    try:
        await asyncio.to_thread(ask)
    except (OSError, ValueError) as error:
        raise EnvironmentFault(f"the site could not be reset by {url}: {error}") from error


async def _run(words: list[str], seconds: float) -> None:
    """Without a shell, in a process group of its own that ends with the time-out."""
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise EnvironmentFault(f"the reset command '{words[0]}' cannot be run: {error.strerror}") from error
    try:
        async with asyncio.timeout(seconds):
            _, complaint = await process.communicate()
    except TimeoutError:
        raise EnvironmentFault(f"the reset command '{words[0]}' took longer than {seconds:g} seconds") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode:
        said = complaint.decode(errors="replace").strip().splitlines()
        raise EnvironmentFault(
            f"the reset command '{words[0]}' ended with {process.returncode}" + (f": {said[-1][:300]}" if said else "")
        )
