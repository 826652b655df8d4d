"""kubectl and helm, as a person uses them. Every wait is a watch with a bound."""

from __future__ import annotations

import json
import selectors
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from started_processes import start

__all__ = ["NAMESPACE", "ROOT", "Kubectl", "Note", "run"]

ROOT = Path(__file__).parents[2]
NAMESPACE = "cbbot-e2e"
Note = Callable[[str], None]


def run(*command: str, seconds: float = 60, check: bool = True) -> subprocess.CompletedProcess[str]:
    """A command to its end; its output is shown when it fails."""
    ended = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False, cwd=ROOT)
    if check and ended.returncode:
        pytest.fail(f"{shlex.join(command)} ended with {ended.returncode}\n{ended.stdout}{ended.stderr}")
    return ended


class Kubectl:
    """kubectl in one namespace."""

    def __init__(self, namespace: str = NAMESPACE) -> None:
        self.namespace = namespace

    def __call__(self, *arguments: str, seconds: float = 60, check: bool = True) -> str:
        return run("kubectl", "-n", self.namespace, *arguments, seconds=seconds, check=check).stdout

    def helm(self, *arguments: str, seconds: float = 60, check: bool = True) -> str:
        return run("helm", "-n", self.namespace, *arguments, seconds=seconds, check=check).stdout

    def refused(self, *arguments: str) -> str:
        """What the API server says when it does not take it; "" when it does."""
        ended = run("kubectl", "-n", self.namespace, *arguments, check=False)
        return ended.stderr if ended.returncode else ""

    def json(self, *arguments: str) -> Any:
        return json.loads(self("get", *arguments, "-o", "json"))

    def wait(self, what: str, condition: str, seconds: int) -> None:
        self("wait", what, f"--for={condition}", f"--timeout={seconds}s", seconds=seconds + 30)

    def bot(self, name: str, path: str) -> Any:
        """GET from a bot, through the API server."""
        address = f"/api/v1/namespaces/{self.namespace}/services/{name}-bot:8080/proxy/{path}"
        return json.loads(self("get", "--raw", address))

    def until(self, what: str, template: str, holds: Callable[[str], bool], seconds: float) -> list[str]:
        """Watch a jsonpath of one object until ``holds``; every value that was seen, in order."""
        command = ["kubectl", "-n", self.namespace, "get", what, "-o", f"jsonpath={template}{{'\\n'}}", "--watch"]
        seen: list[str] = []
        deadline = time.monotonic() + seconds
        with start(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as watch:
            assert watch.stdout is not None
            try:
                with selectors.DefaultSelector() as selector:
                    selector.register(watch.stdout, selectors.EVENT_READ)
                    while (left := deadline - time.monotonic()) > 0 and selector.select(left):
                        line = watch.stdout.readline()
                        if not line:
                            break
                        seen.append(line.strip())
                        if holds(seen[-1]):
                            return seen
            finally:
                watch.kill()
        pytest.fail(f"{what} {template} did not come to what was waited for in {seconds:.0f} s; seen: {seen}")
