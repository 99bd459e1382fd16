"""Being logged in when an episode begins: a saved storage state, or a scripted hook that logs in once."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, cast

from playwright.async_api import Browser, Error, Page, StorageState

from core.errors import ConfigError, EnvironmentFault
from environments.web.redaction import Redactor, SecretEnviron

Hook = Callable[[Page, Mapping[str, str]], Awaitable[None]]
"""`async def log_in(page, environ)`: fills in the log-in form with values of environment variables."""

_SECONDS = 60.0


class Login:
    """Gives the storage state that episodes start with.

    The hook runs again when `epoch` has changed: resetting a site mostly forgets who was logged in.
    """

    def __init__(
        self,
        *,
        storage_state: str,
        hook: str,
        start_url: str,
        environ: Mapping[str, str],
        redactor: Redactor,
        epoch: Callable[[], int],
    ) -> None:
        self._saved = _load_state(storage_state) if storage_state else None
        self._hook = load_hook(hook) if hook else None
        self._start_url = start_url
        self._redactor = redactor
        self._environ = SecretEnviron(environ, redactor)
        self._epoch = epoch
        self._state: tuple[int, StorageState] | None = None  # with the epoch that it belongs to
        self._lock = asyncio.Lock()

    async def state(self, browser: Browser) -> StorageState | None:
        """Cookies and local storage of somebody logged in; raises `EnvironmentFault`."""
        if self._hook is None:
            return self._saved
        async with self._lock:
            epoch = self._epoch()
            if self._state is None or self._state[0] != epoch:
                self._state = epoch, await self._run(browser)
            return self._state[1]

    async def _run(self, browser: Browser) -> StorageState:
        assert self._hook is not None
        context = await browser.new_context(storage_state=self._saved)
        try:
            async with asyncio.timeout(_SECONDS):
                page = await context.new_page()
                await page.goto(self._start_url)
                await self._hook(page, self._environ)
                return await context.storage_state()
        except TimeoutError:
            raise EnvironmentFault(f"the log-in hook took longer than {_SECONDS:g} seconds") from None
        except KeyError as error:
            raise EnvironmentFault(f"the log-in hook needs the environment variable {error}: set it") from None
        except Exception as error:  # a hook is the user's code: whatever it raises means that nobody is logged in
            sentence = self._redactor.text(f"the log-in hook failed: {type(error).__name__}: {error}")
            raise EnvironmentFault(sentence) from None
        finally:
            with contextlib.suppress(Error):
                await context.close()


def _load_state(path: str) -> StorageState:
    try:
        state = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"site.storage_state = '{path}' cannot be read as a Playwright storage state: {error}"
        ) from None
    if not isinstance(state, dict) or not isinstance(state.get("cookies", []), list):
        raise ConfigError(f"site.storage_state = '{path}' is not a Playwright storage state: it needs 'cookies'")
    return cast(StorageState, state)


def load_hook(name: str) -> Hook:
    """The function that `package.module:function` names; raises `ConfigError`."""
    module_name, colon, function_name = name.partition(":")
    if not colon or not module_name or not function_name:
        raise ConfigError(f"site.login = '{name}' must be written as package.module:function")
    try:
        function: Any = getattr(importlib.import_module(module_name), function_name)
    except ImportError as error:
        raise ConfigError(f"site.login = '{name}': the module '{module_name}' cannot be imported: {error}") from None
    except AttributeError:
        raise ConfigError(f"site.login = '{name}': '{module_name}' has no '{function_name}'") from None
    if not asyncio.iscoroutinefunction(function):
        raise ConfigError(f"site.login = '{name}' must be an async function (page, environ)")
    return cast(Hook, function)
