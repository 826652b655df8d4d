"""Metrics of a bot that runs: averages, ages, intervals, its disk; and how many series there may be."""

from __future__ import annotations

import asyncio
import math
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from cbbot.contract.settings import load
from cbbot.process.metric_definitions import MetricDefinition, MetricSet
from cbbot.trader.commands import Count
from cbbot.views.bot_metrics import BotMetrics
from cbbot_bridge.bridge_metrics import BridgeMetrics


def test_a_bot_that_trades_shows_averages_ages_and_room(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    async def main() -> None:
        rig = make_rig(fake_bridge(), tmp_path, WALK_FORWARD_MIN="60")
        assert math.isnan(rig.exposed()["bot_decision_age_seconds"])
        await rig.until(lambda: rig.bot.readiness[0] and bool(rig.bot.decisions(1)))
        await asyncio.sleep(7)
        shown = rig.exposed()
        forming = rig.bot.state.market.forming
        closes = [Decimal(row.close) for row in rig.bot.candles(500)][: -1 if forming else None]
        for name, length in (("fast", rig.settings.ma_fast), ("slow", rig.settings.ma_slow)):
            assert shown[f"bot_ma_{name}"] == pytest.approx(float(sum(closes[-length:]) / length))
        assert 0 <= shown["bot_decision_age_seconds"] < 120
        assert 0 <= shown["bot_model_age_seconds"] <= 3600
        assert (shown["bot_model_fitted"], shown["bot_refit_interval_seconds"]) == (1, 3600)
        assert shown["bot_state_disk_size_bytes"] == shutil.disk_usage(tmp_path).total
        assert 0 < shown["bot_state_disk_free_bytes"] <= shown["bot_state_disk_size_bytes"]
        assert (shown["bot_unknown_orders"], shown["bot_contradicted_orders"], shown["bot_state_unsaved"]) == (0, 0, 0)
        await rig.stop()

    virtually(main)


def described(**keys: str) -> BotMetrics:
    metrics = BotMetrics()
    metrics.describe(load(keys), bot="btc", venue="Coinbase", version="1")
    return metrics


def test_a_bot_says_who_it_is_and_how_often_it_decides_and_fits() -> None:
    by_ticks = described(USE_TICK_PRICE="true", TICK_INTERVAL_SEC="5", GRANULARITY="ONE_HOUR", WALK_FORWARD_MIN="0")
    who = {"bot": "btc", "product_id": "BTC-USD", "mode": "paper", "venue": "Coinbase", "version": "1"}
    assert by_ticks.registry.get_sample_value("bot_info", who) == 1
    assert by_ticks.registry.get_sample_value("bot_decision_interval_seconds") == 5
    assert math.isnan(by_ticks.registry.get_sample_value("bot_refit_interval_seconds") or 0)
    by_candles = described(USE_TICK_PRICE="false", TICK_INTERVAL_SEC="5", GRANULARITY="ONE_HOUR")
    assert by_candles.registry.get_sample_value("bot_decision_interval_seconds") == 3600
    assert by_candles.registry.get_sample_value("bot_tick_interval_seconds") == 5


def test_reasons_of_refusals_are_bounded_in_number_and_length() -> None:
    metrics = BotMetrics()
    for number in range(1000):
        metrics.count(Count("refusals", {"reason": f"{number}-" + "x" * 500}))
    samples = [s for family in metrics.registry.collect() if family.name == "bot_refusals" for s in family.samples]
    reasons = {sample.labels["reason"]: sample.value for sample in samples if sample.name == "bot_refusals_total"}
    assert len(reasons) <= 201
    assert max(map(len, reasons)) == 64
    assert sum(reasons.values()) == 1000
    assert reasons["other"] >= 800


def test_what_an_alert_counts_is_there_before_it_happens() -> None:
    bridge, bot = BridgeMetrics().registry, BotMetrics().registry
    for what in ("id", "fills"):
        assert bridge.get_sample_value("bridge_order_contradictions_total", {"what": what}) == 0
    unknown = {"kind": "market", "side": "SELL", "outcome": "unknown"}
    assert bridge.get_sample_value("bridge_orders_total", unknown) == 0
    assert bot.get_sample_value("bot_refusals_total", {"reason": "other"}) == 0


def test_a_gauge_is_not_known_until_it_is_set_and_a_counter_has_a_counters_name() -> None:
    made = MetricSet(CollectorRegistry())
    made.gauge("a_seconds", "An age.")
    assert math.isnan(made.registry.get_sample_value("a_seconds") or 0)
    with pytest.raises(ValueError, match="a_seconds_count is a counter"):
        made.define(MetricDefinition("a_seconds_count", "counter", "A count."))
