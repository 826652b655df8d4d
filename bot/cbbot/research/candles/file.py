"""A candle file as the columns that a backtest runs on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cbbot.domain.candle import Granularity
from cbbot.domain.instrument import Instrument
from cbbot.kernel.batch import Columns
from cbbot.research.candles.csv_rows import read_csv
from cbbot.research.candles.errors import BadCandles
from cbbot.research.candles.rows import Rows

__all__ = ["CandleFile", "commonest", "outside_range", "read_candles", "rows_of", "sorted_columns"]

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CandleFile:
    """``columns`` sorted by time without duplicates; what had to be said of the file in counts.

    ``outside_range`` candles open or close outside of their high and low; they are used as they are.
    """

    columns: Columns
    bad_rows: int
    duplicates: int
    gaps: int
    outside_range: int = 0


def read_candles(path: Path, instrument: Instrument, candle_seconds: int, *, skip_bad_rows: bool = False) -> CandleFile:
    """Candles of a file on the instrument's integer scales. Of rows with the same time the last one counts.

    Raises:
        BadCandles: no file, no candles, a missing column, a bad row (unless skipped), numbers that
            cannot be counted with exactly, or spacing that is not the granularity's.
    """
    rows = rows_of(path, instrument, skip=skip_bad_rows)
    bad = rows.bad
    columns = rows.columns()
    del rows
    ordered, duplicates = sorted_columns(columns)
    gaps = _spacing(path, ordered.start, candle_seconds)
    return CandleFile(ordered, bad, duplicates, gaps, outside_range(ordered))


def rows_of(path: Path, instrument: Instrument, *, skip: bool) -> Rows:
    """Every row of the file, in its order.

    Raises:
        BadCandles: the file cannot be used.
    """
    if path.name.lower().endswith(".parquet"):
        try:
            from cbbot.research.candles.parquet_rows import read_parquet  # noqa: PLC0415  Arrow takes 0.2 s to import
        except ImportError as error:
            raise BadCandles(f"{path}: reading Parquet needs pyarrow: pip install 'cbbot[research]'") from error
        rows = Rows(path, skip=skip, between=": row ")
        read: Callable[[Path, Instrument, Rows], None] = read_parquet
    else:
        rows = Rows(path, skip=skip)
        read = read_csv
    read(path, instrument, rows)
    return rows


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
