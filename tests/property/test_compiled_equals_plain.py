"""Machine code against plain Python: the whole state, bit for bit, over random settings of every key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cbbot.contract.settings import load
from cbbot.contract.settings_table import SETTINGS
from cbbot.domain.instrument import BTC_USD, Instrument
from cbbot.errors import BadInput
from cbbot.kernel.batch import Columns
from cbbot.kernel.codes import DENIALS, DENY_PAUSED
from cbbot.kernel.observe import Observed, observe
from cbbot.research.backtest import FillModel, Result, Span, run
from cbbot.research.compiled import compiled
from cbbot.research.core import PLAIN, Core
from cbbot.trader.rules import build_rules
from exercised import lacking
from oracle.draws import SHAPES
from oracle.market import walk

COARSE = Instrument("DOGE-USD", Decimal("0.00001"), Decimal("0.1"), Decimal("0.01"), Decimal("1"))
CHEAP = Instrument("SHIB-USD", Decimal("0.00000001"), Decimal("1"), Decimal("0.01"), Decimal("1"))
FINE = Instrument("PEPE-USD", Decimal("0.00000001"), Decimal("0.01"), Decimal("0.01"), Decimal("1"))
ODD = Instrument("ODD-USD", Decimal("0.05"), Decimal("0.0002"), Decimal("0.01"), Decimal("0.5"))

CHOICES: dict[str, list[str]] = {
    "PRODUCT_ID": ["BTC-USD"],
    "GRANULARITY": ["ONE_MINUTE"],
    "USE_TICK_PRICE": ["true", "false"],
    "TICK_INTERVAL_SEC": ["0.5", "1"],
    "CANDLE_RESYNC_SEC": ["60"],
    "ORDER_MIN_USD": ["0", "5", "25"],
    "MAX_DAILY_LOSS_PCT": ["0", "0.05", "0.3", "2"],
    "DAILY_BREAKER_MARK_TO_MARKET": ["true", "false"],
    "RISK_PER_TRADE_PCT": ["0.1", "5", "33.3333", "100"],
    "ENTRY_COOLDOWN_SEC": ["0", "600"],
    "VOL_RISK_ADJUST": ["true", "false"],
    "USD_EQUITY": ["20", "1000", "123456.78", "10000000"],
    "USE_LIVE_EQUITY": ["true", "false"],
    "MAX_ORDER_USD": ["", "40"],
    "MAX_EXPOSURE_USD": ["", "120", "100000000"],
    "FEE_RATE_PCT": ["0", "0.05", "0.75", "10"],
    "PAPER_SLIPPAGE_BPS": ["0", "1", "12.5", "1000"],
    "MAX_HISTORY_CANDLES": ["400", "5000"],
    "DRY_RUN": ["true"],
    "LONG_ONLY": ["true", "false"],
    "ALLOW_PYRAMIDING": ["true", "true", "false"],
    "MAX_CONCURRENT_LOTS": ["1", "2", "5", "20", "100"],
    "PYRAMID_MIN_SECONDS_BETWEEN": ["0", "180"],
    "PYRAMID_MIN_ADVERSE_PCT": ["0.05", "0.5"],
    "PYRAMID_DECAY_LAMBDA": ["0", "0.02", "0.5"],
    "PYRAMID_DECAY_MIN_PCT": ["0", "0.02", "0.05"],
    "SCALP_TP_DECAY_ENABLE": ["true", "false"],
    "SCALP_TP_DEC_MODE": ["linear", "exp"],
    "SCALP_TP_DEC_PCT": ["0.01", "0.2"],
    "SCALP_TP_DECAY_FACTOR": ["0.5", "0.9802", "1"],
    "SCALP_TP_MIN_PCT": ["0.05", "0.1"],
    "TAKE_PROFIT_PCT": ["0.15", "0.5", "1.9"],
    "STOP_LOSS_PCT": ["0.3", "2", "10", "1000"],
    "TRAIL_ACTIVATE_PCT": ["0", "0.1", "0.4"],
    "TRAIL_DISTANCE_PCT": ["0", "0.05", "0.3"],
    "BUY_THRESHOLD": ["0", "0.4", "0.5", "0.55", "1"],
    "SELL_THRESHOLD": ["0.45", "0.5", "0.6"],
    "USE_MA_FILTER": ["true", "false"],
    "MA_FAST": ["1", "5", "10"],
    "MA_SLOW": ["11", "30", "90"],
    "MODEL_MODE": ["baseline", "extended"],
    "WALK_FORWARD_MIN": ["0", "7", "90"],
}
# A smaller seed is no simpler case: shrinking would only take minutes.
GENERATE = (Phase.explicit, Phase.reuse, Phase.generate)


def same(plain: Result, machine: Result) -> None:
    assert machine.portfolio == plain.portfolio
    assert machine.tally == plain.tally
    assert machine.fits == plain.fits
    assert [type(value) for value in machine.portfolio.account] == [type(value) for value in plain.portfolio.account]


def test_every_setting_of_a_trading_bot_is_varied() -> None:
    assert set(CHOICES) == {setting.key for setting in SETTINGS if setting.field and not setting.secret}


def test_machine_code_and_plain_python_reach_the_same_state() -> None:
    exercised: Counter[str] = Counter()

    @given(seed=st.integers(0, 2**48))
    @settings(max_examples=250, deadline=None, phases=GENERATE, suppress_health_check=[HealthCheck.too_slow])
    def reach_the_same_state(seed: int) -> None:
        # Drawn by a generator of our own, because hypothesis leans towards the first choices.
        rng = Random(seed)
        keys = {key: rng.choice(choices) for key, choices in CHOICES.items()}
        rules = build_rules(
            load({key: value for key, value in keys.items() if value}), rng.choice([BTC_USD, COARSE, CHEAP, FINE, ODD])
        )
        shapes = [(rng.choice(SHAPES), rng.randint(20, 90)) for _ in range(rng.randint(6, 9))]
        candles = walk(shapes, seed % 2**32, price=rng.choice([1_000, 50_000, 5_000_000]))
        span = Span.of(len(candles.start), Decimal("0.3"), 5)
        fill_model: FillModel = rng.choice(["close", "ohlc"])
        plain = run(rules, candles, span, fill_model=fill_model)
        same(plain, run(rules, candles, span, fill_model=fill_model, core=compiled()))
        exercised.update(f"exit {closed.reason} {fill_model}" for closed in plain.tally.closed)
        exercised.update(f"side {closed.lot.side}" for closed in plain.tally.closed)
        exercised.update(DENIALS[code] for code, count in enumerate(plain.tally.denials) if count)
        exercised["promoted"] += sum(c.lot.runner and not c.lot.opened_as_runner for c in plain.tally.closed)

    reach_the_same_state()
    exits = [f"exit {reason} {model}" for reason in (1, 2, 3) for model in ("close", "ohlc")]
    denials = [reason for code, reason in enumerate(DENIALS) if code and code != DENY_PAUSED]
    least = dict.fromkeys([*exits, "promoted", "side 1", "side -1"], 11) | dict.fromkeys(denials, 1)
    assert lacking(exercised, least) == {}


def test_a_close_outside_of_its_candles_range_is_seen_by_the_exits_all_the_same() -> None:
    candles = walk([("chop", 300)], seed=4)
    span = Span.of(300, Decimal("0.3"), 5)
    keys = {"BUY_THRESHOLD": "0", "USE_MA_FILTER": "false", "TAKE_PROFIT_PCT": "50", "STOP_LOSS_PCT": "10"}
    bad = np.arange(300) == 250
    torn = candles._replace(close=np.where(bad, candles.low // 2, candles.close))
    result = run(build_rules(load(keys), BTC_USD), torn, span, fill_model="ohlc")
    assert [closed.closed_ms for closed in result.tally.closed] == [int(candles.start[250]) * 1000 + 60_000]


def bits(seen: Observed) -> list[bytes]:
    return [np.ascontiguousarray(column).view(np.int64).tobytes() for column in seen]


def test_indicators_are_the_same_bits_column_by_column_row_by_row_and_compiled() -> None:
    candles = walk([("wild", 60), ("flat", 50), ("up", 60), ("crash", 10), ("chop", 60)], seed=7)
    # Their sums are beyond what a float64 holds exactly.
    candles = candles._replace(volume=candles.volume * 100_000_007)
    for keys in ({}, {"MODEL_MODE": "extended", "MA_FAST": "1", "MA_SLOW": "200"}):
        params = build_rules(load(keys), BTC_USD).params
        batch = PLAIN.observed(candles, params)
        # A NaN has many bit patterns; here it only has to be one.
        wanted, machine = (
            bits(Observed(*(np.where(np.isnan(column), 0.0, column) for column in seen)))
            for seen in (batch, compiled().observed(candles, params))
        )
        assert machine == wanted
        by_row = Observed(*(np.empty_like(column) for column in batch))
        high, low, close, volume = (column.tolist() for column in candles[2:])
        observe(high, low, close, volume, params.ma_fast, params.ma_slow, by_row)
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(by_row, batch, strict=True))
        assert all(np.isfinite(column[210:]).all() for column in batch)


def test_many_lots_have_the_same_takes_though_compilers_like_to_multiply_powers_out() -> None:
    keys = {
        "BUY_THRESHOLD": "0", "USE_MA_FILTER": "false", "ALLOW_PYRAMIDING": "true", "MAX_CONCURRENT_LOTS": "100",
        "RISK_PER_TRADE_PCT": "0.6", "STOP_LOSS_PCT": "90", "SCALP_TP_DECAY_ENABLE": "true", "SCALP_TP_DEC_MODE": "exp",
        "SCALP_TP_MIN_PCT": "1", "TAKE_PROFIT_PCT": "900", "PYRAMID_MIN_ADVERSE_PCT": "0", "PYRAMID_DECAY_MIN_PCT": "0",
    }  # fmt: skip
    candles = walk([("down", 400)], seed=3)
    plain = run(build_rules(load(keys), BTC_USD), candles, span := Span.of(400, Decimal("0.3"), 5))
    assert len(plain.portfolio.lots) > 50
    same(plain, run(build_rules(load(keys), BTC_USD), candles, span, core=compiled()))


def test_what_64_bits_cannot_count_is_refused_and_does_not_wrap() -> None:
    candles = walk([("up", 300)], seed=1)
    span = Span.of(300, Decimal("0.3"), 5)
    fine = Instrument("X-USD", Decimal("0.01"), Decimal("0.0000000001"), Decimal("0.01"), Decimal("1"))
    rich = build_rules(load({"USD_EQUITY": "100000000"}), fine)
    with pytest.raises(BadInput, match="USD_EQUITY"):
        run(rich, candles, span, core=compiled())
    # Bought for 100 million, worth 500 million after a rise: beyond half of what 64 bits hold.
    keys = {"USD_EQUITY": "100000000", "RISK_PER_TRADE_PCT": "100", "FEE_RATE_PCT": "0", "BUY_THRESHOLD": "0"}
    keys |= {"USE_MA_FILTER": "false", "TAKE_PROFIT_PCT": "1000", "SCALP_TP_MIN_PCT": "1"}
    grown = candles._replace(close=np.where(np.arange(300) > 200, candles.close * 5, candles.close))
    with pytest.raises(BadInput, match="worth more than"):
        run(build_rules(load(keys), BTC_USD), grown, span, core=compiled())


RICH = {"USD_EQUITY": "100000000", "RISK_PER_TRADE_PCT": "50", "FEE_RATE_PCT": "0", "USE_MA_FILTER": "false"}


@pytest.mark.parametrize("core", [lambda: PLAIN, compiled], ids=["plain", "compiled"])
def test_a_wick_that_64_bits_cannot_count_is_refused_and_does_not_wrap(core: Callable[[], Core]) -> None:
    candles = walk([("flat", 300)], seed=1, price=1_000_000)
    keys = RICH | {"BUY_THRESHOLD": "0", "TAKE_PROFIT_PCT": "1000", "SCALP_TP_MIN_PCT": "1"}
    spiked = candles._replace(high=np.where(np.arange(300) == 200, 100_000_000, candles.high))
    with pytest.raises(BadInput, match="position is worth more than"):
        run(build_rules(load(keys), BTC_USD), spiked, Span.of(300, Decimal("0.3"), 5), fill_model="ohlc", core=core())


@pytest.mark.parametrize("core", [lambda: PLAIN, compiled], ids=["plain", "compiled"])
def test_an_account_that_64_bits_cannot_count_is_refused_and_does_not_wrap(core: Callable[[], Core]) -> None:
    candles = walk([("flat", 900)], seed=1, price=1_000_000)
    # A fifth of the account at a time, bought low and sold four times as high.
    moved = np.where(np.arange(900) % 4 < 3, 1_000_000, 4_000_000)
    keys = RICH | {
        "BUY_THRESHOLD": "0",
        "TAKE_PROFIT_PCT": "100",
        "RISK_PER_TRADE_PCT": "20",
        "MAX_DAILY_LOSS_PCT": "0",
    }
    swung = Columns(candles.start, moved, moved, moved, moved, candles.volume)
    with pytest.raises(BadInput, match="account is worth more than"):
        run(build_rules(load(keys), BTC_USD), swung, Span.of(900, Decimal("0.3"), 5), core=core())


def test_fine_ticks_beyond_a_float_are_refused() -> None:
    candles = walk([("flat", 300)], seed=1)
    fine = Instrument("X-USD", Decimal("12345678901.01"), Decimal("0.000001"), Decimal("12345.67890101"), Decimal("0"))
    with pytest.raises(BadInput, match="ticks than a float64"):
        run(build_rules(load({}), fine), candles, Span.of(300, Decimal("0.3"), 5), core=compiled())
