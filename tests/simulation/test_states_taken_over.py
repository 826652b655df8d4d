"""A state that another left: the Go bot's, that of a bot stopped with an order in doubt, that of a bot superseded."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from simulation.served import surroundings
from simulation.trading_processes import Ambush, TradingProcesses, agree_and_go_on, start_again, trading
from started_processes import start

pytestmark = [pytest.mark.anyio, pytest.mark.processes, pytest.mark.slow]


def under_way(parts: TradingProcesses) -> list[str]:
    """The orders under way that the state knows."""
    document = parts.document()
    assert document is not None
    return [intent["client_order_id"] for intent in document["intents"]]


async def test_an_entry_in_doubt_when_the_bot_is_stopped_is_resolved_once_by_the_next_start(tmp_path: Path) -> None:
    """The bridge is dead, so the stopping bot cannot ask what became of the order that the exchange has taken."""
    taken = Ambush()
    async with trading(tmp_path, taken=taken) as parts:
        taken.act = parts.kill_bridge
        async with asyncio.timeout(60):
            await taken.met.wait()
        assert await parts.stop_bot(signal.SIGTERM) == 0
        assert under_way(parts) == [taken.order]
        await parts.start_bridge()
        await start_again(parts)
        assert [order["client_order_id"] for order in await parts.orders()].count(taken.order) == 1


async def test_the_go_bot_s_lots_are_taken_over_watched_and_sold(tmp_path: Path) -> None:
    opening = Decimal("0.00030000")
    parts = TradingProcesses(tmp_path, settings={"BUY_THRESHOLD": "1"})
    try:
        await parts.open("--balance", f"BTC={opening}")
        await parts.start_bridge()
        price = await parts.price()
        levels = {"Stop": float(price * Decimal("0.9995")), "Take": float(price * Decimal("1.0005"))}
        lots = [
            {
                "OpenPrice": float(price), "Side": "BUY", "SizeBase": size, "OpenTime": "2025-01-09T12:00:00Z",
                "EntryFee": 0.01, "TrailActive": False, "TrailPeak": 0, "TrailStop": 0, **levels,
            }
            for size in (0.0001, 0.00015)
        ]  # fmt: skip
        old = {"EquityUSD": 1012.5, "DailyStart": "2025-01-10T00:00:00Z", "DailyPnL": 0, "Model": None, "Lots": lots}
        (tmp_path / "go.json").write_text(json.dumps(old))
        migrate = [sys.executable, "-m", "cbbot", "state", "migrate", str(tmp_path / "go.json")]
        made = start(
            [*migrate, "--increments", "0.01,0.00000001", "--venue", "Simulator"],
            env=surroundings(**parts.bot_environment()), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await asyncio.to_thread(made.communicate, timeout=60)
        assert made.returncode == os.EX_OK, said
        await parts.start_bot()
        status = await parts.ready()
        assert Decimal(status["equity_usd"]) >= Decimal(1012)
        await parts.until(lambda status: not status["open_lots"] and not status["pending_orders"], "the exits")
        sold = sorted(Decimal(order["filled_size"]) for order in await parts.orders())
        assert sold == [Decimal("0.0001"), Decimal("0.00015")]
        assert (await parts.held())["BTC"] == opening - sum(sold), "what is not the bot's is left alone"
        await parts.until(lambda _: len(parts.trades()) == len(lots), "a row for each trade")
        trades = parts.trades()
        assert {trade["exit_reason"] for trade in trades} <= {"take_profit", "stop_loss"}
        net = sum((Decimal(trade["net_pnl"]) for trade in trades), Decimal())
        assert Decimal((await parts.status())["equity_usd"]) == Decimal("1012.5") + net
    finally:
        await parts.close()


async def test_a_bot_superseded_under_load_stops_and_the_other_knows_all_that_it_did(tmp_path: Path) -> None:
    """One BOT_ID on two folders: the newer one has nothing on its disk, and adopts what the account says."""
    async with trading(tmp_path) as parts:
        await parts.until(lambda status: bool(status["open_lots"]), "a lot")
        older = parts.bot
        assert older is not None
        parts.state = tmp_path / "elsewhere" / "bot_state.json"
        await parts.start_bot()
        async with asyncio.timeout(60):
            assert await older.wait() == 3
        assert "the bridge knows a newer epoch of btc than" in parts.log("bot").read_text()
        await parts.ready()
        await agree_and_go_on(parts)


async def test_a_second_bot_on_the_folder_is_refused_under_load_and_changes_nothing(tmp_path: Path) -> None:
    async with trading(tmp_path) as parts:
        await parts.until(lambda status: bool(status["open_lots"]), "a lot")
        first, port = parts.bot, parts.bot_port
        assert first is not None
        await parts.start_bot()
        assert parts.bot is not None
        assert await parts.bot.wait() == 3
        assert f"another process (process {first.pid}) trades on the state" in parts.log("bot").read_text()
        parts.bot, parts.bot_port = first, port
        await agree_and_go_on(parts)
