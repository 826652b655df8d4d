"""Keeps the parts of one bot running, as the kubelet keeps containers: in order, with back-off.

A part starts when the parts it needs have said where they listen. One that dies is started again
on the port it had, so that the others find it. Exit codes that restarting cannot mend (bad
input, refused for safety) and a part that never came up end the whole.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cbbot.process.listening_socket import CANNOT_LISTEN
from cbbot_operator.local.bot_port import first_free, is_taken
from cbbot_operator.local.child import Child
from cbbot_operator.local.child_log_lines import LogBuffer
from cbbot_operator.local.plan import Part, PartName

__all__ = ["Ended", "Kept", "Patience", "Supervisor"]

_FINAL = {2: "its input cannot be used", 3: "it refused to start for safety"}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds: first and longest pause before a restart, how long a part must live for the
    pause to start over, how long it may take to listen, how long it may run and not be healthy; how often one that
    never listened is tried."""

    first_pause: float = 1.0
    longest_pause: float = 30.0
    stable: float = 60.0
    listening: float = 60.0
    healthy: float = 60.0
    tries: int = 3


@dataclass(frozen=True, slots=True)
class Ended:
    """Why nothing is kept running any more: the part that ended it and the code to exit with."""

    part: PartName
    code: int
    reason: str


@dataclass(slots=True)
class Kept:
    """One part as it is now."""

    part: Part
    state: Literal["waiting", "starting", "running", "backing off", "stopped"] = "waiting"
    child: Child | None = None
    restarts: int = 0
    came_up: bool = False
    port: int = 0
    """What it was last started with; 0 for one of its own choice."""
    no_port: bool = False
    """Whether it has said that it could not have that port: whoever had it may have let it go since."""
    since: float = 0.0
    """When it last came up, on the event loop's clock."""


class Supervisor:
    """Runs ``parts`` in ``folder`` until stopped; :attr:`ended` is done when it cannot go on."""

    def __init__(self, parts: Sequence[Part], folder: Path, log: LogBuffer, patience: Patience | None = None) -> None:
        self.kept = {part.name: Kept(part) for part in parts}
        self.ports: dict[PartName, int] = {}
        self.ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self._folder = folder
        self._log = log
        self.patience = patience or Patience()
        self._listening = {part.name: asyncio.Event() for part in parts}
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to keep every part running."""
        self._tasks = [asyncio.create_task(self._keep(kept)) for kept in self.kept.values()]

    async def stop(self) -> bool:
        """Stop the parts, last started first, each within its grace; whether all went by themselves."""
        self._stopping.set()
        clean = True
        for kept in reversed(self.kept.values()):
            if kept.child is not None:
                gone = await kept.child.stop(kept.part.grace_seconds)
                if not gone:
                    self._log.say("error", f"{kept.part.name} did not stop in {kept.part.grace_seconds:g} s: killed")
                clean = clean and gone
            kept.state = "stopped"
        await asyncio.gather(*self._tasks)
        return clean

    async def replace(self, name: PartName) -> None:
        """End a part that runs but does not work; it is then started again as one that died."""
        kept = self.kept[name]
        if kept.child is not None:
            await kept.child.stop(kept.part.grace_seconds)

    def kill(self) -> None:
        """Kill every child at once; :meth:`stop` then ends soon."""
        for kept in self.kept.values():
            if kept.child is not None:
                kept.child.kill()

    async def _keep(self, kept: Kept) -> None:
        try:
            await self._run_again_and_again(kept)
        except Exception as error:  # noqa: BLE001  the top of a loop: what it cannot do ends the whole, and says why
            self._log.say("error", f"{kept.part.name}: {type(error).__name__}: {error}")
            self._end(kept, 1, f"{type(error).__name__}: {error}")

    async def _run_again_and_again(self, kept: Kept) -> None:
        loop = asyncio.get_running_loop()
        deaths = 0
        for needed in kept.part.links.values():
            await self._unless_stopping(self._listening[needed].wait())
        while not self._stopping.is_set():
            began = loop.time()
            code = await self._run(kept)
            if self._stopping.is_set():
                break
            deaths = 1 if loop.time() - began > self.patience.stable else deaths + 1
            reason = self._hopeless(kept, code, deaths)
            if reason is not None:
                self._end(kept, code if code in _FINAL else 1, reason)
                break
            pause = min(self.patience.longest_pause, self.patience.first_pause * 2 ** min(deaths - 1, 16))
            kept.state = "backing off"
            self._log.say("error", f"{kept.part.name} {_how_it_ended(code)}; starting it again in {pause:g} s")
            await self._unless_stopping(asyncio.sleep(pause))
            kept.restarts += 1

    def _hopeless(self, kept: Kept, code: int, deaths: int) -> str | None:
        """Why another start would not help; None when it may."""
        if code in _FINAL and not _lost_its_port(kept):
            return _FINAL[code]
        if not kept.came_up and deaths >= self.patience.tries:
            return f"it {_how_it_ended(code)} {deaths} times before it listened"
        return None

    async def _run(self, kept: Kept) -> int:
        """One life of a part; its exit code."""
        kept.state = "starting"
        name = kept.part.name
        kept.port = self.ports[name] if name in self.ports else self._chosen(kept.part)
        kept.no_port = False
        command, environment = kept.part.started_with({**self.ports, name: kept.port})
        child = await Child.start(command, environment, self._folder, lambda line: self._hear(kept, line))
        kept.child = child
        if self._stopping.is_set():  # stop() has looked already
            await child.stop(kept.part.grace_seconds)
        over = asyncio.create_task(child.wait())
        try:
            await asyncio.wait({over, child.port}, timeout=self.patience.listening, return_when="FIRST_COMPLETED")
            if child.port.done() and not child.port.cancelled():
                self._came_up(kept, child.port.result())
            elif not over.done():
                self._log.say("error", f"{name} does not listen after {self.patience.listening:g} s: killed")
                child.kill()
            return await over
        finally:
            kept.child = None

    def _hear(self, kept: Kept, line: str) -> None:
        kept.no_port = kept.no_port or CANNOT_LISTEN in line
        self._log.hear(kept.part.name, line)

    def _chosen(self, part: Part) -> int:
        port = first_free(part.ports)
        if port != part.ports[0]:
            self._log.say("warning", f"port {part.ports[0]} is taken: {part.name} listens on {port} instead")
        return port

    def _came_up(self, kept: Kept, port: int) -> None:
        kept.state = "running"
        kept.came_up = True
        kept.since = asyncio.get_running_loop().time()
        self.ports[kept.part.name] = port
        self._listening[kept.part.name].set()

    def _end(self, kept: Kept, code: int, reason: str) -> None:
        kept.state = "stopped"
        if not self.ended.done():
            self.ended.set_result(Ended(kept.part.name, code, reason))

    async def _unless_stopping(self, waited_for: Coroutine[Any, Any, object]) -> None:
        """Wait, but no longer than until the stop."""
        waiting = asyncio.create_task(waited_for)
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({waiting, stopping}, return_when="FIRST_COMPLETED")
        for task in (waiting, stopping):
            task.cancel()


def _lost_its_port(kept: Kept) -> bool:
    """Whether another process took the port meanwhile, and there are more to try, or the other parts know this one."""
    others = kept.came_up or len(kept.part.ports) > 1
    return kept.port != 0 and others and (kept.no_port or is_taken(kept.port))


def _how_it_ended(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with code {code}"
