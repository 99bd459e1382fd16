"""The life of the sites' server: how it starts, what it refuses, and that it always ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.errors import EnvironmentFault, UserError
from environments.sites.process import SitesProcess

LONGEST = 30.0  # seconds before a process that should have ended counts as one that does not


async def test_closing_ends_the_server_and_may_be_repeated() -> None:
    process = await SitesProcess.start(["shop"])
    assert process.alive
    await process.close()
    await process.close()
    assert not process.alive
    with pytest.raises(EnvironmentFault):
        await process.truth.health()


async def test_bad_input_is_said_before_anything_starts() -> None:
    with pytest.raises(UserError, match="did you mean 'shop'"):
        await SitesProcess.start(["shopp"])


def test_a_taken_port_is_one_sentence_and_exit_code_2() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "environments.sites.server", "shop", f"--base-port={port}"]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"port {port} of 127.0.0.1 cannot be used")
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_cleanly(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "environments.sites.server", "shop"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline().startswith("shop: http://127.0.0.1:")
        server.send_signal(number)
        _, errors = server.communicate(timeout=LONGEST)
        assert server.returncode == 0
        assert errors == ""


async def test_the_server_dies_with_its_parent() -> None:
    script = (
        "import asyncio\n"
        "from environments.sites.process import SitesProcess\n"
        "async def main():\n"
        "    process = await SitesProcess.start(['shop'])\n"
        "    print(process.pid, flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    server = int(await parent.stdout.readline())
    parent.kill()
    await parent.wait()
    deadline = time.monotonic() + LONGEST
    while _runs(server):
        assert time.monotonic() < deadline, "the server outlives its parent"
        await asyncio.sleep(0.05)


def _runs(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        # A container's first process may not collect orphans: one that has ended and waits for that is a zombie.
        with contextlib.suppress(OSError), Path(f"/proc/{pid}/stat").open() as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
        return True
    return False
