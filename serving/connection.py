"""One attempt at a request: what is sent to an endpoint, and what its silence and its errors mean."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from serving.backoff import Backoff
from serving.keys import Key, loopback
from serving.retries import PASSING, Failed


class Connection:
    """An endpoint as the `openai` package reaches it; `name` is what messages call it.

    `timeout` is in seconds, for a whole attempt; `hint` ends the sentence that it cannot be reached.
    """

    def __init__(self, base_url: str, key: Key, backoff: Backoff, *, timeout: float, name: str, hint: str = "") -> None:
        self._base_url = base_url
        self._key = key
        self._backoff = backoff
        self._timeout = timeout
        self._name = name
        self._hint = hint
        self._client: Any = None

    async def post(self, path: str, body: Mapping[str, Any]) -> str:
        """What the endpoint answers to a body (JSON) at a path below its address, as it came; raises `Failed`."""
        return await self._ask("post", path, {"body": body})

    async def get(self, path: str) -> str:
        """What the endpoint shows at a path below its address, as it came; raises `Failed`."""
        return await self._ask("get", path, {})

    async def _ask(self, method: str, path: str, what: Mapping[str, Any]) -> str:
        import openai

        client = self._connected()
        # Without a key no header at all: not the placeholder that the package insists on.
        headers = {} if self._key else {"Authorization": openai.Omit()}
        try:
            # The package's time-outs are between two bytes; this one is for the whole.
            async with asyncio.timeout(self._timeout):
                answer: str = await getattr(client, method)(path, cast_to=str, **what, options={"headers": headers})
            return answer
        except openai.APIStatusError as error:
            failed = self._refused(error)
        except (TimeoutError, openai.APITimeoutError):
            failed = Failed(f"{self._name} did not answer within {self._timeout:g} s", again=True)
        except openai.APIConnectionError as error:
            why = self._key.told(str(error.__cause__ or "") or type(error.__cause__ or error).__name__)
            failed = Failed(f"{self._name} cannot be reached ({why}){self._hint}", again=True)
        except openai.OpenAIError as error:
            failed = Failed(f"{self._name} cannot be asked ({self._key.told(str(error))})")
        # Out here, so that a traceback does not show the package's error, which may hold the key.
        raise failed

    async def close(self) -> None:
        """Close the connections; a later attempt opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def _connected(self) -> Any:
        if self._client is None:
            import openai

            self._client = openai.AsyncOpenAI(
                base_url=self._base_url,
                api_key=self._key.reveal() or "none",
                max_retries=0,
                timeout=self._timeout,
                # What the environment says of proxies is not meant for this machine itself.
                http_client=openai.DefaultAsyncHttpxClient(trust_env=not loopback(self._base_url)),
            )
            # Read from the environment by the package, and no other server's business.
            self._client.organization = self._client.project = None
        return self._client

    def _refused(self, error: Any) -> Failed:
        """What an error status means; `error` is an `openai.APIStatusError`."""
        status: int = error.status_code
        message = error.body.get("message") if isinstance(error.body, dict) else None
        detail = self._key.told(str(message or error.body or ""))
        again = (status in PASSING or status >= 500) and error.code != "insufficient_quota"  # which no pause mends
        return Failed(
            f"{self._name} answered {status}" + (f" ({detail})" if detail else ""),
            again=again,
            asked=self._backoff.asked(error.response.headers.get("retry-after")),
            status=status,
            said=self._key.removed(str(error.body)),
        )
