"""What there is to know of a candle file before trading on it.

Outliers are moves far beyond the file's own: more than 100 times the median move from close to close, and more than
2 %. The median is taken over the moves that are none of 0, so that neither quiet hours nor the outliers
themselves shift it. A jump is such a move from one close to the next candle's, without a gap between them; a wick
is a high or low that far beyond the candle's own open and close. Real markets have some: they want to be looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from cbbot.domain.candle import Granularity
from cbbot.domain.instrument import Instrument
from cbbot.kernel.batch import Columns
from cbbot.research.candles.candle_columns import commonest, outside_range, remarks, sorted_columns
from cbbot.research.candles.row_collector import Refusal, read_rows

__all__ = ["Findings", "Gap", "Outlier", "examine"]

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_MEDIANS: Final = 100.0
_SMALLEST_OUTLIER: Final = 0.02
_LISTED: Final = 10
# 70 % to train on, 50 to warm up and one to step through: what a backtest needs without other options.
_FEWEST: Final = 167


@dataclass(frozen=True, slots=True)
class Gap:
    """``missing`` candles between two that are there. Times in UNIX seconds."""

    after: int
    before: int
    missing: int


@dataclass(frozen=True, slots=True)
class Outlier:
    """``kind`` is jump or wick; ``change`` a share of the price it starts from, downwards negative."""

    start: int
    kind: str
    change: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Counts are of the whole file, lists the largest or first few. Prices in ticks, times in UNIX seconds.
    ``notes`` say how the file was read, ``doubts`` what may be wrong with it as a whole.

    ``spacing`` is the commonest distance of two candles in seconds, 0 for one candle; gaps are counted in it.
    """

    path: Path
    instrument: Instrument
    granularity: Granularity
    rows: int
    candles: int
    spacing: int
    first: int
    last: int
    bad_rows: int
    refusals: tuple[Refusal, ...]
    unsorted_rows: int
    duplicates: int
    conflicting: int
    gaps: int
    missing: int
    largest_gaps: tuple[Gap, ...]
    odd_spacings: int
    first_odd: tuple[Gap, ...]
    outliers: int
    largest_outliers: tuple[Outlier, ...]
    outlier_from: float
    outside_range: int
    no_volume: int
    lowest: tuple[int, int]
    highest: tuple[int, int]
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def refused(self) -> tuple[str, ...]:
        """What a backtest with these settings refuses."""
        found: list[str] = []
        if self.candles < _FEWEST:
            found.append(f"{_count(self.candles, 'candle')}; to train and to trade on it takes {_FEWEST} or more")
        if self.bad_rows:
            found.append(f"{_count(self.bad_rows, 'row')} that no candle can be read from")
        if self.candles > 1 and self.spacing != self.granularity.seconds:
            found.append(
                f"candles {self.spacing} seconds apart, where {self.granularity} is {self.granularity.seconds}"
            )
        if self.odd_spacings:
            found.append(f"{_count(self.odd_spacings, 'distance')} that no whole number of candles fits into")
        return tuple(found)

    @property
    def doubtful(self) -> tuple[str, ...]:
        """What a backtest accepts and a person should look at."""
        found: list[str] = []
        if self.duplicates:
            differ = f", {self.conflicting} with other numbers than the one that counts" if self.conflicting else ""
            found.append(f"{_count(self.duplicates, 'row')} with the time of a later one{differ}")
        if self.unsorted_rows:
            found.append(f"{_count(self.unsorted_rows, 'row')} before the time of the row above")
        if self.outside_range:
            found.append(f"{_count(self.outside_range, 'candle')} that open or close outside of their high and low")
        if self.outliers:
            found.append(f"{_count(self.outliers, 'move')} beyond {100 * self.outlier_from:.2f} %")
        found += self.doubts
        return tuple(found)


