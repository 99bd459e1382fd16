"""Looks at everything that a run will need before it starts, and starts nothing: no browser, no server, no folder."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from core.config import Config
from core.errors import AutotelicError, ConfigError, ModelFault, RunDirectoryError
from discovery import builders, machine, modelfacts, policies
from discovery.forecast import Facts, Reached
from discovery.modelfacts import ModelFacts
from serving import keys
from serving.keys import Key

_SECONDS = 8.0
_OURS = ("local", "served", "vllm")
_PORT = "FREE-PORT"

Ask = Callable[[str, Key], Awaitable[str]]
"""What an address (ending in /v1) answers when it is asked for its models; raises `ModelFault`."""


async def gather(
    config: Config, run_dir: Path, *, resume: bool = False, ask: Ask | None, environ: Mapping[str, str] = os.environ
) -> Facts:
    """The facts about a run that would have its folder at `run_dir`; without `ask` no address is asked anything."""
    problems: list[str] = []
    notes: list[str] = []
    with _noting(problems):
        _check_folder(run_dir, resume)
    _check_names(config, problems)
    model: ModelFacts | None = None
    command: tuple[str, ...] = ()
    if config.policy.kind in _OURS:
        with _noting(problems):
            model = modelfacts.read(policies.model_folder(config.policy.model))
        with _noting(problems if model is not None else []):  # what a model that is not there cannot do says nothing
            builders.policy_kind(builders.Context(config, run_dir, 0.0))
            if model is not None and config.training.lora_rank:
                model.adapter(config.training.lora_rank, config.training.lora_targets)
    origins: tuple[str, ...] = ()
    heldout, name = 0, ""
    if config.site.environment == "web":
        with _noting(problems):
            origins = _origins(config)
        with _noting(problems):
            _check_browser(config, environ)
    with _noting(problems):
        heldout, name = _heldout(config, notes)
    if config.proposer.kind == "language":
        from discovery import demonstrations

        with _noting(problems):
            demonstrations.load(config.language_proposer.demonstrations)
    if config.policy.kind == "vllm" and not config.vllm.urls:
        with _noting(problems):
            command = _command(config)
    servers = await asyncio.gather(*(_reach(url, key, name, ask) for url, key, name in _servers(config, environ)))
    problems += [one.fault for one in servers if one.fault]
    return Facts(
        machine=machine.look(),
        model=model,
        origins=origins,
        heldout=heldout,
        heldout_name=name,
        command=command,
        servers=tuple(servers),
        endpoint=await _endpoint(config, environ, ask, problems, notes),
        problems=tuple(dict.fromkeys(problems)),
        notes=tuple(notes),
    )


async def show_models(url: str, key: Key) -> str:
    """An `Ask` over the network: one GET within a few seconds."""
    from serving.backoff import Backoff
    from serving.connection import Connection

    connection = Connection(url, key, Backoff(1.0), timeout=_SECONDS, name=url)
    try:
        return await connection.get("/models")
    finally:
        await connection.close()


@contextmanager
def _noting(problems: list[str]) -> Iterator[None]:
    try:
        yield
    except AutotelicError as error:
        problems.append(str(error))


def _check_folder(folder: Path, resume: bool) -> None:
    """As `RunDirectory.create` and `resume`, which would make it."""
    if resume:
        return
    if folder.is_file():
        raise RunDirectoryError(f"'{folder}' is a file; choose another --run-dir")
    if (folder / "config.toml").exists():
        raise RunDirectoryError(f"'{folder}' already holds a run; add --resume to go on with it")
    if folder.is_dir() and any(folder.iterdir()):
        raise RunDirectoryError(f"'{folder}' is not empty and holds no run; choose another --run-dir")
    above = next(parent for parent in folder.absolute().parents if parent.exists())
    if not os.access(above, os.W_OK):
        raise RunDirectoryError(f"'{folder}' cannot be made: '{above}' cannot be written to; choose another --run-dir")


def _check_names(config: Config, problems: list[str]) -> None:
    from evals import judges

    for group, name in (
        ("environments", config.site.environment),
        ("proposers", config.proposer.kind),
        ("samplers", config.sampler.kind),
        ("policies", config.policy.kind),
    ):
        with _noting(problems):
            builders.find(group, name)
    with _noting(problems):
        judges.build(config.judge.kind)


def _origins(config: Config) -> tuple[str, ...]:
    """The origins that the browser may reach; those of bundled sites, served here, by their names."""
    from environments.sites.registry import check_names
    from environments.web.places import Places

    names = [url for url in config.site.urls if "://" not in url]
    if names and len(names) < len(config.site.urls):
        raise ConfigError("site.urls mixes bundled sites and URLs; a run takes either")
    check_names(names)
    urls = ["http://127.0.0.1"] if names else config.site.urls
    allowed = Places.of(urls, config.site.allowed_origins).origins
    if names:
        more = Places.of(config.site.allowed_origins).origins if config.site.allowed_origins else frozenset[str]()
        return (*(f"{name} (bundled, on 127.0.0.1)" for name in names), *sorted(more))
    return tuple(sorted(allowed))


def _check_browser(config: Config, environ: Mapping[str, str]) -> None:
    """Raises `UserError` where there is none, neither the system's nor, by its usual place, Playwright's own."""
    from environments.web.browser import find_executable

    own = Path(environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    if config.browser.executable or not any(own.glob("chromium*")):
        find_executable(config.browser)


def _heldout(config: Config, notes: list[str]) -> tuple[int, str]:
    from environments.sites.tasks import load_split
    from evals import taskfile

    if config.evaluation.heldout:
        found = taskfile.load(Path(config.evaluation.heldout))
        if found.summary:
            notes.append(found.summary)
        return len(found.tasks), config.evaluation.heldout
    name = config.site.urls[0]
    if config.site.environment != "web" or "://" in name or config.site.seed != 0:
        return 0, ""
    return len(load_split(name, "test")), f"{name}/test"


def _command(config: Config) -> tuple[str, ...]:
    """The command line of the server that would be started; raises `ConfigError` where its Python has no vLLM."""
    from serving.vllm_server import VLLMServer

    python = config.vllm.interpreter
    if python:
        path = Path(python).expanduser().absolute()
        if not os.access(path, os.X_OK):
            raise ConfigError(f"vllm.interpreter = '{python}' is not a program; 'make vllm-cpu' makes one for the CPU")
        home = path.parent.parent
        if (home / "pyvenv.cfg").is_file() and not any(home.glob("lib/python3*/site-packages/vllm")):
            raise ConfigError(f"'{python}' has no vLLM; install it there, or run 'make vllm-cpu' for the CPU")
    elif importlib.util.find_spec("vllm") is None:
        raise ConfigError(
            "there is no vLLM in this Python; pip install 'autotelic[vllm]', or run 'make vllm-cpu' and set"
            " vllm.interpreter=.venv-vllm/bin/python"
        )
    server = VLLMServer(
        Path(policies.model_folder(config.policy.model)),
        config.vllm,
        log=Path("vllm.log"),
        lora=config.training.lora_rank > 0,
        environment={},
    )
    words = ["autotelic-…" if word == server.name else word for word in server.command(config.vllm.port)]
    if not config.vllm.port:
        words[words.index("--port") + 1] = _PORT
    return tuple(words)


def _servers(config: Config, environ: Mapping[str, str]) -> list[tuple[str, Key, str]]:
    """Address, key and the key's variable of each server that the policy is attached to."""
    urls, name = {
        "served": (config.policy.urls, config.policy.key_env),
        "vllm": (config.vllm.urls, config.vllm.key_env),
    }.get(config.policy.kind, ((), ""))
    return [(url, Key(environ.get(name, "").strip() if name else ""), name) for url in urls]


