"""Warnings once and early, events as structured log lines, and nothing that grows without bound."""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from cbbot.brokers.paper import PaperBroker
from cbbot.contract.settings import load
from cbbot.domain.instrument import BTC_USD
from cbbot.runtime.command_executor import CommandBatch
from cbbot.runtime.event_queue import EventQueue, QueuedEvent
from cbbot.runtime.live import TradingLoop
from cbbot.runtime.notifications import Broadcast
from cbbot.trader import machine as step_module
from cbbot.trader.commands import Count
from cbbot.trader.events import Tick
from cbbot.trader.rules import build_rules
from cbbot.trader.trader_state import Identity, new_state
from cbbot.views.bot_metrics import BotMetrics

LIVE = {"DRY_RUN": "false", "MAX_ORDER_USD": "100", "MAX_EXPOSURE_USD": "5000", "USE_TICK_PRICE": "true"}


def logged(caplog: pytest.LogCaptureFixture, event: str) -> list[dict[str, Any]]:
    return [dict(record.fields) for record in caplog.records if record.getMessage() == event]  # type: ignore[attr-defined]  # ours


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [fields["detail"] for fields in logged(caplog, "setting")]


def test_paper_warns_at_once_in_log_and_status_though_no_bridge_is_there(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bridge = fake_bridge()
    bridge.broken["/exchange/filters"] = lambda _: httpx.Response(503, json={"error": {"code": "x", "message": "no"}})

    async def main() -> None:
        rig = make_rig(bridge, tmp_path, TAKE_PROFIT_PCT="0.05", SCALP_TP_MIN_PCT="0.05")
        rig.about.warnings.append("keys that are not settings of the bot were ignored: X")
        await asyncio.sleep(10)
        early = rig.bot.status().warnings
        assert early == warned(caplog)
        assert [said.split()[0] for said in early] == ["keys", "TAKE_PROFIT_PCT=0.05"]
        bridge.broken.clear()
        await rig.until(lambda: rig.bot.readiness[0])
        assert rig.bot.status().warnings == warned(caplog) == early
        await rig.stop()

    with caplog.at_level(logging.WARNING):
        virtually(main)


def test_a_start_without_a_bridge_says_once_a_minute_where_it_looks_and_what_to_start(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bridge = fake_bridge()

    def nobody(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("all connection attempts failed")

    bridge.broken["/exchange/filters"] = nobody

    async def main() -> None:
        rig = make_rig(bridge, tmp_path, BRIDGE_URL="http://bridge:8787")
        await asyncio.sleep(200)
        await rig.stop()

    with caplog.at_level(logging.WARNING):
        virtually(main)
    said = logged(caplog, "waiting")
    assert len(said) == 4
    for fields in said:
        assert "http://bridge:8787 (BRIDGE_URL)" in fields["detail"]
        assert "cbbot bridge" in fields["detail"]


def test_live_warns_by_the_venues_own_fees(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bridge = fake_bridge()
    keys = LIVE | {"TAKE_PROFIT_PCT": "1.9", "SCALP_TP_DECAY_ENABLE": "true", "SCALP_TP_MIN_PCT": "1.55"}

    async def main() -> None:
        rig = make_rig(bridge, tmp_path, **keys)
        await rig.until(lambda: rig.bot.readiness[0])
        (said,) = rig.bot.status().warnings
        assert said.startswith("SCALP_TP_MIN_PCT=1.55 does not cover the fees: at 0.9 % a side")
        assert "needs 1.82 %" in said
        assert warned(caplog) == [said]
        await rig.stop()

    with caplog.at_level(logging.WARNING):
        virtually(main)


def test_live_fees_that_cannot_be_read_are_said_so_and_do_not_hold_exits_up(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()
    bridge.broken["/fees"] = lambda _: httpx.Response(502, text="down")

    async def main() -> None:
        rig = make_rig(bridge, tmp_path, **LIVE)
        await rig.until(lambda: rig.bot.readiness[0])
        (said,) = rig.bot.status().warnings
        assert "FEE_RATE_PCT=0.05 is assumed" in said
        await rig.stop()

    virtually(main)


def test_events_are_structured_log_lines(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keys = {"USE_TICK_PRICE": "true", "WALK_FORWARD_MIN": "5", "MAX_DAILY_LOSS_PCT": "0.05", "STOP_LOSS_PCT": "0.3"}

    async def main() -> None:
        rig = make_rig(fake_bridge(), tmp_path, BUY_THRESHOLD="0", **keys)
        await rig.until(lambda: bool(logged(caplog, "breaker")) and bool(logged(caplog, "exit")))
        await rig.stop()

    with caplog.at_level(logging.DEBUG):
        virtually(main)
    expected = {
        "tick": {"price", "at_ms"},
        "sync": {"candles", "gaps", "missing", "detail"},
        "step": {"signal", "p_up", "price", "reason"},
        "order": {"outcome", "client_order_id", "purpose", "lot", "side", "base_size"},
        "fill": {"client_order_id", "lot", "side", "price", "base_size", "value", "fee"},
        "exit": {"trade", "lot", "reason", "price", "net_pnl", "equity"},
        "equity": {"equity", "marked", "lots", "daily_pnl"},
        "refit": {"rows", "weights", "bias"},
        "breaker": {"detail"},
    }
    for event, fields in expected.items():
        lines = logged(caplog, event)
        assert lines, event
        assert fields <= set(lines[0]), event
    assert {"start", "open", "high", "low", "close", "volume"} in [set(line) for line in logged(caplog, "sync")]
    reasons = [line["reason"] for line in logged(caplog, "step")]
    assert reasons.count("entered") == len(logged(caplog, "fill"))
    assert {"entered", "breaker"} <= set(reasons)


def test_a_step_that_only_counts_leaves_nothing_to_the_executor_that_could_pile_up(virtually: Any) -> None:
    rules = build_rules(load({"MAX_DAILY_LOSS_PCT": "0"}), BTC_USD)
    state = replace(new_state(rules, Identity("b", "BTC-USD", "paper", "test"), 1), watching=True, reconciled=True)
    submitted: list[CommandBatch] = []

    class Waiting:
        """A executor whose disk hangs."""

        submit = submitted.append

        def note(self, batch: CommandBatch) -> None:
            """Remembered until the next save, and no longer."""

        async def drained(self) -> None:
            raise AssertionError("nothing was placed")

    async def main() -> None:
        metrics, queue, executor = BotMetrics(), EventQueue(), Waiting()
        loop = TradingLoop(rules, state, PaperBroker(rules.params), queue, executor, metrics, Broadcast())  # type: ignore[arg-type]  # a stand-in
        for number in range(1_000):
            await loop.take(QueuedEvent(Tick(1_000 * number, 10_000)))
        assert len(submitted) == 1  # the first step of a day is saved
        assert b'bot_decisions_total{signal="flat"} 1000.0' in metrics.exposition()

    virtually(main)


def test_every_name_that_the_trader_counts_is_a_metric() -> None:
    folder = Path(step_module.__file__).parent
    named = {name for file in folder.glob("*.py") for name in re.findall(r'Count\("(\w+)"', file.read_text())}
    assert {"decisions", "gaps", "fits", "outliers", "refusals"} <= named
    labels = {
        "decisions": {"signal": "buy"}, "orders": {"mode": "live", "side": "BUY"}, "trades": {"result": "win"},
        "denials": {"reason": "flat"}, "refusals": {"reason": "x"},
    }  # fmt: skip
    metrics = BotMetrics()
    for name in named:
        metrics.count(Count(name, labels.get(name, {})))


def test_reasons_that_never_repeat_end_in_one_series() -> None:
    metrics = BotMetrics()
    for number in range(5_000):
        metrics.count(Count("refusals", {"reason": f"order {number} was refused"}))
    metrics.count(Count("refusals", {"reason": "order 7 was refused"}))
    lines = [line for line in metrics.exposition().decode().splitlines() if line.startswith("bot_refusals_total{")]
    assert len(lines) <= 201
    assert 'bot_refusals_total{reason="other"} 4800.0' in lines
    assert 'bot_refusals_total{reason="order 7 was refused"} 2.0' in lines


def test_several_at_once_are_counted_as_several() -> None:
    metrics = BotMetrics()
    metrics.count(Count("gaps", times=3))
    metrics.count(Count("gaps"))
    assert b"bot_candle_gaps_total 4.0" in metrics.exposition()
