"""The live machine, driven candle by candle, does what the backtest does, to the last digit."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from random import Random

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cbbot.contract.settings import load
from cbbot.domain.candle import Candle
from cbbot.domain.instrument import BTC_USD
from cbbot.research.backtest import Result, Span, run
from cbbot.trader.events import HistoryLoaded, Started
from cbbot.trader.rules import build_rules
from exercised import lacking
from kernel_settings import KERNEL_KEYS
from oracle.draws import SHAPES
from oracle.market import candles_of, walk
from trader_harness import TraderHarness


def run_live(trader: TraderHarness, candles: list[Candle], span: Span, restart_at: frozenset[int]) -> None:
    """Drive the trader as a paper bot does, with restarts before the closes of these steps."""
    trader.history = candles[: span.train]
    at_ms = trader.history[-1].start * 1000 + trader.rules.candle_ms
    trader.feed(HistoryLoaded(at_ms, tuple(trader.history)))
    for candle in candles[span.train : span.first]:
        # Warm-up: the candles are seen, nothing is done at them; trading starts afterwards.
        trader.close(candle)
    trader.feed(Started(at_ms))
    for i, candle in enumerate(candles[span.first :]):
        if i in restart_at:
            trader.restart()
        trader.close(candle)


def same(result: Result, live: TraderHarness) -> None:
    assert [trade.closed for trade in live.trades] == result.tally.closed
    assert list(live.state.lots) == result.portfolio.lots
    assert live.state.account == result.portfolio.account
    assert [live.counts["decisions", name] for name in ("sell", "flat", "buy")] == result.tally.signals
    assert sum(n for (name, _), n in live.counts.items() if name == "denials") == sum(result.tally.denials[2:])
    assert live.counts["fits", ""] == result.fits


KEYS = {
    "USE_TICK_PRICE": ["false"],
    "FEE_RATE_PCT": ["0", "0.05", "0.75"],
    "PAPER_SLIPPAGE_BPS": ["0", "1", "12.5"],
    "TAKE_PROFIT_PCT": ["0.15", "0.5", "1.9"],
    "STOP_LOSS_PCT": ["0.3", "2", "1000"],
    "TRAIL_ACTIVATE_PCT": ["0", "0.2"],
    "TRAIL_DISTANCE_PCT": ["0.1", "0.3"],
    "SCALP_TP_DECAY_ENABLE": ["true", "false"],
    "SCALP_TP_DEC_MODE": ["linear", "exp"],
    "SCALP_TP_DEC_PCT": ["0.05", "0.2"],
    "SCALP_TP_DECAY_FACTOR": ["0.7", "0.9802"],
    "SCALP_TP_MIN_PCT": ["0.1"],
    "ALLOW_PYRAMIDING": ["true", "true", "false"],
    "MAX_CONCURRENT_LOTS": ["2", "5", "20"],
    "PYRAMID_MIN_ADVERSE_PCT": ["0.1", "0.5"],
    "PYRAMID_DECAY_MIN_PCT": ["0.05"],
    "PYRAMID_DECAY_LAMBDA": ["0", "0.05"],
    "PYRAMID_MIN_SECONDS_BETWEEN": ["0", "180"],
    "ENTRY_COOLDOWN_SEC": ["0", "600"],
    "MAX_DAILY_LOSS_PCT": ["0", "0.05", "2"],
    "DAILY_BREAKER_MARK_TO_MARKET": ["true", "false"],
    "RISK_PER_TRADE_PCT": ["1", "5", "40"],
    "VOL_RISK_ADJUST": ["true", "false"],
    "ORDER_MIN_USD": ["5", "20"],
    "MAX_ORDER_USD": ["", "30"],
    "MAX_EXPOSURE_USD": ["", "120"],
    "LONG_ONLY": ["true", "false"],
    "BUY_THRESHOLD": ["0.4", "0.5"],
    "SELL_THRESHOLD": ["0.5", "0.55"],
    "USE_MA_FILTER": ["true", "false"],
    "MA_FAST": ["5", "10"],
    "MA_SLOW": ["20", "30"],
    "MODEL_MODE": ["baseline", "extended"],
    "WALK_FORWARD_MIN": ["0", "7", "60"],
}

# A smaller seed is no simpler case: shrinking would only take minutes.
GENERATE = (Phase.explicit, Phase.reuse, Phase.generate)


def test_every_setting_that_the_kernel_counts_with_is_varied() -> None:
    """A rule whose setting is not drawn is compared by nobody."""
    assert KERNEL_KEYS - KEYS.keys() == set()


def test_the_paper_loop_trades_as_the_backtest_whatever_the_settings_and_restarts() -> None:
    exercised: Counter[str] = Counter()

    @given(seed=st.integers(0, 2**48), restarts=st.frozensets(st.integers(0, 150), max_size=3))
    @settings(max_examples=150, deadline=None, phases=GENERATE, suppress_health_check=[HealthCheck.too_slow])
    def trades_as_the_backtest(seed: int, restarts: frozenset[int]) -> None:
        # Drawn by a generator of our own, because hypothesis leans towards the first choices and small moves.
        rng = Random(seed)
        keys = {key: rng.choice(choices) for key, choices in KEYS.items()}
        shapes = [("chop", 60), *((rng.choice(SHAPES), rng.randint(40, 90)) for _ in range(5))]
        table = walk(shapes, seed % 2**32)
        span = Span.of(len(table.start), Decimal("0.5"), 10)
        result = run(build_rules(load(keys), BTC_USD), table, span)
        live = TraderHarness(keys)
        run_live(live, candles_of(table), span, restarts)
        same(result, live)
        exercised.update(f"exit {closed.reason}" for closed in result.tally.closed)
        exercised["opened"] += result.portfolio.account.next_lot - 1

    trades_as_the_backtest()
    assert lacking(exercised, {"opened": 501, "exit 1": 11, "exit 2": 11, "exit 3": 11}) == {}
