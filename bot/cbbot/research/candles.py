"""Reads candles from a file into columns: CSV, gzipped CSV or Parquet.

The columns are ``time|timestamp|start, open, high, low, close, volume|vol`` in any order and
case; others are ignored. Time is RFC 3339, UNIX seconds or UNIX milliseconds. A row that is no
candle is an error that names file and line, because a quiet repair would change what is traded.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cbbot.domain.decimals import nearest_units, parse_decimal
from cbbot.domain.instrument import Instrument
from cbbot.errors import BadInput
from cbbot.kernel.batch import Columns

__all__ = ["CandleFile", "read_candles"]

_NAMES: Final = {
    "time": "time",
    "timestamp": "time",
    "start": "time",
    "open": "open",
    "high": "high",
    "low": "low",
    "close": "close",
    "volume": "volume",
    "vol": "volume",
}
_FIELDS: Final = ("time", "open", "high", "low", "close", "volume")
_MILLISECONDS_FROM: Final = 100_000_000_000  # UNIX seconds reach this in the year 5138


class BadCandles(BadInput):
    """A candle file that cannot be used."""


@dataclass(frozen=True, slots=True)
class CandleFile:
    """``columns`` sorted by time without duplicates; what had to be said of the file in counts."""

    columns: Columns
    bad_rows: int
    duplicates: int
    gaps: int


Table = dict[str, list[str]]


def read_candles(path: Path, instrument: Instrument, candle_seconds: int, *, skip_bad_rows: bool = False) -> CandleFile:
    """Candles of a file on the instrument's integer scales.

    Raises:
        BadCandles: no file, no candles, a missing column, a bad row (unless skipped), or
            spacing that is not the granularity's.
    """
    table, lines = _table(path)
    if not lines:
        raise BadCandles(f"{path}: no candles in it")
    columns, good = _parsed(path, table, lines, instrument, skip_bad_rows)
    ordered, duplicates = _sorted(columns)
    gaps = _spacing(path, ordered.start, candle_seconds)
    return CandleFile(ordered, len(lines) - good, duplicates, gaps)


def _table(path: Path) -> tuple[Table, Sequence[int]]:
    """The columns we know as text, and each row's line number."""
    if path.suffix == ".parquet":
        return _parquet(path)
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.name.endswith(".gz") else raw).decode("utf-8-sig")
    except FileNotFoundError:
        raise BadCandles(f"{path}: no such file") from None
    except (OSError, EOFError, zlib.error) as error:
        raise BadCandles(f"{path}: cannot be read: {error or type(error).__name__}; is the file complete?") from error
    except UnicodeDecodeError as error:
        raise BadCandles(f"{path}: is not text: {error}") from error
    reader = csv.reader(io.StringIO(text))
    header = next(reader, None)
    if header is None:
        raise BadCandles(f"{path}: the file is empty")
    wanted = _wanted(path, header)
    rows = list(reader)
    width = len(header)
    if any(len(row) != width for row in rows):
        rows = list(_whole_rows(path, rows, width))
    # Without quoted line breaks, which candles do not have, row i stands on line i + 2.
    return {name: [row[index] for row in rows] for name, index in wanted.items()}, range(2, len(rows) + 2)


def _whole_rows(path: Path, rows: list[list[str]], width: int) -> Iterator[list[str]]:
    for number, row in enumerate(rows, 2):
        if len(row) == width:
            yield row
        elif row and number == len(rows) + 1 and len(row) < width:
            raise BadCandles(f"{path}:{number}: the last row is cut short; is the file complete?")
        elif row:
            raise BadCandles(f"{path}:{number}: {len(row)} values where the header names {width}")


