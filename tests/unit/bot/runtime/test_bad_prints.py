"""One trade far off that stays the newest: the whole bot sells nothing at it before another one confirms it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

EAGER = {
    "BUY_THRESHOLD": "0", "USE_TICK_PRICE": "true", "TICK_INTERVAL_SEC": "1", "STOP_LOSS_PCT": "4",
    "TAKE_PROFIT_PCT": "50", "ALLOW_PYRAMIDING": "false", "DAILY_BREAKER_MARK_TO_MARKET": "false",
}  # fmt: skip


def tells(bridge: Any, price: str, trade_id: str, at: str) -> None:
    answer = {
        "product_id": "BTC-USD", "price": price, "ts": at, "stale": False, "trade_id": trade_id, "traded_at": at,
    }  # fmt: skip
    bridge.broken["/price"] = lambda _: httpx.Response(200, json=answer)


@pytest.mark.parametrize("restarted", [False, True])
def test_a_print_that_stays_the_newest_for_a_minute_sells_nothing_and_another_trade_at_it_does(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path, restarted: bool
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        rig = make_rig(bridge, tmp_path, **EAGER)
        await rig.until(lambda: bool(rig.bot.lots()))
        (lot,) = rig.bot.lots()
        before = float(rig.bot.status().last_price)
        far = f"{before * 0.9:.2f}"
        tells(bridge, far, "7", "2026-11-26T12:00:00Z")
        await asyncio.sleep(60)
        if restarted:
            await rig.stop()
            rig = make_rig(bridge, tmp_path, **EAGER)
            await rig.until(lambda: rig.bot.readiness[0])
            await asyncio.sleep(60)
        # As the stream tells it after a reconnect: without its id, a moment later.
        tells(bridge, far, "", "2026-11-26T12:00:00.400000Z")
        await asyncio.sleep(60)
        assert ([each.lot for each in rig.bot.lots()], rig.bot.trades(5, None)) == ([lot.lot], [])
        assert rig.exposed()["bot_outliers_total"] == 1
        tells(bridge, far, "8", "2026-11-26T12:02:00Z")
        await rig.until(lambda: not rig.bot.lots())
        (sold,) = rig.bot.trades(5, None)
        assert sold.exit_reason == "stop_loss"
        assert float(sold.close_price) == pytest.approx(float(far), rel=0.001), "slippage apart"
        await rig.stop()

    virtually(main)