async def _endpoint(
    config: Config, environ: Mapping[str, str], ask: Ask | None, problems: list[str], notes: list[str]
) -> Reached | None:
    if config.proposer.kind != "language":
        return None
    endpoint = config.endpoint
    try:
        key = keys.key(endpoint, environ)
    except ConfigError as error:
        problems.append(str(error))
        return Reached(url=endpoint.base_url, key=_told(endpoint.api_key_env, Key()), asked=False)
    found = await _reach(endpoint.base_url, key, endpoint.api_key_env, ask)
    if found.fault:
        problems.append(found.fault)
    elif found.known and endpoint.model not in found.known:
        notes.append(f"{endpoint.base_url} does not list endpoint.model = '{endpoint.model}' among its models")
    return found


async def _reach(url: str, key: Key, variable: str, ask: Ask | None) -> Reached:
    told = _told(variable, key)
    if ask is None:
        return Reached(url=url, key=told, asked=False)
    try:
        return Reached(url=url, key=told, known=_names(await ask(url, key)))
    except ModelFault as fault:
        # Some endpoints list no models, which is no fault of theirs.
        if getattr(fault, "status", 0) in (404, 405):
            return Reached(url=url, key=told)
        return Reached(url=url, key=told, fault=key.told(str(fault)))


def _told(variable: str, key: Key) -> str:
    """Whether the variable with a key is set; never more."""
    if not variable:
        return "no key"
    return f"{variable} is set" if key else f"{variable} is not set"


def _names(answer: str) -> tuple[str, ...]:
    try:
        listed = json.loads(answer)["data"]
        return tuple(str(one["id"])[:200] for one in listed)[:1000]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ()
