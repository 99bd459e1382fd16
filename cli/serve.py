"""`autotelic serve`: an OpenAI-compatible endpoint over what a run has learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from serving.versions import Catalogue

KEY = "AUTOTELIC_SERVE_KEY"


def command(
    run_dir: Annotated[str, typer.Argument(help="The run's folder; or a model's folder, or 'embedded'.")],
    port: Annotated[int, typer.Option(help="Port to listen on; 0: a free one.")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    iteration: Annotated[
        int | None,
        typer.Option(help="What answers when a request names no model; the newest when left out.", show_default=False),
    ] = None,
    constrained: Annotated[
        bool | None,
        typer.Option(
            "--constrained/--free",
            help="Whether only what a page allows is written; as the run did, when left out.",
            show_default=False,
        ),
    ] = None,
    allow_updates: Annotated[
        bool, typer.Option("--allow-updates", help="Let clients load weights from folders on this machine.")
    ] = False,
) -> None:
    """Serve a run's policy to any OpenAI client, until Ctrl-C.

    Every kept iteration is a model of its own; [cyan]GET /v1/models[/cyan] lists them. With the environment variable
    [cyan]AUTOTELIC_SERVE_KEY[/cyan], clients have to send that key.

    [bold]Examples[/bold]

    [cyan]autotelic serve runs/shop-20260101-120000[/cyan]

    [cyan]autotelic serve embedded --port 9000[/cyan]
    """
    import asyncio
    import os
    import sys
    from dataclasses import replace

    from cli.configuration import not_negative
    from core.errors import UserError

    not_negative("--port", port)
    not_negative("--iteration", iteration)
    key = os.environ.get(KEY)
    if key is not None and not key.strip():
        raise UserError(f"{KEY} is empty; give it a key, or unset it")

    from transformers.utils import logging

    from discovery import endpoint
    from serving.listening import is_loopback, listen

    served = endpoint.find(run_dir, iteration=iteration)
    if constrained is not None:
        served = replace(served, constrained=constrained)
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    with listen(host, port) as listener:
        if not is_loopback(listener) and key is None:
            warning = f"whoever reaches {host} can use this endpoint, since there is no key; set {KEY} to require one"
            print(f"autotelic: {warning}", file=sys.stderr)
        shown = f"[{host}]" if ":" in host else host
        url = f"http://{shown}:{listener.getsockname()[1]}"

        def ready(catalogue: Catalogue) -> None:
            names = [version.name for version in catalogue.versions()]
            more = f"; also {', '.join(names[1:])}" if names[1:] else ""
            print(f"listening on {url}/v1 · {names[0]} answers{more}")
            print(_example(url, with_key=key is not None), flush=True)

        asyncio.run(endpoint.run(served, listener, allow_updates=allow_updates, key=key, ready=ready))


def _example(url: str, *, with_key: bool) -> str:
    import json

    prompt = 'task Open the basket\npage "Shop"\nlink "Basket"\nlink "Tents"'
    body = json.dumps({"messages": [{"role": "user", "content": prompt}], "max_tokens": 80})
    authorization = f' -H "Authorization: Bearer ${KEY}"' if with_key else ""
    return f"curl {url}/v1/chat/completions -H 'Content-Type: application/json'{authorization} -d '{body}'"
