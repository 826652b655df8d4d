"""What is stepped first, which candles are over, how history is paged, and what time it is at the venue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from cbbot.brokers.bridge_client import BridgeClient
from cbbot.contract.bridge_api import CandleRow
from cbbot.domain.candle import Candle
from cbbot.domain.instrument import BTC_USD
from cbbot.errors import Retryable
from cbbot.runtime.bridge_clock import LiveClock
from cbbot.runtime.bridge_market import BridgeMarket, parse_candles
from cbbot.runtime.closing import split_closed
from cbbot.runtime.event_queue import EventQueue
from cbbot.runtime.history import load_history
from cbbot.trader.events import CandleClosed, EntriesPaused, OrderUnknown, Tick, TimePassed

FLAT = Candle(0, 100, 100, 100, 100, 1)


def test_answers_come_first_and_only_the_newest_tick_counts(virtually: Any) -> None:
    async def main() -> None:
        queue = EventQueue()
        queue.put_time(TimePassed(1, 1))
        assert not queue.put_tick(Tick(1, 10))
        assert queue.put_tick(Tick(2, 11))
        queue.put(CandleClosed(FLAT))
        queue.put(EntriesPaused(3, "hand"))
        queue.answer(OrderUnknown(4, "x", "lost"))
        order = [(await queue.next()).event for _ in range(5)]
        assert order == [
            OrderUnknown(4, "x", "lost"),
            CandleClosed(FLAT),
            EntriesPaused(3, "hand"),
            Tick(2, 11),
            TimePassed(1, 1),
        ]

    virtually(main)


def test_at_the_end_answers_and_what_a_person_asked_for_are_kept(virtually: Any) -> None:
    async def main() -> None:
        queue = EventQueue()
        asked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.put(CandleClosed(FLAT))
        queue.put(EntriesPaused(3, "hand"), asked)
        queue.put_tick(Tick(2, 11))
        queue.answer(OrderUnknown(4, "x", "lost"))
        queue.drop_market()
        assert [(await queue.next()).event for _ in range(2)] == [
            OrderUnknown(4, "x", "lost"),
            EntriesPaused(3, "hand"),
        ]
        queue.put_tick(Tick(5, 12))
        assert (await queue.next()).event == Tick(5, 12)

    virtually(main)


def candles(*starts: int) -> list[Candle]:
    return [FLAT._replace(start=start) for start in starts]


def test_a_candle_is_over_when_its_time_is_up_or_a_later_one_exists() -> None:
    rows = candles(0, 60, 120)
    assert split_closed(rows, 60, 150_000, by_time=True) == (rows[:2], rows[2])
    assert split_closed(rows, 60, 180_500, by_time=True) == (rows[:2], rows[2])
    assert split_closed(rows, 60, 182_000, by_time=True) == (rows, None)
    assert split_closed(rows, 60, 999_000, by_time=False) == (rows[:2], rows[2])
    assert split_closed([], 60, 0, by_time=True) == ([], None)


def row(start: int, **changed: str) -> CandleRow:
    values = {"open": "10.00", "high": "11.00", "low": "9.00", "close": "10.50", "volume": "1.5"} | changed
    return CandleRow(start=str(start), **values)


def test_candles_that_make_no_sense_are_left_out_and_counted() -> None:
    rows = [
        row(60), row(120, high="10.40"), row(180, low="0"), row(60), row(240, low="10.20"),
        row(300, volume="-1"), row(360),
    ]  # fmt: skip
    sound, bad = parse_candles(BTC_USD, rows)
    assert [candle.start for candle in sound] == [60, 360]
    assert bad == 5
    assert sound[0] == Candle(60, 1000, 1100, 900, 1050, 150_000_000)


@pytest.mark.parametrize(
    ("wanted", "back", "count"), [(400, 0, 400), (3000, 0, 3000), (4500, 0, 4000), (400, 700, 700)]
)
def test_history_is_paged_back_as_far_as_wanted(
    virtually: Any, fake_bridge: Any, wanted: int, back: int, count: int
) -> None:
    bridge = fake_bridge(count=4001, at=4000)

    async def main() -> None:
        client = BridgeClient("http://bridge", None, bridge.transport)
        market = BridgeMarket(client, "BTC-USD")
        clock = LiveClock(market.venue_ms, asyncio.get_running_loop().time)
        await clock.sample()
        back_to = bridge.all[4000 - back].start if back else 0
        found, bad = await load_history(market, BTC_USD, clock, "ONE_MINUTE", 60, wanted, back_to)
        assert bad == 0
        assert list(found) == bridge.all[4000 - count : 4000]
        await client.aclose()

    virtually(main)


def clock_of(venue: Callable[[], int], monotonic: Callable[[], float]) -> LiveClock:
    async def fetch() -> int:
        return venue()

    return LiveClock(fetch, monotonic)


def test_a_fast_clock_is_recognised_and_stands_still_without_samples() -> None:
    now = 0.0
    clock = clock_of(lambda: int(now * 600_000), lambda: now)
    for _ in range(8):
        asyncio.run(clock.sample())
        now += 0.1
    assert clock.rate == pytest.approx(600)
    now = 100.0
    assert clock.now_ms() == pytest.approx((0.7 + 3.0) * 600_000)
    assert clock.estimate_ms() < 5_000_000


def test_a_real_clock_runs_at_our_rate_in_spite_of_journeys() -> None:
    now, jitter = 0.0, iter([5, 40, 3, 70, 2, 55, 1, 30])
    clock = clock_of(lambda: 1_000_000 + int(now * 1000) + next(jitter), lambda: now)
    for _ in range(8):
        asyncio.run(clock.sample())
        now += 5.0
    assert clock.rate == 1.0


def test_a_clock_that_jumps_about_is_not_traded_by(virtually: Any) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        clock = clock_of(lambda: int(1000 * 3.0 ** (loop.time() * 4)), loop.time)
        with pytest.raises(Retryable, match="does not run evenly"):
            await clock.synchronise()

    virtually(main)
