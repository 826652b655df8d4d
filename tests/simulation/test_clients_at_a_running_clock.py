"""Conformance: clients that nobody here wrote at a simulator as a person starts it: its clock runs, no key is known."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from decimal import Decimal

import pytest

from simulation.cyclic_venue import ecdsa_key
from simulation.driven_clients import DrivenClients, Key, driven
from simulation.order_figures import again, order_of
from simulation.served import Served

pytestmark = [pytest.mark.conformance, pytest.mark.processes]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The sample, 600 times as fast as life."""
    served = Served(["cbbot_bridge.simulator", "--port", "0"], {}, tmp_path_factory.mktemp("running") / "simulator.log")
    yield served.url
    served.end(signal.SIGTERM)


@pytest.fixture(scope="module")
def anybody() -> Key:
    """Where no key is known, any will do."""
    return Key("organizations/o/apiKeys/anything", ecdsa_key()[1])


def test_limit_orders_fill_by_themselves_and_the_sdk_is_told(address: str, anybody: Key) -> None:
    """One on either side of the market: whichever way it goes, it meets one of them."""
    with driven("sdk", address, anybody) as clients:
        market = {"client_order_id": "", "product_id": "BTC-USD", "base_size": "0.001"}
        order_of(clients, clients.rest.market_order_buy(**market))
        clients.user.open()
        clients.user.subscribe(["BTC-USD"], ["user"])
        (book,) = clients.rest.get_best_bid_ask(["BTC-USD"])["pricebooks"]
        near = [Decimal(book["bids"][0]["price"]) - 5, Decimal(book["asks"][0]["price"]) + 5]
        buy = order_of(clients, clients.rest.limit_order_gtc_buy(**market, limit_price=str(near[0])))
        sell = order_of(clients, clients.rest.limit_order_gtc_sell(**market, limit_price=str(near[1])))
        limits = {buy["order_id"]: buy, sell["order_id"]: sell}
        filled = ""
        while not filled:
            told = [item for event in clients.of_channel("user")["events"] for item in event["orders"]]
            filled = next((item["order_id"] for item in told if item["status"] == "FILLED"), "")
        order = again(clients, limits[filled])
        assert (order["status"], order["settled"], order["filled_size"]) == ("FILLED", True, "0.001")
        price = Decimal(order["average_filled_price"])
        assert price <= near[0] if order["side"] == "BUY" else price >= near[1]


def test_ticks_keep_coming(address: str, anybody: Key) -> None:
    def prices(clients: DrivenClients) -> list[float]:
        return [clients.exchange.watch_ticker("BTC/USD")["last"] for _ in range(20)]

    with driven("pro", address, anybody) as clients:
        assert len(set(prices(clients))) > 1
        bought = clients.exchange.create_market_buy_order_with_cost("BTC/USD", 100)
        assert clients.exchange.fetch_order(bought["id"])["status"] == "closed"
