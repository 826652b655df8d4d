"""Candles, ticks and fits in the live machine: what is counted, what is peeked, when the model is fitted."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from random import Random

import pytest

from cbbot.contract.settings import load
from cbbot.domain.candle import Candle
from cbbot.domain.instrument import BTC_USD
from cbbot.domain.order import Execution
from cbbot.kernel.indicators import read
from cbbot.kernel.model import Fit
from cbbot.trader.codec import decode, encode
from cbbot.trader.commands import Command, Count, Notify, Place
from cbbot.trader.events import CandleClosed, CandleForming, Event, HistoryLoaded, OrderFilled, Started, Tick
from cbbot.trader.machine import step
from cbbot.trader.rules import Rules, build_rules
from cbbot.trader.trader_state import Identity, TraderState, new_state

START = 1_757_376_000
ALWAYS_BUY = Fit((0.0,) * 4, 5.0, (0.0,) * 4, (1.0,) * 4, 100)


def walk(count: int, seed: int = 3, seconds: int = 60) -> tuple[Candle, ...]:
    dice, close, candles = Random(seed), 5_000_000, []
    for number in range(count):
        opened, close = close, max(close + dice.randint(-9_000, 9_000), 1_000_000)
        high, low = max(opened, close) + dice.randint(0, 900), min(opened, close) - dice.randint(0, 900)
        candles.append(Candle(START + seconds * number, opened, high, low, close, dice.randint(0, 10**8)))
    return tuple(candles)


def started(history: tuple[Candle, ...], **keys: str) -> tuple[Rules, TraderState]:
    rules = build_rules(load({"USE_MA_FILTER": "false"} | keys), BTC_USD)
    state = new_state(rules, Identity("bot", "BTC-USD", "paper", "test"), 1)
    at_ms = (history[-1].start + 60) * 1000 if history else START * 1000
    state, _ = step(rules, state, HistoryLoaded(at_ms, history))
    return rules, step(rules, state, Started(at_ms))[0]


def feed(rules: Rules, state: TraderState, *events: Event) -> tuple[TraderState, list[Command]]:
    """The state, and all commands; orders are filled on paper at once."""
    every: list[Command] = []
    for event in events:
        state, commands = step(rules, state, event)
        every += commands
        for command in commands:
            if isinstance(command, Place):
                intent, value = command.intent, command.price * command.intent.base
                execution = Execution("x", command.price, intent.base, value, 0)
                state, more = step(rules, state, OrderFilled(intent.created_ms, intent.client_order_id, execution))
                every += more
    return state, every


def counted(commands: list[Command], name: str) -> int:
    return sum(command.times for command in commands if isinstance(command, Count) and command.name == name)


def logged(commands: list[Command], event: str) -> list[dict[str, object]]:
    return [dict(command.fields) for command in commands if isinstance(command, Notify) and command.event == event]


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
def test_a_tick_more_than_five_percent_off_waits_for_a_second_within_one(
    prices: list[str], accepted: str, outliers: int
) -> None:
    flat = tuple(Candle(START + 60 * i, 10_000, 10_000, 10_000, 10_000, 1) for i in range(60))
    rules, state = started(flat)
    now_ms = (flat[-1].start + 60) * 1000
    ticks = [Tick(now_ms + i, BTC_USD.ticks(Decimal(price))) for i, price in enumerate(prices)]
    state, commands = feed(rules, state, *ticks)
    assert BTC_USD.price_text(state.market.last_price) == accepted
    assert counted(commands, "outliers") == outliers
    assert counted(commands, "decisions") == len(prices) - outliers
    forming = state.market.forming
    assert forming is None or BTC_USD.price_text(forming.close) == accepted


def test_a_tick_nudges_the_forming_candle_and_commits_nothing() -> None:
    history = walk(100)
    rules, state = started(history[:99])
    before, now_ms = state.market.indicators, history[99].start * 1000
    opened = history[98].close
    forming = Candle(history[99].start, opened, opened + 10, opened - 10, opened, 500)
    state, _ = feed(
        rules, state, CandleForming(now_ms, forming), Tick(now_ms + 1, opened + 70), Tick(now_ms + 2, opened - 40)
    )
    assert state.market.forming == Candle(history[99].start, opened, opened + 70, opened - 40, opened - 40, 500)
    assert state.market.indicators is before
    state, _ = feed(rules, state, CandleClosed(history[99]))
    assert state.market.indicators == started(history)[1].market.indicators


def test_a_decision_on_a_tick_is_what_it_would_be_had_the_candle_closed_there() -> None:
    history = walk(300)
    rules, state = started(history[:299])
    last = history[299]
    ticked, _ = feed(
        rules,
        state,
        CandleForming(last.start * 1000, last._replace(close=last.open)),
        Tick(last.start * 1000, last.close),
    )
    closing, closed = started(history[:299], USE_TICK_PRICE="false")
    closed, _ = feed(closing, replace(closed, model=state.model), CandleClosed(last))
    assert ticked.decision is not None
    assert closed.decision is not None
    assert (ticked.decision.p_up, ticked.decision.fast) == (closed.decision.p_up, closed.decision.fast)


@pytest.mark.parametrize(("mode", "needed"), [("baseline", 40), ("extended", 60)])
def test_a_decision_needs_so_many_candles_the_forming_one_counted(mode: str, needed: int) -> None:
    for candles, reason in ((needed - 2, "not_enough_data"), (needed - 1, "flat")):
        history = walk(candles)
        rules, state = started(history, MODEL_MODE=mode, BUY_THRESHOLD="1", SELL_THRESHOLD="0")
        state, commands = feed(rules, state, Tick((history[-1].start + 61) * 1000, history[-1].close))
        assert state.decision is not None
        assert state.decision.reason == reason
        assert counted(commands, "denials") == 0


def test_gaps_are_counted_and_reported_in_the_history_and_live() -> None:
    candles = walk(120)
    holed = candles[:50] + candles[51:80] + candles[83:110]
    rules = build_rules(load({}), BTC_USD)
    state = new_state(rules, Identity("bot", "BTC-USD", "paper", "test"), 1)
    state, commands = feed(rules, state, HistoryLoaded(0, holed))
    assert counted(commands, "gaps") == 2
    (said,) = logged(commands, "sync")
    assert (said["candles"], said["gaps"], said["missing"]) == (len(holed), 2, 4)
    state, commands = feed(rules, state, CandleClosed(candles[110]))
    assert counted(commands, "gaps") == 0
    state, commands = feed(rules, state, CandleClosed(candles[113]))
    assert counted(commands, "gaps") == 1
    assert [said["missing"] for said in logged(commands, "sync")] == [2]


def test_indicators_rebuilt_from_four_hundred_candles_agree_to_a_billionth() -> None:
    history = walk(3000)
    _, full = started(history, MODEL_MODE="extended")
    _, rebuilt = started(history[-400:], MODEL_MODE="extended")
    whole, short = (read(state.market.indicators, 10, 30) for state in (full, rebuilt))
    assert whole != short
    assert max(abs(a - b) for a, b in zip(whole, short, strict=True)) < 1e-9


def test_a_state_that_cannot_be_joined_to_the_history_is_worked_out_anew_and_keeps_its_model() -> None:
    history = walk(1200)
    rules, state = started(history[:600])
    kept = decode(rules, encode(rules, state)).state
    at_ms = (history[-1].start + 60) * 1000
    joined, commands = feed(rules, kept, HistoryLoaded(at_ms, history))
    assert logged(commands, "sync")[0]["detail"] == "indicators go on where they stopped"
    apart, commands = feed(rules, kept, HistoryLoaded(at_ms, history[700:]))
    assert logged(commands, "sync")[0]["detail"] == "indicators worked out from the history"
    assert (apart.model, joined.model) == (state.model, state.model)
    assert apart.market.indicators == started(history[700:])[1].market.indicators


def test_candles_of_another_length_make_a_new_model_and_new_indicators() -> None:
    history = walk(600)
    rules, state = started(history)
    document = encode(rules, state)
    longer = build_rules(load({"GRANULARITY": "FIVE_MINUTE"}), BTC_USD)
    kept = decode(longer, document).state
    assert (kept.model, kept.last_fit_ms, kept.market.indicators.rows) == (None, -1, 0)
    fives = walk(500, seed=9, seconds=300)
    fitted, commands = feed(longer, kept, HistoryLoaded(fives[-1].start * 1000, fives))
    assert fitted.model is not None
    assert fitted.model != state.model
    assert counted(commands, "fits") == 1


def test_with_walk_forward_the_first_step_after_so_many_minutes_fits_also_one_that_exits() -> None:
    history = walk(300)
    rules, state = started(history, WALK_FORWARD_MIN="2", STOP_LOSS_PCT="1", BUY_THRESHOLD="0")
    fitted_ms, price = state.last_fit_ms, history[-1].close
    state, commands = feed(rules, state, Tick(fitted_ms + 119_999, price))
    assert (counted(commands, "fits"), len(state.lots)) == (0, 1)
    state, commands = feed(rules, state, Tick(fitted_ms + 120_000, price * 98 // 100))
    assert (counted(commands, "fits"), state.last_fit_ms) == (1, fitted_ms + 120_000)
    assert (state.lots, counted(commands, "decisions")) == ((), 0)
    # The exit comes first, and the fit before the decision of the next step.
    kinds = [command.event for command in commands if isinstance(command, Notify)]
    assert kinds.index("order") < kinds.index("refit")
    state, commands = feed(rules, state, Tick(fitted_ms + 121_000, price * 98 // 100))
    assert counted(commands, "fits") == 0


def test_the_smallest_pace_of_walk_forward_is_every_step_and_not_never() -> None:
    assert build_rules(load({"WALK_FORWARD_MIN": "0.000001"}), BTC_USD).params.refit_ms == 1
    assert build_rules(load({"WALK_FORWARD_MIN": "0"}), BTC_USD).params.refit_ms == 0


def test_an_impossible_fit_keeps_the_old_model_and_is_no_fit() -> None:
    rules, state = started((), WALK_FORWARD_MIN="1")
    assert state.model is None
    state, commands = feed(rules, replace(state, model=ALWAYS_BUY), Tick(state.last_fit_ms + 60_000, 10_000))
    assert (state.model, counted(commands, "fits"), len(logged(commands, "refit"))) == (ALWAYS_BUY, 0, 1)


def test_without_enough_history_the_model_is_fitted_as_soon_as_there_is_and_until_then_it_is_quiet() -> None:
    history = walk(60)
    rules, state = started(history[:3])
    assert state.model is None
    fits: list[int] = []
    for candle in history[3:]:
        state, commands = feed(rules, state, CandleClosed(candle))
        fits.append(counted(commands, "fits"))
        assert len(logged(commands, "refit")) == fits[-1]
    assert sum(fits) == 1
    assert state.model is not None


def test_a_restart_fits_nothing_anew() -> None:
    history = walk(300)
    rules, state = started(history[:200])
    kept, commands = feed(rules, decode(rules, encode(rules, state)).state, HistoryLoaded(9**15, history))
    assert (kept.model, kept.last_fit_ms, counted(commands, "fits")) == (state.model, state.last_fit_ms, 0)


@pytest.mark.parametrize(
    ("keys", "reason"), [({"STOP_LOSS_PCT": "1"}, "stop_loss"), ({"TAKE_PROFIT_PCT": "0.4"}, "take_profit")]
)
def test_after_a_stop_entries_cool_down_for_so_long_and_after_a_take_profit_not(
    keys: dict[str, str], reason: str
) -> None:
    history = walk(100)
    rules, state = started(history, ENTRY_COOLDOWN_SEC="90", BUY_THRESHOLD="0", **keys)
    state = replace(state, model=ALWAYS_BUY)
    at_ms, price = (history[-1].start + 60) * 1000, history[-1].close
    away = price * 98 // 100 if reason == "stop_loss" else price * 101 // 100
    state, commands = feed(rules, state, Tick(at_ms, price), Tick(at_ms + 1000, away))
    assert [said["reason"] for said in logged(commands, "exit")] == [reason]
    for later, expected in ((90_999, "cooldown" if reason == "stop_loss" else "entered"), (91_000, "entered")):
        after, _ = feed(rules, state, Tick(at_ms + later, away))
        assert after.decision is not None
        assert after.decision.reason == expected


def test_the_breaker_stops_entries_for_the_utc_day_and_lets_exits_go_on() -> None:
    history = walk(100)
    keys = {"MAX_DAILY_LOSS_PCT": "0.5", "RISK_PER_TRADE_PCT": "50", "STOP_LOSS_PCT": "3", "BUY_THRESHOLD": "0"}
    rules, state = started(history, FEE_RATE_PCT="0", **keys)
    state = replace(state, model=ALWAYS_BUY)
    at_ms, price = (history[-1].start + 60) * 1000, history[-1].close
    state, commands = feed(rules, state, Tick(at_ms, price), Tick(at_ms + 1000, price * 985 // 1000))
    assert (state.account.breaker, len(state.lots), len(logged(commands, "breaker"))) == (True, 1, 1)
    state, commands = feed(rules, state, Tick(at_ms + 2000, price * 96 // 100))
    assert [said["reason"] for said in logged(commands, "exit")] == ["stop_loss"]
    state, commands = feed(rules, state, Tick(at_ms + 3000, price * 96 // 100))
    assert state.decision is not None
    assert (state.decision.reason, logged(commands, "breaker")) == ("breaker", [])
    tomorrow = (at_ms // 86_400_000 + 1) * 86_400_000
    state, _ = feed(rules, state, Tick(tomorrow - 1, price * 96 // 100))
    assert state.account.breaker
    state, _ = feed(rules, state, Tick(tomorrow, price * 96 // 100))
    assert (state.account.breaker, state.account.day_realised, len(state.lots)) == (False, 0, 1)


def test_every_kind_of_event_the_page_names_has_its_fields() -> None:
    history = walk(100)
    rules, state = started(history, WALK_FORWARD_MIN="1", TAKE_PROFIT_PCT="0.4", BUY_THRESHOLD="0")
    at_ms, price = (history[-1].start + 60) * 1000, history[-1].close
    state, bought = feed(rules, replace(state, model=ALWAYS_BUY), Tick(at_ms, price))
    state, sold = feed(rules, state, Tick(at_ms + 70_000, price * 101 // 100))
    fields = {kind: set(logged(bought + sold, kind)[0]) for kind in ("step", "order", "fill", "exit", "refit")}
    assert fields["step"] == {"signal", "p_up", "price", "reason"}
    assert fields["order"] >= {"outcome", "client_order_id", "purpose", "lot", "side", "base_size"}
    assert fields["fill"] >= {"client_order_id", "order_id", "lot", "side", "price", "base_size", "value", "fee"}
    assert fields["exit"] >= {"trade", "lot", "reason", "price", "base_size", "net_pnl", "equity"}
    assert fields["refit"] == {"rows", "weights", "bias"}
