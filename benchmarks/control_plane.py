"""The processes of a control plane that runs on this machine: what they have used of the CPU, and work without some."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

__all__ = ["server_cpu", "without_controllers"]

_SERVERS: Final = frozenset({"kube-apiserver", "apiextensions-apiserver", "etcd"})
_CONTROLLERS: Final = frozenset({"kube-controller-manager", "kube-scheduler"})


def _running(names: Iterable[str]) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        try:
            program = (folder / "cmdline").read_bytes().split(b"\0")[0].decode()
        except OSError:  # no process, or one that has ended
            continue
        if folder.name.isdigit() and Path(program).name in names:
            found.append(int(folder.name))
    return found


def server_cpu() -> float:
    """Seconds of CPU that the API server and etcd have used; 0 where they run elsewhere."""
    ticks = 0
    for pid in _running(_SERVERS):
        # Behind the program's name, which may hold anything: fields 14 and 15 are the time in user and in system mode.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def without_controllers() -> Iterator[None]:
    """Controller manager and scheduler stand still until the block ends."""
    stopped = _running(_CONTROLLERS)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
