"""What the bridge hears of how long an order may wait: an entry's moment, and of an exit nothing."""

from __future__ import annotations

import asyncio
import json
import math
from typing import Any

import httpx
import pytest

from cbbot.brokers.bridge_broker import BridgeBroker
from cbbot.brokers.bridge_client import BridgeClient
from cbbot.domain.instrument import BTC_USD
from cbbot.domain.order import Side
from cbbot.trader.events import OrderRefused
from cbbot.trader.intent import Intent, Purpose

NOW = 1_757_400_000_000
ENTRY = Intent("bot-7-1", Purpose.ENTRY, 1, Side.BUY, 45_000, 5_000, "", NOW)
EXIT = Intent("bot-7-2", Purpose.EXIT, 1, Side.SELL, 45_000, 0, "take_profit", NOW)


def asked(virtually: Any, intent: Intent, seconds: float, rate: float = 1.0) -> dict[str, Any]:
    """The request for an order that may wait for so long; the bridge refuses it as too late."""
    bodies: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return httpx.Response(400, json={"error": {"code": "too_late", "message": "not sent"}})

    async def main() -> None:
        client = BridgeClient("http://bridge", "secret", httpx.MockTransport(answer))
        broker = BridgeBroker(client, BTC_USD, lambda: NOW, lambda: rate)
        until = asyncio.get_running_loop().time() + seconds
        (refused,) = [event async for event in broker.place(intent, 0, NOW, until)]
        assert isinstance(refused, OrderRefused)
        assert refused.code == "too_late"
        await client.aclose()

    virtually(main)
    (body,) = bodies
    return body


@pytest.mark.parametrize(("rate", "venue_ms"), [(1.0, 4_000), (600.0, 2_400_000), (0.0, 4_000)])
def test_the_bridge_is_told_until_when_an_entry_may_leave_in_our_seconds(
    virtually: Any, rate: float, venue_ms: int
) -> None:
    assert asked(virtually, ENTRY, 4.0, rate)["not_after_ms"] == pytest.approx(NOW + venue_ms, abs=1)


def test_an_exit_may_leave_at_any_time(virtually: Any) -> None:
    assert "not_after_ms" not in asked(virtually, EXIT, math.inf)
