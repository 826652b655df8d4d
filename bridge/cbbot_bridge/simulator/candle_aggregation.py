"""Minutes put together into longer candles."""

from __future__ import annotations

from cbbot.domain.candle import Candle
from cbbot.venue.tape import Tape

__all__ = ["candle_page"]


def candle_page(tape: Tape, first: int, last: int, seconds: int, now_ms: int) -> list[Candle]:
    """Candles of ``seconds`` whose starts lie in ``first..last``, oldest first; those without trades are missing."""
    minutes = tape.candles(first, last + seconds - tape.series.seconds, now_ms)
    if seconds == tape.series.seconds:
        return list(minutes)
    page: list[Candle] = []
    for minute in minutes:
        start = minute.start // seconds * seconds
        if page and page[-1].start == start:
            page[-1] = _joined(page[-1], minute)
        else:
            page.append(minute._replace(start=start))
    return page


def _joined(longer: Candle, minute: Candle) -> Candle:
    return Candle(
        longer.start,
        longer.open,
        max(longer.high, minute.high),
        min(longer.low, minute.low),
        minute.close,
        longer.volume + minute.volume,
    )
