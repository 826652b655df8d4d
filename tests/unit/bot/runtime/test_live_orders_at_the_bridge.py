"""Live orders of the whole bot, against a bridge in this process, on a clock that jumps."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from cbbot.errors import UnsafeStart
from cbbot.runtime.store import read_generation

LIVE = {"DRY_RUN": "false", "MAX_ORDER_USD": "100", "MAX_EXPOSURE_USD": "1000", "USE_TICK_PRICE": "true"}


def test_live_orders_are_written_down_before_they_are_sent(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()
    journalled: list[bool] = []

    async def main() -> None:
        rig = make_rig(bridge, tmp_path, **LIVE)
        place = bridge.place

        def watched(request: httpx.Request) -> Any:
            name = json.loads(request.content)["client_order_id"]
            intents = read_generation(rig.store.path)["intents"]
            journalled.append(any(intent["client_order_id"] == name for intent in intents))
            return place(request)

        bridge.place = watched
        await rig.until(lambda: len(rig.bot.trades(10, None) or ()) >= 2)
        await rig.stop()
        assert journalled
        assert all(journalled)
        order = next(request for request in bridge.requests if request.method == "POST")
        assert order.headers["Authorization"] == "Bearer secret"
        assert order.headers["X-Bot-Id"] in json.loads(order.content)["client_order_id"]

    virtually(main)


@pytest.mark.parametrize(("status", "code"), [(401, "bad_token"), (503, "no_credentials")])
def test_live_waits_for_access_to_the_account(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path, status: int, code: str
) -> None:
    bridge = fake_bridge()
    answer = {"error": {"code": code, "message": "closed"}}
    bridge.broken["/fees"] = lambda _: httpx.Response(status, json=answer)

    async def main() -> None:
        rig = make_rig(bridge, tmp_path, **LIVE)
        await asyncio.sleep(30)
        assert rig.bot.readiness == (False, rig.bot.status().reason)
        assert "access to the account" in rig.bot.status().reason
        # Fees alone are no reason to leave lots without their exits.
        bridge.broken["/fees"] = lambda _: httpx.Response(502, text="?")
        await rig.until(lambda: rig.bot.readiness[0])
        await rig.stop()

    virtually(main)


def test_a_stop_waits_for_an_order_in_flight(make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        rig = make_rig(bridge, tmp_path, **LIVE)
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
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()
    unknown = {"error": {"code": "upstream_timeout", "message": "?"}, "outcome": "unknown"}
    place = bridge.place

    async def main() -> None:
        rig = make_rig(bridge, tmp_path, **LIVE)

        def lost(request: httpx.Request) -> httpx.Response:
            place(request)
            return httpx.Response(504, json=unknown)

        bridge.broken["/order/market"] = lost
        bridge.broken["/order"] = lambda _: httpx.Response(503, json={"error": {"code": "x", "message": "down"}})
        await rig.until(lambda: rig.bot.status().pending_orders == 1 and bool(bridge.orders))
        await asyncio.sleep(5)
        await rig.stop()
        del bridge.broken["/order/market"]
        bridge.invisible.update(bridge.orders)
        again = make_rig(bridge, tmp_path, **LIVE)
        await asyncio.sleep(60)
        ready, reason = again.bot.readiness
        assert not ready
        assert "1 orders of an earlier run" in reason
        bridge.broken["/order"] = lambda _: httpx.Response(200, json=next(iter(bridge.orders.values())))
        await again.until(lambda: again.bot.readiness[0])
        assert [lot.lot for lot in again.bot.lots()][:1] == [1]
        await again.stop()

    virtually(main)


def test_a_newer_epoch_elsewhere_ends_a_start_too(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()
    answer = {"error": {"code": "stale_epoch", "message": "a newer one is known"}}
    bridge.broken["/candles"] = lambda _: httpx.Response(409, json=answer)

    async def main() -> None:
        rig = make_rig(bridge, tmp_path)
        with pytest.raises(UnsafeStart, match=r"newer epoch of .* than [1-9]"):
            await asyncio.wait_for(rig.running, 120)

    virtually(main)


def test_a_newer_epoch_that_only_the_account_tells_of_ends_a_start_whatever_it_waits_for(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    """The bridge asks who it is for accounts and orders alone: candles and prices are everybody's."""
    bridge = fake_bridge()
    answer = {"error": {"code": "stale_epoch", "message": "a newer one is known"}}
    bridge.broken["/fees"] = lambda _: httpx.Response(409, json=answer)

    async def main() -> None:
        rig = make_rig(bridge, tmp_path, **LIVE)
        with pytest.raises(UnsafeStart, match=r"newer epoch of .* than [1-9]"):
            await asyncio.wait_for(rig.running, 120)
        assert not rig.bot.readiness[0]
        assert bridge.orders == {}
        assert not any(request.url.path == "/candles" for request in bridge.requests)

    virtually(main)


def test_a_newer_epoch_elsewhere_ends_this_run(make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path) -> None:
    bridge = fake_bridge()
    answer = {"error": {"code": "stale_epoch", "message": "a newer one is known"}}

    async def main() -> None:
        rig = make_rig(bridge, tmp_path)
        await rig.until(lambda: rig.bot.readiness[0])
        bridge.broken["/price"] = lambda _: httpx.Response(409, json=answer)
        with pytest.raises(UnsafeStart, match="newer epoch"):
            await rig.running

    virtually(main)
