"""The built-in ways to get completions, for `policy.kind`."""

from __future__ import annotations

import os
from pathlib import Path

from core.errors import ConfigError
from core.protocols import Policy
from discovery.builders import Context
from discovery.learning import Learner
from discovery.seeds import derive
from serving import EMBEDDED


class LocalKind:
    """`local`: a Hugging Face causal language model in this process, acting and learning on the same machine."""

    def __init__(self, context: Context) -> None:
        """Raises `ConfigError` when there is no model in the folder that `policy.model` names."""
        self._config = context.config
        self._folder = model_folder(context.config.policy.model)

    def learner(self) -> Learner:
        from training.trainer import Trainer

        config = self._config
        return Trainer(
            self._folder,
            config.training,
            seed=derive(config.run.seed, "trainer"),
            threads=config.training.threads,
        )

    async def open(self, weights: Path, version: int) -> Policy:
        from transformers.utils import logging

        from serving.local import LocalPolicy

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        policy = self._config.policy
        return LocalPolicy(
            weights,
            threads=policy.threads,
            max_batch=policy.max_batch,
            version=version,
            constrained=policy.constrained,
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
        )
        try:
            await served.publish(weights, kind="full", version=version)
        except BaseException:
            await served.close()
            raise
        return served


def model_folder(name: str) -> Path:
    """The folder of a model: the bundled one for `embedded`; raises `ConfigError` when there is none."""
    folder = EMBEDDED if name == "embedded" else Path(name).expanduser()
    if not (folder / "config.json").is_file():
        raise ConfigError(f"policy.model = '{name}': there is no model in '{folder}' (a folder with a config.json)")
    return folder
