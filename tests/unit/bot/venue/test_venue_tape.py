"""The tape: candles become prints and prints candles, for ever, without drift."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cbbot.domain.candle import Candle
from cbbot.domain.order import Side
from cbbot.errors import BadInput
from cbbot.venue.candle_series import CandleSeries
from cbbot.venue.order_book import BookShape, book_after
from cbbot.venue.prints import forming_candle, prints_of
from cbbot.venue.tape import Tape
from cbbot.venue.walk import random_walk

MINUTE = 60_000
START = 1_757_142_120


def candle_at(start: int, *prices: int, volume: int = 120) -> Candle:
    open_, high, low, close = prices
    return Candle(start, open_, high, low, close, volume)


def small_tape() -> Tape:
    """Three candles, a gap of two minutes before the third."""
    candles = [
        candle_at(START, 1000, 1010, 990, 1005),
        candle_at(START + 60, 1005, 1005, 1000, 1001),
        candle_at(START + 240, 1003, 1100, 1003, 1100),
    ]
    return Tape(CandleSeries(candles))


@st.composite
def any_candle(draw: st.DrawFn) -> Candle:
    low = draw(st.integers(1, 10**8))
    high = low + draw(st.integers(0, 10**6))
    open_, close = draw(st.integers(low, high)), draw(st.integers(low, high))
    return Candle(START, open_, high, low, close, draw(st.integers(0, 10**12)))


@given(any_candle(), st.integers(4, 60))
def test_the_prints_of_a_candle_give_the_candle_back(candle: Candle, count: int) -> None:
    prints = prints_of(candle, 0, 60, count)
    assert forming_candle(candle.start, prints) == candle
    times = [item.time_ms for item in prints]
    assert times == sorted(set(times))
    assert times[0] == candle.start * 1000
    assert times[-1] < (candle.start + 60) * 1000


@given(any_candle(), st.integers(0, 3))
def test_the_touch_stays_inside_a_candle_as_wide_as_the_spread(candle: Candle, spread: int) -> None:
    assume(candle.high - candle.low >= spread)
    for item in prints_of(candle, 0, 60, 12):
        assume(spread <= 1 or item.price - candle.low >= spread or item.price == candle.low)
        book = book_after(item, BookShape(spread_ticks=spread))
        assert candle.low <= book.bids[0].price <= book.asks[0].price <= candle.high
        assert book.asks[0].price - book.bids[0].price == spread
        assert item.price in (book.bids[0].price, book.asks[0].price)


def test_a_rising_candle_visits_its_low_first_and_a_falling_one_its_high() -> None:
    rising = [item.price for item in prints_of(candle_at(START, 100, 110, 90, 105), 0, 60, 4)]
    falling = [item.price for item in prints_of(candle_at(START, 105, 110, 90, 100), 0, 60, 4)]
    assert rising == [100, 90, 110, 105]
    assert falling == [105, 110, 90, 100]


def test_the_newest_candle_is_in_progress_until_its_minute_is_over() -> None:
    tape = small_tape()
    begun = tape.forming(START * 1000 + 1)
    assert begun == Candle(START, 1000, 1000, 1000, 1000, 10)
    assert tape.forming(START * 1000 + MINUTE - 1) == tape.candle(0)
    assert list(tape.candles(START, START + 600, START * 1000 + MINUTE)) == [
        tape.candle(0),
        Candle(START + 60, 1005, 1005, 1005, 1005, 10),
    ]


def test_a_gap_of_the_file_stays_a_gap() -> None:
    tape = small_tape()
    in_gap = (START + 200) * 1000
    assert [item.start for item in tape.candles(START, START + 600, in_gap)] == [START, START + 60]
    assert tape.forming(in_gap) == tape.candle(1)
    assert tape.next_print_ms(in_gap) == (START + 240) * 1000
    last = tape.last_print(in_gap)
    assert last is not None
    assert last.price == 1001


def test_nothing_has_happened_before_the_first_candle() -> None:
    tape = small_tape()
    assert tape.index_at(START * 1000 - 1) == -1
    assert tape.last_print(START * 1000 - 1) is None
    assert tape.next_print_ms(START * 1000 - 1) == START * 1000
    assert tape.latest_prints(START * 1000 - 1, 5) == []


def test_the_second_pass_joins_the_first_in_time_and_price_and_the_later_ones_repeat_it() -> None:
    tape = small_tape()
    end = START + 300
    first_again = tape.candle(3)
    assert first_again.start == end
    assert first_again.open == tape.candle(2).close == 1100
    assert tape.candle(5).close == 1100
    for index in range(3, 6):
        later, earlier = tape.candle(index + 300), tape.candle(index)
        assert later._replace(start=0) == earlier._replace(start=0)
        assert later.start - earlier.start == 100 * 300


def test_a_replay_of_many_passes_rises_in_time_and_never_jumps_in_price() -> None:
    tape = Tape(CandleSeries(random_walk(random.Random(5), 200, START, 1_000_000)))
    candles = [tape.candle(index) for index in range(2000)]
    for before, after in pairwise(candles):
        assert after.start - before.start == 60
        assert abs(after.open - before.close) <= before.close // 1000
    for joint in range(200, 2000, 200):
        assert candles[joint].open == candles[joint - 1].close


def test_prints_are_found_newest_first_over_candles_and_counted_once() -> None:
    tape = small_tape()
    now = (START + 70) * 1000
    newest = tape.latest_prints(now, 100)
    assert [item.number for item in newest] == list(range(14, -1, -1))
    assert tape.latest_prints(now, 3) == newest[:3]
    assert tape.latest_prints(now, 100, after_ms=(START + 60) * 1000) == newest[:2]


def test_a_summary_covers_the_candles_of_its_stretch() -> None:
    tape = small_tape()
    summary = tape.summary(START + 60, 4)
    assert summary is not None
    again = tape.candle(3)
    assert summary.open == 1005
    assert summary.high == max(1100, again.high)
    assert summary.low == min(1000, again.low)
    assert summary.volume == 120 * 3
    assert tape.summary(START + 240, 2) is None


def test_the_history_fraction_tells_where_the_clock_starts() -> None:
    tape = small_tape()
    assert tape.opening_ms((7, 10)) == (START + 120) * 1000  # floor(0.7 x 3) = 2 candles
    assert tape.opening_ms((0, 1)) == START * 1000


def test_a_maker_bought_where_the_price_fell_to_the_low() -> None:
    prints = prints_of(candle_at(START, 100, 110, 90, 105), 0, 60, 4)
    assert [item.maker for item in prints] == [Side.SELL, Side.BUY, Side.SELL, Side.SELL]


@pytest.mark.parametrize(
    "candles",
    [
        [candle_at(START, 1, 1, 1, 1)],
        [candle_at(START, 1, 1, 1, 1), candle_at(START, 1, 1, 1, 1)],
        [candle_at(START, 1, 1, 1, 1), candle_at(START + 61, 1, 1, 1, 1)],
        [candle_at(START, 1, 1, 1, 1), candle_at(START + 60, 2, 1, 1, 1)],
        [candle_at(START, 0, 1, 0, 1), candle_at(START + 60, 1, 1, 1, 1)],
    ],
    ids=["one candle", "time stands", "off the grid", "open above high", "price zero"],
)
def test_candles_that_cannot_be_played_are_refused(candles: list[Candle]) -> None:
    with pytest.raises(BadInput):
        CandleSeries(candles)


def test_the_same_seed_walks_the_same_way() -> None:
    walks = [list(random_walk(random.Random(seed), 50, START, 1_000_000)) for seed in (1, 1, 2)]
    assert walks[0] == walks[1]
    assert walks[0] != walks[2]
