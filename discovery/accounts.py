"""The model endpoints of a run: one client a role, one account for all of them, kept with the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.config import Config
from core.errors import ConfigError
from discovery.rundirectory import RunDirectory
from memory.screenshots import ScreenshotStore
from serving.ledger import Ledger

if TYPE_CHECKING:
    from serving.openai import OpenAIChat

FILE = "costs.json"


class Accounts:
    """Opens clients of the configured endpoint and writes down what they cost, in costs.json, over all sessions.

    A resumed run goes on from what it has spent. Raises `RunDirectoryError` when that file is damaged.
    """

    def __init__(self, config: Config, directory: RunDirectory) -> None:
        self._config = config
        self._directory = directory
        self._clients: list[OpenAIChat] = []
        self.ledger = Ledger(budget=config.run.cost, token_budget=config.run.tokens)
        kept = directory.read_json(FILE)
        if kept is not None:
            self.ledger.restore(kept)

    def client(self, role: str) -> OpenAIChat:
        """The endpoint's model in this role; raises `ConfigError` where none is configured, or its key is missing."""
        from serving.openai import OpenAIChat

        if not self._config.endpoint.base_url:
            raise ConfigError(
                f"the {role} asks a model; set endpoint.base_url and endpoint.model, as to http://127.0.0.1:8000/v1"
            )
        pictures = ScreenshotStore(self._directory.root / "screenshots")
        client = OpenAIChat(self._config.endpoint, role=role, ledger=self.ledger, load_image=pictures.read)
        self._clients.append(client)
        return client

    def save(self) -> None:
        """Write the account, once anything was asked; raises `StorageFault`."""
        if self.ledger.roles:
            self._directory.write_json(FILE, self.ledger.state())

    def line(self) -> dict[str, Any]:
        """What metrics.jsonl is told: spent so far by all roles; empty where nothing was asked."""
        if not self.ledger.roles:
            return {}
        return {"endpoint_cost": self.ledger.cost, "endpoint_tokens": self.ledger.tokens}

    async def close(self) -> None:
        """Close the connections and write the account."""
        clients, self._clients = self._clients, []
        try:
            for client in clients:
                await client.close()
        finally:
            self.save()
