"""Serves bundled sites from one process, each on a loopback port of its own, and the truth about them on another.

`python -m environments.sites.server shop kb --base-port 8100` serves until it is interrupted. With `--child` it
reads the truth token from the first line of standard input, and ends when that input closes: with its parent.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence

import uvicorn
from starlette.types import ASGIApp

from core.errors import UserError
from environments.sites.app import site_app
from environments.sites.registry import SITES, check_names, site_class
from environments.sites.sessions import SessionStore
from environments.sites.truth import truth_app

HOST = "127.0.0.1"


class _Server(uvicorn.Server):
    """One of several servers in a loop: signals are the business of whoever runs them all."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="off",
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=1,
                server_header=False,
            )
        )
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    names: Sequence[str],
    *,
    seed: int = 0,
    base_port: int = 0,
    token: str,
    ready: Callable[[dict[str, str], str], None],
    stop: asyncio.Event,
) -> None:
    """Serve the sites `names` until `stop` is set; `ready(urls by name, truth url)` is called once all listen.

    Site i listens on `base_port + i`, or on a free port when `base_port` is 0; the truth always on a free port.
    Raises `UserError` for an unknown site or a port that is taken.
    """
    sites = {name: site_class(name)(seed) for name in names}
    store = SessionStore()
    with contextlib.ExitStack() as open_sockets:
        ports = [base_port + index if base_port else 0 for index in range(len(sites))]
        sockets = [open_sockets.enter_context(_listen(port)) for port in (*ports, 0)]
        apps: list[ASGIApp] = [site_app(site, store) for site in sites.values()]
        apps.append(truth_app(sites, store, token))
        servers = [_Server(app) for app in apps]
        running = [
            asyncio.create_task(server.serve(sockets=[listener]))
            for server, listener in zip(servers, sockets, strict=True)
        ]
        await asyncio.gather(*(server.listening.wait() for server in servers))
        urls = [f"http://{HOST}:{listener.getsockname()[1]}" for listener in sockets]
        ready(dict(zip(sites, urls, strict=False)), urls[-1])
        await stop.wait()
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*running)


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise UserError(f"port {port} of {HOST} cannot be used ({error}); choose another --base-port") from error
    return listener


async def run(names: Sequence[str], *, seed: int, base_port: int, child: bool) -> None:
    """Serve until SIGINT or SIGTERM, or as a child until standard input closes; announces itself on standard output."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    token = sys.stdin.readline().strip() if child else secrets.token_urlsafe(32)

    def announce(urls: dict[str, str], truth: str) -> None:
        if child:
            print(json.dumps({"urls": urls, "truth": truth}), flush=True)
            threading.Thread(target=_await_parent, args=(loop, stop), daemon=True).start()
        else:
            for name, url in urls.items():
                print(f"{name}: {url}", flush=True)
            print(f"truth: {truth} (bearer token {token})", flush=True)

    await serve(names, seed=seed, base_port=base_port, token=token, ready=announce, stop=stop)


def _await_parent(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    # The descriptor itself: a blocked reader of sys.stdin would hold its lock when the interpreter ends.
    with contextlib.suppress(OSError):
        while os.read(sys.stdin.fileno(), 4096):
            pass
    with contextlib.suppress(RuntimeError):  # The loop is closed already.
        loop.call_soon_threadsafe(stop.set)


def main() -> int:
    """The command line; 2 after bad input."""
    parser = argparse.ArgumentParser(prog="python -m environments.sites.server", description=__doc__)
    parser.add_argument("names", nargs="*", default=["shop"], help=f"of {', '.join(SITES)}; the shop by default")
    parser.add_argument("--seed", type=int, default=0, help="seed of the records")
    parser.add_argument("--base-port", type=int, default=0, help="port of the first site; 0: free ports")
    parser.add_argument("--child", action="store_true", help="token from standard input; end when that closes")
    given = parser.parse_args()
    try:
        check_names(given.names)
        asyncio.run(run(given.names, seed=given.seed, base_port=given.base_port, child=given.child))
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
