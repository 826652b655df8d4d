"""The whole bot but for its sockets, against a bridge in this process, on a clock that jumps."""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from cbbot.brokers.bridge_client import BridgeClient
from cbbot.contract.settings import Settings, load
from cbbot.domain.instrument import BTC_USD
from cbbot.errors import BadInput, Retryable, UnsafeStart
from cbbot.kernel.batch import columns
from cbbot.research.backtest import Span
from cbbot.research.backtest import run as backtest
from cbbot.runtime import store as store_module
from cbbot.runtime.bot import LiveBot
from cbbot.runtime.ledger import TradeLedger
from cbbot.runtime.status import About
from cbbot.runtime.store import StateStore, read_generation
from cbbot.runtime.takeup import identity_of
from cbbot.trader.rules import rules
from cbbot.views.rows import candle_row, trade_row

DEMO = {
    "USE_TICK_PRICE": "false", "FEE_RATE_PCT": "0.05", "TAKE_PROFIT_PCT": "0.15", "SCALP_TP_MIN_PCT": "0.15",
    "STOP_LOSS_PCT": "0.6", "PYRAMID_MIN_ADVERSE_PCT": "0.1", "PYRAMID_DECAY_MIN_PCT": "0.05", "BUY_THRESHOLD": "0.4",
    "RISK_PER_TRADE_PCT": "5", "ALLOW_PYRAMIDING": "true", "MAX_HISTORY_CANDLES": "500", "USE_MA_FILTER": "false",
    "TICK_INTERVAL_SEC": "15", "PAPER_SLIPPAGE_BPS": "1", "MAX_DAILY_LOSS_PCT": "0", "BRIDGE_URL": "http://bridge",
}  # fmt: skip
LIVE = {"DRY_RUN": "false", "MAX_ORDER_USD": "100", "MAX_EXPOSURE_USD": "1000", "USE_TICK_PRICE": "true"}


async def inline(save: Callable[[], None]) -> None:
    """In the place of a thread: the loop's clock is virtual, a thread's is not."""
    save()


