"""Which candles are over, and which of them long ago. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cbbot.domain.candle import Candle

__all__ = ["is_fresh", "is_late", "split_closed"]

# Late trades still reach a candle that has just ended.
_GRACE_MS: Final = 2_000
# What the bridge and the venue may take to tell of a candle.
_NEWS_DELAY_MS: Final = 10_000


def split_closed(
    candles: Sequence[Candle], candle_seconds: int, asked_ms: int, *, by_time: bool
) -> tuple[list[Candle], Candle | None]:
    """Closed candles and the one in progress. ``asked_ms`` is the venue's time before they were asked for.

    A candle is over when a later one exists; with ``by_time`` also when its time is up. A fast
    simulator's clock is known too roughly for that, and it trades in every candle.
    """
    if not candles:
        return [], None
    newest = candles[-1]
    if by_time and asked_ms >= (newest.start + candle_seconds) * 1000 + _GRACE_MS:
        return list(candles), None
    return list(candles[:-1]), newest


def is_late(candle: Candle, candle_seconds: int, now_ms: int) -> bool:
    """Whether a closed candle is no news: the next one, which tells what the price is, should have closed as well."""
    return not is_fresh(now_ms - (candle.start + candle_seconds) * 1000, candle_seconds)


def is_fresh(age_ms: float, candle_seconds: int) -> bool:
    """Whether something so long ago is not older than a candle that is news."""
    return age_ms <= candle_seconds * 1000 + _NEWS_DELAY_MS
