"""`autotelic sites serve`: the bundled sites answer, and Ctrl-C ends them cleanly."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request


def test_the_sites_are_served_until_ctrl_c() -> None:
    command = [sys.executable, "-m", "cli.main", "sites", "serve", "kb", "--base-port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        found = re.fullmatch(r"kb: (http://127\.0\.0\.1:\d+)\n", server.stdout.readline())
        assert found
        with urllib.request.urlopen(f"{found[1]}/", timeout=30) as answer:
            assert answer.status == 200
            assert b"<html" in answer.read()
        server.send_signal(signal.SIGINT)
        _, said = server.communicate(timeout=30)
        assert server.returncode == 0
        assert said == ""
    finally:
        server.kill()
        server.wait()
