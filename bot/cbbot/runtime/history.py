"""The candles before now, paged back from the bridge."""

from __future__ import annotations

from typing import Final

from cbbot.domain.candle import Candle
from cbbot.domain.instrument import Instrument
from cbbot.runtime.bridge_clock import LiveClock
from cbbot.runtime.bridge_market import BridgeMarket, parse_candles
from cbbot.runtime.closing import split_closed

__all__ = ["load_history"]

_PAGE_CANDLES: Final = 1500
_ENOUGH: Final = 400
_EMPTY_PAGES: Final = 3


async def load_history(
    market: BridgeMarket,
    instrument: Instrument,
    clock: LiveClock,
    granularity: str,
    candle_seconds: int,
    wanted: int,
    back_to: int = 0,
) -> tuple[tuple[Candle, ...], int]:
    """The last ``wanted`` closed candles and all from ``back_to`` on (an open time; 0: no more), oldest first.

    Also how many rows made no sense. ``back_to`` counts only within twice ``wanted``: what is older
    is cheaper worked out anew than fetched. A venue that has no more gives fewer.

    Raises:
        Retryable, Refused: the bridge could not give them.
    """
    asked_ms = clock.now_ms()
    end = asked_ms // 1000 // candle_seconds * candle_seconds + candle_seconds
    horizon = end - 2 * wanted * candle_seconds
    oldest_wanted = back_to if back_to > horizon else end
    found: list[Candle] = []
    bad = empty_pages = 0
    while end >= 0 and (len(found) <= wanted or end >= oldest_wanted):
        start = max(end - (_PAGE_CANDLES - 1) * candle_seconds, 0)
        candles, nonsense = parse_candles(instrument, await market.candles(granularity, start, end))
        bad += nonsense
        found[:0] = [candle for candle in candles if not found or candle.start < found[0].start]
        empty_pages = 0 if candles else empty_pages + 1
        if empty_pages >= (1 if len(found) >= _ENOUGH else _EMPTY_PAGES):
            break
        end = start - candle_seconds
    closed, _ = split_closed(found, candle_seconds, asked_ms, by_time=not clock.fast)
    first = max(len(closed) - wanted, 0)
    while first > 0 and closed[first - 1].start >= oldest_wanted:
        first -= 1
    return tuple(closed[first:]), bad