def _wanted(path: Path, header: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for index, title in enumerate(header):
        name = _NAMES.get(title.strip().lower())
        if name is not None and name not in found:
            found[name] = index
    missing = [name for name in _FIELDS if name not in found]
    if missing:
        raise BadCandles(
            f"{path}: no column {', '.join(missing)}; needed are time (or timestamp, start), open, high, low, close, "
            f"volume (or vol), found {', '.join(header) or 'none'}"
        )
    return found


def _parquet(path: Path) -> tuple[Table, Sequence[int]]:
    try:
        from pyarrow import ArrowException, parquet  # noqa: PLC0415 - only when asked for: the import costs 0.2 s
    except ImportError as error:
        raise BadCandles(f"{path}: reading Parquet needs pyarrow: pip install 'cbbot[research]'") from error
    try:
        table = parquet.read_table(path)
    except FileNotFoundError:
        raise BadCandles(f"{path}: no such file") from None
    except (ArrowException, OSError) as error:
        raise BadCandles(f"{path}: cannot be read: {error}") from error
    wanted = _wanted(path, table.column_names)
    columns = {name: [_text(value) for value in table.column(index).to_pylist()] for name, index in wanted.items()}
    return columns, range(1, table.num_rows + 1)


def _text(value: Any) -> str:
    return (
        value.isoformat()
        if isinstance(value, datetime)
        else format(value, "f")
        if isinstance(value, Decimal)
        else str(value)
    )


def _parsed(path: Path, table: Table, lines: Sequence[int], instrument: Instrument, skip: bool) -> tuple[Columns, int]:
    """The columns as integers. Quick when every row is good; row by row to name the one that is not."""
    try:
        return _columns(table, instrument), len(lines)
    except (BadInput, ValueError, OverflowError):
        pass
    kept: list[int] = []
    for i, line in enumerate(lines):
        try:
            _columns({name: [texts[i]] for name, texts in table.items()}, instrument)
            kept.append(i)
        except (BadInput, ValueError, OverflowError) as error:
            if not skip:
                raise BadCandles(f"{path}:{line}: {error}; --skip-bad-rows counts and skips such rows") from error
    if not kept:
        raise BadCandles(f"{path}: not one row is a candle")
    return _columns({name: [texts[i] for i in kept] for name, texts in table.items()}, instrument), len(kept)


def _columns(table: Table, instrument: Instrument) -> Columns:
    prices = [_units(table[name], instrument.price_increment, name) for name in ("open", "high", "low", "close")]
    volume = _units(table["volume"], instrument.base_increment, "volume")
    opened, high, low, close = prices
    if min(int(column.min()) for column in prices) <= 0:
        raise BadInput("a price is not above 0")
    if bool((high < low).any()):
        raise BadInput("high is below low")
    if int(volume.min()) < 0:
        raise BadInput("volume is below 0")
    return Columns(_times(table["time"]), opened, high, low, close, volume)


def _units(texts: list[str], increment: Decimal, name: str) -> npt.NDArray[np.int64]:
    """Decimal texts in whole increments, half even.

    By float where that is certain; the few values near a tie, and values too large for a float
    to be sure of, by Decimal.
    """
    values = np.array(list(map(float, texts)))
    if not np.isfinite(values).all():
        raise BadInput(f"{name} is not a finite number")
    scaled = values * float(1 / increment)
    units = np.rint(scaled)
    doubtful = (np.abs(np.abs(scaled - np.floor(scaled)) - 0.5) < 1e-3) | (np.abs(scaled) > 2**40)
    exact: npt.NDArray[np.int64] = units.astype(np.int64)
    for i in np.flatnonzero(doubtful):
        exact[i] = nearest_units(parse_decimal(texts[i]), increment)
    return exact


def _times(texts: list[str]) -> npt.NDArray[np.int64]:
    """UNIX seconds of times in any of the accepted forms."""
    if texts[0].strip().lstrip("-").isdigit():
        numbers = np.array(list(map(int, texts)), dtype=np.int64)
        return np.where(np.abs(numbers) >= _MILLISECONDS_FROM, numbers // 1000, numbers)
    return np.array([_seconds(text) for text in texts], dtype=np.int64)


def _seconds(text: str) -> int:
    moment = datetime.fromisoformat(text.strip())
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _sorted(columns: Columns) -> tuple[Columns, int]:
    """Ascending by time; of rows with the same time the last in the file stays."""
    start = columns.start
    if len(start) < 2 or bool((start[1:] > start[:-1]).all()):
        return columns, 0
    order = np.argsort(start, kind="stable")
    ordered = start[order]
    last = np.append(ordered[1:] != ordered[:-1], True)
    chosen = order[last]
    return Columns(*(np.ascontiguousarray(column[chosen]) for column in columns)), len(start) - len(chosen)


def _spacing(path: Path, start: npt.NDArray[np.int64], candle_seconds: int) -> int:
    """How many gaps there are. The commonest spacing is the granularity and gaps are multiples of it."""
    steps = np.diff(start)
    if len(steps) == 0:
        return 0
    values, counts = np.unique(steps, return_counts=True)
    commonest = int(values[np.argmax(counts)])
    if commonest != candle_seconds:
        raise BadCandles(
            f"{path}: the candles are {commonest} seconds apart, GRANULARITY says {candle_seconds}; "
            "set GRANULARITY to match"
        )
    odd = np.flatnonzero(steps % candle_seconds)
    if len(odd):
        at = datetime.fromtimestamp(int(start[odd[0] + 1]), UTC)
        raise BadCandles(
            f"{path}: the candle of {at:%Y-%m-%dT%H:%M:%SZ} comes {int(steps[odd[0]])} seconds after the one "
            f"before it, which is no multiple of {candle_seconds}"
        )
    return int((steps != candle_seconds).sum())
