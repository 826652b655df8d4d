"""Candles, ticks and fits in the live machine: what is counted, what is peeked, when the model is fitted."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from cbbot.contract.settings import load
from cbbot.domain.candle import Candle
from cbbot.domain.instrument import BTC_USD
from cbbot.domain.last_trade import UNTOLD, LastTrade
from cbbot.kernel.indicators import read
from cbbot.kernel.model import Fit
from cbbot.trader.codec import decode, encode
from cbbot.trader.commands import Notify
from cbbot.trader.events import CandleClosed, CandleForming, HistoryLoaded, Tick
from cbbot.trader.rules import build_rules
from oracle.market import candles_of, walk
from trader_harness import TraderHarness, flat_history, sure_model

START = 1_757_376_000
ALWAYS_BUY = sure_model(5.0)


def candles(count: int, seed: int = 3, seconds: int = 60) -> list[Candle]:
    return candles_of(walk([("chop", count)], seed, start=START, seconds=seconds))


def started(history: list[Candle], model: Fit | None = None, **keys: str) -> TraderHarness:
    trader = TraderHarness({"USE_MA_FILTER": "false"} | keys)
    trader.start(history, (history[-1].start + 60 if history else START) * 1000, model=model)
    return trader


@pytest.mark.parametrize(
    ("prices", "accepted", "outliers"),
    [
        (["105.00"], "105.00", 0),
        (["95.00"], "95.00", 0),
        (["105.01"], "100.00", 1),
        (["94.99"], "100.00", 1),
        (["110.00", "111.10"], "111.10", 1),
        (["110.00", "108.90"], "108.90", 1),
        (["110.00", "111.11"], "100.00", 2),
        (["110.00", "111.11", "111.12"], "111.12", 2),
        (["110.00", "100.10", "110.00"], "100.10", 2),
    ],
)
def test_a_tick_more_than_five_percent_off_waits_for_another_trade_within_one(
    prices: list[str], accepted: str, outliers: int
) -> None:
    flat = list(flat_history(START, 10_000))
    trader = started(flat)
    now_ms = (flat[-1].start + 60) * 1000
    ticks = [Tick(now_ms + i, BTC_USD.ticks(Decimal(price)), LastTrade(f"trade {i}")) for i, price in enumerate(prices)]
    trader.feed(*ticks)
    assert BTC_USD.price_text(trader.state.market.last_price) == accepted
    assert trader.counted("outliers") == outliers
    assert trader.counted("decisions") == len(prices) - outliers
    forming = trader.state.market.forming
    assert forming is None or BTC_USD.price_text(forming.close) == accepted


FIRST = LastTrade("7", 1_000_000)


@pytest.mark.parametrize(
    ("again", "confirms"),
    [
        (FIRST, False),
        (LastTrade("7", 9_000_000), False),  # one id, told with another time
        (LastTrade("8", 1_000_000), True),  # two trades of one moment
        (LastTrade("", 1_500_000), False),  # told by the stream, a moment later
        (LastTrade("", 9_000_000), True),
        (UNTOLD, False),
    ],
)
def test_only_another_trade_confirms_a_price_far_off_however_often_the_same_is_read(
    again: LastTrade, confirms: bool
) -> None:
    trader = started(list(flat_history(START, 10_000)))
    now_ms = trader.history[-1].start * 1000 + 60_000
    for second in range(10):
        trader.feed(Tick(now_ms + second * 1000, 9_000, FIRST if second == 0 else again))
        assert trader.state.market.last_price == (9_000 if confirms and second else 10_000)
    assert trader.counts["outliers", ""] == 1


def test_two_messages_of_the_stream_are_two_trades_when_their_times_differ() -> None:
    assert LastTrade("", 2).is_another(LastTrade("", 1))
    assert not LastTrade("", 1).is_another(LastTrade("", 1))


def test_a_price_far_off_is_not_confirmed_by_the_same_trade_after_a_restart() -> None:
    trader = started(list(flat_history(START, 10_000)))
    now_ms = trader.history[-1].start * 1000 + 60_000
    trader.feed(Tick(now_ms, 9_000, FIRST))
    trader.restart()
    trader.feed(Tick(now_ms + 5_000, 9_000, FIRST), Tick(now_ms + 6_000, 9_000, FIRST))
    assert trader.state.market.last_price == 10_000
    trader.feed(Tick(now_ms + 7_000, 9_000, LastTrade("8")))
    assert trader.state.market.last_price == 9_000


def closing_at(*closes: int) -> list[Candle]:
    first = flat_history(START, 1, len(closes))
    return [Candle(each.start, close, close, close, close, 10) for each, close in zip(first, closes, strict=True)]


@pytest.mark.parametrize("saved", [False, True])
def test_after_a_history_the_first_tick_is_measured_by_the_newest_close(saved: bool) -> None:
    history = closing_at(*range(10_000, 13_000, 50))
    trader = started(history)
    if saved:
        trader.restart()
    assert trader.state.market.last_price == 12_950
    trader.feed(Tick((history[-1].start + 61) * 1000, 12_900, FIRST))
    assert (trader.state.market.last_price, trader.counted("outliers")) == (12_900, 0)


def test_one_trade_far_off_that_closed_the_newest_candle_measures_nothing() -> None:
    history = closing_at(*[10_000] * 60, 9_000)
    trader = started(history)
    trader.feed(Tick((history[-1].start + 61) * 1000, 9_000, FIRST))
    assert (trader.state.market.last_price, trader.counted("outliers")) == (10_000, 1)


def test_a_tick_nudges_the_forming_candle_and_commits_nothing() -> None:
    history = candles(100)
    trader = started(history[:99])
    before, now_ms = trader.state.market.indicators, history[99].start * 1000
    opened = history[98].close
    forming = Candle(history[99].start, opened, opened + 10, opened - 10, opened, 500)
    trader.feed(CandleForming(now_ms, forming), Tick(now_ms + 1, opened + 70), Tick(now_ms + 2, opened - 40))
    assert trader.state.market.forming == Candle(history[99].start, opened, opened + 70, opened - 40, opened - 40, 500)
    assert trader.state.market.indicators is before
    trader.feed(CandleClosed(history[99]))
    assert trader.state.market.indicators == started(history).state.market.indicators


def test_a_candle_that_comes_late_moves_the_indicators_and_places_and_closes_nothing() -> None:
    trader = started(list(flat_history(START, 10_000)), sure_model(5.0), USE_TICK_PRICE="false")
    start = trader.history[-1].start + 60
    trader.close(Candle(start, 10_000, 10_000, 10_000, 10_000, 1))
    assert len(trader.state.lots) == 1
    fallen = [Candle(start + 60 * i, 5_000, 5_000, 5_000, 5_000, 1) for i in range(1, 600)]
    trader.feed(*(CandleClosed(candle, late=True) for candle in fallen))
    assert len(trader.state.lots) == 1
    assert (trader.counted("decisions"), trader.counted("orders")) == (0, 0)
    assert (trader.state.market.last_start, trader.state.market.last_price) == (fallen[-1].start, 10_000)
    assert trader.state.market.indicators.closes[-1] == 5_000
    trader.close(Candle(start + 60 * 600, 5_000, 5_000, 5_000, 5_000, 1))
    assert not trader.state.lots


def test_a_decision_on_a_tick_is_what_it_would_be_had_the_candle_closed_there() -> None:
    history = candles(300)
    trader = started(history[:299])
    last = history[299]
    trader.feed(CandleForming(last.start * 1000, last._replace(close=last.open)), Tick(last.start * 1000, last.close))
    on_candles = started(history[:299], trader.state.model, USE_TICK_PRICE="false")
    on_candles.feed(CandleClosed(last))
    ticked, closed = trader.state.decision, on_candles.state.decision
    assert ticked is not None
    assert closed is not None
    assert (ticked.p_up, ticked.fast) == (closed.p_up, closed.fast)


@pytest.mark.parametrize(("mode", "needed"), [("baseline", 40), ("extended", 60)])
def test_a_decision_needs_so_many_candles_the_forming_one_counted(mode: str, needed: int) -> None:
    for known, reason in ((needed - 2, "not_enough_data"), (needed - 1, "flat")):
        history = candles(known)
        trader = started(history, MODEL_MODE=mode, BUY_THRESHOLD="1", SELL_THRESHOLD="0")
        trader.feed(Tick((history[-1].start + 61) * 1000, history[-1].close))
        assert trader.reason == reason
        assert trader.counted("denials") == 0


def test_gaps_are_counted_and_reported_in_the_history_and_live() -> None:
    whole = candles(120)
    holed = whole[:50] + whole[51:80] + whole[83:110]
    trader = TraderHarness({})
    trader.feed(HistoryLoaded(0, tuple(holed)))
    assert trader.counted("gaps") == 2
    (said,) = trader.logged("sync")
    assert (said["candles"], said["gaps"], said["missing"]) == (len(holed), 2, 4)
    trader.feed(CandleClosed(whole[110]))
    assert trader.counted("gaps") == 0
    trader.feed(CandleClosed(whole[113]))
    assert trader.counted("gaps") == 1
    assert [said["missing"] for said in trader.logged("sync")] == [2]


def test_indicators_rebuilt_from_four_hundred_candles_agree_to_a_billionth() -> None:
    history = candles(3000)
    full, rebuilt = (started(known, MODEL_MODE="extended") for known in (history, history[-400:]))
    whole, short = (read(trader.state.market.indicators, 10, 30) for trader in (full, rebuilt))
    assert whole != short
    assert max(abs(a - b) for a, b in zip(whole, short, strict=True)) < 1e-9


def test_a_state_that_cannot_be_joined_to_the_history_is_worked_out_anew_and_keeps_its_model() -> None:
    history = candles(1200)
    trader = started(history[:600])
    model = trader.state.model
    trader.reread()
    joined, apart = trader.copied(), trader.copied()
    at_ms = (history[-1].start + 60) * 1000
    joined.feed(HistoryLoaded(at_ms, tuple(history)))
    assert joined.logged("sync")[0]["detail"] == "indicators go on where they stopped"
    apart.feed(HistoryLoaded(at_ms, tuple(history[700:])))
    assert apart.logged("sync")[0]["detail"] == "indicators worked out from the history"
    assert (apart.state.model, joined.state.model) == (model, model)
    assert apart.state.market.indicators == started(history[700:]).state.market.indicators


def test_candles_of_another_length_make_a_new_model_and_new_indicators() -> None:
    history = candles(600)
    trader = started(history)
    document = encode(trader.rules, trader.state)
    longer = TraderHarness({"GRANULARITY": "FIVE_MINUTE"})
    longer.state = kept = decode(longer.rules, document).state
    assert (kept.model, kept.last_fit_ms, kept.market.indicators.rows) == (None, -1, 0)
    fives = candles(500, seed=9, seconds=300)
    longer.feed(HistoryLoaded(fives[-1].start * 1000, tuple(fives)))
    assert longer.state.model is not None
    assert longer.state.model != trader.state.model
    assert longer.counted("fits") == 1


def test_with_walk_forward_the_first_step_after_so_many_minutes_fits_also_one_that_exits() -> None:
    history = candles(300)
    trader = started(history, WALK_FORWARD_MIN="2", STOP_LOSS_PCT="1", BUY_THRESHOLD="0")
    fitted_ms, price = trader.state.last_fit_ms, history[-1].close
    trader.feed(Tick(fitted_ms + 119_999, price))
    assert (trader.counted("fits"), len(trader.state.lots)) == (0, 1)
    trader.feed(Tick(fitted_ms + 120_000, price * 98 // 100))
    assert (trader.counted("fits"), trader.state.last_fit_ms) == (1, fitted_ms + 120_000)
    assert (trader.state.lots, trader.counted("decisions")) == ((), 0)
    # The exit comes first, and the fit before the decision of the next step.
    kinds = [command.event for command in trader.commands if isinstance(command, Notify)]
    assert kinds.index("order") < kinds.index("refit")
    trader.feed(Tick(fitted_ms + 121_000, price * 98 // 100))
    assert trader.counted("fits") == 0


def test_the_smallest_pace_of_walk_forward_is_every_step_and_not_never() -> None:
    assert build_rules(load({"WALK_FORWARD_MIN": "0.000001"}), BTC_USD).params.refit_ms == 1
    assert build_rules(load({"WALK_FORWARD_MIN": "0"}), BTC_USD).params.refit_ms == 0


def test_an_impossible_fit_keeps_the_old_model_and_is_no_fit() -> None:
    trader = started([], WALK_FORWARD_MIN="1")
    assert trader.state.model is None
    trader.state = replace(trader.state, model=ALWAYS_BUY)
    trader.feed(Tick(trader.state.last_fit_ms + 60_000, 10_000))
    assert (trader.state.model, trader.counted("fits"), len(trader.logged("refit"))) == (ALWAYS_BUY, 0, 1)


def test_without_enough_history_the_model_is_fitted_as_soon_as_there_is_and_until_then_it_is_quiet() -> None:
    history = candles(60)
    trader = started(history[:3])
    assert trader.state.model is None
    fits: list[int] = []
    for candle in history[3:]:
        trader.feed(CandleClosed(candle))
        fits.append(trader.counted("fits"))
        assert len(trader.logged("refit")) == fits[-1]
    assert sum(fits) == 1
    assert trader.state.model is not None


def test_a_restart_fits_nothing_anew() -> None:
    history = candles(300)
    trader = started(history[:200])
    fitted = trader.state
    trader.reread()
    trader.feed(HistoryLoaded(9**15, tuple(history)))
    assert (trader.state.model, trader.state.last_fit_ms) == (fitted.model, fitted.last_fit_ms)
    assert trader.counted("fits") == 0


@pytest.mark.parametrize(
    ("keys", "reason"), [({"STOP_LOSS_PCT": "1"}, "stop_loss"), ({"TAKE_PROFIT_PCT": "0.4"}, "take_profit")]
)
def test_after_a_stop_entries_cool_down_for_so_long_and_after_a_take_profit_not(
    keys: dict[str, str], reason: str
) -> None:
    history = candles(100)
    trader = started(history, ALWAYS_BUY, ENTRY_COOLDOWN_SEC="90", BUY_THRESHOLD="0", **keys)
    at_ms, price = (history[-1].start + 60) * 1000, history[-1].close
    away = price * 98 // 100 if reason == "stop_loss" else price * 101 // 100
    trader.feed(Tick(at_ms, price), Tick(at_ms + 1000, away))
    assert [said["reason"] for said in trader.logged("exit")] == [reason]
    for later, expected in ((90_999, "cooldown" if reason == "stop_loss" else "entered"), (91_000, "entered")):
        after = trader.copied()
        after.feed(Tick(at_ms + later, away))
        assert after.reason == expected


def test_the_breaker_stops_entries_for_the_utc_day_and_lets_exits_go_on() -> None:
    history = candles(100)
    keys = {"MAX_DAILY_LOSS_PCT": "0.5", "RISK_PER_TRADE_PCT": "50", "STOP_LOSS_PCT": "3", "BUY_THRESHOLD": "0"}
    trader = started(history, ALWAYS_BUY, FEE_RATE_PCT="0", **keys)
    at_ms, price = (history[-1].start + 60) * 1000, history[-1].close
    trader.feed(Tick(at_ms, price), Tick(at_ms + 1000, price * 985 // 1000))
    assert (trader.state.account.breaker, len(trader.state.lots), len(trader.logged("breaker"))) == (True, 1, 1)
    trader.feed(Tick(at_ms + 2000, price * 96 // 100))
    assert [said["reason"] for said in trader.logged("exit")] == ["stop_loss"]
    trader.feed(Tick(at_ms + 3000, price * 96 // 100))
    assert (trader.reason, trader.logged("breaker")) == ("breaker", [])
    tomorrow = (at_ms // 86_400_000 + 1) * 86_400_000
    trader.feed(Tick(tomorrow - 1, price * 96 // 100))
    assert trader.state.account.breaker
    trader.feed(Tick(tomorrow, price * 96 // 100))
    assert (trader.state.account.breaker, trader.state.account.day_realised, len(trader.state.lots)) == (False, 0, 1)


def test_every_kind_of_event_the_page_names_has_its_fields() -> None:
    history = candles(100)
    trader = started(history, ALWAYS_BUY, WALK_FORWARD_MIN="1", TAKE_PROFIT_PCT="0.4", BUY_THRESHOLD="0")
    at_ms, price = (history[-1].start + 60) * 1000, history[-1].close
    trader.feed(Tick(at_ms, price), Tick(at_ms + 70_000, price * 101 // 100))
    fields = {kind: set(trader.logged(kind)[0]) for kind in ("step", "order", "fill", "exit", "refit")}
    assert fields["step"] == {"signal", "p_up", "price", "reason"}
    assert fields["order"] >= {"outcome", "client_order_id", "purpose", "lot", "side", "base_size"}
    assert fields["fill"] >= {"client_order_id", "order_id", "lot", "side", "price", "base_size", "value", "fee"}
    assert fields["exit"] >= {"trade", "lot", "reason", "price", "base_size", "net_pnl", "equity"}
    assert fields["refit"] == {"rows", "weights", "bias"}
