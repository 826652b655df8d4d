"""Stretches of time in whole candles: which are missing, and in which pages to ask for them. Pure.

All times are open times in UNIX seconds, multiples of the candle's length ``seconds``. Both ends of a
window are *included*, as in the bridge's ``GET /candles``: neighbours are one candle apart, and neither
share a candle nor lose one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Starts", "Window", "count", "covering", "cut_above", "missing", "starts_of", "without"]

Starts = npt.NDArray[np.int64]
"""Open times, ascending, none twice."""


class Window(NamedTuple):
    """Candles that open from ``first`` to ``last``, both included."""

    first: int
    last: int


def starts_of(*parts: Iterable[int]) -> Starts:
    """Open times of all parts as one ascending column."""
    columns = [np.fromiter(part, dtype=np.int64) for part in parts]
    return np.unique(np.concatenate(columns)) if columns else np.empty(0, dtype=np.int64)


def count(windows: Iterable[Window], seconds: int) -> int:
    """How many candles the windows span."""
    return sum((window.last - window.first) // seconds + 1 for window in windows)


def missing(known: Starts, window: Window, seconds: int) -> list[Window]:
    """The stretches of ``window`` without a known candle, oldest first."""
    if window.last < window.first:
        return []
    inside = known[(known >= window.first) & (known <= window.last)]
    edges = np.concatenate(([window.first - seconds], inside, [window.last + seconds]))
    before = np.flatnonzero(np.diff(edges) > seconds)
    return [Window(int(edges[i]) + seconds, int(edges[i + 1]) - seconds) for i in before]


def without(stretches: Iterable[Window], taken: Sequence[Window], seconds: int) -> list[Window]:
    """The stretches less what is ``taken``, oldest first."""
    left = list(stretches)
    for gone in taken:
        pieces = []
        for stretch in left:
            pieces.append(Window(stretch.first, min(stretch.last, gone.first - seconds)))
            pieces.append(Window(max(stretch.first, gone.last + seconds), stretch.last))
        left = [piece for piece in pieces if piece.first <= piece.last]
    return left


def covering(stretches: Sequence[Window], seconds: int, most: int) -> list[Window]:
    """Windows of at most ``most`` candles that hold every candle of the stretches, newest first.

    ``stretches`` are oldest first and do not touch. Small ones that lie together share a window.
    """
    span = (most - 1) * seconds
    windows: list[Window] = []
    first = last = -1
    for stretch in reversed(stretches):
        top = stretch.last
        while top >= stretch.first:
            if last < 0 or top < last - span:
                if last >= 0:
                    windows.append(Window(first, last))
                last = top
            first = max(stretch.first, last - span)
            top = first - seconds
    if last >= 0:
        windows.append(Window(first, last))
    return windows


def cut_above(windows: Iterable[Window], top: int) -> list[Window]:
    """The windows, in their order, without what opens after ``top``."""
    return [Window(window.first, min(window.last, top)) for window in windows if window.first <= top]
