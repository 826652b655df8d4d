"""What the bridge hears, right or wrong: no message makes a price up, and no wrong word stays for good."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from cbbot_bridge.coinbase.message_count import Arrival, HeartbeatCount, MessageCount
from cbbot_bridge.coinbase.ws_messages import Frame, parse_frame
from cbbot_bridge.http_errors import UpstreamUnavailable
from cbbot_bridge.prices import Prices, Tick
from exercised import lacking

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PRICE_TEXTS = st.sampled_from(
    ["1", "68900.50", "0.00000001", "0", "-1", "", " 1", "+1", "1e3", "NaN", "Infinity", "1_000", "\u0661", "1" * 5000]
) | st.decimals(allow_nan=True, allow_infinity=True).map(str)
PRICES = PRICE_TEXTS | st.integers(-5, 10**30) | st.floats() | ANYTHING
TICKERS = st.fixed_dictionaries(
    {},
    optional={
        "product_id": st.sampled_from(["BTC-USD", "ETH-USD", "btc-usd", "", "A-B" * 30]) | ANYTHING,
        "price": PRICES,
        "best_bid": PRICES,
        "best_ask": PRICES,
    },
)
EVENTS = st.fixed_dictionaries({}, optional={"type": ANYTHING, "tickers": st.lists(TICKERS | ANYTHING) | ANYTHING})
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "channel": st.sampled_from(["ticker", "ticker", "heartbeats", "subscriptions", "l2_data"]) | ANYTHING,
        "timestamp": st.just("2026-04-07T14:30:00Z") | ANYTHING,
        "sequence_num": st.integers(-1, 2**70) | ANYTHING,
        "type": st.sampled_from(["error", "x"]),
        "message": ANYTHING,
        "events": st.lists(EVENTS | ANYTHING) | ANYTHING,
    },
)

LIKELY_PRICES = st.decimals("0.00000001", "100000", places=8).map(str) | st.integers(1, 10**6)
SOME_PRICES = LIKELY_PRICES | LIKELY_PRICES | PRICE_TEXTS
LIKELY_TICKERS = st.fixed_dictionaries(
    {
        "product_id": st.sampled_from(["BTC-USD", "ETH-USD"]),
        "price": SOME_PRICES,
        "best_bid": SOME_PRICES,
        "best_ask": SOME_PRICES,
    }
)
LIKELY_EVENTS = st.fixed_dictionaries({"tickers": st.lists(LIKELY_TICKERS | TICKERS, min_size=1, max_size=4)})
LIKELY_BODIES = st.fixed_dictionaries(
    {"channel": st.just("ticker"), "events": st.lists(LIKELY_EVENTS | EVENTS, min_size=1, max_size=3)}
)


def parsed(text: str | bytes) -> Frame | None:
    try:
        return parse_frame(text)
    except UpstreamUnavailable:
        return None


def tickers_of(body: Any) -> Iterator[dict[str, Any]]:
    events = body.get("events")
    for item in events if isinstance(events, list) else [events]:
        tickers = item.get("tickers") if isinstance(item, dict) else None
        for ticker in tickers if isinstance(tickers, list) else [tickers]:
            if isinstance(ticker, dict):
                yield ticker


def stands_in(text: str | None, value: Any) -> bool:
    """Whether a price is the number that a message tells, and plainly written."""
    if text is None:
        return True
    try:
        return Decimal(text) == Decimal(str(value)) and not set(text) - set("0123456789.")
    except InvalidOperation:
        return False


@given(st.binary(max_size=200) | st.text(max_size=200) | ANYTHING.map(json.dumps))
@example("[" * 100_000)
@example('{"channel": "ticker", "sequence_num": ' + "9" * 5000 + "}")
@example(b"\xff\xfe")
def test_no_text_at_all_breaks_the_parser(text: str | bytes) -> None:
    parsed(text)


def test_every_price_stands_in_the_message_beside_its_product() -> None:
    exercised: Counter[str] = Counter()

    @settings(max_examples=500)
    @given(LIKELY_BODIES | BODIES)
    def check(body: dict[str, Any]) -> None:
        frame = parsed(json.dumps(body))
        assert frame is not None
        sent = list(tickers_of(body))
        for update in frame.tickers:
            assert any(
                ticker.get("product_id") == update.product_id
                and stands_in(update.price, price := ticker.get("price"))
                and (not isinstance(price, str) or price == update.price)
                and stands_in(update.bid, ticker.get("best_bid"))
                and stands_in(update.ask, ticker.get("best_ask"))
                for ticker in sent
            )
            assert Decimal(update.price) > 0
            assert update.bid is None or update.ask is None or Decimal(update.bid) <= Decimal(update.ask)
        if frame.channel == "ticker" and frame.error is None:
            assert len(frame.tickers) + len(frame.bad_tickers) >= len(sent)
        exercised["prices"] += len(frame.tickers)
        exercised["bids"] += sum(update.bid is not None for update in frame.tickers)
        exercised["bad"] += len(frame.bad_tickers)

    check()
    assert lacking(exercised, {"prices": 20, "bids": 20, "bad": 20}) == {}


@given(st.lists(st.sampled_from(["bad", "good"]), min_size=1, max_size=8))
def test_every_good_ticker_of_a_message_is_heard_whatever_stands_beside_it(kinds: list[str]) -> None:
    tickers = [
        {"product_id": "BTC-USD", "price": str(at + 1) if kind == "good" else ""} for at, kind in enumerate(kinds)
    ]
    frame = parsed(json.dumps({"channel": "ticker", "events": [{"tickers": tickers}]}))
    assert frame is not None
    assert [update.price for update in frame.tickers] == [
        str(at + 1) for at, kind in enumerate(kinds) if kind == "good"
    ]
    assert len(frame.bad_tickers) == kinds.count("bad")


NUMBERS = st.integers(0, 30) | st.integers(0, 2**63)


@given(before=st.lists(st.none() | NUMBERS), start=NUMBERS, length=st.integers(2, 20))
def test_a_run_of_numbers_loses_one_message_at_most_whatever_came_before(
    before: list[int | None], start: int, length: int
) -> None:
    count = MessageCount()
    for number in before:
        count.arrived(number)
    arrivals = [count.arrived(start + offset) for offset in range(length)]
    assert arrivals.count(Arrival.REPEAT) <= 1
    assert arrivals[2:] == [Arrival.IN_ORDER] * (length - 2)


@given(times=st.lists(st.integers(1, 3), min_size=1, max_size=30), lost=st.sets(st.integers(1, 28)))
def test_repeats_are_dropped_and_every_loss_is_told(times: list[int], lost: set[int]) -> None:
    count = MessageCount()
    heard: list[int] = []
    losses = 0
    for number, copies in enumerate(times):
        if number in lost:
            continue
        for copy in range(copies):
            arrival = count.arrived(number)
            assert (arrival is Arrival.REPEAT) == (copy > 0)
            losses += arrival is Arrival.AFTER_LOSS
        heard.append(number)
    gaps = sum(1 for left, right in pairwise(heard) if right != left + 1)
    assert losses == gaps


@given(before=st.lists(NUMBERS), start=NUMBERS)
def test_heartbeats_that_count_on_tell_of_no_loss_whatever_came_before(before: list[int], start: int) -> None:
    count = HeartbeatCount()
    for beat in before:
        count.missed(beat)
    count.missed(start)
    assert not any(count.missed(beat) for beat in (start + 1, None, start + 2, start + 2, start + 3))
    assert count.missed(start + 5)


VENUE_START = 1_795_000_000.0
STAMPS = st.sampled_from(["", "yesterday", "2099-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59+23:59"])


@dataclass
class Venue:
    """Our monotonic clock, and the venue's, which may be set."""

    now: float = 1000.0
    ahead: float = 0.0

    @property
    def seconds(self) -> float:
        return VENUE_START + self.now + self.ahead

    def stamp(self, back: float = 0.0) -> str:
        return datetime.fromtimestamp(self.seconds - back, UTC).isoformat().replace("+00:00", "Z")


