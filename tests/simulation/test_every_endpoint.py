"""Conformance: the simulator has every endpoint that clients use, and each answers in Coinbase's shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from contract.wire_table import ENDPOINTS, Endpoint
from simulation.cyclic_venue import CyclicVenue
from simulation.driven_clients import DrivenClients, driven

pytestmark = [pytest.mark.conformance, pytest.mark.processes]

ORDER = {
    "product_id": "BTC-USD",
    "side": "BUY",
    "order_configuration": {"limit_limit_gtc": {"base_size": "0.01", "limit_price": "40000", "post_only": False}},
}


def asked(endpoint: Endpoint, ids: dict[str, str], now: int) -> tuple[str, dict[str, Any]]:
    """A path and the query or body of a request that is answered with 200."""
    path = endpoint.path.format(**ids)
    fields: dict[str, Any] = {}
    if path.endswith("/candles"):
        fields = {"start": str(now - 600), "end": str(now), "granularity": "ONE_MINUTE"}
    elif path.endswith("/product_book"):
        fields = {"product_id": "BTC-USD", "limit": 2}
    elif path.endswith(("/edit", "/edit_preview")):
        fields = {"order_id": ids["order_id"], "price": "40100", "size": "0.02"}
    elif path.endswith("/batch_cancel"):
        fields = {"order_ids": [ids["order_id"]]}
    elif path.endswith("/preview"):
        fields = ORDER
    elif path.endswith("/orders"):
        fields = {**ORDER, "client_order_id": "each-endpoint-again"}
    elif path.endswith("/move_funds"):
        portfolios = {"source_portfolio_uuid": ids["default"], "target_portfolio_uuid": ids["default"]}
        fields = {"funds": {"value": "1", "currency": "USD"}, **portfolios}
    elif endpoint.method in ("POST", "PUT") and "/portfolios" in path:
        fields = {"name": f"by {endpoint.method}"}
    return path, fields


@pytest.fixture(scope="module")
def moving(venue: CyclicVenue) -> Iterator[DrivenClients]:
    """The SDK with a key that may do everything."""
    with driven("sdk", venue.address, venue.keys["moving"]) as clients:
        yield clients


@pytest.fixture(scope="module")
def ids(moving: DrivenClients) -> dict[str, str]:
    """A value for each name in a path."""
    order_configuration = ORDER["order_configuration"]
    placed = moving.rest.create_order("each-endpoint", ORDER["product_id"], ORDER["side"], order_configuration)
    account = moving.rest.get_accounts()["accounts"][0]
    return {
        "product_id": "BTC-USD",
        "order_id": placed["success_response"]["order_id"],
        "account": account["uuid"],
        "default": account["retail_portfolio_id"],
        "made": moving.rest.create_portfolio("each-endpoint")["portfolio"]["uuid"],
    }


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda row: f"{row.method} {row.path}")
def test_an_endpoint_answers_in_its_shape(
    endpoint: Endpoint, moving: DrivenClients, venue: CyclicVenue, ids: dict[str, str]
) -> None:
    of_portfolio = ids["default" if endpoint.method == "GET" else "made"]
    own = {"id": ids["account"], "uuid": of_portfolio if "/portfolios/" in endpoint.path else ids["account"]}
    path, fields = asked(endpoint, ids | own, int(venue.now().timestamp()))
    if endpoint.method == "GET":
        moving.rest.get(path, params=fields)
    else:
        getattr(moving.rest, endpoint.method.lower())(path, data=fields)
    assert endpoint in moving.endpoints
