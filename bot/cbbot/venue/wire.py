"""Text as Coinbase writes it: trimmed decimals, times in RFC 3339."""

from __future__ import annotations

from decimal import Decimal

from cbbot.domain.decimals import plain

__all__ = ["decimal_text", "time_text"]

_DAY_MS = 86_400_000


def decimal_text(value: Decimal) -> str:
    """Plain notation without trailing zeros: ``66312.4``, ``0``."""
    text = plain(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def time_text(time_ms: int) -> str:
    """UTC with milliseconds: ``2025-09-06T07:02:00.000Z``.

    The calendar is computed here because the pure core knows no ``datetime``, whose ``now`` is a clock.
    """
    days, rest = divmod(time_ms, _DAY_MS)
    year, month, day = _civil(days)
    seconds, ms = divmod(rest, 1000)
    return (
        f"{year:04d}-{month:02d}-{day:02d}T{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{ms:03d}Z"
    )


def _civil(days: int) -> tuple[int, int, int]:
    """Year, month, day of a day counted from 1970-01-01.

    Counts in eras of 400 years from 0000-03-01: a year that starts in March has its leap day last.
    """
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return era * 400 + year_of_era + (month <= 2), month, day_of_year - (153 * shifted + 2) // 5 + 1