class Rig:
    """A bot on a state folder; one object per start of the process."""

    def __init__(self, bridge: Any, folder: Path, in_thread: Any = inline, **keys: str) -> None:
        self.settings: Settings = load(DEMO | keys)
        self.store = StateStore(folder / "bot_state.json")
        document = self.store.load().body
        identity = identity_of(self.settings, "test", document)
        self.about = About(self.settings, "demo", "", "test", "0", 0)
        self.ledger = TradeLedger(folder / "trades.jsonl")
        client = BridgeClient(self.settings.bridge_url, "secret", bridge.transport)
        self.bot = LiveBot(self.about, client, self.store, self.ledger, document, identity, in_thread=in_thread)
        self.running = asyncio.get_running_loop().create_task(self.bot.run())

    async def until(self, arrived: Callable[[], bool], seconds: float = 60_000.0) -> None:
        """Waits, in virtual time, until something is so."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while not arrived():
            assert not self.running.done(), self.running.exception()
            assert loop.time() < end, self.bot.status()
            await asyncio.sleep(1)

    async def stop(self) -> None:
        self.bot.stop()
        await self.running


@pytest.mark.parametrize("disk_seconds", [0, 70])
def test_paper_trades_are_the_backtests_to_the_last_digit(
    virtually: Any, fake_bridge: Any, tmp_path: Path, disk_seconds: int
) -> None:
    """A disk that takes longer than a candle delays everything, and changes nothing."""
    bridge = fake_bridge(count=700, at=500)

    slow = False

    async def slowly(save: Callable[[], None]) -> None:
        await asyncio.sleep(disk_seconds if slow else 0)
        save()

    async def live() -> list[dict[str, Any]]:
        rig = Rig(bridge, tmp_path, slowly)
        await rig.until(lambda: rig.bot.readiness[0])
        nonlocal slow
        slow = True
        last = bridge.all[-2].start
        await rig.until(lambda: bool(rig.bot.candles(1)) and int(rig.bot.candles(1)[-1].start) > last)
        await rig.stop()
        return [trade.model_dump(exclude={"number"}) for trade in reversed(rig.ledger.page(1000))]

    traded = virtually(live)
    law = rules(load(DEMO), BTC_USD)
    # The last candle never ends on the bridge's clock.
    result = backtest(law, columns(bridge.all[:-1]), Span(699, 500, 500))
    expected = [trade_row(BTC_USD, closed).model_dump() for closed in result.tally.closed]
    assert len(expected) > 20
    assert traded == expected


def test_it_waits_for_the_bridge_and_says_so(virtually: Any, fake_bridge: Any, tmp_path: Path) -> None:
    bridge = fake_bridge()
    bridge.broken["/exchange/filters"] = lambda _: httpx.Response(503, json={"error": {"code": "x", "message": "no"}})

    async def main() -> None:
        rig = Rig(bridge, tmp_path)
        await asyncio.sleep(30)
        ready, reason = rig.bot.readiness
        assert not ready
        assert "the product's increments" in reason
        assert rig.bot.alive
        assert rig.bot.status().phase == "starting"
        with pytest.raises(Retryable, match="still starting"):
            await rig.bot.pause_entries("hand")
        bridge.broken.clear()
        await rig.until(lambda: rig.bot.readiness[0])
        assert rig.bot.status().phase == "trading"
        await rig.stop()

    virtually(main)


def test_an_unknown_product_is_bad_input(virtually: Any, fake_bridge: Any, tmp_path: Path) -> None:
    bridge = fake_bridge()
    answer = {"error": {"code": "not_found", "message": "no such product"}}
    bridge.broken["/exchange/filters"] = lambda _: httpx.Response(404, json=answer)

    async def main() -> None:
        with pytest.raises(BadInput, match="PRODUCT_ID=BTC-USD"):
            await Rig(bridge, tmp_path).running

    virtually(main)


def test_every_candle_is_fed_once_through_an_outage(virtually: Any, fake_bridge: Any, tmp_path: Path) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        rig = Rig(bridge, tmp_path)
        await rig.until(lambda: rig.bot.readiness[0])
        bridge.broken["/candles"] = lambda _: httpx.Response(502, text="down")
        await asyncio.sleep(1_800)
        bridge.broken.clear()
        await rig.until(lambda: int(rig.bot.candles(1)[-1].start) >= bridge.all[600].start)
        starts = [int(row.start) for row in rig.bot.candles(1000)]
        assert starts == list(range(starts[0], starts[-1] + 60, 60))
        await rig.stop()

    virtually(main)


def test_a_stale_price_steps_nothing(virtually: Any, fake_bridge: Any, tmp_path: Path) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        rig = Rig(bridge, tmp_path, USE_TICK_PRICE="true")
        await rig.until(lambda: len(rig.bot.decisions(1000)) > 3)
        bridge.stale = True
        await asyncio.sleep(5)
        before = rig.bot.decisions(1000)
        await asyncio.sleep(60)
        assert rig.bot.decisions(1000) == before
        age = rig.bot.status().price_age_seconds
        assert age is not None
        assert age > 60
        assert rig.bot.alive
        await rig.stop()

    virtually(main)


def test_a_restart_goes_on_with_the_same_lots_in_a_higher_epoch(
    virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        rig = Rig(bridge, tmp_path)
        await rig.until(lambda: len(rig.bot.lots()) >= 2)
        before, status = rig.bot.lots(), rig.bot.status()
        await rig.stop()
        again = Rig(bridge, tmp_path)
        await again.until(lambda: again.bot.readiness[0])
        after, now = again.bot.lots(), again.bot.status()
        changing = {"unrealized_pnl"}
        assert [lot.model_dump(exclude=changing) for lot in after] == [
            lot.model_dump(exclude=changing) for lot in before
        ]
        assert now.equity_usd == status.equity_usd
        assert now.epoch > status.epoch
        assert bridge.requests[-1].headers["X-Bot-Epoch"] == str(now.epoch)
        await again.stop()

    virtually(main)


def test_a_pause_is_durable_before_it_is_answered_and_survives_a_restart(
    virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        rig = Rig(bridge, tmp_path)
        await rig.until(lambda: rig.bot.readiness[0])
        await rig.bot.pause_entries("hand")
        assert read_generation(rig.store.path)["paused_by"] == ["hand"]
        await rig.bot.pause_entries("resource")
        await rig.bot.resume_entries("hand")
        assert rig.bot.status().entries.paused_by == ["resource"]
        await rig.stop()
        again = Rig(bridge, tmp_path)
        await again.until(lambda: again.bot.readiness[0])
        assert again.bot.status().phase == "paused"
        assert not again.bot.status().entries.allowed
        await again.bot.resume_entries("resource")
        assert again.bot.status().phase == "trading"
        await again.stop()

    virtually(main)


def test_a_full_disk_stops_entries_and_not_exits(
    virtually: Any, fake_bridge: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge = fake_bridge()
    full = False
    write = store_module.os.write

    def writing(descriptor: int, data: Any) -> int:
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data)

    monkeypatch.setattr(store_module.os, "write", writing)

    async def main() -> None:
        nonlocal full
        rig = Rig(bridge, tmp_path, STOP_LOSS_PCT="0.3")
        await rig.until(lambda: len(rig.bot.lots()) >= 2)
        full = True
        opened = {lot.lot for lot in rig.bot.lots()}
        await rig.until(lambda: not rig.bot.lots())
        status = rig.bot.status()
        assert status.entries.paused_by == ["disk"]
        assert "cannot be saved" in status.reason
        assert "No space left" in status.reason
        full = False
        await rig.until(lambda: bool(rig.bot.lots()))
        assert rig.bot.status().entries.paused_by == []
        assert {lot.lot for lot in rig.bot.lots()}.isdisjoint(opened)
        await rig.stop()
        assert len(read_generation(rig.store.path)["trades"]) == rig.ledger.last_number

    virtually(main)


def test_an_entry_that_cannot_be_written_down_is_not_sent(
    virtually: Any, fake_bridge: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge = fake_bridge()

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def main() -> None:
        rig = Rig(bridge, tmp_path, BUY_THRESHOLD="0")
        await rig.until(lambda: rig.bot.readiness[0])
        monkeypatch.setattr(store_module.os, "write", full)
        await asyncio.sleep(1_000)
        assert rig.bot.lots() == []
        assert b'bot_refusals_total{reason="state_not_saved"} 1.0' in rig.bot.exposition()
        monkeypatch.undo()
        await rig.until(lambda: bool(rig.bot.lots()))
        await rig.stop()

    virtually(main)


def test_live_orders_are_written_down_before_they_are_sent(virtually: Any, fake_bridge: Any, tmp_path: Path) -> None:
    bridge = fake_bridge()
    journalled: list[bool] = []

    async def main() -> None:
        rig = Rig(bridge, tmp_path, **LIVE)
        place = bridge._place

        def watched(request: httpx.Request) -> Any:
            name = json.loads(request.content)["client_order_id"]
            intents = read_generation(rig.store.path)["intents"]
            journalled.append(any(intent["client_order_id"] == name for intent in intents))
            return place(request)

        bridge._place = watched
        await rig.until(lambda: len(rig.bot.trades(10, None)) >= 2)
        await rig.stop()
        assert journalled
        assert all(journalled)
        order = next(request for request in bridge.requests if request.method == "POST")
        assert order.headers["Authorization"] == "Bearer secret"
        assert order.headers["X-Bot-Id"] in json.loads(order.content)["client_order_id"]

    virtually(main)


@pytest.mark.parametrize(("status", "code"), [(401, "bad_token"), (503, "no_credentials")])
def test_live_waits_for_access_to_the_account(
    virtually: Any, fake_bridge: Any, tmp_path: Path, status: int, code: str
) -> None:
    bridge = fake_bridge()
    answer = {"error": {"code": code, "message": "closed"}}
    bridge.broken["/fees"] = lambda _: httpx.Response(status, json=answer)

    async def main() -> None:
        rig = Rig(bridge, tmp_path, **LIVE)
        await asyncio.sleep(30)
        assert rig.bot.readiness == (False, rig.bot.status().reason)
        assert "access to the account" in rig.bot.status().reason
        # Fees alone are no reason to leave lots without their exits.
        bridge.broken["/fees"] = lambda _: httpx.Response(502, text="?")
        await rig.until(lambda: rig.bot.readiness[0])
        await rig.stop()

    virtually(main)


def test_a_stop_waits_for_an_order_in_flight(virtually: Any, fake_bridge: Any, tmp_path: Path) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        rig = Rig(bridge, tmp_path, **LIVE)
        pending = "PENDING"

        def unfinished(_: httpx.Request) -> httpx.Response:
            order = next(iter(bridge.orders.values()))
            over = {} if pending == "FILLED" else {"filled_size": "0", "filled_value": "0", "settled": False}
            return httpx.Response(200, json=order | {"status": pending} | over)

        bridge.broken["/order/venue-1"] = unfinished
        await rig.until(lambda: bool(bridge.orders))
        rig.bot.stop()
        await asyncio.sleep(3)
        assert not rig.running.done()
        pending = "FILLED"
        await rig.running
        assert len(read_generation(rig.store.path)["lots"]) == 1
        assert read_generation(rig.store.path)["intents"] == []

    virtually(main)


def test_an_order_that_does_not_end_is_looked_up_at_the_next_start(
    virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()
    unknown = {"error": {"code": "upstream_timeout", "message": "?"}, "outcome": "unknown"}
    place = bridge._place

    async def main() -> None:
        rig = Rig(bridge, tmp_path, **LIVE)

        def lost(request: httpx.Request) -> httpx.Response:
            place(request)
            return httpx.Response(504, json=unknown)

        bridge.broken["/order/market"] = lost
        bridge.broken["/order"] = lambda _: httpx.Response(503, json={"error": {"code": "x", "message": "down"}})
        await rig.until(lambda: rig.bot.status().pending_orders == 1 and bool(bridge.orders))
        await asyncio.sleep(5)
        await rig.stop()
        del bridge.broken["/order/market"]
        again = Rig(bridge, tmp_path, **LIVE)
        await asyncio.sleep(60)
        ready, reason = again.bot.readiness
        assert not ready
        assert "1 orders of an earlier run" in reason
        bridge.broken["/order"] = lambda _: httpx.Response(200, json=next(iter(bridge.orders.values())))
        await again.until(lambda: again.bot.readiness[0])
        assert [lot.lot for lot in again.bot.lots()][:1] == [1]
        await again.stop()

    virtually(main)


def test_a_newer_epoch_elsewhere_ends_this_run(virtually: Any, fake_bridge: Any, tmp_path: Path) -> None:
    bridge = fake_bridge()
    answer = {"error": {"code": "stale_epoch", "message": "a newer one is known"}}

    async def main() -> None:
        rig = Rig(bridge, tmp_path)
        await rig.until(lambda: rig.bot.readiness[0])
        bridge.broken["/price"] = lambda _: httpx.Response(409, json=answer)
        with pytest.raises(UnsafeStart, match="newer epoch"):
            await rig.running

    virtually(main)


def test_a_venue_six_hundred_times_as_fast_is_followed(virtually: Any, fake_bridge: Any, tmp_path: Path) -> None:
    bridge = fake_bridge(count=1500, at=600, rate=600.0)

    async def main() -> None:
        rig = Rig(bridge, tmp_path, USE_TICK_PRICE="true", TICK_INTERVAL_SEC="15")
        await rig.until(lambda: rig.bot.readiness[0], 30)
        await asyncio.sleep(10)
        decided = len(rig.bot.decisions(1000))
        starts = [int(row.start) for row in rig.bot.candles(1000)]
        assert starts == list(range(starts[0], starts[-1] + 60, 60))
        assert bridge.now_ms() / 1000 - starts[-1] < 240
        await rig.stop()
        assert decided > 300

    virtually(main)


def test_while_a_fast_venue_stands_still_no_unfinished_candle_is_taken_for_closed(
    virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge(count=1500, at=600, rate=600.0)

    async def main() -> None:
        rig = Rig(bridge, tmp_path, USE_TICK_PRICE="true", TICK_INTERVAL_SEC="60")
        await rig.until(lambda: rig.bot.readiness[0], 30)
        bridge.stop_clock()
        bridge.broken["/time"] = lambda _: httpx.Response(503, json={"error": {"code": "x", "message": "down"}})
        await asyncio.sleep(5)
        del bridge.broken["/time"]
        bridge.start_clock()
        await asyncio.sleep(5)
        told = rig.bot.candles(1000)[:-1]
        first = (int(told[0].start) - bridge.all[0].start) // 60
        assert told == [candle_row(BTC_USD, candle) for candle in bridge.all[first : first + len(told)]]
        await rig.stop()

    virtually(main)


def test_answers_before_the_start_are_empty_and_well_formed(virtually: Any, fake_bridge: Any, tmp_path: Path) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        rig = Rig(bridge, tmp_path)
        bot = rig.bot
        assert (bot.lots(), bot.trades(5, None), bot.decisions(5), bot.candles(5)) == ([], [], [], [])
        assert bot.status().last_price is None
        assert b"bot_ready 0.0" in bot.exposition()
        assert b"bot_price_age_seconds NaN" in bot.exposition()
        await rig.stop()

    virtually(main)
