"""Every closed trade, one line of JSON each, in a file that only grows.

The state keeps the newest trades; this keeps all of them, for ``GET /trades``. A line is written
after the state that holds its trade is durable, so the log never knows more than the state; what
a crash kept from being written is appended at the next start. Only every 64th line's place is remembered,
so that years of trades cost next to no memory.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from math import ceil
from pathlib import Path
from typing import Final

from cbbot.contract.bot_api import NumberedTrade
from cbbot.domain.instrument import Instrument
from cbbot.trader.trader_state import Trade
from cbbot.views.json_rows import trade_row

__all__ = ["TradeLog"]

_BLOCK: Final = 64


class TradeLog:
    """``trades.jsonl``. Opening reads it through once and cuts off a line that was never finished.

    Raises:
        OSError: the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # Number and place of every 64th line.
        self._numbers = array("q")
        self._starts = array("q")
        self._lines = self._end = 0
        self.last_number = 0
        self._scan()

    def append(self, instrument: Instrument, trades: Iterable[Trade]) -> None:
        """Writes those that are newer than the last line.

        Raises:
            OSError: none of them was written; the next call tries again.
        """
        missing = [trade for trade in trades if trade.number > self.last_number]
        if not missing:
            return
        lines = [_line(instrument, trade) for trade in missing]
        with self._path.open("ab") as file:
            # What a failed attempt left behind goes first.
            file.truncate(self._end)
            file.write(b"".join(lines))
        for trade, line in zip(missing, lines, strict=True):
            self._remember(trade.number, len(line))

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
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            for line in file:
                number = _number(line)
                if number is None:
                    break
                self._remember(number, len(line))


def _line(instrument: Instrument, trade: Trade) -> bytes:
    row = NumberedTrade(number=trade.number, **trade_row(instrument, trade.closed).model_dump())
    return row.model_dump_json().encode() + b"\n"


def _number(line: bytes) -> int | None:
    """The trade's number; None for a line that was cut short."""
    if not line.endswith(b"\n"):
        return None
    try:
        return int(json.loads(line)["number"])
    except (ValueError, KeyError, TypeError):
        return None
