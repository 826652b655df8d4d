"""Which candles to ask for next, newest first, and which of an answer to keep. Pure: it asks nobody itself.

::

    pages      every stretch without a known candle, in windows of at most PAGE_CANDLES
       │  EMPTY_PAGES empty ones in a row, without anything between them
       ▼
    days       is there a daily candle before this? The newest one says where to go on (a product may
       │       have rested for years); none means that the product was not listed yet: the end
       ▼
    again      what is still missing, once more, a candle wider on either side

Whoever drives it takes :meth:`Descent.next` and gives what the venue said to :meth:`Descent.answered`
until there is nothing more to ask.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple

from cbbot.research.backfill.grid import (
    Starts,
    Window,
    count,
    covering,
    cut_above,
    missing,
    starts_of,
    without,
)
from cbbot.research.backfill.rows import Row, unsound
from cbbot.research.backfill.span import DAY, Span

__all__ = ["EMPTY_PAGES", "PAGE_CANDLES", "Ask", "Descent"]

# The bridge reads 299 candles a request of its own, sharing an edge: this is four of them, and well within
# its time limit. A venue's rate budget is spent on answers, not on the rest of a page.
PAGE_CANDLES: Final = 1_197
EMPTY_PAGES: Final = 3


class Ask(NamedTuple):
    """One request: open times of the window, both included; of days when ``daily``."""

    window: Window
    daily: bool = False


class Descent:
    """``known`` are the open times that need no asking. ``bad`` counts rows of the venue's that were no candles.

    The newest known candle is asked for all the same: whoever wrote it may have seen it unfinished.
    """

    def __init__(self, span: Span, known: Starts, seconds: int, page_candles: int = PAGE_CANDLES) -> None:
        self._span = span
        self._seconds = seconds
        self._most = max(page_candles, 3)
        self._known = known
        self._trusted = known[:-1]
        self._fetched = array("q")
        self._newest_seen = -1
        self.vacant: list[Window] = []
        """Where the venue is known to have no candle: jumped over by its daily candles."""
        self._empty: list[Window] = []
        self._days: Window | None = None
        self._again = False
        self.bad = 0
        wanted = Window(span.wanted.first, max(span.asked_until, span.wanted.last))
        self._pages = deque(covering(missing(self._trusted, wanted, seconds), seconds, self._most))

    @property
    def left(self) -> int:
        """How many candles the pages span that are still to be asked for; more may follow."""
        return count(self._pages, self._seconds)

    def next(self) -> Ask | None:
        """What to ask; None when all has been asked."""
        if self._days is not None:
            first = max(self._days.first, self._days.last - (self._most - 1) * DAY)
            return Ask(Window(first, self._days.last), daily=True)
        if not self._pages and not self._again:
            self._plan_again()
        return Ask(self._pages[0]) if self._pages else None

    def answered(self, ask: Ask, rows: Iterable[Row]) -> list[Row]:
        """The rows to keep, ascending: closed candles that are wanted and were asked for.

        ``rows`` may be in any order, hold rows twice (the last counts), and rows outside the window.
        """
        if ask.daily:
            self._day_known({row.start for row in rows if ask.window.first <= row.start <= ask.window.last}, ask)
            return []
        self._pages.popleft()
        kept = self._kept(ask.window, rows)
        self._fetched.extend(row.start for row in kept)
        self._note_emptiness(ask.window, empty=not kept)
        return kept

    def known(self) -> Starts:
        """All open times there are by now."""
        return starts_of(self._known, self._fetched)

    def _kept(self, window: Window, rows: Iterable[Row]) -> list[Row]:
        by_start: dict[int, Row] = {}
        for row in rows:
            if window.first <= row.start <= window.last:
                by_start[row.start] = row
        sound = {start for start, row in by_start.items() if not unsound(row, self._seconds)}
        self.bad += len(by_start) - len(sound)
        self._newest_seen = max(self._newest_seen, *sound) if sound else self._newest_seen
        return [by_start[start] for start in sorted(sound) if self._is_wanted(start)]

    def _is_wanted(self, start: int) -> bool:
        closed = start <= self._span.sure or start < self._newest_seen
        return closed and self._span.wanted.first <= start <= self._span.wanted.last

    def _note_emptiness(self, window: Window, *, empty: bool) -> None:
        adjacent = bool(self._empty) and window.last + self._seconds == self._empty[-1].first
        if not empty:
            self._empty.clear()
            return
        self._empty = [*self._empty, window] if adjacent else [window]
        if len(self._empty) < EMPTY_PAGES or self._again or not self._pages:
            return
        self._empty = [window]
        below = window.first - self._seconds
        self._days = Window(self._span.wanted.first // DAY * DAY, below // DAY * DAY)

    def _day_known(self, days: set[int], ask: Ask) -> None:
        """Goes on at the newest day that has a candle; before the first of all there is nothing to ask for."""
        here = self._empty[-1].first
        assert self._days is not None  # noqa: S101  days are asked for only while they are looked for
        if not days and ask.window.first > self._days.first:
            self._days = Window(self._days.first, ask.window.first - DAY)
            return
        self._days = None
        self._empty.clear()
        top = max(days) + DAY - self._seconds if days else self._span.wanted.first - self._seconds
        if top < here - self._seconds:
            self.vacant.append(Window(top + self._seconds, here - self._seconds))
            self._pages = deque(cut_above(self._pages, top))

    def _plan_again(self) -> None:
        self._again = True
        step = self._seconds
        known = starts_of(self._trusted, self._fetched)
        stretches = without(missing(known, self._span.wanted, step), self.vacant, step)
        windows = covering(stretches, step, self._most - 2)
        self._pages = deque(Window(max(window.first - step, 0), window.last + step) for window in windows)
