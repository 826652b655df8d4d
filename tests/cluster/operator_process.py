"""The operator as a process of this machine, restarted when it ends, as a kubelet would."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cluster.kubectl import ROOT
from started_processes import start

__all__ = ["OperatorProcess"]


class OperatorProcess:
    """``python -m cbbot_operator`` in one namespace. Use as a context manager; its log is ``log``."""

    def __init__(
        self, kubeconfig: str | Path, namespace: str, log: Path, *, restart: bool = True, **environment: str
    ) -> None:
        self.log = log
        self.starts = 0
        self._restart = restart
        self._environment: Mapping[str, str] = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "CBBOT_BOT_IMAGE": "cbbot-bot:none",
            "CBBOT_BRIDGE_IMAGE": "cbbot-bridge:none",
            "CBBOT_NAMESPACES": namespace,
            "POD_NAMESPACE": namespace,
            "POD_NAME": "one",
            "CBBOT_POLL_SECONDS": "5",
            "PORT": "0",
            **environment,
        }
        self._process: subprocess.Popen[str] | None = None
        self._leaving = threading.Event()
        self._watcher = threading.Thread(target=self._keep)

    def __enter__(self) -> Self:
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.set()
        self.send(signal.SIGTERM)
        self._watcher.join(timeout=40)
        if self._watcher.is_alive():
            self.send(signal.SIGKILL)
            self._watcher.join(timeout=10)

    def send(self, number: signal.Signals) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(number)

    def kill(self) -> None:
        """With no time to tidy up."""
        self.send(signal.SIGKILL)

    def logged(self) -> str:
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""

    def _keep(self) -> None:
        command = [sys.executable, "-m", "cbbot_operator"]
        options: dict[str, Any] = {"env": self._environment, "cwd": ROOT, "stderr": subprocess.STDOUT}
        with self.log.open("a", encoding="utf-8") as log:
            while not self._leaving.is_set():
                self._process = start(command, stdout=log, **options)
                self.starts += 1
                if self._leaving.is_set():  # told to leave while it was being started
                    self.send(signal.SIGTERM)
                self._process.wait()
                if not self._restart:
                    return
                self._leaving.wait(0.5)
