"""The built-in ways to get completions, for `policy.kind`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import ConfigError, ModelFault
from core.loading import weights_kind
from core.protocols import Policy
from core.vision import FAMILIES, Pictures, is_vision
from discovery.builders import Context
from discovery.learning import Learner
from discovery.seeds import derive
from memory.screenshots import ScreenshotStore
from serving import EMBEDDED

if TYPE_CHECKING:
    from serving.vllm_fleet import Fleet


class LocalKind:
    """`local`: a Hugging Face model in this process, acting and learning on the same machine."""

    def __init__(self, context: Context) -> None:
        """Raises `ConfigError` when `policy.model` names a folder without a model, or with one that cannot be shown
        the pictures that `actor.observation` asks for.
        """
        self._config = context.config
        self._folder = model_folder(context.config.policy.model)
        self._pictures = ScreenshotStore(context.run_dir / "screenshots")
        self._sees = is_vision(self._folder)
        self._trainer_logs = context.run_dir / "trainer"
        if context.config.actor.sees and not self._sees:
            raise ConfigError(
                f"actor.observation='{context.config.actor.observation}' shows pictures, which the model in"
                f" '{self._folder}' cannot be shown; set policy.model to one of {', '.join(FAMILIES)}"
            )

    def learner(self) -> Learner:
        config = self._config
        seed, threads = derive(config.run.seed, "trainer"), config.training.threads
        if config.training.processes > 1:
            if self._sees:
                raise ConfigError("a vision-language model is trained in one process; set training.processes=1")
            from training.distributed import DistributedTrainer

            return DistributedTrainer(
                self._folder, config.training, logs=self._trainer_logs, seed=seed, threads=threads
            )
        from training.trainer import Trainer

        return Trainer(self._folder, config.training, seed=seed, threads=threads, load_image=self._pictures.read)

    async def open(self, weights: Path, version: int) -> Policy:
        from transformers.utils import logging

        from serving.local import LocalPolicy

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        policy = self._config.policy
        adapter = weights_kind(weights) == "adapter"
        return LocalPolicy(
            self._folder if adapter else weights,
            adapter=weights if adapter else None,
            threads=policy.threads,
            max_batch=policy.max_batch,
            version=version,
            constrained=policy.constrained,
            load_image=self._pictures.read,
        )


class ServedKind(LocalKind):
    """`served`: learns in this process as `local` does, and acts through servers of ours that read the same disk."""

    async def open(self, weights: Path, version: int) -> Policy:
        from serving.keys import Key
        from serving.served import ServedPolicy

        policy = self._config.policy
        served = ServedPolicy(
            policy.urls,
            constrained=policy.constrained,
            key=Key(os.environ.get(policy.key_env, "").strip()),
            timeout=policy.timeout,
            pictures=Pictures(self._folder, self._pictures.read) if self._sees else None,
        )
        try:
            await served.publish(weights, kind=weights_kind(weights), version=version)
        except BaseException:
            await served.close()
            raise
        return served


class VLLMKind(LocalKind):
    """`vllm`: learns in this process as `local` does, and acts through vLLM.

    Policies over adapters share their servers; one with weights of its own has a server of its own.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._logs = context.run_dir
        self._started = 0
        self._shared: Fleet | None = None

    async def open(self, weights: Path, version: int) -> Policy:
        """Raises `ConfigError` where the server does not start, or is not what it has to be."""
        from serving.disarming import Disarm
        from serving.vllm import VLLMPolicy

        config = self._config.vllm
        kind = weights_kind(weights)
        if kind == "adapter":
            fleet = self._shared = self._shared or self._fleet(self._folder, lora=True)
        else:
            fleet = self._fleet(weights, lora=False)
        try:
            await fleet.join()
        except ModelFault as fault:
            raise ConfigError(f"the vLLM server cannot be used: {fault}") from fault
        policy = VLLMPolicy(
            fleet,
            version=version,
            attempts=config.attempts,
            images=config.images,
            load_image=self._pictures.read,
            pictures=Pictures(self._folder, self._pictures.read) if self._sees else None,
            disarm=Disarm.of(self._folder),
        )
        try:
            if kind == "adapter":
                await policy.publish(weights, kind=kind, version=version)
        except BaseException:
            await policy.close()
            raise
        return policy

    def _fleet(self, model: Path, *, lora: bool) -> Fleet:
        from serving.keys import Key
        from serving.vllm_checks import ServerCheck
        from serving.vllm_fleet import Fleet
        from serving.vllm_replica import Replica
        from serving.vllm_server import VLLMServer

        config = self._config.vllm
        if config.urls and not lora:
            raise ConfigError(
                f"'{model}' holds whole weights, and vllm.urls are given adapters alone; set training.lora_rank in a"
                " new run, or leave out vllm.urls, so that a server is started here"
            )
        key = Key(os.environ.get(config.key_env, "").strip()) if config.key_env else Key()
        replicas = [Replica(url, key=key, timeout=config.timeout) for url in config.urls]
        if not replicas:
            self._started += 1
            log = self._logs / ("vllm.log" if self._started == 1 else f"vllm-{self._started}.log")
            seed = derive(self._config.run.seed, "vllm") % 2**31
            child = VLLMServer(model, config, log=log.absolute(), lora=lora, seed=seed)
            replicas = [Replica(child=child, timeout=config.timeout)]
        return Fleet(replicas, config, lora=lora, check=ServerCheck(self._folder))


def model_folder(name: str) -> Path:
    """The folder of a model: the bundled one for `embedded`; raises `ConfigError` when there is none."""
    folder = EMBEDDED if name == "embedded" else Path(name).expanduser()
    if not (folder / "config.json").is_file():
        raise ConfigError(f"policy.model = '{name}': there is no model in '{folder}' (a folder with a config.json)")
    return folder
