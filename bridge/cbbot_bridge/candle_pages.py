"""A window of candles, cut into pages that Coinbase accepts, and put together again. Pure.

Coinbase refuses more than 350 candles (some say 349) instead of cutting, and cuts the *old* end when its
``limit`` is below the window. So a page spans 299 candles, ``limit`` is always the most there is, and
neighbouring pages share their edge: no hole whether Coinbase's ``end`` is meant inclusive or not. For
the same reason the last page asks for one second more than the window.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from cbbot.contract.bridge_api import CandleRow
from cbbot.contract.bridge_errors import BridgeErrorCode
from cbbot_bridge.http_errors import RequestRefused

__all__ = ["MOST_CANDLES", "Window", "merge", "pages", "window_of"]

_PAGE_CANDLES = 299
MOST_CANDLES = 10_000


class Window(NamedTuple):
    """Open times from ``start`` to ``end``, both included, UNIX seconds; at most ``newest`` candles."""

    start: int
    end: int
    newest: int


def window_of(seconds: int, limit: int, start: int | None, end: int | None, now: int) -> Window:
    """What ``GET /candles`` asks for; ``seconds`` is the candle's length, ``now`` the venue's time.

    With ``start`` the window counts and ``limit`` does not; without it, ``limit`` candles up to ``end``.

    Raises:
        RequestRefused: the window is empty, or holds more candles than one request may read.
    """
    if start is None:
        # One bucket into the future when no end is given: our idea of the venue's time may lag behind it.
        last = now + seconds if end is None else end
        bucket = last // seconds * seconds
        return Window(max(bucket - (limit if end is None else limit - 1) * seconds, 0), last, limit)
    last = now + seconds if end is None else end
    if last < start:
        raise RequestRefused(422, BridgeErrorCode.INVALID_INPUT, f"start: {start} is after end {last}")
    if (last - start) // seconds + 1 > MOST_CANDLES:
        message = f"start: the window holds more than {MOST_CANDLES} candles; ask for it in parts"
        raise RequestRefused(422, BridgeErrorCode.INVALID_INPUT, message)
    return Window(start, last, MOST_CANDLES + 1)


def pages(window: Window, seconds: int) -> Iterator[tuple[int, int]]:
    """``(start, end)`` of each request, oldest first."""
    span = _PAGE_CANDLES * seconds
    start = window.start
    while True:
        end = start + span
        if end >= window.end:
            yield start, window.end + 1
            return
        yield start, end
        start = end


def merge(rows: Iterable[CandleRow], window: Window) -> list[CandleRow]:
    """Rows of all pages: inside the window, oldest first, a later reading of a candle replacing an earlier one."""
    by_start = {int(row.start): row for row in rows}
    inside = [by_start[start] for start in sorted(by_start) if window.start <= start <= window.end]
    return inside[-window.newest :]
