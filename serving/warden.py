"""Runs a command that does not outlive whoever started it: `python warden.py COMMAND …`, in a group of its own.

Standard input is a pipe that nothing is written to: it ends when the process at its other end does, however that
happens. Then, and when the command ends by itself, every process of the group is killed. Needs the standard library
alone, so that it starts in any Python.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading


def main() -> None:
    # Meant for the command; a handler, unlike SIG_IGN, is not handed down to it.
    signal.signal(signal.SIGTERM, lambda *_: None)

    def watch() -> None:
        sys.stdin.buffer.read()
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
    try:
        subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, check=False)
    except OSError as error:
        print(f"'{sys.argv[1]}' cannot be started: {error}", file=sys.stderr, flush=True)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
