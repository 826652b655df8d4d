"""Simulator and bridge as processes, for benchmarks that measure what stands before them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["FAST", "SIMULATOR", "Served", "pin", "served"]

SIMULATOR: Final = ["cbbot_bridge.simulator", "--port", "0"]
# Its rate limits grow with its speed, so that a fast one can be asked as often as a benchmark wants.
FAST: Final = "--speed=100"


@dataclass(frozen=True)
class Served:
    """A server that listens on this machine."""

    process: subprocess.Popen[str]
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:  # noqa: S310 - the address is ours
            return json.load(answer)

    def post(self, path: str, body: Any, headers: Mapping[str, str]) -> Any:
        content = json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - as above
            self.url + path, content, {"Content-Type": "application/json", **headers}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
            return json.load(answer)


def pin(process: subprocess.Popen[str], processor: int) -> None:
    """Keeps a process on one processor, where the system can do that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process.pid, {processor})


@contextmanager
def served(module_and_arguments: Sequence[str], processor: int, **environment: str) -> Iterator[Served]:
    """``python -m module arguments`` on one processor, until the block ends."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("COINBASE_", "BRIDGE_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", *module_and_arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=kept | environment,
        text=True,
    )
    pin(process, processor)
    try:
        assert process.stdout is not None
        yield Served(process, json.loads(process.stdout.readline())["port"])
    finally:
        process.terminate()
        process.wait()
