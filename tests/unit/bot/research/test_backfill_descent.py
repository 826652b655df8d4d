"""What a backfill asks for and keeps: exactly the venue's closed candles of the range, whatever the pages look like."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbbot.errors import BadInput
from cbbot.research.backfill.descent import EMPTY_PAGES, PAGE_CANDLES, Ask, Descent
from cbbot.research.backfill.grid import Window, count, covering, missing, starts_of, without
from cbbot.research.backfill.rows import Changes, Row, in_order, overlaid, unsound
from cbbot.research.backfill.span import DAY, Span, moment, span_of

BASE = 1_757_376_000  # a whole day


def row(start: int, close: int = 0) -> Row:
    """A candle that shows its time in its prices."""
    price = 100 + start % 977 + close
    return Row(start, f"{price}.5", f"{price}.90", f"{price}", f"{price}.25", "0.10")


class Venue:
    """Candles at ``starts``, seen at ``now``. Refuses wide windows; answers in any order, with rows twice and beside.

    ``late`` candles are missing from the first answer that should hold them.
    """

    def __init__(self, starts: set[int], now: int, seconds: int, most: int, dice: Random, late: set[int]) -> None:
        self.starts = {start for start in starts if start <= now}
        self.seconds, self.most, self.dice = seconds, most, dice
        self.now = now
        self.late = set(late)
        self.asked: list[Ask] = []

    def answer(self, ask: Ask) -> list[Row]:
        self.asked.append(ask)
        first, last = ask.window
        step = DAY if ask.daily else self.seconds
        assert first % step == last % step == 0
        assert first <= last
        assert (last - first) // step + 1 <= self.most
        if ask.daily:
            return [row(start // DAY * DAY) for start in self.starts if first <= start // DAY * DAY <= last]
        inside = {start for start in self.starts if first <= start <= last}
        rows = [self.reading(start) for start in inside - self.late]
        self.late -= inside
        rows += self.dice.sample(rows, len(rows) // 3)
        rows += [row(last + self.seconds), row(first - self.seconds)]
        self.dice.shuffle(rows)
        return rows

    def reading(self, start: int) -> Row:
        return row(start, 7 if start + self.seconds > self.now else 0)

    def closed(self, first: int, last: int) -> list[int]:
        """What counts as closed: over for two seconds, and followed by a later candle or over for a whole length."""
        newest = max(self.starts, default=0)
        return sorted(
            start
            for start in self.starts
            if first <= start <= last
            and start + self.seconds + 2 <= self.now
            and (start < newest or start + 2 * self.seconds <= self.now)
        )


def driven(venue: Venue, descent: Descent) -> list[tuple[int, list[Row]]]:
    """Pages as a journal would keep them."""
    pages: list[tuple[int, list[Row]]] = []
    for _ in range(20_000):
        ask = descent.next()
        if ask is None:
            return pages
        kept = descent.answered(ask, venue.answer(ask))
        if kept:
            pages.append((kept[0].start, kept))
    raise AssertionError("it never ends")


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    seconds = draw(st.sampled_from([60, 300, 3600, 21_600, DAY]))
    at = BASE
    starts: list[int] = []
    for rest, run in draw(st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 40)), min_size=1, max_size=6)):
        at += rest * seconds if draw(st.booleans()) else min(rest, 5) * seconds
        starts += range(at, at + run * seconds, seconds)
        at += run * seconds
    held = draw(st.lists(st.booleans(), min_size=len(starts), max_size=len(starts)))
    late = draw(st.lists(st.booleans(), min_size=len(starts), max_size=len(starts)))
    return {
        "seconds": seconds,
        "starts": starts,
        "held": [start for start, yes in zip(starts, held, strict=True) if yes] if draw(st.booleans()) else [],
        "late": {start for start, yes in zip(starts, late, strict=True) if yes} if draw(st.booleans()) else set(),
        "start": BASE + draw(st.integers(-2000, 500)) * seconds + draw(st.sampled_from([0, 1, seconds - 1])),
        "end": at + draw(st.integers(-100, 100)) * seconds + draw(st.integers(0, 59)),
        "now": at + draw(st.sampled_from([-seconds, 0, 1, 2, 3, seconds, 2 * seconds, 90 * seconds])),
        "most": draw(st.integers(3, 60)),
        "seed": draw(st.integers(0, 999)),
    }


def test_the_result_is_exactly_the_venues_closed_candles_of_the_range() -> None:
    exercised: Counter[str] = Counter()

    @settings(max_examples=300, deadline=None)
    @given(cases())
    def run(case: dict[str, Any]) -> None:
        seconds, now = case["seconds"], case["now"]
        dice = Random(case["seed"])
        venue = Venue(set(case["starts"]), now, seconds, case["most"], dice, case["late"])
        held = [start for start in case["held"] if start + seconds + 2 <= now]
        known = starts_of(held)
        try:
            span = span_of(
                start=case["start"], days=None, end=case["end"], now_ms=now * 1000, known=known, seconds=seconds
            )
        except BadInput:
            exercised["refused"] += 1
            return
        # The newest one of the file may have been written while it was in progress.
        file = [row(start, 3 if start == held[-1] else 0) for start in held]
        descent = Descent(span, known, seconds, case["most"])
        pages = driven(venue, descent)
        result = list(overlaid(file, in_order(pages, lambda rows: rows), Changes()))
        first = min(-(-case["start"] // seconds) * seconds, *held[:1], now)
        last = max(min(case["end"], now) // seconds * seconds - seconds, *held[-1:], 0)
        closed = set(venue.closed(first, last))
        wanted = sorted(closed.union(held))
        assert [one.start for one in result] == wanted
        # What is not over beyond doubt stays as the file had it.
        assert result == [row(start, 0 if start in closed else 3) for start in wanted]
        assert list(descent.known()) == wanted
        asked = Counter("days" if ask.daily else "pages" for ask in venue.asked)
        exercised.update(
            candles=len(wanted), holes=bool(held), late=bool(case["late"]), days=bool(asked["days"]),
            jumps=bool(descent.vacant), many=asked["pages"] > 10, forming=max(venue.starts, default=0) + seconds > now,
            unfinished=bool(held), gaps=bool(missing(descent.known(), Window(min(wanted), max(wanted)), seconds))
            if wanted else 0,
        )  # fmt: skip

    run()
    assert all(
        exercised[what] >= 10
        for what in ("candles", "holes", "late", "days", "jumps", "many", "forming", "unfinished", "gaps")
    ), exercised


grids = st.tuples(
    st.lists(st.integers(0, 400), max_size=120), st.integers(0, 60), st.integers(1, 340), st.integers(1, 50)
)


@given(grids)
def test_pages_tile_what_is_missing(grid: tuple[list[int], int, int, int]) -> None:
    numbers, first, length, most = grid
    window = Window(first * 60, (first + length - 1) * 60)
    known = starts_of([number * 60 for number in numbers])
    wanted = set(range(window.first, window.last + 60, 60)) - {number * 60 for number in numbers}
    stretches = missing(known, window, 60)
    assert [start for one in stretches for start in range(one.first, one.last + 60, 60)] == sorted(wanted)
    pages = covering(stretches, 60, most)
    asked = [start for page in pages for start in range(page.first, page.last + 60, 60)]
    assert len(asked) == len(set(asked)), "two pages share a candle"
    assert wanted <= set(asked), "a candle falls between two pages"
    assert all((page.last - page.first) // 60 < most for page in pages)
    assert all(page.first in wanted and page.last in wanted for page in pages), "no wider than it need be"
    assert pages == sorted(pages, reverse=True)
    assert count(pages, 60) == len(asked)


def test_a_range_without_a_file_is_asked_for_page_by_page_with_no_candle_between_or_twice() -> None:
    last = BASE + 5_999 * 60
    pages = covering([Window(BASE, last)], 60, PAGE_CANDLES)
    assert [page.last for page in pages] == [last - number * PAGE_CANDLES * 60 for number in range(6)]
    assert all(below.last + 60 == above.first for above, below in pairwise(pages))
    assert pages[-1].first == BASE
    assert count(pages, 60) == 6_000


@given(st.lists(st.integers(0, 99)), st.lists(st.tuples(st.integers(0, 99), st.integers(0, 30)), max_size=4))
def test_what_is_taken_is_left_out(numbers: list[int], taken: list[tuple[int, int]]) -> None:
    stretches = missing(starts_of(numbers), Window(0, 99), 1)
    gone = {number for first, length in taken for number in range(first, first + length + 1)}
    left = without(stretches, [Window(first, first + length) for first, length in taken], 1)
    assert [n for one in left for n in range(one.first, one.last + 1)] == sorted(set(range(100)) - set(numbers) - gone)


@given(
    st.lists(st.lists(st.integers(0, 60), min_size=1, unique=True).map(sorted), max_size=8), st.sets(st.integers(0, 60))
)
def test_of_two_readings_the_later_one_stays(pages: list[list[int]], held: set[int]) -> None:
    readings = [[row(start, number) for start in page] for number, page in enumerate(pages, 1)]
    model = {start: row(start) for start in held}
    for page in readings:
        model |= {one.start: one for one in page}
    changes = Changes()
    newer = in_order([(page[0].start, page) for page in readings], lambda page: page)
    assert list(overlaid([row(start) for start in sorted(held)], newer, changes)) == [
        model[start] for start in sorted(model)
    ]
    fetched = {start for page in pages for start in page}
    assert (changes.total, changes.added, changes.changed) == (len(model), len(fetched - held), len(fetched & held))


def test_another_way_of_writing_a_number_is_no_change_and_doubles_are_dropped() -> None:
    older = [Row(60, "1", "2", "1", "2", "0.5"), Row(60, "1", "2", "1", "2", "0.50"), Row(120, "1", "1", "1", "1", "0")]
    changes = Changes()
    assert list(overlaid(older, [Row(60, "1.0", "2", "1", "2.00", "0.5")], changes)) == [
        Row(60, "1.0", "2", "1", "2.00", "0.5"), older[2],
    ]  # fmt: skip
    assert (changes.added, changes.changed, changes.dropped) == (0, 0, 1)
    assert changes.any()


def closed_span(first: int, last: int) -> Span:
    return Span(Window(first, last), sure=last, asked_until=last)


def test_before_the_listing_it_stops_after_some_empty_pages_and_a_look_at_the_days() -> None:
    listed = BASE + 400 * DAY + 7 * 60
    venue = Venue(set(range(listed, listed + 6000, 60)), listed + 10 * DAY, 60, PAGE_CANDLES, Random(1), set())
    descent = Descent(closed_span(BASE, listed + 5940), starts_of(), 60)
    driven(venue, descent)
    assert len(descent.known()) == 100
    pages = [ask for ask in venue.asked if not ask.daily]
    # One with candles, the empty ones, and what had been asked for once is asked for once more.
    assert len(pages) <= 1 + EMPTY_PAGES + EMPTY_PAGES + 1
    assert [ask.daily for ask in venue.asked].count(True) == 1


def test_a_product_that_rested_for_years_is_followed_to_the_time_before() -> None:
    again = BASE + 900 * DAY
    starts = {*range(BASE + 3000, BASE + 9000, 60), *range(again, again + 6000, 60)}
    venue = Venue(starts, again + 10 * DAY, 60, PAGE_CANDLES, Random(1), set())
    descent = Descent(closed_span(BASE, again + 5940), starts_of(), 60)
    driven(venue, descent)
    assert list(descent.known()) == sorted(starts)
    assert len(venue.asked) < 20, "not page by page through the years"


def test_rows_that_are_no_candles_are_counted_and_asked_for_again() -> None:
    sound = [row(BASE + 60 * number) for number in range(10)]
    broken = sound[4]._replace(high="1")
    assert unsound(broken, 60)
    assert unsound(sound[4]._replace(start=BASE + 30), 60)
    assert unsound(sound[4]._replace(volume="-1"), 60)
    descent = Descent(closed_span(BASE, BASE + 540), starts_of(), 60)
    ask = descent.next()
    assert ask == Ask(Window(BASE, BASE + 540))
    assert len(descent.answered(ask, [*sound[:4], broken, *sound[5:]])) == 9
    again = descent.next()
    assert again == Ask(Window(BASE + 180, BASE + 300)), "a candle wider on either side"
    assert descent.answered(again, sound) == sound[3:6]
    assert descent.next() is None
    assert descent.bad == 1


def test_a_file_that_is_whole_is_asked_for_its_newest_candle_only() -> None:
    known = starts_of(range(BASE, BASE + 6000, 60))
    descent = Descent(closed_span(BASE, BASE + 5940), known, 60)
    assert descent.left == 1
    assert descent.next() == Ask(Window(BASE + 5940, BASE + 5940))


class TestSpan:
    def span(self, **given: Any) -> Span:
        known = starts_of(given.pop("known", ()))
        usual = {"start": BASE, "days": None, "end": None, "now_ms": (BASE + 3600) * 1000, "seconds": 60}
        return span_of(known=known, **{**usual, **given})

    def test_the_end_is_not_part_of_it_and_the_start_is(self) -> None:
        assert self.span(end=BASE + 600).wanted == Window(BASE, BASE + 540)
        assert self.span(end=BASE + 659, start=BASE + 1).wanted == Window(BASE + 60, BASE + 540)

    def test_the_candle_in_progress_is_not_wanted_but_looked_at(self) -> None:
        span = self.span(now_ms=(BASE + 3600 + 30) * 1000)
        assert span == Span(Window(BASE, BASE + 3540), sure=BASE + 3480, asked_until=BASE + 3660)

    def test_a_candle_is_not_over_before_late_trades_have_come(self) -> None:
        assert self.span(now_ms=(BASE + 3601) * 1000).wanted.last == BASE + 3480
        assert self.span(now_ms=(BASE + 3602) * 1000).wanted.last == BASE + 3540

    def test_days_count_back_from_the_end(self) -> None:
        now = (BASE + 10 * DAY) * 1000
        assert self.span(start=None, days=2, now_ms=now).wanted.first == BASE + 8 * DAY
        assert self.span(start=None, days=2, now_ms=now, end=BASE + 5 * DAY).wanted.first == BASE + 3 * DAY

    def test_what_lies_between_a_file_and_the_range_is_wanted_too(self) -> None:
        known = [BASE + 6000, BASE + 9000]
        late = {"now_ms": (BASE + DAY) * 1000, "known": known}
        assert self.span(end=BASE + 600, **late).wanted == Window(BASE, BASE + 9000)
        assert self.span(start=BASE + 12_000, end=BASE + 15_000, **late).wanted == Window(BASE + 6000, BASE + 14_940)
        assert self.span(start=None, **late).wanted == Window(BASE + 6000, BASE + DAY - 120)

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"start": BASE + 3600}, "in the future"),
            ({"start": BASE + 600, "end": BASE + 600}, "not before --end"),
            ({"start": BASE + 3590}, "no whole candle"),
            ({"start": None}, "--start TIME or --days N"),
        ],
    )
    def test_what_cannot_be_is_refused(self, given: dict[str, Any], said: str) -> None:
        with pytest.raises(BadInput, match=said):
            self.span(**given)

    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            ("2025-09-09", BASE),
            ("2025-09-09T00:00:00Z", BASE),
            ("2025-09-09T02:00:00+02:00", BASE),
            (" 2025-09-09T00:01 ", BASE + 60),
        ],
    )
    def test_times(self, text: str, seconds: int) -> None:
        assert moment("--start", text) == seconds

    @pytest.mark.parametrize("text", ["", "yesterday", "2025-13-01", "1969-12-31", "0001-01-01T00:00:00+10:00", "²"])
    def test_no_times(self, text: str) -> None:
        with pytest.raises(BadInput, match="--start="):
            moment("--start", text)


def test_open_times_of_parts_are_one_ascending_column() -> None:
    assert list(starts_of([120, 60], np.array([60, 180]))) == [60, 120, 180]
    assert list(starts_of()) == []
