"""One child process: started so that it cannot outlive us, read, and stopped within a bound.

The kernel kills a child when its parent dies, even of SIGKILL (see ``tether``). Every child leads a
session of its own: Ctrl-C in the terminal reaches us alone, and we stop the children in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from cbbot.contract.secret_keys import SECRET_KEYS
from cbbot.process.secret_environment import without_secrets
from cbbot_operator.local import tether

__all__ = ["Child"]

_LONGEST_LINE = 16_384
_CHUNK = 65_536
_TETHER = (sys.executable, "-I", "-S", str(Path(tether.__file__)))

LineHandler = Callable[[str], None]


class Child:
    """A running process. Make one with :meth:`start`."""

    def __init__(self, process: Process, on_line: LineHandler) -> None:
        self.pid = process.pid
        self.port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        """The port it listens on, once it has said so."""
        self._process = process
        self._on_line = on_line
        self._readers = [
            asyncio.create_task(self._read(process.stdout)),
            asyncio.create_task(self._read(process.stderr)),
        ]

    @classmethod
    async def start(
        cls, command: Sequence[str], environment: Mapping[str, str], folder: Path, on_line: LineHandler
    ) -> Child:
        """Start ``command`` in ``folder``; ``on_line`` gets every line but the one that tells the port."""
        with without_secrets(environment, SECRET_KEYS) as (shown, descriptors):
            process = await asyncio.create_subprocess_exec(
                *_TETHER,
                str(os.getpid()),
                *command,
                env=shown,
                cwd=folder,
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=PIPE,
                start_new_session=True,
                pass_fds=descriptors,
            )
        return cls(process, on_line)

    async def wait(self) -> int:
        """Its exit code, once it has ended and all it said is heard; a signal's number negative."""
        code = await self._process.wait()
        # A grandchild may hold the pipes open: what it says is not waited for.
        await asyncio.wait(self._readers, timeout=1)
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        self.port.cancel()
        return code

    async def stop(self, grace_seconds: float) -> bool:
        """SIGTERM, and SIGKILL after ``grace_seconds``; whether it went by itself."""
        self._signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), grace_seconds)
        except TimeoutError:
            self.kill()
            await self._process.wait()
            return False
        self.kill()  # whatever it may have started
        return True

    def kill(self) -> None:
        """Kill it with everything it started."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    async def _read(self, stream: asyncio.StreamReader | None) -> None:
        if stream is None:
            return
        async for line in _lines(stream):
            port = None if self.port.done() else _port_in(line)
            if port is None:
                self._on_line(line)
            else:
                self.port.set_result(port)


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    """Lines of any length, cut: a child's flood must not end the reading of it."""
    rest = b""
    while chunk := await stream.read(_CHUNK):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line[:_LONGEST_LINE].decode("utf-8", "replace")
        rest = rest[:_LONGEST_LINE]
    if rest:
        yield rest.decode("utf-8", "replace")


def _port_in(line: str) -> int | None:
    if '"listening"' not in line:
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    port = found.get("port") if isinstance(found, dict) and found.get("event") == "listening" else None
    return port if isinstance(port, int) else None
