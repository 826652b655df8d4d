"""A server of the project as a real process, for tests that must see one start, answer and die."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, Final, cast

from started_processes import start

__all__ = ["NeverListened", "Served", "surroundings"]

PATIENCE_SECONDS: Final = 60
_KEPT: Final = ("PATH", "HOME", "LANG", "PYTHONPATH")


def surroundings(**extra: str) -> dict[str, str]:
    """Of our environment what a process needs, and nothing that would change what it does."""
    return {key: os.environ[key] for key in _KEPT if key in os.environ} | extra


class NeverListened(Exception):
    """A process ended, or said nothing: its exit code and its log."""


class Served:
    """``python -m arguments`` that tells its port on its first line."""

    def __init__(self, arguments: list[str], environment: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as errors:
            command = [sys.executable, "-m", *arguments]
            self.process = start(command, stdout=subprocess.PIPE, stderr=errors, env=surroundings(**environment))
        self._out = cast("IO[str]", self.process.stdout)
        ready, _, _ = select.select([self._out], [], [], PATIENCE_SECONDS)
        line = self._out.readline() if ready else ""
        if not line:
            # Silence ends by our hand; an end of its own has a code that a test may ask for.
            code = self._ended(None if ready else signal.SIGKILL)
            raise NeverListened(code, log.read_text())
        self.port: int = json.loads(line)["port"]
        self.url = f"http://127.0.0.1:{self.port}"

    def end(self, number: signal.Signals) -> int:
        """Send the signal to a process that still runs; its exit code."""
        return self._ended(number)

    def _ended(self, number: signal.Signals | None) -> int:
        if number is not None and self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(PATIENCE_SECONDS)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self._out.close()
