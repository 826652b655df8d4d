"""A candle file as the columns that a backtest runs on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from cbbot.candles.candle_blocks import TORN
from cbbot.candles.candle_errors import BadCandles
from cbbot.candles.candle_forms import QUOTE_VOLUME
from cbbot.candles.candle_increments import rounding_remark
from cbbot.domain.candle import Granularity
from cbbot.domain.instrument import Instrument
from cbbot.kernel.batch import Columns
from cbbot.research.candles.row_collector import Rows, read_rows

__all__ = ["CandleFile", "commonest", "outside_range", "read_candles", "remarks", "sorted_columns"]

Integers = npt.NDArray[np.int64]

_DOLLARS: Final = ("USD", "USDC", "USDT", "EUR", "GBP")
_LOOKED_AT: Final = 10_000
# The busiest market of all has turned over a tenth of this in its busiest days.
_MOST_A_SECOND: Final = 10**8 / 60


@dataclass(frozen=True, slots=True)
class CandleFile:
    """``columns`` sorted by time without duplicates; what had to be said of the file in counts.

    ``outside_range`` candles open or close outside of their high and low; they are used as they are. ``notes`` say how
    the file was read, ``doubts`` what may be wrong with it.
    """

    columns: Columns
    bad_rows: int
    duplicates: int
    gaps: int
    outside_range: int = 0
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def read_candles(
    path: Path, instrument: Instrument, candle_seconds: int, *, skip_bad_rows: bool = False, form: str | None = None
) -> CandleFile:
    """Candles of a file on the instrument's integer scales. Of rows with the same time the last one counts.

    Raises:
        BadCandles: no file, no candles, a missing column, a bad row (unless skipped), numbers that
            cannot be counted with exactly, increments too coarse for the prices, or spacing that is not the
            granularity's.
    """
    rows = read_rows(path, instrument, form, skip=skip_bad_rows)
    bad = rows.bad
    columns = rows.columns()
    notes, doubts = remarks(rows, instrument, columns, candle_seconds)
    del rows
    ordered, duplicates = sorted_columns(columns)
    gaps = _spacing(path, ordered.start, candle_seconds)
    return CandleFile(ordered, bad, duplicates, gaps, outside_range(ordered), notes, doubts)


def remarks(
    rows: Rows, instrument: Instrument, columns: Columns, candle_seconds: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """How the file was read, and what may be wrong with it, in words."""
    known_as, rounded = rows.found.layout.known_as, rounding_remark(rows.rounding, instrument)
    notes = [*([f"read as {known_as}"] if known_as else []), *([rounded] if rounded else [])]
    doubts = [TORN] if rows.found.is_torn else []
    if _in_quote_currency(columns, instrument, candle_seconds):
        doubts.append(f"the volume may be {QUOTE_VOLUME}")
    return tuple(notes), tuple(doubts)


def _in_quote_currency(columns: Columns, instrument: Instrument, candle_seconds: int) -> bool:
    """Whether half of the candles turn over more than any market does, in a currency like the dollar."""
    if instrument.quote_currency not in _DOLLARS:
        return False
    some = slice(None, None, max(1, len(columns.start) // _LOOKED_AT))
    turnover = np.sort(columns.close[some].astype(np.float64) * columns.volume[some])
    return float(turnover[len(turnover) // 2]) * float(instrument.ledger_increment) > _MOST_A_SECOND * candle_seconds


def sorted_columns(columns: Columns) -> tuple[Columns, int]:
    """Ascending by time, and how many rows had the time of a later one; that last one stays."""
    start = columns.start
    if bool((start[1:] > start[:-1]).all()):
        return columns, 0
    order = np.argsort(start, kind="stable")
    ordered = start[order]
    last = np.append(ordered[1:] != ordered[:-1], True)
    chosen = order[last]
    return Columns(*(np.ascontiguousarray(column[chosen]) for column in columns)), len(start) - len(chosen)


def outside_range(columns: Columns) -> int:
    """How many candles open or close outside of their high and low."""
    highest = np.maximum(columns.open, columns.close)
    lowest = np.minimum(columns.open, columns.close)
    return int(((highest > columns.high) | (lowest < columns.low)).sum())


def commonest(steps: Integers, expected: int) -> int:
    """The commonest of some distances; ``expected`` wins a draw."""
    if 2 * int((steps == expected).sum()) >= len(steps):
        return expected
    values, counts = np.unique(steps, return_counts=True)
    return int(values[np.argmax(counts)])


def _spacing(path: Path, start: Integers, candle_seconds: int) -> int:
    """How many gaps there are. The commonest spacing is the granularity and gaps are multiples of it."""
    steps = np.diff(start)
    found = commonest(steps, candle_seconds)
    if found != candle_seconds:
        raise BadCandles(
            f"{path}: the candles are {found} seconds apart, GRANULARITY says {candle_seconds}; {_advice(found)}"
        )
    odd = np.flatnonzero(steps % candle_seconds)
    if len(odd):
        at = datetime.fromtimestamp(int(start[odd[0] + 1]), UTC)
        raise BadCandles(
            f"{path}: the candle of {at:%Y-%m-%dT%H:%M:%SZ} comes {int(steps[odd[0]])} seconds after the one "
            f"before it, which is no multiple of {candle_seconds}; cbbot data check shows more"
        )
    return int((steps != candle_seconds).sum())


def _advice(found: int) -> str:
    for granularity in Granularity:
        if granularity.seconds == found:
            return f"set GRANULARITY={granularity.value}"
    return "that is none of the lengths that GRANULARITY can have"
