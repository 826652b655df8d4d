"""Metric names and labels are fixed: dashboards and alerts depend on them."""

from __future__ import annotations

import pytest

from cbbot.contract.settings import load
from cbbot.domain.instrument import BTC_USD
from cbbot.trader.commands import Count
from cbbot.trader.rules import build_rules
from cbbot.trader.trader_state import Identity, new_state
from cbbot.views.bot_metrics import BotMetrics

OLD = [
    'bot_decisions_total{signal="buy"}', 'bot_decisions_total{signal="sell"}', 'bot_decisions_total{signal="flat"}',
    'bot_orders_total{mode="live",side="BUY"}', 'bot_orders_total{mode="paper",side="SELL"}',
    'bot_trades_total{result="open"}', 'bot_trades_total{result="win"}', 'bot_trades_total{result="loss"}',
    "bot_equity_usd", 'bot_model_mode{mode="baseline"}', 'bot_model_mode{mode="extended"}', "bot_vol_risk_factor",
    "bot_walk_forward_fits_total",
]  # fmt: skip


def lines(metrics: BotMetrics) -> dict[str, str]:
    text = metrics.exposition().decode()
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))


@pytest.mark.parametrize("name", OLD)
def test_an_old_name_is_there_from_the_start(name: str) -> None:
    assert name in lines(BotMetrics())


def test_counts_and_gauges_are_what_the_machine_says() -> None:
    metrics, rules = BotMetrics(), build_rules(load({"MODEL_MODE": "extended", "USD_EQUITY": "68.5"}), BTC_USD)
    metrics.count(Count("orders", {"mode": "paper", "side": "BUY"}))
    metrics.count(Count("unknown"))
    metrics.count(Count("refusals", {"reason": "X" * 500}))
    metrics.describe(rules.settings, bot="b", venue="test", version="0")
    metrics.observe(rules, new_state(rules, Identity("b", "BTC-USD", "paper", "test"), 12))
    exposed = lines(metrics)
    assert exposed['bot_orders_total{mode="paper",side="BUY"}'] == "1.0"
    assert exposed["bot_unknown_outcomes_total"] == "1.0"
    assert exposed[f'bot_refusals_total{{reason="{"X" * 64}"}}'] == "1.0"
    assert (exposed["bot_equity_usd"], exposed["bot_epoch"], exposed["bot_open_lots"]) == ("68.5", "12.0", "0.0")
    assert (exposed['bot_model_mode{mode="extended"}'], exposed['bot_model_mode{mode="baseline"}']) == ("1.0", "0.0")
    with pytest.raises(KeyError):
        metrics.count(Count("nonsense"))


def test_two_traders_fit_into_one_process() -> None:
    first, second = BotMetrics(), BotMetrics()
    first.count(Count("fits"))
    assert lines(second)["bot_walk_forward_fits_total"] == "0.0"
