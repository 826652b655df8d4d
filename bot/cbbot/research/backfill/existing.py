"""What is in the file already, and whether it is what is asked for."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from cbbot.domain.timestamps import rfc3339
from cbbot.errors import BadInput
from cbbot.research.backfill.files import About, read_rows
from cbbot.research.backfill.grid import Starts, starts_of
from cbbot.research.backfill.rows import Row, same_prices, unsound

__all__ = ["TAIL_ROWS", "Existing", "scan", "stranger"]

TAIL_ROWS: Final = 10
# With fewer rows a product that trades seldom may well have no two candles side by side.
_ENOUGH_TO_TELL: Final = 20


class Existing(NamedTuple):
    """Open times, and the newest rows."""

    starts: Starts
    tail: Sequence[Row]


def scan(path: Path, about: About, seconds: int) -> Existing:
    """Reads the whole file without keeping it; an absent file has nothing in it.

    Raises:
        BadInput: it cannot be read, a row is no candle, rows are out of order, or it is of another granularity.
    """
    starts = array("q")
    tail: deque[Row] = deque(maxlen=TAIL_ROWS)
    nearest = 0
    for where, row in read_rows(path, about):
        if row.start % seconds == 0 and (wrong := unsound(row, seconds)):
            raise BadInput(f"{where}: {wrong}; put it right or give another --out")
        step = row.start - starts[-1] if starts else 0
        if step < 0:
            raise BadInput(f"{where}: the rows are not in order of time; sort them or give another --out")
        if row.start % seconds:
            raise _other_spacing(path, about, f"{rfc3339(row.start * 1000)} is no multiple of {seconds} seconds")
        nearest = min(nearest or step, step or nearest)
        starts.append(row.start)
        tail.append(row)
    if len(starts) >= _ENOUGH_TO_TELL and nearest != seconds:
        raise _other_spacing(path, about, f"its candles are {nearest} seconds apart")
    return Existing(starts_of(starts), tuple(tail))


def stranger(ours: Iterable[Row], theirs: Iterable[Row]) -> str:
    """Why rows that we hold cannot be the venue's, in words; empty when one of them agrees with its answer.

    One is enough: the newest may have been unfinished when it was read, and a venue may correct one.
    """
    venue = {row.start: row for row in theirs}
    said = ""
    for row in ours:
        answer = venue.get(row.start)
        if answer is not None and same_prices(row, answer):
            return ""
        there = f"{answer.open} to {answer.close}" if answer else "no candle"
        at = rfc3339(row.start * 1000)
        said = f"at {at} it has a candle from {row.open} to {row.close}, where the venue has {there}"
    return said


def _other_spacing(path: Path, about: About, why: str) -> BadInput:
    return BadInput(f"{path}: is not of granularity {about['granularity']}: {why}; give its own, or another --out")