def examine(path: Path, instrument: Instrument, granularity: Granularity, form: str | None = None) -> Findings:
    """Look at every row of a file.

    Raises:
        BadCandles: the file cannot be used at all, or the increments are too coarse for it.
    """
    rows = read_rows(path, instrument, form, skip=True)
    bad, refusals = rows.bad, tuple(rows.refusals)
    found = rows.columns()
    notes, doubts = remarks(rows, instrument, found, granularity.seconds)
    del rows
    candles, duplicates = sorted_columns(found)
    steps = np.diff(candles.start)
    spacing = commonest(steps, granularity.seconds) if len(steps) else 0
    unit = max(spacing, 1)
    gaps = _gaps(candles.start, steps, unit, whole=True)
    odd = _gaps(candles.start, steps, unit, whole=False)
    outliers, outlier_from = _outliers(candles, steps, unit)
    low, high = int(np.argmin(candles.low)), int(np.argmax(candles.high))
    return Findings(
        path=path,
        instrument=instrument,
        granularity=granularity,
        rows=len(found.start) + bad,
        candles=len(candles.start),
        spacing=spacing,
        first=int(candles.start[0]),
        last=int(candles.start[-1]),
        bad_rows=bad,
        refusals=refusals,
        unsorted_rows=int((np.diff(found.start) < 0).sum()),
        duplicates=duplicates,
        conflicting=_conflicting(found, candles) if duplicates else 0,
        gaps=len(gaps),
        missing=sum(gap.missing for gap in gaps),
        largest_gaps=tuple(sorted(gaps, key=lambda gap: -gap.missing)[:_LISTED]),
        odd_spacings=len(odd),
        first_odd=tuple(odd[:_LISTED]),
        outliers=len(outliers),
        largest_outliers=tuple(sorted(outliers, key=lambda each: -abs(each.change))[:_LISTED]),
        outlier_from=outlier_from,
        outside_range=outside_range(candles),
        no_volume=int((candles.volume == 0).sum()),
        lowest=(int(candles.low[low]), int(candles.start[low])),
        highest=(int(candles.high[high]), int(candles.start[high])),
        notes=notes,
        doubts=doubts,
    )


def _gaps(start: Integers, steps: Integers, unit: int, *, whole: bool) -> list[Gap]:
    """Distances of several candles, or those that are no whole number of candles."""
    chosen = (steps > unit) & (steps % unit == 0) if whole else steps % unit != 0
    return [
        Gap(int(start[i]), int(start[i + 1]), int(steps[i]) // unit - 1 if whole else int(steps[i]) // unit)
        for i in np.flatnonzero(chosen).tolist()
    ]


def _conflicting(found: Columns, kept: Columns) -> int:
    """How many rows have other numbers than the kept one of their time."""
    at = np.searchsorted(kept.start, found.start)
    differ = np.zeros(len(at), dtype=np.bool_)
    for column, ours in zip(found[1:], kept[1:], strict=True):
        differ |= column != ours[at]
    return int(differ.sum())


def _outliers(candles: Columns, steps: Integers, unit: int) -> tuple[list[Outlier], float]:
    """The outliers, and from which share of the price on a move is one."""
    close = candles.close.astype(np.float64)
    change = np.where(steps == unit, close[1:] / close[:-1] - 1.0, 0.0)
    sizes = np.abs(change)
    moving = sizes[sizes > 0.0]
    limit = max(_SMALLEST_OUTLIER, _MEDIANS * float(np.median(moving))) if len(moving) else _SMALLEST_OUTLIER
    top = np.maximum(candles.open, candles.close).astype(np.float64)
    bottom = np.minimum(candles.open, candles.close).astype(np.float64)
    found = [
        Outlier(int(candles.start[i + 1]), "jump", float(change[i])) for i in np.flatnonzero(sizes > limit).tolist()
    ]
    for wick in (candles.high / top - 1.0, candles.low / bottom - 1.0):
        far = np.flatnonzero(np.abs(wick) > limit).tolist()
        found += [Outlier(int(candles.start[i]), "wick", float(wick[i])) for i in far]
    return found, limit


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'s' * (number != 1)}"
