"""The candles that a simulator plays: any file that a backtest reads, of one-minute candles."""

from __future__ import annotations

import logging
from array import array
from collections.abc import Iterator
from pathlib import Path

from cbbot.candles.candle_blocks import TORN, opened, rows_of
from cbbot.candles.candle_errors import BadRow
from cbbot.candles.candle_increments import check_rounding, rounding_remark
from cbbot.candles.candle_rows import Rounding, scaled
from cbbot.domain.candle import Candle
from cbbot.domain.instrument import Instrument
from cbbot.errors import BadInput

__all__ = ["read_candles"]

_LOG = logging.getLogger(__name__)
_MINUTE = 60
_FEWEST = 2
_WIDTH = len(Candle._fields)


def read_candles(path: Path, instrument: Instrument, form: str | None = None) -> Iterator[Candle]:
    """One-minute candles on the instrument's scales, by time; of rows with the same time the last one counts.

    A row without volume is a quote without trades and stays a candle; a missing row is a gap.

    Raises:
        BadInput: the file cannot be read, a row is bad (with file and line), or the increments are too coarse for it.
    """
    rows, rounding = array("q"), Rounding()
    found = opened(path, form)
    for where, numbers, texts in rows_of(found):
        try:
            candle = scaled(numbers, instrument, rounding)
        except BadRow as error:
            raise BadInput(f"{where}: {error}") from None
        if candle.start % _MINUTE:
            raise BadInput(f"{where}: time {texts[0]} is not a whole minute; only one-minute candles are replayed")
        if not candle.low <= min(candle.open, candle.close) <= max(candle.open, candle.close) <= candle.high:
            raise BadInput(f"{where}: low <= open, close <= high is wanted")
        rows.extend(candle)
    check_rounding(rounding, path, form, instrument)
    if found.layout.known_as:
        _LOG.info(f"{path}: read as {found.layout.known_as}")
    if remark := rounding_remark(rounding, instrument):
        _LOG.info(f"{path}: {remark}")
    if found.is_torn:
        _LOG.warning(f"{path}: {TORN}")
    order = _by_time(rows[::_WIDTH])
    if len(order) < _FEWEST:
        raise BadInput(f"{path}: {len(order)} candles; a replay needs at least {_FEWEST}")
    for place in order:
        yield Candle(*rows[_WIDTH * place : _WIDTH * (place + 1)])


def _by_time(starts: array[int]) -> list[int] | range:
    """The places of the rows in rising order of time, of equal times the last."""
    places = range(len(starts))
    if all(starts[place - 1] < starts[place] for place in places[1:]):
        return places
    last = {start: place for place, start in enumerate(starts)}
    return [last[start] for start in sorted(last)]
