"""A SELL lot on a mirrored market does what a BUY lot does on the market itself.

Percentages are of a lot's own open price, so a reflection of prices about that price mirrors its stop,
its take and the gate of the next lot exactly. What comes later (a trail's distance is a share of its
peak, a second lot has another open price) is no reflection any more, and the reference trader of
``tests/oracle`` holds it instead.
"""

from __future__ import annotations

from collections import Counter
from random import Random

from cbbot.domain.candle import Candle
from cbbot.trader.intent import Purpose
from exercised import lacking
from trader_harness import TraderHarness, flat_history

ENTRY = 10_000_000  # ticks
START = 1_700_000_040
LONG = {"BUY_THRESHOLD": "0", "SELL_THRESHOLD": "0"}
SHORT = {"BUY_THRESHOLD": "1", "SELL_THRESHOLD": "1"}


def flat(start: int, price: int) -> Candle:
    return Candle(start, price, price, price, price, 1)


def story(keys: dict[str, str], prices: list[int], exercised: Counter[str]) -> list[tuple[object, ...]]:
    """What happens to the first two lots: entries and exits with sizes, profit before fees, and denials."""
    trader = TraderHarness(keys | {"USE_TICK_PRICE": "false"})
    trader.start(flat_history(START, ENTRY))
    happened: list[tuple[object, ...]] = []
    for i, price in enumerate([ENTRY, *prices]):
        trader.close(flat(START + 60 * (60 + i), price))
        happened += [(i, "denied", reason) for reason in trader.denied]
        happened += [(i, "in", abs(fill.execution.price - ENTRY)) for fill in trader.filled(Purpose.ENTRY)]
        for fill in trader.filled(Purpose.EXIT):
            closed = next(t.closed for t in trader.trades if t.closed.lot.id == fill.intent.lot)
            gross = closed.net_pnl + closed.lot.entry_fee + closed.exit_fee
            happened.append((i, "out", closed.lot.id, closed.reason, closed.lot.base, gross))
            exercised[f"exit {closed.reason}"] += 1
        exercised["adds"] += len(trader.state.lots) == 2 and bool(trader.filled(Purpose.ENTRY))
        if len(trader.state.lots) == 2 or trader.trades:
            break
    return happened


def test_a_sell_lot_on_the_mirrored_prices_is_the_mirror_of_a_buy_lot() -> None:
    """The same walks every time, so that what they exercise is known."""
    exercised: Counter[str] = Counter()
    for run in range(240):
        rng = Random(f"mirror/{run // 60}/{run % 60}")
        keys = {
            "LONG_ONLY": "false", "USE_MA_FILTER": "false", "FEE_RATE_PCT": "0", "MAX_DAILY_LOSS_PCT": "0",
            "TAKE_PROFIT_PCT": rng.choice(("0.37", "0.73")), "STOP_LOSS_PCT": rng.choice(("0.61", "1.13")),
            "PYRAMID_MIN_ADVERSE_PCT": rng.choice(("0.31", "0.53")), "PYRAMID_DECAY_MIN_PCT": "0.07",
            "PYRAMID_DECAY_LAMBDA": rng.choice(("0", "0.03")), "ALLOW_PYRAMIDING": rng.choice(("true", "false")),
            "MAX_CONCURRENT_LOTS": "2",
        }  # fmt: skip
        prices, at = [], ENTRY
        for _ in range(60):
            at += rng.randint(-40_000, 40_000)
            # Odd prices: none lies within a rounding error of a level.
            prices.append(at | 1)
        mirrored = [2 * ENTRY - price for price in prices]
        assert story(keys | LONG, prices, exercised) == story(keys | SHORT, mirrored, exercised), run
    assert lacking(exercised, {"exit 2": 30, "exit 3": 30, "adds": 8}) == {}
