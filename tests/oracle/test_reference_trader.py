"""The product against a second trader written from docs/trading.md alone, trade by trade, exactly.

Features and fits of the reference come from pandas, TA-Lib and scikit-learn, all else from
``oracle.reference``: decision, gates, sizes, fees, slippage, levels, trail, promotion, breaker, cash.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from random import Random
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cbbot.domain.instrument import BTC_USD, Instrument
from cbbot.kernel.batch import columns
from cbbot.research.backtest import Span
from exercised import case, lacking
from kernel_settings import KERNEL_KEYS
from oracle.draws import FLOORS, SHAPES, VALUES, completed, drawn
from oracle.market import START, walk
from oracle.reference import Product
from oracle.twin import backtest, differences, referred

# A product in coarse steps, so that every rounding shows.
COARSE: Final = Instrument("SOL-USD", Decimal("0.05"), Decimal("0.001"), Decimal("0.01"), Decimal(2))


def holds(
    keys: dict[str, str], shapes: list[tuple[str, int]], seed: int, train: int, warmup: int, *, coarse: bool, ohlc: bool
) -> Counter[str]:
    """The product trades as the reference; what the market exercised."""
    instrument, price = (COARSE, 4_000) if coarse else (BTC_USD, 5_000_000)
    candles = walk([("chop", 150), *shapes], seed, price)
    product = Product(
        instrument.price_increment, instrument.base_increment, instrument.quote_increment, instrument.min_notional
    )
    span = Span(len(candles.start), train, train + warmup)
    reference = referred(keys, candles, span, product, ohlc=ohlc)
    assert differences(backtest(keys, candles, span, instrument, ohlc=ohlc), reference) == []
    denied = Counter({f"denied {reason}": count for reason, count in reference.denials.items()})
    return reference.seen + denied + Counter(opened=reference.opened)


LEAST: Final = {
    "opened": 600, "refits": 300, "promotions": 30, "breaker days": 5, "crossed inside a candle": 100,
    "trails": 30, "ratchets": 30,
    "gates at the floor": 100, "gates above the floor": 100, "scalps at the floor": 10, "scalps above the floor": 10,
    "vol factor 0.6": 1, "vol factor 0.8": 1, "vol factor 1": 1, "vol factor 1.2": 1,
    "exit BUY take_profit": 50, "exit BUY stop_loss": 50, "exit BUY trailing_stop": 15,
    "exit SELL take_profit": 15, "exit SELL stop_loss": 15, "exit SELL trailing_stop": 5,
    "denied exits_only": 100, "denied long_only": 100, "denied breaker": 50, "denied cooldown": 20,
    "denied max_lots": 50, "denied pyramiding_disabled": 50, "denied spacing": 50, "denied adverse_gate": 100,
    "denied insufficient_funds": 50, "denied below_minimum": 50, "denied max_exposure": 20,
}  # fmt: skip


def test_every_setting_that_the_kernel_counts_with_is_drawn() -> None:
    assert KERNEL_KEYS - VALUES.keys() == set()


def test_any_settings_trade_as_specified_on_any_market() -> None:
    """Always the same markets, so that what they exercise is known; the property below draws new ones."""
    exercised: Counter[str] = Counter()
    for run in range(180):
        name = f"{run // 18}/{run % 18}"
        rng = Random(name)
        keys, shapes = drawn(rng)
        # A short history ends before decisions may be made, a longer one after it.
        train = rng.choice((100, 100, 24, 45))
        coarse, ohlc = rng.random() < 0.3, rng.random() < 0.4
        seed, warmup = rng.randrange(2**32), rng.choice((0, 0, 17))
        with case(name):
            exercised += holds(keys, shapes, seed, train, warmup, coarse=coarse, ohlc=ohlc)
    assert lacking(exercised, LEAST) == {}


@pytest.mark.slow
@given(
    keys=st.builds(
        completed, st.fixed_dictionaries({key: st.sampled_from(values) for key, values in VALUES.items()}),
        st.sampled_from(FLOORS),
    ),
    shapes=st.lists(st.tuples(st.sampled_from(SHAPES), st.integers(5, 120)), min_size=4, max_size=9),
    seed=st.integers(0, 2**32 - 1),
    train=st.sampled_from([100, 24, 45]),
    warmup=st.sampled_from([0, 17]),
    coarse=st.booleans(),
    ohlc=st.booleans(),
)  # fmt: skip
@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_any_settings_trade_as_specified_on_many_markets(
    keys: dict[str, str], shapes: list[tuple[str, int]], seed: int, train: int, warmup: int, coarse: bool, ohlc: bool
) -> None:
    holds(keys, shapes, seed, train, warmup, coarse=coarse, ohlc=ohlc)


def test_a_day_that_starts_below_zero_trips_the_breaker() -> None:
    prices = [100_000] * 110 + [500_000] * 1500
    candles = columns([(START + 60 * i, p, p, p, p, 1) for i, p in enumerate(prices)])
    keys = {
        "LONG_ONLY": "false", "USE_MA_FILTER": "false", "BUY_THRESHOLD": "1", "SELL_THRESHOLD": "1",
        "RISK_PER_TRADE_PCT": "100", "STOP_LOSS_PCT": "300", "FEE_RATE_PCT": "0",
    }  # fmt: skip
    span = Span(len(prices), 100, 100)
    reference = referred(keys, candles, span)
    assert reference.equity < 0
    assert differences(backtest(keys, candles, span), reference) == []


def test_exposure_is_what_lots_cost_without_their_fees() -> None:
    candles = walk([("flat", 200)], 1)
    keys = {
        "FEE_RATE_PCT": "10", "ORDER_MIN_USD": "50", "MAX_EXPOSURE_USD": "95", "ALLOW_PYRAMIDING": "true",
        "PYRAMID_MIN_ADVERSE_PCT": "0", "PYRAMID_DECAY_MIN_PCT": "0", "BUY_THRESHOLD": "0", "USE_MA_FILTER": "false",
    }  # fmt: skip
    span = Span(len(candles.start), 100, 100)
    reference = referred(keys, candles, span)
    assert (reference.opened, reference.denials["max_exposure"]) == (2, 98)
    assert differences(backtest(keys, candles, span), reference) == []
