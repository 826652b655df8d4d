"""The one way in which tests start processes: each with the signals that a program has in a terminal's foreground.

A signal that is ignored stays ignored in every child. A shell's background job (``make test &``, many CI runners)
ignores SIGINT, and ``nohup`` SIGHUP; a child that a test interrupts would then never end.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

__all__ = ["start", "start_async"]

_SENT: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def start(command: Sequence[str], **options: Any) -> subprocess.Popen[str]:
    """A process whose output is text; the options are ``subprocess.Popen``'s."""
    with _nothing_ignored():
        return subprocess.Popen(command, text=True, **options)


async def start_async(
    *command: str,
    env: Mapping[str, str],
    cwd: Path | None = None,
    stdout: int | None = asyncio.subprocess.PIPE,
    stderr: int | None = None,
) -> asyncio.subprocess.Process:
    """The same for the event loop; the output is bytes."""
    with _nothing_ignored():
        return await asyncio.create_subprocess_exec(*command, env=env, cwd=cwd, stdout=stdout, stderr=stderr)


@contextmanager
def _nothing_ignored() -> Iterator[None]:
    """Handle what is ignored: a child starts with the default for every signal that its parent handles."""
    ignored = [number for number in _SENT if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)
