"""Times as text: RFC 3339 in UTC. Times are milliseconds since the epoch; what time it *is* nobody knows here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

__all__ = ["epoch_ms", "moment_of", "rfc3339", "rfc3339_ms"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def moment_of(text: str) -> datetime | None:
    """The moment that an RFC 3339 text tells, in its own time zone; None when it is none, or names no zone.

    Digits beyond the microsecond are cut.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def epoch_ms(text: str) -> int | None:
    """Milliseconds since the epoch of an RFC 3339 text, cut; None when :func:`rfc3339_ms` could not write it."""
    moment = moment_of(text)
    if moment is None:
        return None
    try:
        return (moment.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)
    except OverflowError:
        return None


def rfc3339(ms: int) -> str:
    """``2025-09-09T12:37:00Z``; milliseconds only where there are any.

    Raises:
        OverflowError: a year beyond 9999.
    """
    text = rfc3339_ms(ms)
    return text if ms % 1000 else f"{text[:-5]}Z"


@lru_cache(maxsize=1024)
def rfc3339_ms(ms: int) -> str:
    """``2025-09-09T12:37:00.000Z``: always with milliseconds, as Coinbase writes its times.

    Raises:
        OverflowError: a year beyond 9999.
    """
    return f"{(_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec='milliseconds')[:-6]}Z"
