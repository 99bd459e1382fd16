"""Servers over the embedded model, each in a thread of its own, and what is asked of them."""

from __future__ import annotations

import asyncio
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from openai import AsyncOpenAI
from safetensors.torch import load_file, save_file

from serving import EMBEDDED
from serving.listening import Server, listen
from serving.server import application
from serving.versions import Catalogue, Shelf, Version, local_opener

PAGE = 'task Open the basket\npage "Shop"\nheading "Welcome"\nlink "Basket"\nlink "Tents"\ntextbox "Search"'
ASK = [{"role": "user", "content": PAGE}]


@contextmanager
def serving(known: list[Version], *, constrained: bool = True, **options: Any) -> Iterator[str]:
    """The address of a server in a thread of its own."""
    opened = Shelf(local_opener(constrained=constrained))
    app = application(Catalogue(lambda: known), opened, **options)
    started = threading.Event()
    server = Server(app, started.set)

    async def run(listener: socket.socket) -> None:
        await server.serve(sockets=[listener])
        await opened.close()

    with listen("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=lambda: asyncio.run(run(listener)))
        thread.start()
        started.wait()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded model after something that is not learning, but changes what it says."""
    folder = tmp_path_factory.mktemp("weights") / "changed"
    shutil.copytree(EMBEDDED, folder)
    generator = torch.Generator().manual_seed(0)
    weights = {
        name: weight + 0.05 * torch.randn(weight.shape, generator=generator).to(weight.dtype)
        for name, weight in load_file(EMBEDDED / "model.safetensors").items()
    }
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture(scope="module")
def url(changed: Path) -> Iterator[str]:
    with serving([Version("iteration-0001", changed, 1), Version("embedded", EMBEDDED, 0)]) as address:
        yield address


@pytest.fixture(scope="module")
def free() -> Iterator[str]:
    """A model that may write anything."""
    with serving([Version("free", EMBEDDED, 3)], constrained=False, max_body=20_000) as address:
        yield address


def client(url: str) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)


def ask(url: str, **settings: Any) -> dict[str, Any]:
    answer = httpx.post(f"{url}/v1/chat/completions", json={"messages": ASK, **settings}, timeout=60)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body
