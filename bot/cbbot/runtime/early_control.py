"""What people ask of a bot whose start is not over: taken at once, durable, and stepped before the first order.

There may be no state yet that a pause could be written into, so it has a file of its own beside the state, which goes
once the state has it. One that cannot be read is refused rather than forgotten: it may hold a pause.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from cbbot.errors import UnsafeStart
from cbbot.process.durable_files import replace_durably, sync_folder
from cbbot.trader.events import EntriesPaused, EntriesResumed, Event, FlattenAsked
from cbbot.views.last_known import LastKnown

__all__ = ["EarlyControl", "control_file"]


class _Asked(BaseModel):
    """``paused`` is each asker's last word; ``halt_ended``: before it a person has resumed a bot that was halted."""

    model_config = ConfigDict(extra="forbid")
    paused: dict[str, bool] = {}
    flatten: bool = False
    halt_ended: bool = False


class EarlyControl:
    """``path`` is where it is kept; what an earlier start was asked, and did not come to, counts too.

    Raises:
        UnsafeStart: there is a file that cannot be read.
    """

    def __init__(self, path: Path, in_thread: Callable[[Callable[[], None]], Awaitable[None]]) -> None:
        self._path = path
        self._in_thread = in_thread
        self._asked = _read(path)
        self._writing = asyncio.Lock()
        self._over = False

    def shown(self, known: LastKnown) -> LastKnown:
        """What was last known, and what has been asked since."""
        if self._asked.halt_ended:
            known = replace(known, halted="", halt_ended=True)
        paused = dict.fromkeys(known.paused_by, True) | self._asked.paused
        paused_by = tuple(sorted(by for by, pause in paused.items() if pause))
        return replace(known, paused_by=paused_by, flattening=known.flattening or self._asked.flatten)

    async def take(self, event: Event, *, halted: bool) -> None:
        """Returns once it is durable. ``halted``: as :meth:`shown` has it.

        Raises:
            OSError: it is in force all the same, for this process.
        """
        match event:
            case EntriesPaused(by=by):
                self._asked.paused[by] = True
            case EntriesResumed(by="hand") if halted:
                # As the trader takes it: exits go on, and entries wait for another word.
                self._asked.halt_ended = self._asked.paused["hand"] = True
            case EntriesResumed(by=by):
                self._asked.paused[by] = False
            case FlattenAsked():
                self._asked.flatten = True
                self._asked.paused["hand"] = True
        # Whoever stops waiting leaves a thread that may still write: the next write begins when that one has ended.
        writing = asyncio.ensure_future(self._write())
        writing.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        await asyncio.shield(writing)

    async def _write(self) -> None:
        async with self._writing:
            if not self._over:
                content = self._asked.model_dump_json(exclude_defaults=True).encode()
                await self._in_thread(lambda: replace_durably(self._path, content))

    def events(self, now_ms: int) -> list[Event]:
        """What the trader has to step."""
        first: list[Event] = [EntriesResumed(now_ms, "hand")] if self._asked.halt_ended else []
        first += [FlattenAsked(now_ms)] if self._asked.flatten else []
        words = self._asked.paused.items()
        return first + [EntriesPaused(now_ms, by) if pause else EntriesResumed(now_ms, by) for by, pause in words]

    async def forget(self) -> None:
        """The state has it.

        Raises:
            OSError: the file is still there; the next start steps it once more.
        """
        async with self._writing:
            self._over = True
            await self._in_thread(self._remove)

    def _remove(self) -> None:
        if self._path.exists():
            self._path.unlink()
            sync_folder(self._path.parent)


def control_file(state_file: Path) -> Path:
    """Where what was asked of a bot without a state is kept."""
    return state_file.with_name(f"{state_file.name}.control")


def _read(path: Path) -> _Asked:
    try:
        return _Asked.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return _Asked()
    except (OSError, ValidationError) as error:
        raise UnsafeStart(
            f"{path} holds what was asked of the bot while it started (a pause, perhaps), and cannot be read: "
            "remove it, and ask again with POST /control/..."
        ) from error
