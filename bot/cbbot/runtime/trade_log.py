"""Every closed trade, one line of JSON each, in a file that only grows.

The state keeps the newest trades; this keeps all of them, for ``GET /trades``. A line is written
after the state that holds its trade is durable, so the log never knows more than the state; what
a crash kept from being written is appended at the next start, and the file is synced often enough for the state to
have what a power cut takes from it. Only every 64th line's place is remembered,
so that years of trades cost next to no memory.

No line is ever taken out of existence: a log that holds what is no trade, or trades of another state, is kept whole
under another name (``trades.jsonl.aside-1``), and goes on with the lines that are this state's.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from math import ceil
from pathlib import Path
from typing import Final

from cbbot.contract.bot_api import NumberedTrade
from cbbot.domain.instrument import Instrument
from cbbot.process.durable_files import keep_aside, replace_durably, sync_open
from cbbot.runtime.trade_log_lines import LogLine, TradesOfState, log_lines
from cbbot.trader.trader_state import Trade
from cbbot.views.json_rows import trade_row

__all__ = ["TradeLog"]

_BLOCK: Final = 64
# Of the fifty trades that the state keeps, with room for those of one event.
_MOST_UNSYNCED: Final = 16


class TradeLog:
    """``trades.jsonl``, of ``state``, or of whichever state when None. Opening reads it through once.

    ``warnings`` says what of the file was not as it must be, and where it is kept.

    Raises:
        OSError: the file cannot be read.
    """

    def __init__(self, path: Path, state: TradesOfState | None = None) -> None:
        self._path = path
        self._state = state
        self.warnings: list[str] = []
        # Number and place of every 64th line.
        self._numbers, self._starts = array("q"), array("q")
        self._lines = self._end = self.last_number = 0
        # What of the file cannot stay; and the bytes of an attempt of ours that failed.
        self._problem = ""
        self._attempted = b""
        # An earlier process may have left all of it unsynced.
        self._unsynced = _MOST_UNSYNCED
        self._scan()
        if self._problem:
            try:
                self._set_aside()
            except OSError as error:
                # Nothing is written over it. The next trade tries again.
                reason = f"cannot be kept aside ({error.strerror or error}); nothing is written to it until it can be"
                self.warnings.append(f"{path}: {self._problem}; it {reason}")
        if state is not None and state.newest and state.newest[0].number > self.last_number + 1:
            first, last = self.last_number + 1, state.newest[0].number - 1
            self.warnings.append(f"{path}: trades {first} to {last} are neither in it nor in the state")

    def behind(self, count: int) -> bool:
        """Whether it lacks trades of a state that counts so many."""
        return bool(self._problem) or count > self.last_number

    def append(self, instrument: Instrument, trades: Iterable[Trade]) -> list[str]:
        """Writes those that are newer than the last line; sentences on what had to be set aside for it.

        Raises:
            OSError: none of them was written; the next call tries again.
        """
        known, kept = len(self.warnings), list(trades)
        if self._state is not None and kept:
            self._state = TradesOfState(kept[-1].number, tuple(_row(instrument, trade) for trade in kept))
        self._look_again()
        missing = [trade for trade in kept if trade.number > self.last_number]
        if missing:
            self._write([trade.number for trade in missing], [_line(instrument, trade) for trade in missing])
        return self.warnings[known:]

    def _write(self, numbers: list[int], lines: list[bytes]) -> None:
        with self._path.open("ab") as file:
            # What a failed attempt of our own left behind goes first.
            file.truncate(self._end)
            self._attempted = b"".join(lines)
            file.write(self._attempted)
            self._unsynced += len(lines)
            if self._unsynced >= _MOST_UNSYNCED:
                sync_open(self._path, file)
                self._unsynced = 0
        self._attempted = b""
        for number, line in zip(numbers, lines, strict=True):
            self._remember(number, len(line))

    def page(self, limit: int, before: int | None = None) -> list[NumberedTrade]:
        """At most ``limit`` trades, newest first, with numbers below ``before``."""
        last = len(self._numbers) if before is None else bisect_left(self._numbers, before)
        if last == 0 or limit <= 0:
            return []
        # Of the last block at least one line counts; the rest of the page is in the blocks before it.
        first = max(last - 1 - ceil((limit - 1) / _BLOCK), 0)
        end = self._starts[last] if last < len(self._starts) else self._end
        with self._path.open("rb") as file:
            file.seek(self._starts[first])
            lines = file.read(end - self._starts[first]).splitlines()
        trades = [NumberedTrade.model_validate_json(line) for line in reversed(lines[-limit - _BLOCK :])]
        return [trade for trade in trades if before is None or trade.number < before][:limit]

    def _remember(self, number: int, length: int) -> None:
        if self._lines % _BLOCK == 0:
            # In this order: a page is read while a thread appends.
            self._starts.append(self._end)
            self._numbers.append(number)
        self._lines += 1
        self._end += length
        self.last_number = number

    def _scan(self) -> None:
        """Remembers the lines up to the first that cannot stay."""
        self._numbers, self._starts = array("q"), array("q")
        self._lines = self._end = self.last_number = 0
        self._problem, self._attempted = "", b""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            for line in log_lines(file, self._state):
                if line.number is None:
                    self._problem = line.problem
                    break
                self._remember(line.number, len(line.content))

    def _look_again(self) -> None:
        """The file as it is now, which somebody may have replaced or written to."""
        if not self._problem and not self._as_left():
            # What is in it now has to be told apart from what the state will write again.
            self._scan()
        if self._problem:
            self._set_aside()

    def _as_left(self) -> bool:
        try:
            size = self._path.stat().st_size
        except FileNotFoundError:
            return self._end == 0
        if size <= self._end:
            return size == self._end
        with self._path.open("rb") as file:
            file.seek(self._end)
            return self._attempted.startswith(file.read())

    def _set_aside(self) -> None:
        problem = self._problem
        with self._path.open("rb") as file:
            lines = list(log_lines(file, self._state))
        lost = [line for line in lines if line.number is None]
        kept = b"".join(line.content for line in lines if line.number is not None)
        if not self._only_cut_short(lines):
            aside = keep_aside(self._path)
            more = f" (and {len(lost) - 1} more lines)" if len(lost) > 1 else ""
            self.warnings.append(
                f"{self._path}: {problem}{more}: the log is kept as it was as {aside.name}, and goes on with "
                f"{len(lines) - len(lost)} of its {len(lines)} lines"
            )
        replace_durably(self._path, kept)
        self._scan()

    def _only_cut_short(self, lines: list[LogLine]) -> bool:
        """Whether all that is wrong is a last line that a crash cut short, and that the state writes again."""
        *others, last = lines
        if last.number is not None or last.content.endswith(b"\n") or any(line.number is None for line in others):
            return False
        before = others[-1].number or 0 if others else 0
        return self._state is None or self._state.has(before + 1)


def _row(instrument: Instrument, trade: Trade) -> NumberedTrade:
    return NumberedTrade(number=trade.number, **trade_row(instrument, trade.closed).model_dump())


def _line(instrument: Instrument, trade: Trade) -> bytes:
    return _row(instrument, trade).model_dump_json().encode() + b"\n"
