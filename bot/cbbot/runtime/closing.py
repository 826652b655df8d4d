"""Which candles are over. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cbbot.domain.candle import Candle

__all__ = ["split_closed"]

# Late trades still reach a candle that has just ended.
_GRACE_MS: Final = 2_000


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
