"""What can be served of a run or a model folder, and how it is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from socket import socket

from core.errors import ConfigError, RunDirectoryError, UserError
from core.loading import weights_kind
from discovery.policies import model_folder
from discovery.rundirectory import RunDirectory, stored_config
from serving.listening import serve
from serving.server import application
from serving.versions import Catalogue, Shelf, Version, local_opener


@dataclass(frozen=True)
class Served:
    """Versions by name, newest first and the base model last, and how their policies are opened."""

    versions: Callable[[], list[Version]]
    default: str | None = None
    threads: int = 1
    max_batch: int = 32
    constrained: bool = False


def find(target: str, *, iteration: int | None = None) -> Served:
    """What `target` holds: 'embedded', a model folder or a run directory.

    `iteration` is what answers when no model is named, the newest when left out. Raises `UserError`.
    """
    folder = Path(target).expanduser()
    if (folder / "config.toml").is_file():
        return _run(folder, iteration)
    if target != "embedded" and not (folder / "config.json").is_file():
        raise UserError(f"'{target}' holds neither a run nor a model; name a run's folder, a model's, or 'embedded'")
    if iteration is not None:
        raise UserError(f"'{target}' is a model and has no iterations; leave out --iteration")
    base = Version(_name(target), model_folder(target))
    return Served(lambda: [base], constrained=target == "embedded")


async def run(
    served: Served,
    listener: socket,
    *,
    allow_updates: bool,
    key: str | None,
    ready: Callable[[Catalogue], None],
) -> None:
    """Serve until SIGINT or SIGTERM. `ready` is called when the default answers; raises `UserError`."""
    catalogue = Catalogue(served.versions, default=served.default)
    shelf = Shelf(
        local_opener(threads=served.threads, max_batch=served.max_batch, constrained=served.constrained),
    )
    try:
        async with shelf.borrow(catalogue.find(None)):
            pass
        app = application(catalogue, shelf, allow_updates=allow_updates, key=key)
        await serve(app, listener, ready=lambda: ready(catalogue))
    finally:
        await shelf.close()


def _run(folder: Path, iteration: int | None) -> Served:
    config = stored_config(folder)
    if config.policy.kind not in ("local", "served"):
        raise ConfigError(
            f"'{folder}' was run with policy.kind = '{config.policy.kind}'; only what learns here can be served"
        )
    directory = RunDirectory(folder)
    base: list[Version] = []
    with contextlib.suppress(ConfigError):  # the model that the run began with may have gone; iterations are whole
        base.append(Version(_name(config.policy.model), model_folder(config.policy.model)))

    def versions() -> list[Version]:
        found = (_kept(directory, number, base) for number in reversed(directory.stable()))
        return [version for version in found if version is not None] + base

    kept = [number for number in directory.stable() if _kept(directory, number, base) is not None]
    if not kept:
        raise RunDirectoryError(f"'{folder}' has no weights yet; serve it once its first iteration is written")
    if iteration is not None and iteration not in kept:
        raise RunDirectoryError(
            f"'{folder}' keeps no weights of iteration {iteration}; there are those of {', '.join(map(str, kept))}"
        )
    policy = config.policy
    return Served(
        versions,
        default=None if iteration is None else _iteration(iteration),
        threads=policy.threads,
        max_batch=policy.max_batch,
        constrained=policy.constrained,
    )


def _kept(directory: RunDirectory, number: int, base: list[Version]) -> Version | None:
    """An iteration's weights, unless they were dropped, or are an adapter to a base model that has gone."""
    weights = directory.weights(number)
    adapter = weights_kind(weights) == "adapter"
    # The weights first: every request asks, and of a long run few iterations have any.
    if not (adapter or (weights / "config.json").is_file()) or (state := directory.state(number)) is None:
        return None
    if not adapter:
        return Version(_iteration(number), weights, state["policy_version"])
    if not base:
        return None
    return Version(_iteration(number), base[0].folder, state["policy_version"], adapter=weights)


def _iteration(number: int) -> str:
    return f"iteration-{number:04d}"


def _name(model: str) -> str:
    return model if model == "embedded" else Path(model).expanduser().resolve().name
