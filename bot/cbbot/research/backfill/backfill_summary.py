"""What a backfill did, in lines for a person. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cbbot.domain.timestamps import rfc3339
from cbbot.research.backfill.grid import Starts, Window, count, missing
from cbbot.research.backfill.rows import Changes

__all__ = ["Outcome", "gaps_of", "lines"]

_LONGEST_LISTED: Final = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """``wanted`` was asked for, ``starts`` are in the file now. ``bad_rows`` were the venue's, and are not in it."""

    path: str
    product_id: str
    granularity: str
    seconds: int
    wanted: Window
    starts: Starts
    changes: Changes
    written: bool
    bad_rows: int


def gaps_of(starts: Starts, seconds: int) -> list[Window]:
    """The stretches without a candle between the first and the last one, oldest first."""
    return missing(starts, Window(int(starts[0]), int(starts[-1])), seconds) if len(starts) else []


def lines(outcome: Outcome) -> Iterator[str]:
    """The report."""
    seconds, starts, changes = outcome.seconds, outcome.starts, outcome.changes
    first, last = int(starts[0]), int(starts[-1])
    what = f"{outcome.product_id} {outcome.granularity}"
    yield f"{outcome.path}: {_candles(len(starts))} of {what} from {_text(first)} to {_text(last)}"
    done = f"{changes.added} new, {changes.changed} corrected" if outcome.written else "nothing new: left as it was"
    yield done + (f", {changes.dropped} duplicates dropped" if changes.dropped else "")
    if first > outcome.wanted.first:
        yield f"the venue has none before {_text(first)} (asked for from {_text(outcome.wanted.first)})"
    if outcome.wanted.last - last > seconds:
        yield f"the venue has none after {_text(last)} (asked for up to {_text(outcome.wanted.last)})"
    if outcome.bad_rows:
        yield f"{outcome.bad_rows} rows of the venue's were no candles and are left out"
    gaps = gaps_of(starts, seconds)
    if not gaps:
        yield "no gaps"
        return
    lost = _candles(count(gaps, seconds))
    yield f"{len(gaps)} gap{'s' * (len(gaps) > 1)}, {lost} missing: asked for twice, the venue has none there"
    longest = sorted(gaps, key=lambda gap: (gap.first - gap.last, gap.first))[:_LONGEST_LISTED]
    for gap in longest:
        yield f"  {_text(gap.first)} to {_text(gap.last)}: {_candles(count([gap], seconds))}"
    if len(gaps) > len(longest):
        yield f"  and {len(gaps) - len(longest)} more, none of them longer"


def _candles(number: int) -> str:
    return f"{number} candle{'s' * (number != 1)}"


def _text(start: int) -> str:
    return rfc3339(start * 1000)
