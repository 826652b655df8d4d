"""Conformance: what clients that nobody here wrote make of the simulator's faults: what they make of Coinbase's."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from simulation.cyclic_venue import CyclicVenue
from simulation.driven_clients import DrivenClients, RefusedByClient
from simulation.order_figures import wallets

pytestmark = [pytest.mark.conformance, pytest.mark.processes]

BUY = {"client_order_id": "lost-answer", "product_id": "BTC-USD", "quote_size": "100"}


@pytest.fixture
def fault(venue: CyclicVenue) -> Callable[..., object]:
    """Makes one request go wrong."""
    return lambda **fields: venue.control("faults", fields)


@pytest.mark.parametrize("body", ["json", "html", "empty"])
def test_too_many_requests_in_each_of_its_bodies(
    sdk: DrivenClients, ccxt: DrivenClients, fault: Callable[..., object], body: str
) -> None:
    ccxt.exchange.load_markets()
    fault(path="/accounts", status=429, body=body)
    with pytest.raises(RefusedByClient, match=r"^HTTPError .*429 Client Error"):
        sdk.rest.get_accounts()
    fault(path="/accounts", status=429, body=body)
    with pytest.raises(RefusedByClient, match=r"^RateLimitExceeded "):
        ccxt.exchange.fetch_balance({"v3": True})


def test_a_refused_signature(sdk: DrivenClients, ccxt: DrivenClients, fault: Callable[..., object]) -> None:
    ccxt.exchange.load_markets()
    fault(path="/accounts", status=401)
    with pytest.raises(RefusedByClient, match=r"^HTTPError .*401 Client Error: Unauthorized Unauthorized$"):
        sdk.rest.get_accounts()
    fault(path="/accounts", status=401)
    with pytest.raises(RefusedByClient, match=r"^AuthenticationError "):
        ccxt.exchange.fetch_balance({"v3": True})


def test_an_order_whose_answer_is_lost_is_there_under_its_id(sdk: DrivenClients, fault: Callable[..., object]) -> None:
    before = wallets(sdk)
    fault(path="/orders", method="POST", status=500, after_effect=True)
    with pytest.raises(RefusedByClient, match=r"^HTTPError .*500 Server Error"):
        sdk.rest.market_order_buy(**BUY)
    after = wallets(sdk)
    assert after["BTC"].available > before["BTC"].available
    (found,) = [item for item in sdk.rest.list_orders(limit=1)["orders"] if item["client_order_id"] == "lost-answer"]
    again = sdk.rest.market_order_buy(**BUY)
    assert again["success_response"]["order_id"] == found["order_id"]
    assert wallets(sdk) == after


def test_an_order_that_is_cut_off_before_its_effect_is_placed_by_the_next_try(
    sdk: DrivenClients, fault: Callable[..., object]
) -> None:
    order = BUY | {"client_order_id": "cut-off"}
    before = wallets(sdk)
    fault(path="/orders", method="POST", cut=True)
    with pytest.raises(RefusedByClient, match=r"^ConnectionError "):
        sdk.rest.market_order_buy(**order)
    assert wallets(sdk) == before
    assert sdk.rest.market_order_buy(**order)["success"]
    assert wallets(sdk)["BTC"].available > before["BTC"].available


def test_a_repeated_id_may_be_refused_as_a_duplicate(
    sdk: DrivenClients, ccxt: DrivenClients, venue: CyclicVenue
) -> None:
    """A refusal that is none: there is an order of that name."""
    order = BUY | {"client_order_id": "twice"}
    first = sdk.rest.market_order_buy(**order)
    before = wallets(sdk)
    venue.control("exchange", {"refuse_duplicates": True})
    refused = sdk.rest.market_order_buy(**order)
    assert refused["error_response"]["new_order_failure_reason"] == "DUPLICATE_CLIENT_ORDER_ID"
    with pytest.raises(RefusedByClient, match=r"^ExchangeError .*DUPLICATE_CLIENT_ORDER_ID"):
        ccxt.exchange.create_market_buy_order_with_cost("BTC/USD", 100, {"client_order_id": "twice"})
    venue.control("exchange", {"refuse_duplicates": False})
    assert sdk.rest.market_order_buy(**order) == first
    assert wallets(sdk) == before


def test_a_listing_that_wants_a_proof_token_is_not_the_whole_one(
    sdk: DrivenClients, fault: Callable[..., object]
) -> None:
    sdk.rest.market_order_buy(**BUY | {"client_order_id": "proof"})
    for path, method in (
        ("/orders/historical/batch", sdk.rest.list_orders),
        ("/orders/historical/fills", sdk.rest.get_fills),
    ):
        fault(path=path, change="proof_token_required")
        assert method()["proof_token_required"] is True


def test_the_faults_of_placing_answer_in_coinbases_words(sdk: DrivenClients, fault: Callable[..., object]) -> None:
    fault(path="/orders", method="POST", change="duplicate_client_order_id")
    answer = sdk.rest.market_order_buy(**BUY | {"client_order_id": "taken and refused"})
    assert answer["error_response"]["error"] == "DUPLICATE_CLIENT_ORDER_ID"
    assert "taken and refused" in {item["client_order_id"] for item in sdk.rest.list_orders(limit=3)["orders"]}
    fault(path="/orders", method="POST", change="already_exists")
    with pytest.raises(RefusedByClient, match=r"^HTTPError .*409 Client Error"):
        sdk.rest.market_order_buy(**BUY | {"client_order_id": "conflict"})
