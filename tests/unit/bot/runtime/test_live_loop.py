"""The whole bot but for its sockets, against a bridge in this process, on a clock that jumps."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from cbbot.contract.settings import load
from cbbot.domain.instrument import BTC_USD
from cbbot.errors import BadInput
from cbbot.kernel.batch import columns
from cbbot.research.backtest import Span
from cbbot.research.backtest import run as backtest
from cbbot.runtime.store import read_generation
from cbbot.trader.rules import build_rules
from cbbot.views.json_rows import candle_row, trade_row
from full_disk import full

LIVE = {"DRY_RUN": "false", "MAX_ORDER_USD": "100", "MAX_EXPOSURE_USD": "1000", "USE_TICK_PRICE": "true"}


@pytest.mark.parametrize("disk_seconds", [0, 4.5])
def test_paper_trades_are_the_backtests_to_the_last_digit(
    make_rig: Any, demo_settings: dict[str, str], virtually: Any, fake_bridge: Any, tmp_path: Path, disk_seconds: float
) -> None:
    """A disk that takes nearly as long as a save may delays everything, and changes nothing."""
    bridge = fake_bridge(count=700, at=500)

    slow = False

    async def slowly(save: Callable[[], None]) -> None:
        await asyncio.sleep(disk_seconds if slow else 0)
        save()

    async def live() -> list[dict[str, Any]]:
        rig = make_rig(bridge, tmp_path, slowly)
        await rig.until(lambda: rig.bot.readiness[0])
        nonlocal slow
        slow = True
        last = bridge.all[-2].start
        await rig.until(lambda: bool(rig.bot.candles(1)) and int(rig.bot.candles(1)[-1].start) > last)
        await rig.stop()
        return [trade.model_dump(exclude={"number"}) for trade in reversed(rig.trade_log.page(1000))]

    traded = virtually(live)
    rules = build_rules(load(demo_settings), BTC_USD)
    # The last candle never ends on the bridge's clock.
    result = backtest(rules, columns(bridge.all[:-1]), Span(699, 500, 500))
    expected = [trade_row(BTC_USD, closed).model_dump() for closed in result.tally.closed]
    assert len(expected) > 20
    assert traded == expected


def test_it_waits_for_the_bridge_and_says_so(make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path) -> None:
    bridge = fake_bridge()
    bridge.broken["/exchange/filters"] = lambda _: httpx.Response(503, json={"error": {"code": "x", "message": "no"}})

    async def main() -> None:
        rig = make_rig(bridge, tmp_path)
        await asyncio.sleep(30)
        ready, reason = rig.bot.readiness
        assert not ready
        assert "the product's increments" in reason
        assert rig.bot.alive
        assert rig.bot.status().phase == "starting"
        bridge.broken.clear()
        await rig.until(lambda: rig.bot.readiness[0])
        assert rig.bot.status().phase == "trading"
        await rig.stop()

    virtually(main)


def test_an_unknown_product_is_bad_input(make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path) -> None:
    bridge = fake_bridge()
    answer = {"error": {"code": "not_found", "message": "no such product"}}
    bridge.broken["/exchange/filters"] = lambda _: httpx.Response(404, json=answer)

    async def main() -> None:
        with pytest.raises(BadInput, match="PRODUCT_ID=BTC-USD"):
            await make_rig(bridge, tmp_path).running

    virtually(main)


def test_every_candle_is_fed_once_through_an_outage(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        rig = make_rig(bridge, tmp_path)
        await rig.until(lambda: rig.bot.readiness[0])
        bridge.broken["/candles"] = lambda _: httpx.Response(502, text="down")
        await asyncio.sleep(1_800)
        bridge.broken.clear()
        await rig.until(lambda: int(rig.bot.candles(1)[-1].start) >= bridge.all[600].start)
        starts = [int(row.start) for row in rig.bot.candles(1000)]
        assert starts == list(range(starts[0], starts[-1] + 60, 60))
        await rig.stop()

    virtually(main)


def test_after_an_outage_no_candle_that_closed_long_ago_is_stepped_on(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        rig = make_rig(bridge, tmp_path, BUY_THRESHOLD="0")
        await rig.until(lambda: len(rig.bot.decisions(1000)) > 2)
        bridge.broken["/candles"] = lambda _: httpx.Response(502, text="down")
        await asyncio.sleep(7_200)
        before, over_ms = rig.bot.decisions(1000), bridge.now_ms()
        bridge.broken.clear()
        await rig.until(lambda: len(rig.bot.decisions(1000)) > len(before) + 1)
        new = rig.bot.decisions(1000)[: -len(before)]
        assert all(datetime.fromisoformat(each.at).timestamp() * 1000 >= over_ms - 130_000 for each in new)
        opened = [datetime.fromisoformat(lot.opened_at).timestamp() * 1000 for lot in rig.bot.lots()]
        assert all(not over_ms - 7_200_000 < at_ms < over_ms - 130_000 for at_ms in opened)
        starts = [int(row.start) for row in rig.bot.candles(1000)]
        assert starts == list(range(starts[0], starts[-1] + 60, 60))
        await rig.stop()

    virtually(main)


def test_a_stale_price_steps_nothing(make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        rig = make_rig(bridge, tmp_path, USE_TICK_PRICE="true")
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
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        rig = make_rig(bridge, tmp_path)
        await rig.until(lambda: len(rig.bot.lots() or ()) >= 2)
        before, status = rig.bot.lots(), rig.bot.status()
        await rig.stop()
        again = make_rig(bridge, tmp_path)
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


def test_a_state_from_before_an_indicator_was_added_trades_on_with_its_lots_and_a_warning(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        rig = make_rig(bridge, tmp_path)
        await rig.until(lambda: len(rig.bot.lots() or ()) >= 2)
        before = {lot.lot for lot in rig.bot.lots()}
        await rig.stop()
        document = read_generation(rig.store.path)
        for indicators in (document["market"]["indicators"], *(a["indicators"] for a in document["market"]["anchors"])):
            del indicators["ema_signal"]
        rig.store.save(document)
        again = make_rig(bridge, tmp_path)
        await again.until(lambda: again.bot.readiness[0])
        assert {lot.lot for lot in again.bot.lots()} == before
        assert [warning for warning in again.bot.status().warnings if "without ema_signal" in warning]
        await again.until(lambda: again.bot.status().phase == "trading" and before - {x.lot for x in again.bot.lots()})
        await again.stop()
        assert "ema_signal" in read_generation(rig.store.path)["market"]["indicators"]

    virtually(main)


def test_a_pause_is_durable_before_it_is_answered_and_survives_a_restart(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        rig = make_rig(bridge, tmp_path)
        await rig.until(lambda: rig.bot.readiness[0])
        await rig.bot.pause_entries("hand")
        assert read_generation(rig.store.path)["paused_by"] == ["hand"]
        await rig.bot.pause_entries("resource")
        await rig.bot.resume_entries("hand")
        assert rig.bot.status().entries.paused_by == ["resource"]
        await rig.stop()
        again = make_rig(bridge, tmp_path)
        await again.until(lambda: again.bot.readiness[0])
        assert again.bot.status().phase == "paused"
        assert not again.bot.status().entries.allowed
        await again.bot.resume_entries("resource")
        assert again.bot.status().phase == "trading"
        await again.stop()

    virtually(main)


def test_a_full_disk_stops_entries_and_not_exits(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge = fake_bridge()
    full = False
    write = os.write

    def writing(descriptor: int, data: bytes) -> int:
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", writing)

    async def main() -> None:
        nonlocal full
        rig = make_rig(bridge, tmp_path, STOP_LOSS_PCT="0.3")
        await rig.until(lambda: len(rig.bot.lots() or ()) >= 2)
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
        assert len(read_generation(rig.store.path)["trades"]) == rig.trade_log.last_number

    virtually(main)


def test_an_entry_that_cannot_be_written_down_is_not_sent(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        rig = make_rig(bridge, tmp_path, BUY_THRESHOLD="0")
        await rig.until(lambda: rig.bot.readiness[0])
        monkeypatch.setattr(os, "write", full)
        await asyncio.sleep(1_000)
        assert rig.bot.lots() == []
        assert b'bot_refusals_total{reason="state_not_saved"} 1.0' in rig.bot.exposition()
        monkeypatch.undo()
        await rig.until(lambda: bool(rig.bot.lots()))
        await rig.stop()

    virtually(main)


def test_a_venue_six_hundred_times_as_fast_is_followed(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge(count=1500, at=600, rate=600.0)

    async def main() -> None:
        rig = make_rig(bridge, tmp_path, USE_TICK_PRICE="true", TICK_INTERVAL_SEC="15")
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
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge(count=1500, at=600, rate=600.0)

    async def main() -> None:
        rig = make_rig(bridge, tmp_path, USE_TICK_PRICE="true", TICK_INTERVAL_SEC="60")
        await rig.until(lambda: rig.bot.readiness[0], 30)
        bridge.stop_clock()
        bridge.broken["/time"] = lambda _: httpx.Response(503, json={"error": {"code": "x", "message": "down"}})
        await asyncio.sleep(5)
        del bridge.broken["/time"]
        bridge.start_clock()
        await asyncio.sleep(5)
        rows = rig.bot.candles(1000)[:-1]
        first = (int(rows[0].start) - bridge.all[0].start) // 60
        assert rows == [candle_row(BTC_USD, candle) for candle in bridge.all[first : first + len(rows)]]
        await rig.stop()

    virtually(main)


def test_answers_before_the_start_are_empty_and_well_formed(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        rig = make_rig(bridge, tmp_path)
        bot = rig.bot
        assert (bot.lots(), bot.trades(5, None), bot.decisions(5), bot.candles(5)) == ([], [], [], [])
        assert bot.status().last_price is None
        assert b"bot_ready 0.0" in bot.exposition()
        assert b"bot_price_age_seconds NaN" in bot.exposition()
        await rig.stop()

    virtually(main)
