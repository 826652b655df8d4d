"""From options and the venue's clock to the candles that are wanted. Pure.

The time asked for is half-open: ``--start 2024-01-01 --end 2024-02-01`` is January, whole. A candle
belongs to it when it lies inside from its open to its close.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cbbot.domain.timestamps import rfc3339
from cbbot.errors import BadInput
from cbbot.research.backfill.grid import Starts, Window

__all__ = ["DAY", "Span", "moment", "span_of"]

DAY: Final = 86_400
# Late trades still reach a candle that has just ended.
_GRACE_SECONDS: Final = 2


@dataclass(frozen=True, slots=True)
class Span:
    """``wanted`` are candles that have ended by the venue's clock.

    ``sure`` is the newest open time of which the clock alone proves that: of a later one a newer candle
    must exist as well, because a fast simulator's clock is known too roughly. ``asked_until`` is the
    newest open time to ask for, beyond ``wanted`` where such a newer candle is looked for.
    """

    wanted: Window
    sure: int
    asked_until: int


def moment(option: str, text: str) -> int:
    """UNIX seconds of a date or an RFC 3339 time; without an offset it is UTC.

    Raises:
        BadInput: it is neither, or before 1970.
    """
    try:
        parsed = datetime.fromisoformat(text.strip())
        seconds = int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError) as error:
        raise BadInput(
            f"{option}={text!r} is not accepted: a date or an RFC 3339 time, such as 2024-01-31 or 2024-01-31T12:00:00Z"
        ) from error
    if seconds < 0:
        raise BadInput(f"{option}={text!r} is not accepted: there were no candles before 1970")
    return seconds


def span_of(*, start: int | None, days: int | None, end: int | None, now_ms: int, known: Starts, seconds: int) -> Span:
    """What to fetch; a file's ``known`` candles are part of it, so that what lies between is fetched too.

    ``end`` None is now; an ``end`` that has not come yet is now as well. Without ``start`` and ``days``
    the known candles say where it starts.

    Raises:
        BadInput: there is no start, it lies in the future, or not one whole candle is in between.
    """
    now = now_ms // 1000
    until = now if end is None else min(end, now)
    if days is not None:
        start = max(until - days * DAY, 0)
    if start is None:
        if not len(known):
            raise BadInput("from when on? --start TIME or --days N says so; only a file that has candles needs neither")
        start = int(known[0])
    if start >= now:
        raise BadInput(f"--start: {rfc3339(start * 1000)} is in the future; the venue's clock shows {rfc3339(now_ms)}")
    if start >= until:
        raise BadInput(f"--start: {rfc3339(start * 1000)} is not before --end, {rfc3339(until * 1000)}")
    first = -(-start // seconds) * seconds
    last = min(until, now - _GRACE_SECONDS) // seconds * seconds - seconds
    if last < first and not len(known):
        raise BadInput(
            f"there is no whole candle of {seconds} seconds from {rfc3339(start * 1000)} to {rfc3339(until * 1000)}"
        )
    if len(known):
        first, last = min(first, int(known[0])), max(last, int(known[-1]))
    bucket = now // seconds * seconds
    sure = bucket - 2 * seconds
    # One bucket into the future: the bridge's idea of the venue's time may lag behind it.
    return Span(Window(first, last), sure, last if last <= sure else bucket + seconds)
