"""A bridge process is killed between send and answer, or stopped before the send: what becomes of the orders."""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest

from simulation.faulted_bridge import TOKEN, WISHES, FaultedVenue, faulted_venue, until
from simulation.served import Served

pytestmark = [pytest.mark.anyio, pytest.mark.processes]

HEADERS: Final = {"Authorization": f"Bearer {TOKEN}"}


@asynccontextmanager
async def bridge_process(folder: Path, venue: str) -> AsyncIterator[tuple[Served, httpx.AsyncClient]]:
    keys = {"COINBASE_API_BASE": venue, "COINBASE_AUTH": "none", "BRIDGE_TOKEN": TOKEN, "COINBASE_WS_ENABLE": "false"}
    served = Served(["cbbot_bridge", "--host", "127.0.0.1", "--port", "0"], keys, folder / "bridge.log")
    try:
        async with httpx.AsyncClient(base_url=served.url, headers=HEADERS, trust_env=False, timeout=20) as client:
            yield served, client
    finally:
        served.end(signal.SIGTERM)


def wish(kind: str, client_order_id: str) -> tuple[str, dict[str, str]]:
    path, fields = WISHES[kind]
    return path, {"client_order_id": client_order_id, "product_id": "BTC-USD", **fields}


async def all_held(exchange: FaultedVenue, ids: Iterable[str]) -> None:
    async def held() -> bool:
        return all(len(exchange.orders(client_order_id)) == 1 for client_order_id in ids)

    await until(held)


@pytest.mark.parametrize("shut", [False, True], ids=["open", "halted since"])
async def test_orders_outlive_the_bridge_that_was_killed_while_they_waited(
    exchange: FaultedVenue, tmp_path: Path, *, shut: bool
) -> None:
    """The next bridge answers the same ids with the orders that exist, and other wishes under them with 409."""
    wishes = {f"killed-{kind}-{shut}": wish(kind, f"killed-{kind}-{shut}") for kind in WISHES}
    async with bridge_process(tmp_path, exchange.address) as (served, client):
        exchange.fault(method="POST", path="/orders", answer_delay_seconds=60, times=len(wishes))
        asked = [asyncio.ensure_future(client.post(path, json=body)) for path, body in wishes.values()]
        await all_held(exchange, wishes)
        served.end(signal.SIGKILL)
        for answer in await asyncio.gather(*asked, return_exceptions=True):
            assert isinstance(answer, httpx.TransportError)
    exchange.works_again()
    if shut:
        exchange.adjust(gates={"BTC-USD": ["trading_disabled"]}, balances={"USD": "0", "BTC": "0"})
    placed = {}
    async with bridge_process(tmp_path, exchange.address) as (_, client):
        for client_order_id, (path, body) in wishes.items():
            again = await client.post(path, json=body)
            assert again.status_code == 200, again.text
            placed[client_order_id] = again.json()["order_id"]
            other = body | ({"quote_size": "77"} if "quote_size" in body else {"base_size": "0.03"})
            refused = await client.post(path, json=other)
            assert (refused.status_code, refused.json()["error"]["code"]) == (409, "id_in_use")
            query = {"client_order_id": client_order_id, "product_id": "BTC-USD", "since": "0"}
            found = await client.get("/order", params=query)
            assert found.json()["order_id"] == placed[client_order_id]
    for client_order_id, order_id in placed.items():
        assert [order["order_id"] for order in exchange.orders(client_order_id)] == [order_id]
    lines = [json.loads(line) for line in (tmp_path / "bridge.log").read_text().splitlines()]
    logged = {line["client_order_id"]: line["order_id"] for line in lines if line["event"] == "order placed"}
    assert logged == placed


async def test_orders_that_never_arrived_are_placed_once_by_the_next_bridge(
    exchange: FaultedVenue, tmp_path: Path
) -> None:
    wishes = {f"never-{kind}": wish(kind, f"never-{kind}") for kind in WISHES}
    polls = itertools.count(1)

    async def all_met() -> bool:
        """Each poll adds a fault that nobody meets; when there are no more than those, the others have happened."""
        return bool(exchange.control("faults", path="/v2/time")["rules"] == next(polls))

    async with bridge_process(tmp_path, exchange.address) as (served, client):
        exchange.fault(method="POST", path="/orders", delay_seconds=60, status=504, times=len(wishes))
        asked = [asyncio.ensure_future(client.post(path, json=body)) for path, body in wishes.values()]
        await until(all_met)
        served.end(signal.SIGKILL)
        for answer in await asyncio.gather(*asked, return_exceptions=True):
            assert isinstance(answer, httpx.TransportError)
    exchange.works_again()
    assert [exchange.orders(client_order_id) for client_order_id in wishes] == [[], [], [], []]
    async with bridge_process(tmp_path, exchange.address) as (_, client):
        for client_order_id, (path, body) in wishes.items():
            again = await client.post(path, json=body)
            assert again.status_code == 200, again.text
            assert [order["order_id"] for order in exchange.orders(client_order_id)] == [again.json()["order_id"]]


async def test_an_order_that_lay_in_the_socket_of_a_stopped_bridge_is_refused_and_not_sent(tmp_path: Path) -> None:
    with faulted_venue(tmp_path, "--speed", "1") as exchange:
        async with bridge_process(tmp_path, exchange.address) as (served, client):

            async def venue_ms() -> int:
                return int((await client.get("/time")).json()["epoch_ms"])

            path, body = wish("market", "in-time")
            in_time = await client.post(path, json=body | {"not_after_ms": await venue_ms() + 10_000})
            assert in_time.status_code == 200, in_time.text
            path, body = wish("market", "too-late")
            moment = await venue_ms() + 1_000
            served.process.send_signal(signal.SIGSTOP)
            try:
                asked = asyncio.ensure_future(client.post(path, json=body | {"not_after_ms": moment}))

                async def over() -> bool:
                    return exchange.now_ms() > moment

                await until(over)
                assert not asked.done()
            finally:
                served.process.send_signal(signal.SIGCONT)
            late = await asked
            # The bridge has just come up: it cannot tell yet what one before it has sent under the id.
            assert (late.status_code, late.json()["error"]["code"]) in [(400, "too_late"), (502, "too_late")]
        assert len(exchange.orders("in-time")) == 1
        assert exchange.orders("too-late") == []
