"""What holds in every step, whatever the settings and the market; and how often it was put to the test."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from random import Random
from typing import Final

import pytest

from cbbot.domain.candle import Candle
from cbbot.domain.instrument import BTC_USD
from cbbot.kernel.codes import BUY
from cbbot.kernel.lot import Lot
from cbbot.trader import account_figures
from cbbot.trader.intent import Purpose
from exercised import case, lacking
from oracle.draws import drawn
from oracle.market import candles_of, walk
from trader_harness import Fill, TraderHarness

LEAST: Final = {
    "entries": 1000, "exits": 1000, "steps that close several": 20, "capped entries": 300, "sell lots": 150,
    "trails watched": 300, "trails moved": 60,
}  # fmt: skip


class Watch:
    """Looks at a trader after every step. All amounts are ledger units."""

    def __init__(self, trader: TraderHarness, exercised: Counter[str]) -> None:
        self.trader = trader
        self.exercised = exercised
        self.settings = trader.rules.settings
        self.start = BTC_USD.ledger_down(self.settings.usd_equity)
        self.ids: set[int] = set()
        self.closed: set[int] = set()
        self.before: dict[int, Lot] = {}

    def after_step(self, now_ms: int, ticks: int) -> None:
        entries, exits = self.trader.filled(Purpose.ENTRY), self.trader.filled(Purpose.EXIT)
        assert len(entries) <= 1
        assert not (entries and exits), "a step that exits does not enter"
        self._exits(exits)
        for fill in entries:
            self._entry(fill)
        lots = self.trader.state.lots
        assert len(lots) <= self.settings.max_concurrent_lots
        assert len(lots) <= 1 or self.settings.allow_pyramiding
        assert sum(lot.runner for lot in lots) == bool(lots), "one runner while a lot is open"
        assert len({lot.side for lot in lots}) <= 1
        assert not self.settings.long_only or all(lot.side == BUY for lot in lots)
        self._trails(lots)
        self._sums(now_ms, ticks, lots)
        self.before = {lot.id: lot for lot in lots}

    def _exits(self, exits: list[Fill]) -> None:
        for fill in exits:
            assert fill.intent.lot in self.before, "no exit without a lot"
            assert fill.intent.lot not in self.closed, "a lot is closed once"
            assert fill.intent.base == self.before[fill.intent.lot].base
            self.closed.add(fill.intent.lot)
        assert [fill.intent.lot for fill in exits] == sorted(fill.intent.lot for fill in exits), "oldest first"
        self.exercised["exits"] += len(exits)
        self.exercised["steps that close several"] += len(exits) > 1

    def _entry(self, fill: Fill) -> None:
        lot = self.trader.state.lots[-1]
        assert lot.id == fill.intent.lot
        assert lot.id not in self.ids, "a lot's number is its own"
        self.ids.add(lot.id)
        cost = fill.execution.value
        fee = lot.entry_fee
        exact = Decimal(cost) * self.settings.fee_rate_pct / 100
        assert exact <= fee < exact + 1, "a fee is rounded up, and by less than a unit"
        assert (lot.cost, lot.base) == (cost, fill.execution.base)
        assert cost >= BTC_USD.ledger_up(BTC_USD.min_notional)
        cap = self.settings.max_order_usd
        assert cap is None or BTC_USD.money(cost + fee) <= cap
        exposure = self.settings.max_exposure_usd
        invested = sum(each.cost for each in self.trader.state.lots)
        assert exposure is None or BTC_USD.money(invested) <= exposure
        cash = account_figures.cash(self.trader.rules, self.trader.state, fill.intent.created_ms)
        assert cash is not None
        assert cash >= 0, "there is no leverage"
        self.exercised["entries"] += 1
        self.exercised["capped entries"] += cap is not None or exposure is not None
        self.exercised["sell lots"] += lot.side != BUY

    def _trails(self, lots: tuple[Lot, ...]) -> None:
        for lot in lots:
            was = self.before.get(lot.id)
            if was is not None and was.trailing:
                assert lot.trailing
                assert lot.side * (lot.trail_stop - was.trail_stop) >= 0.0, "a trail never falls"
                self.exercised["trails watched"] += 1
                self.exercised["trails moved"] += lot.trail_stop != was.trail_stop

    def _sums(self, now_ms: int, ticks: int, lots: tuple[Lot, ...]) -> None:
        realised = 0
        for trade in self.trader.trades:
            realised += trade.closed.net_pnl
        invested = sum(lot.cost + lot.entry_fee for lot in lots)
        cash = account_figures.cash(self.trader.rules, self.trader.state, now_ms)
        assert cash is not None
        assert cash + invested == self.start + realised
        unrealised = sum(lot.side * (ticks * lot.base - lot.cost) - lot.entry_fee for lot in lots)
        rules, state, equity = self.trader.rules, self.trader.state, self.start + realised
        assert account_figures.equity(rules, state, ticks) == equity
        assert account_figures.marked_equity(rules, state, ticks) == equity + unrealised

    def at_the_end(self) -> None:
        for trade in self.trader.trades:
            closed, lot = trade.closed, trade.closed.lot
            gross = lot.side * (closed.proceeds - lot.cost)
            assert closed.net_pnl == gross - lot.entry_fee - closed.exit_fee
            exact = Decimal(closed.proceeds) * self.settings.fee_rate_pct / 100
            assert exact <= closed.exit_fee < exact + 1
        assert len(self.closed) == len(self.trader.trades)
        assert self.ids == self.closed | {lot.id for lot in self.trader.state.lots}


def on_candles(keys: dict[str, str], history: list[Candle]) -> TraderHarness:
    trader = TraderHarness(keys | {"USE_TICK_PRICE": "false"})
    trader.start(history)
    return trader


def test_money_adds_up_and_no_limit_is_passed() -> None:
    exercised: Counter[str] = Counter()
    for run in range(160):
        rng = Random(f"money/{run // 20}/{run % 20}")
        keys, shapes = drawn(rng)
        candles = candles_of(walk([("chop", 120), *shapes], rng.randrange(2**32)))
        with case(run):
            trader = on_candles(keys | {"WALK_FORWARD_MIN": "0"}, candles[:100])
            watch = Watch(trader, exercised)
            for candle in candles[100:]:
                trader.close(candle)
                watch.after_step(candle.start * 1000 + 60_000, candle.close)
            watch.at_the_end()
    assert lacking(exercised, LEAST) == {}


def same_account(one: TraderHarness, other: TraderHarness) -> bool:
    return (one.state.lots, one.state.account, one.trades) == (other.state.lots, other.state.account, other.trades)


@pytest.mark.parametrize("mode", ["baseline", "extended"])
def test_a_restart_after_every_step_changes_nothing(mode: str) -> None:
    keys = {
        "MODEL_MODE": mode, "WALK_FORWARD_MIN": "11", "LONG_ONLY": "false", "USE_MA_FILTER": "false",
        "BUY_THRESHOLD": "0.5", "SELL_THRESHOLD": "0.5", "ALLOW_PYRAMIDING": "true", "PYRAMID_MIN_ADVERSE_PCT": "0.1",
        "PYRAMID_DECAY_MIN_PCT": "0.05", "PYRAMID_MIN_SECONDS_BETWEEN": "120", "TAKE_PROFIT_PCT": "0.15",
        "STOP_LOSS_PCT": "0.4", "TRAIL_ACTIVATE_PCT": "0.15", "TRAIL_DISTANCE_PCT": "0.1", "ENTRY_COOLDOWN_SEC": "180",
        "MAX_DAILY_LOSS_PCT": "0.5", "RISK_PER_TRADE_PCT": "9", "FEE_RATE_PCT": "0.05", "VOL_RISK_ADJUST": "true",
    }  # fmt: skip
    # From before midnight to after it, so that the day and its breaker are among what must be remembered.
    candles = candles_of(walk([("chop", 120), ("wild", 60), ("up", 40), ("chop", 80)], 12, start=1_700_085_600))
    steady, restarted = on_candles(keys, candles[:100]), on_candles(keys, candles[:100])
    for candle in candles[100:]:
        steady.close(candle)
        restarted.restart()
        restarted.close(candle)
        assert same_account(steady, restarted), candle
        assert steady.state.model == restarted.state.model
        assert steady.state.last_fit_ms == restarted.state.last_fit_ms
    assert len(steady.trades) > 20
    assert {trade.closed.reason for trade in steady.trades} == {1, 2, 3}
