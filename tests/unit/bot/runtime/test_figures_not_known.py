"""Of a bot that has read its state but not heard the account or a price: null and NaN where nothing is known."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

from cbbot.contract.bot_api import BotStatus
from cbbot.domain.instrument import BTC_USD
from cbbot.runtime.status_answer import About, Moment, status_of
from cbbot.trader.codec import encode
from cbbot.trader.events import OrderAbsent, OrdersListed, OrderUnknown
from cbbot.views.bot_metrics import BotMetrics
from cbbot.views.json_rows import lot_row
from cbbot.views.last_known import FIRST_START, last_known
from trader_harness import TraderHarness, flat_history, unanswered
from unit.bot.trader.live_trader_harness import LiveTraderHarness


def status(trader: TraderHarness) -> BotStatus:
    about = About(trader.rules.settings, "b", "", "test", "0", 0)
    return status_of(about, Moment(trader.rules, trader.state, None, "", "", "", None, None, 0, FIRST_START))


def shown(trader: LiveTraderHarness) -> dict[str, str | None]:
    names = ("equity_usd", "equity_marked_usd", "unrealized_pnl_usd", "last_price")
    return {name: getattr(status(trader), name) for name in names}


def measured(trader: TraderHarness, name: str) -> float:
    metrics = BotMetrics()
    metrics.observe(trader.rules, trader.state)
    value = metrics.registry.get_sample_value(name)
    assert value is not None
    return value


def without_a_price(trader: LiveTraderHarness) -> None:
    trader.state = replace(trader.state, market=replace(trader.state.market, last_price=0))


def test_a_first_live_start_knows_nothing_before_the_accounts_orders_are_listed() -> None:
    trader = TraderHarness({"DRY_RUN": "false", "MAX_ORDER_USD": "50", "MAX_EXPOSURE_USD": "500"}, unanswered)
    trader.state = replace(trader.state, identity=replace(trader.state.identity, mode="live"))
    trader.start(flat_history(1_699_996_440, 10_000))
    orders = ("open_lots", "pending_orders", "given_up_orders")
    none = dict.fromkeys((*orders, "equity_usd", "exposure_usd", "daily_pnl_usd", "breaker_tripped"))
    document = encode(trader.rules, trader.state)
    assert status(trader).model_dump(include=set(none)) == none
    figures = (
        "bot_open_lots", "bot_equity_usd", "bot_pending_orders", "bot_given_up_orders", "bot_breaker_tripped",
        "bot_refused_exits", "bot_short_lots", "bot_unknown_orders", "bot_contradicted_orders",
    )  # fmt: skip
    assert [name for name in figures if not math.isnan(measured(trader, name))] == []
    assert last_known(document, 1, ours=True, live=True).open_lots is None
    trader.feed(OrdersListed(trader.state.startup.started_ms, ()))
    known = status(trader)
    assert (known.open_lots, known.pending_orders, known.equity_usd) == (0, 0, "1000.0000000000")
    assert (known.breaker_tripped, known.given_up_orders) == (False, 0)
    assert (measured(trader, "bot_open_lots"), measured(trader, "bot_equity_usd")) == (0, 1000)
    assert (measured(trader, "bot_breaker_tripped"), measured(trader, "bot_given_up_orders")) == (0, 0)


def test_an_order_whose_absence_was_believed_is_told_for_as_long_as_it_may_be_carried_out() -> None:
    trader = LiveTraderHarness()
    trader.balances()
    (entry,) = trader.tick("100")
    trader.feed(OrderUnknown(trader.now_ms, entry.client_order_id, "timed out"))
    assert (status(trader).pending_orders, status(trader).given_up_orders) == (1, 0)
    trader.now_ms += 31_000
    trader.pass_time()
    trader.feed(OrderAbsent(trader.now_ms, entry.client_order_id, complete=True))
    assert (status(trader).pending_orders, status(trader).given_up_orders) == (0, 1)
    assert measured(trader, "bot_given_up_orders") == 1
    kept = last_known(encode(trader.rules, trader.state), 1, ours=True, live=True)
    assert (kept.pending_orders, kept.given_up_orders) == (0, 1)
    metrics = BotMetrics()
    metrics.observe_last_known(kept)
    assert metrics.registry.get_sample_value("bot_given_up_orders") == 1
    trader.now_ms += 301_000
    trader.pass_time()
    trader.feed(OrdersListed(trader.now_ms, ()))
    assert status(trader).given_up_orders == 0


def test_a_state_of_another_mode_says_nothing_of_what_the_account_has() -> None:
    trader = TraderHarness({}, unanswered)
    document = encode(trader.rules, trader.state)
    live, paper = (last_known(document, 1, ours=False, live=each) for each in (True, False))
    assert (live.open_lots, live.pending_orders, live.given_up_orders, live.breaker) == (None, None, None, None)
    assert (paper.open_lots, paper.pending_orders, paper.given_up_orders, paper.breaker) == (0, 0, 0, False)
    assert live.epoch == paper.epoch == trader.state.epoch


def test_equity_that_is_the_balances_is_not_known_before_them() -> None:
    trader = LiveTraderHarness(USE_LIVE_EQUITY="true", USD_EQUITY="1000")
    trader.tick("100")
    assert (shown(trader)["equity_usd"], shown(trader)["equity_marked_usd"]) == (None, None)
    assert math.isnan(measured(trader, "bot_equity_usd"))
    trader.balances(quote="200", base="1")
    assert shown(trader)["equity_usd"] == "300.0000000000"


def test_after_a_restart_it_is_that_of_the_last_known_balances() -> None:
    trader = LiveTraderHarness(USE_LIVE_EQUITY="true", USD_EQUITY="1000")
    trader.tick("100")
    trader.balances(quote="200", base="1")
    document = encode(trader.rules, trader.state)
    trader.restart()
    assert shown(trader)["equity_usd"] == "300.0000000000"
    known = last_known(document, 1, ours=True).equity_usd
    assert known is not None
    assert Decimal(known) == 300


def test_without_a_price_what_is_open_has_no_worth_and_what_is_not_open_is_nothing() -> None:
    trader = LiveTraderHarness()
    without_a_price(trader)
    assert shown(trader)["unrealized_pnl_usd"] == "0.0000000000"
    assert math.isnan(measured(trader, "bot_last_price"))
    trader.buy("100", "0.2")
    without_a_price(trader)
    assert shown(trader) == {
        "equity_usd": "1000.0000000000",
        "equity_marked_usd": None,
        "unrealized_pnl_usd": None,
        "last_price": None,
    }
    assert math.isnan(measured(trader, "bot_unrealized_pnl_usd"))
    assert lot_row(BTC_USD, trader.state.lots[0], 0).unrealized_pnl is None
