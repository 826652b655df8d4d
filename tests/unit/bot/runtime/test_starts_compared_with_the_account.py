"""A whole bot that starts from a state older than its account: what it owns in the end is what the account says."""

from __future__ import annotations

import asyncio
import json
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from cbbot.errors import CbbotError, Retryable
from full_disk import full

LIVE = {
    "DRY_RUN": "false", "MAX_ORDER_USD": "100", "MAX_EXPOSURE_USD": "1000", "USE_TICK_PRICE": "true",
    "BOT_ID": "demo",
}  # fmt: skip


BUYS_NOTHING = {"BUY_THRESHOLD": "1"}


def held(bridge: Any) -> Decimal:
    """The base that the bot's orders have left in the account."""
    signs = {"BUY": 1, "SELL": -1}
    return sum((signs[order["side"]] * Decimal(order["filled_size"]) for order in bridge.orders.values()), Decimal())


def sold(bridge: Any) -> int:
    return sum(order["side"] == "SELL" for order in bridge.orders.values())


async def killed(rig: Any) -> None:
    rig.running.cancel()
    await asyncio.gather(rig.running, return_exceptions=True)


def owns_what_the_account_has(rig: Any, bridge: Any) -> None:
    assert sum(Decimal(lot.base_size) for lot in rig.bot.lots()) == held(bridge)
    trades = rig.bot.trades(1_000, None)
    assert [trade.number for trade in trades] == list(range(sold(bridge), 0, -1))


