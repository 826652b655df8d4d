"""Levels, trail, promotion, gates and breaker: each rule of docs/trading.md, sections 1 and 2, by itself."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cbbot.contract.settings import load
from cbbot.domain.instrument import BTC_USD
from cbbot.kernel import account
from cbbot.kernel.codes import (
    ALLOWED,
    BUY,
    DENIALS,
    EXIT_NONE,
    EXIT_STOP_LOSS,
    EXIT_TAKE_PROFIT,
    EXIT_TRAILING_STOP,
    FLAT,
    SELL,
)
from cbbot.kernel.gates import Position, Stops, adverse_pct, affordable, permitted
from cbbot.kernel.lot import Lot, opened, promoted, reduced, trailed, triggered
from cbbot.kernel.params import DAY_MS, Params
from cbbot.kernel.sizing import budget
from cbbot.trader.rules import kernel_params


def params(**keys: str) -> Params:
    return kernel_params(load(keys), BTC_USD)


def ticks(price: str) -> int:
    return BTC_USD.ticks(Decimal(price))


def lot(p: Params, price: str = "100.00", side: int = BUY, lots_open: int = 0) -> Lot:
    return opened(p, 1, side, 0, ticks(price), 1000, ticks(price) * 1000, 5, lots_open)


def test_the_first_lot_is_the_runner_with_twice_the_take() -> None:
    runner = lot(params(TAKE_PROFIT_PCT="2", STOP_LOSS_PCT="5"))
    assert (runner.runner, runner.take, runner.stop) == (True, 100.0 * 1.04, 95.0)


def test_a_sell_lot_mirrors_its_levels() -> None:
    short = lot(params(TAKE_PROFIT_PCT="2", STOP_LOSS_PCT="5"), side=SELL)
    assert (short.take, short.stop) == (100.0 * (1.0 - 4.0 / 100.0), 105.0)


@pytest.mark.parametrize(("mode", "takes"), [("linear", [2.0, 1.5, 1.0, 1.0]), ("exp", [2.0, 1.6, 1.28, 1.024])])
def test_later_lots_take_less_the_more_scalps_are_open_down_to_the_floor(mode: str, takes: list[float]) -> None:
    p = params(
        TAKE_PROFIT_PCT="2", SCALP_TP_DECAY_ENABLE="true", SCALP_TP_DEC_MODE=mode, SCALP_TP_DEC_PCT="0.5",
        SCALP_TP_DECAY_FACTOR="0.8", SCALP_TP_MIN_PCT="1",
    )  # fmt: skip
    found = [lot(p, lots_open=1 + k).take for k in range(4)]
    assert found == pytest.approx([100.0 * (1.0 + take / 100.0) for take in takes])


def test_a_trail_activates_ratchets_and_closes_but_not_in_the_step_that_activates_it() -> None:
    p = params(TRAIL_ACTIVATE_PCT="1", TRAIL_DISTANCE_PCT="0.5", TAKE_PROFIT_PCT="50")
    before = lot(p)
    assert trailed(p, before, 100.99) == before
    active = trailed(p, before, 101.0)
    assert (active.trailing, active.peak, active.trail_stop) == (True, 101.0, 101.0 * 0.995)
    assert triggered(before, active, 100.0) == EXIT_NONE
    higher = trailed(p, active, 103.0)
    assert higher.trail_stop == 103.0 * 0.995
    lower = trailed(p, higher, 102.6)
    assert lower == higher
    assert triggered(higher, lower, 102.485) == EXIT_TRAILING_STOP


def test_only_the_runner_trails_and_only_with_both_knobs() -> None:
    p = params(TRAIL_ACTIVATE_PCT="1", TRAIL_DISTANCE_PCT="0.5")
    scalp = lot(p, lots_open=1)
    assert trailed(p, scalp, 150.0) == scalp
    half = params(TRAIL_ACTIVATE_PCT="1")
    assert not trailed(half, lot(half), 150.0).trailing


@pytest.mark.parametrize(
    ("price", "reason"), [(94.0, EXIT_STOP_LOSS), (95.0, EXIT_STOP_LOSS), (96.0, EXIT_NONE), (104.0, EXIT_TAKE_PROFIT)]
)
def test_a_lot_leaves_at_its_levels_and_not_between_them(price: float, reason: int) -> None:
    held = lot(params(TAKE_PROFIT_PCT="2", STOP_LOSS_PCT="5"))
    assert triggered(held, held, price) == reason


@pytest.mark.parametrize(
    ("price", "reason"),
    [(106.0, EXIT_STOP_LOSS), (105.0, EXIT_STOP_LOSS), (104.0, EXIT_NONE), (96.0, EXIT_TAKE_PROFIT)],
)
def test_a_sell_lot_leaves_at_its_levels_and_not_between_them(price: float, reason: int) -> None:
    held = lot(params(TAKE_PROFIT_PCT="2", STOP_LOSS_PCT="5"), side=SELL)
    assert triggered(held, held, price) == reason
    trailing = held._replace(trailing=True, peak=98.0, trail_stop=99.0)
    assert triggered(trailing, trailing, 99.0) == EXIT_TRAILING_STOP


def test_promotion_gives_the_runners_levels_from_the_lots_own_price() -> None:
    p = params(TAKE_PROFIT_PCT="2", STOP_LOSS_PCT="5")
    scalp = lot(p, "200.00", lots_open=3)._replace(trailing=True, peak=1.0, trail_stop=1.0)
    runner = promoted(p, scalp)
    assert (runner.runner, runner.opened_as_runner, runner.trailing) == (True, False, False)
    assert (runner.take, runner.stop) == (200.0 * 1.04, 190.0)


def test_a_partial_close_shares_cost_and_fee_without_losing_a_unit() -> None:
    held = lot(params())
    rest, cost, fee = reduced(held, 333)
    assert (rest.base, rest.cost + cost, rest.entry_fee + fee) == (667, held.cost, held.entry_fee)


def test_the_adverse_gate_decays_to_its_floor_and_not_without_decay() -> None:
    p = params(PYRAMID_MIN_ADVERSE_PCT="1.5", PYRAMID_DECAY_LAMBDA="0.02", PYRAMID_DECAY_MIN_PCT="0.4")
    assert adverse_pct(p, 0) == 1.5
    assert adverse_pct(p, 34 * 60_000) == pytest.approx(0.7599, abs=1e-4)
    assert adverse_pct(p, 600 * 60_000) == 0.4
    assert adverse_pct(params(PYRAMID_DECAY_LAMBDA="0", PYRAMID_DECAY_MIN_PCT="9"), 10**9) == 1.5


FREE = Stops(breaker=False, paused=False, last_loss_ms=-1)
NOTHING = Position(0, 0, 0, -1, 0)
ONE_BUY = Position(1, BUY, ticks("100.00"), 0, 0)
OPEN = {
    "ALLOW_PYRAMIDING": "true",
    "PYRAMID_MIN_ADVERSE_PCT": "1",
    "PYRAMID_DECAY_LAMBDA": "0",
    "PYRAMID_DECAY_MIN_PCT": "0",
}


@pytest.mark.parametrize(
    ("wanted", "position", "stopped", "price", "keys", "reason"),
    [
        (FLAT, ONE_BUY, FREE, "1.00", {}, "flat"),
        (SELL, ONE_BUY, Stops(True, True, 0), "1.00", {}, "exits_only"),
        (SELL, NOTHING, Stops(True, True, 0), "1.00", {}, "long_only"),
        (BUY, NOTHING, Stops(True, True, 0), "1.00", {"ENTRY_COOLDOWN_SEC": "61"}, "breaker"),
        (BUY, NOTHING, Stops(False, True, 0), "1.00", {"ENTRY_COOLDOWN_SEC": "61"}, "paused"),
        (BUY, NOTHING, Stops(False, False, 0), "1.00", {"ENTRY_COOLDOWN_SEC": "61"}, "cooldown"),
        (BUY, NOTHING, Stops(False, False, 0), "1.00", {"ENTRY_COOLDOWN_SEC": "60"}, "allowed"),
        (BUY, ONE_BUY, Stops(False, False, 0), "1.00", {"ENTRY_COOLDOWN_SEC": "61"}, "cooldown"),
        (BUY, ONE_BUY, FREE, "1.00", {**OPEN, "MAX_CONCURRENT_LOTS": "1"}, "max_lots"),
        (BUY, ONE_BUY, FREE, "1.00", {}, "pyramiding_disabled"),
        (BUY, ONE_BUY, FREE, "1.00", {**OPEN, "PYRAMID_MIN_SECONDS_BETWEEN": "61"}, "spacing"),
        (BUY, ONE_BUY, FREE, "99.01", {**OPEN, "PYRAMID_MIN_SECONDS_BETWEEN": "61"}, "spacing"),
        (BUY, ONE_BUY, FREE, "99.01", OPEN, "adverse_gate"),
        (BUY, ONE_BUY, FREE, "99.00", OPEN, "allowed"),
        (SELL, NOTHING, FREE, "1.00", {"LONG_ONLY": "false"}, "allowed"),
        (SELL, ONE_BUY._replace(side=SELL), FREE, "100.99", {**OPEN, "LONG_ONLY": "false"}, "adverse_gate"),
        (SELL, ONE_BUY._replace(side=SELL), FREE, "101.00", {**OPEN, "LONG_ONLY": "false"}, "allowed"),
    ],
)
def test_gates_deny_in_their_order_a_minute_after_the_last_add(
    wanted: int, position: Position, stopped: Stops, price: str, keys: dict[str, str], reason: str
) -> None:
    assert DENIALS[permitted(params(**keys), wanted, 60_000, ticks(price), position, stopped)] == reason


def money(amount: str) -> int:
    return BTC_USD.ledger_up(Decimal(amount))


def test_a_wait_of_a_fraction_of_a_millisecond_is_not_over_before_it() -> None:
    waits = params(ENTRY_COOLDOWN_SEC="0.0001", PYRAMID_MIN_SECONDS_BETWEEN="60.0001")
    assert (waits.cooldown_ms, waits.spacing_ms) == (1, 60_001)


def test_a_budget_is_a_share_of_equity_between_minimum_and_cap_in_whole_cents() -> None:
    p = params(RISK_PER_TRADE_PCT="20", ORDER_MIN_USD="5", MAX_ORDER_USD="13.70")
    assert budget(p, money("68.5"), 10) == money("13.70")
    assert budget(p, money("68.4999"), 10) == money("13.69")
    assert budget(p, money("68.4999"), 12) == money("13.70")
    assert budget(p, money("10"), 10) == money("5")
    assert budget(p, -1, 10) == money("5")
    assert budget(params(RISK_PER_TRADE_PCT="90"), money("100"), 12) == money("100")


@pytest.mark.parametrize(
    ("spend", "cash", "exposure", "reason"),
    [
        ("10", "9.99", "0", "insufficient_funds"),
        ("0.99", "0.98", "0", "insufficient_funds"),
        ("0.99", "10", "0", "below_minimum"),
        ("0.99", "10", "100", "below_minimum"),
        ("10", "10", "90.10", "max_exposure"),
        ("10", "10", "90", "allowed"),
    ],
)
def test_what_cannot_be_paid_is_denied(spend: str, cash: str, exposure: str, reason: str) -> None:
    p = params(MAX_EXPOSURE_USD="100", FEE_RATE_PCT="0.75")
    base, denied = affordable(p, money(spend), money(cash), ticks("110000.00"), money(exposure))
    assert DENIALS[denied] == reason
    assert (base > 0) == (denied == ALLOWED)


def test_minimum_cash_and_cap_are_kept_by_reaching_them() -> None:
    p = params(MAX_EXPOSURE_USD="100", FEE_RATE_PCT="0")
    assert affordable(p, money("1"), money("1"), ticks("100.00"), money("99")) == (1_000_000, ALLOWED)


def stepped(p: Params, before: account.Account, now_ms: int, marked: int) -> account.Account:
    return account.with_breaker(p, account.with_day(p, before, now_ms, account.equity(before), marked), marked)


def test_the_breaker_trips_at_the_days_loss_and_resets_at_midnight() -> None:
    p = params(MAX_DAILY_LOSS_PCT="2")
    start = money("1000")
    day = stepped(p, account.opening_account(start), 5, start)
    assert not stepped(p, day, 6, money("980.0000000001")).breaker
    tripped = stepped(p, day, 7, money("980"))
    assert tripped.breaker
    assert stepped(p, tripped, DAY_MS - 1, start).breaker
    assert not stepped(p, tripped, DAY_MS, money("980")).breaker


def test_an_old_loser_counts_once_on_the_day_it_lost() -> None:
    p = params(MAX_DAILY_LOSS_PCT="2")
    next_day = stepped(p, account.opening_account(money("1000")), DAY_MS, money("900"))
    assert not stepped(p, next_day, DAY_MS + 1, money("890")).breaker
    assert next_day.day_equity == money("1000")
    # 2 % of the equity that was realised, not of what the day began with when marked.
    assert not stepped(p, next_day, DAY_MS + 1, money("880.01")).breaker
    assert stepped(p, next_day, DAY_MS + 1, money("880")).breaker


def test_without_marking_only_realised_losses_trip_the_breaker() -> None:
    p = params(MAX_DAILY_LOSS_PCT="2", DAILY_BREAKER_MARK_TO_MARKET="false")
    day = stepped(p, account.opening_account(money("1000")), 5, money("1000"))
    assert not stepped(p, day, 6, money("1")).breaker
    held = lot(p)
    lost = account.booked_close(account.booked_open(day, held), held, True, -money("20"), 7, EXIT_STOP_LOSS, 0)
    assert stepped(p, lost, 8, money("980")).breaker
    assert lost.last_loss_ms == 7


def test_zero_turns_the_breaker_off() -> None:
    p = params(MAX_DAILY_LOSS_PCT="0")
    assert not stepped(p, stepped(p, account.opening_account(money("1000")), 5, money("1000")), 6, 0).breaker
