"""The bridge in memory answers as the one behind HTTP, and its exchange as the simulator's process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from cbbot.soak.exchange_side import Fault
from cbbot_bridge.in_memory.bridge_process import BridgeRequest
from cbbot_bridge.in_memory.venue_sites import fields_of
from simulation.faulted_bridge import FaultedVenue, bridge_before, faulted_venue
from simulation.in_memory_world import TOKEN, InMemoryWorld, in_memory

CREATE: Final = "bridge>venue.create"
ORDER: Final = {"client_order_id": "a", "product_id": "BTC-USD", "side": "BUY", "quote_size": "100"}
# Those that end by an answer: how long a bridge waits for one is the same in both, and long.
ANSWERED: Final = (
    *("error_before", "error_after", "rate_limited", "unauthorized", "reset_before", "reset_after", "truncated"),
    *("duplicate_refused", "already_exists", "refused_with_order_id", "forbidden"),
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultedVenue]:
    with faulted_venue(Path(tmp_path_factory.mktemp("venue"))) as venue:
        yield venue


def told(status: int, body: Mapping[str, Any]) -> tuple[int, str, str]:
    """What a bot goes by."""
    return status, str(body.get("error", {}).get("code", "")), str(body.get("outcome", ""))


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ANSWERED)
async def test_a_fault_of_an_order_is_told_as_behind_http(served: FaultedVenue, kind: str) -> None:
    fault = Fault(kind, share=0.2)
    fields = fields_of(CREATE, fault)
    assert fields is not None
    client_order_id = f"parity-{kind}"
    served.calm()
    served.fault(method="POST", path="/orders", **fields)
    async with bridge_before(served.address) as bridge:
        answer = await bridge.place("market", client_order_id)
    over_http = told(answer.status_code, answer.json()), len(served.orders(client_order_id))

    async def act(world: InMemoryWorld) -> tuple[tuple[int, str, str], int]:
        world.faults.next(CREATE, fault)
        response = await world.post({**ORDER, "client_order_id": client_order_id})
        return told(response.status_code, response.json()), world.orders(client_order_id)

    assert await asyncio.to_thread(in_memory, act) == over_http


BTC: Final = {"product_id": "BTC-USD"}
OWN: Final = {**BTC, "client_order_id": "b-1"}


def wish(client_order_id: str, **fields: str) -> bytes:
    return json.dumps({**BTC, "client_order_id": client_order_id, "side": "BUY", **fields}).encode()


BOT: Final = {"authorization": f"Bearer {TOKEN}", "x-bot-id": "btc", "x-bot-epoch": "7"}
REQUESTS: Final = {
    "a price": ("GET", "/price", BTC, BOT, b""),
    "a price for a stranger": ("GET", "/price", BTC, {}, b""),
    "a price of nothing": ("GET", "/price", {}, BOT, b""),
    "a price of no product": ("GET", "/price", {"product_id": "btc"}, BOT, b""),
    "a price before there is one": ("GET", "/price", {"product_id": "ETH-USD"}, BOT, b""),
    "increments": ("GET", "/exchange/filters", BTC, BOT, b""),
    "increments of an unknown product": ("GET", "/exchange/filters", {"product_id": "XYZ-USD"}, BOT, b""),
    "candles": ("GET", "/candles", {**BTC, "start": "1750000020", "end": "1750001020"}, BOT, b""),
    "candles of a wrong size": ("GET", "/candles", {**BTC, "granularity": "2"}, BOT, b""),
    "base": ("GET", "/balance/base", BTC, BOT, b""),
    "quote": ("GET", "/balance/quote", BTC, BOT, b""),
    "a balance for a stranger": ("GET", "/balance/quote", BTC, {}, b""),
    "accounts": ("GET", "/accounts", {}, BOT, b""),
    "fees": ("GET", "/fees", {}, BOT, b""),
    "an epoch": ("GET", "/epoch", {"bot_id": "btc"}, BOT, b""),
    "an epoch of nobody": ("GET", "/epoch", {}, BOT, b""),
    "own orders": ("GET", "/orders", {"client_order_id_prefix": "b", **BTC, "since": "1"}, BOT, b""),
    "open orders": ("GET", "/orders/open", {}, BOT, b""),
    "an order by our id": ("GET", "/order", {**OWN, "since": "1"}, BOT, b""),
    "an order of no time": ("GET", "/order", OWN, BOT, b""),
    "an order nobody knows": ("GET", "/order/11111111-1111-4111-8111-111111111111", {}, BOT, b""),
    "an order with a bad id": ("GET", "/order/a%20b", {}, BOT, b""),
    "a bot without an epoch": ("GET", "/price", BTC, {"x-bot-id": "btc"}, b""),
    "a bot with a successor": ("GET", "/price", BTC, {**BOT, "x-bot-epoch": "6"}, b""),
    "a bot with no number": ("GET", "/price", BTC, {**BOT, "x-bot-epoch": "six"}, b""),
    "a wrong token": ("GET", "/fees", {}, {**BOT, "authorization": "Bearer other"}, b""),
    "an order too small": ("POST", "/order/market", {}, BOT, wish("t", quote_size="0.001")),
    "an order without a size": ("POST", "/order/market", {}, BOT, wish("t")),
    "an order under a used id": ("POST", "/order/market", {}, BOT, wish("b-1", side="SELL", base_size="1")),
    "the same order again": ("POST", "/order/market", {}, BOT, wish("b-1", quote_size="100")),
    "an order that is no JSON": ("POST", "/order/market", {}, BOT, b"{"),
    "no such path": ("GET", "/nowhere", {}, BOT, b""),
    "no such method": ("PUT", "/price", {}, BOT, b""),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_an_endpoint_answers_byte_for_byte_as_over_its_application(name: str) -> None:
    method, path, query, headers, content = REQUESTS[name]

    async def act(world: InMemoryWorld) -> None:
        await world.buy("b-1")
        await world.client.get("/price", {"product_id": "BTC-USD"})
        await asyncio.sleep(6)
        bridge = world.side.bridge
        assert bridge is not None
        request = BridgeRequest(method, path, query, headers, content)
        directly = bridge.process.spawn(bridge.answer(request))
        over_asgi = bridge.process.spawn(bridge.answer_over_asgi(request))
        one, other = await directly, await over_asgi
        if name == "an order by our id":
            assert one.status == other.status == 200
        assert one == other

    in_memory(act)
