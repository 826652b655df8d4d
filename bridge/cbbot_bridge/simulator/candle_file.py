"""Candles from a CSV file: columns ``time, open, high, low, close, volume`` by name, in any order and case."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from cbbot.domain.candle import Candle
from cbbot.domain.decimals import parse_decimal
from cbbot.domain.instrument import Instrument
from cbbot.errors import BadInput

__all__ = ["read_candles"]

_NAMES = {
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
_MINUTE = 60
_FEWEST = 2
# UNIX seconds have ten digits until the year 2286; more digits are milliseconds.
_LONGEST_SECONDS = 11


def read_candles(path: Path, instrument: Instrument) -> Iterator[Candle]:
    """One-minute candles of a ``.csv`` or ``.csv.gz`` file, on the instrument's scales.

    Time is RFC 3339 or UNIX seconds or milliseconds. Prices are rounded to the tick, half even.
    A row without volume is a quote without trades and stays a candle; a missing row is a gap.

    Raises:
        BadInput: no such file, a column is missing, or a row is bad: with file and line.
    """
    with _opened(path) as file:
        rows = csv.reader(file)
        try:
            columns = _columns(next(rows, []), path)
            last, count = -1, 0
            for row in rows:
                if not row:
                    continue
                candle = _candle(row, columns, instrument, f"{path}:{rows.line_num}")
                if candle.start <= last:
                    raise BadInput(f"{path}:{rows.line_num}: time does not rise; sort the rows and drop duplicates")
                last, count = candle.start, count + 1
                yield candle
        except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
            raise BadInput(f"{path}:{rows.line_num + 1}: {error}") from error
    if count < _FEWEST:
        raise BadInput(f"{path}: {count} candles; a replay needs at least {_FEWEST}")


@contextmanager
def _opened(path: Path) -> Iterator[io.TextIOBase]:
    try:
        raw = path.open("rb")
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}; give a CSV file of one-minute candles") from error
    with raw, io.TextIOWrapper(gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw, "utf-8") as file:
        yield file


def _columns(header: list[str], path: Path) -> dict[str, int]:
    columns: dict[str, int] = {}
    for place, name in enumerate(header):
        known = _NAMES.get(name.strip().lower())
        if known is not None:
            columns.setdefault(known, place)
    missing = [name for name in ("time", "open", "high", "low", "close", "volume") if name not in columns]
    if missing:
        raise BadInput(f"{path}:1: no column {', '.join(missing)}; wanted is time,open,high,low,close,volume")
    return columns


def _candle(row: list[str], columns: Mapping[str, int], instrument: Instrument, where: str) -> Candle:
    try:
        fields = {name: row[place] for name, place in columns.items()}
        start = _seconds(fields["time"])
        open_, high, low, close = (
            instrument.ticks(parse_decimal(fields[name])) for name in ("open", "high", "low", "close")
        )
        volume = parse_decimal(fields["volume"])
    except IndexError as error:
        raise BadInput(f"{where}: {len(row)} fields, {len(columns)} are wanted") from error
    except (BadInput, ValueError, OverflowError) as error:
        raise BadInput(f"{where}: {error}") from error
    if start % _MINUTE:
        raise BadInput(f"{where}: time {fields['time']} is not a whole minute; only one-minute candles are replayed")
    if not 0 < low <= min(open_, close) <= max(open_, close) <= high:
        raise BadInput(f"{where}: prices must be above 0 with low <= open, close <= high")
    if volume < Decimal(0):
        raise BadInput(f"{where}: volume {fields['volume']} is negative")
    return Candle(start, open_, high, low, close, instrument.volume_units(volume))


def _seconds(text: str) -> int:
    stripped = text.strip()
    if stripped.isdecimal():
        number = int(stripped)
        return number if len(stripped) <= _LONGEST_SECONDS else number // 1000
    moment = datetime.fromisoformat(stripped)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp())