# What may happen before: time passes; the venue's clock is set; a tick or a poll tells something wrong.
HAPPENINGS = st.lists(
    st.tuples(st.just("pass"), st.floats(0, 15))
    | st.tuples(st.just("set"), st.floats(-(10**7), 10**7))
    | st.tuples(st.just("tick"), STAMPS | st.floats(-100, 100))
    | st.tuples(st.just("poll"), STAMPS | st.floats(-100, 100))
    | st.tuples(st.just("doubt"), st.none()),
    max_size=12,
)


def tick_of(price: str, ts: str, venue: Venue, asked_before: float | None) -> Tick:
    asked = None if asked_before is None else venue.now - asked_before
    return Tick("BTC-USD", price, ts, None, None, venue.now, asked)


def troubled(happenings: list[Any], stale_seconds: float) -> tuple[Prices, Venue]:
    """Prices after whatever happened."""
    venue = Venue()
    prices = Prices(["BTC-USD"], stale_seconds, lambda: venue.now, lambda: venue.seconds + 60)
    for kind, what in happenings:
        if kind == "pass":
            venue.now += what
        elif kind == "set":
            venue.ahead = what
        elif kind == "doubt":
            prices.doubt()
        else:
            ts = what if isinstance(what, str) else venue.stamp(what)
            prices.heard(tick_of("666", ts, venue, 0.1 if kind == "poll" else None))
    return prices, venue


@settings(max_examples=300)
@given(HAPPENINGS, st.sampled_from([1.0, 3.0, 10.0, 600.0]), st.floats(0.05, 0.5))
def test_good_ticks_win_within_two_seconds_whatever_came_before(
    happenings: list[Any], stale_seconds: float, interval: float
) -> None:
    prices, venue = troubled(happenings, stale_seconds)
    end = venue.now + 2.0 + interval
    price = 100
    while venue.now <= end:
        venue.now += interval
        price += 1
        prices.heard(tick_of(str(price), venue.stamp(), venue, None))
    found = prices.price("BTC-USD")
    assert found is not None
    assert (found.price, found.stale) == (str(price), False)


@settings(max_examples=300)
@given(HAPPENINGS, st.sampled_from([3.0, 10.0, 600.0]), st.floats(0, 10**6))
def test_good_polls_of_a_quiet_market_win_within_three_seconds_whatever_came_before(
    happenings: list[Any], stale_seconds: float, quiet: float
) -> None:
    prices, venue = troubled(happenings, stale_seconds)
    traded = venue.stamp(quiet)
    for _ in range(4):
        venue.now += 1.0
        prices.heard(tick_of("90", traded, venue, 0.1))
    found = prices.price("BTC-USD")
    assert found is not None
    assert (found.price, found.stale) == ("90", False)


@given(HAPPENINGS)
def test_after_lost_messages_the_next_answer_wins_at_once(happenings: list[Any]) -> None:
    prices, venue = troubled(happenings, 10.0)
    prices.doubt()
    venue.now += 0.2
    prices.heard(tick_of("90", venue.stamp(3600), venue, 0.1))
    assert prices.price("BTC-USD").price == "90"  # type: ignore[union-attr]  # None would fail here too
