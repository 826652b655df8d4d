"""Conformance: clients that nobody here wrote at a simulator as a person starts it: its clock runs, no key is known."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from decimal import Decimal

import pytest

from simulation.driven_clients import DrivenClients, Key, driven
from simulation.order_figures import again, order_of
from simulation.seesaw_venue import ecdsa_key
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


def test_a_limit_order_fills_by_itself_and_the_sdk_is_told(address: str, anybody: Key) -> None:
    with driven("sdk", address, anybody) as clients:
        clients.user.open()
        clients.user.subscribe(["BTC-USD"], ["user"])
        ask = Decimal(clients.rest.get_best_bid_ask(["BTC-USD"])["pricebooks"][0]["asks"][0]["price"])
        price = (ask * Decimal("0.9995")).quantize(Decimal("0.01"))
        placed = clients.rest.limit_order_gtc_buy(
            client_order_id="", product_id="BTC-USD", base_size="0.001", limit_price=str(price)
        )
        order = order_of(clients, placed)

        def is_filled(frame: dict[str, object]) -> bool:
            text = str(frame)
            return order["order_id"] in text and "FILLED" in text

        clients.frame(is_filled)
        filled = again(clients, order)
        assert (filled["status"], filled["settled"]) == ("FILLED", True)
        assert Decimal(filled["average_filled_price"]) <= price


def test_ticks_keep_coming(address: str, anybody: Key) -> None:
    def prices(clients: DrivenClients) -> list[float]:
        return [clients.exchange.watch_ticker("BTC/USD")["last"] for _ in range(20)]

    with driven("pro", address, anybody) as clients:
        assert len(set(prices(clients))) > 1
        bought = clients.exchange.create_market_buy_order_with_cost("BTC/USD", 100)
        assert clients.exchange.fetch_order(bought["id"])["status"] == "closed"