@pytest.mark.parametrize("ended", ["killed", "stopped"])
def test_lots_that_were_sold_while_nothing_could_be_saved_stay_sold(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path, ended: str
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        rig = make_rig(bridge, tmp_path, **LIVE)
        await rig.until(lambda: len(rig.bot.lots() or ()) >= 2)
        rig.store.save = full
        with pytest.raises(Retryable, match="a restart would forget it"):
            await rig.bot.flatten()
        await rig.until(lambda: not rig.bot.lots() and not rig.bot.status().pending_orders)
        rightly = rig.bot.status().equity_usd
        count = len(bridge.orders)
        if ended == "killed":
            await killed(rig)
        else:
            with pytest.raises(CbbotError, match="the last state is not saved"):
                await rig.stop()

        again = make_rig(bridge, tmp_path, **LIVE, **BUYS_NOTHING)
        await asyncio.sleep(0)
        assert len(again.bot.lots() or ()) >= 2, "the state on the disk knows of no sale"
        await again.until(lambda: again.bot.readiness[0])
        assert again.bot.lots() == []
        assert again.bot.status().equity_usd == rightly
        assert len(bridge.orders) == count, "nothing was sold twice, and nothing bought before all was known"
        owns_what_the_account_has(again, bridge)
        await again.stop()

    virtually(main)


def test_from_the_previous_generation_an_order_under_way_is_found(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        rig = make_rig(bridge, tmp_path, **LIVE)
        place = bridge.place
        torn: list[Path] = []

        def dies(request: httpx.Request) -> httpx.Response:
            placed = place(request)
            if len(bridge.orders) == 3:
                torn.append(Path(shutil.copytree(tmp_path, tmp_path.parent / "torn")))
            return httpx.Response(200, json=placed)

        bridge.broken["/order/market"] = dies
        await rig.until(lambda: bool(torn))
        rig.store.save = full
        await killed(rig)
        newest = torn[0] / "bot_state.json"
        newest.write_bytes(newest.read_bytes()[:-100])
        del bridge.broken["/order/market"]

        again = make_rig(bridge, torn[0], **LIVE)
        await again.until(lambda: again.bot.readiness[0])
        owns_what_the_account_has(again, bridge)
        await again.stop()

    virtually(main)


def test_an_older_backup_leads_to_the_lots_and_trades_of_the_account_and_no_id_is_used_again(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()
    state, backup = tmp_path / "state", tmp_path / "backup"
    state.mkdir()

    async def main() -> None:
        rig = make_rig(bridge, state, **LIVE)
        await rig.until(lambda: len(rig.bot.lots() or ()) >= 1)
        shutil.copytree(state, backup)
        await rig.until(lambda: sold(bridge) >= 3 and len(rig.bot.lots() or ()) >= 1)
        await rig.stop()
        for _ in range(2):
            shutil.rmtree(state)
            shutil.copytree(backup, state)
            placed = [request for request in bridge.requests if request.method == "POST"]
            again = make_rig(bridge, state, **LIVE)
            await again.until(lambda bot=again.bot: bot.readiness[0])
            owns_what_the_account_has(again, bridge)
            assert again.bot.status().reason == ""
            count = len(bridge.orders)
            await again.until(lambda known=count: len(bridge.orders) >= known + 2)
            await again.stop()
            names = {json.loads(request.content)["client_order_id"] for request in placed}
            newer = [request for request in bridge.requests if request.method == "POST"][len(placed) :]
            assert not names & {json.loads(request.content)["client_order_id"] for request in newer}

    virtually(main)


def test_the_epoch_exceeds_the_newest_that_the_bridge_has_seen_and_that_of_the_accounts_orders(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()
    bridge.newest_epoch = 9_000_000_000_000

    async def main() -> None:
        rig = make_rig(bridge, tmp_path, **LIVE)
        await rig.until(lambda: len(rig.bot.lots() or ()) >= 1)
        epoch = rig.bot.status().epoch
        assert epoch == bridge.newest_epoch + 1
        await rig.stop()
        name, order = next(iter(bridge.orders.items()))
        newest = 9_500_000_000_000
        bridge.orders["x"] = order | {"client_order_id": f"demo-{newest}-1", "status": "CANCELLED", "filled_size": "0"}
        bridge.orders[f"demo-{newest}-1"] = bridge.orders.pop("x")
        again = make_rig(bridge, tmp_path, **LIVE)
        await again.until(lambda: again.bot.readiness[0])
        assert again.bot.status().epoch == newest + 1
        assert bridge.requests[-1].headers["X-Bot-Epoch"] == str(newest + 1)
        await again.stop()
        assert name

    virtually(main)


def test_a_list_that_cannot_be_had_whole_is_waited_for_and_said(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()
    answer = {"error": {"code": "proof_wanted", "message": "Coinbase wants a proof of identity"}}
    bridge.broken["/orders"] = lambda _: httpx.Response(503, json=answer)

    async def main() -> None:
        rig = make_rig(bridge, tmp_path, **LIVE)
        await asyncio.sleep(120)
        assert rig.bot.status().phase == "reconciling"
        assert "proof of identity" in rig.bot.status().reason
        assert bridge.orders == {}
        del bridge.broken["/orders"]
        await rig.until(lambda: rig.bot.readiness[0])
        await rig.stop()

    virtually(main)


def test_an_entry_that_was_saved_and_never_arrived_is_sent_again_under_its_id_at_once(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        rig = make_rig(bridge, tmp_path, **LIVE)
        await rig.until(lambda: len(rig.bot.lots() or ()) == 1)
        bridge.broken["/order/market"] = lambda _: httpx.Response(
            504, json={"error": {"code": "upstream_timeout", "message": "?"}, "outcome": "unknown"}
        )
        await rig.until(lambda: rig.bot.status().pending_orders == 1)
        await killed(rig)
        del bridge.broken["/order/market"]
        count = len(bridge.orders)
        asked = {
            json.loads(request.content)["client_order_id"] for request in bridge.requests if request.method == "POST"
        }
        started = asyncio.get_running_loop().time()
        again = make_rig(bridge, tmp_path, **LIVE | BUYS_NOTHING)
        await again.until(lambda: len(bridge.orders) > count)
        assert asyncio.get_running_loop().time() - started < 10
        assert not again.bot.readiness[0]
        assert set(bridge.orders) <= asked
        await again.until(lambda: again.bot.readiness[0])
        owns_what_the_account_has(again, bridge)
        await again.stop()

    virtually(main)
