"""Conformance: what keys of either kind may do at the simulator, through clients that nobody here wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal

import pytest

from simulation.cyclic_venue import BOUND_PORTFOLIO, CyclicVenue, ecdsa_key
from simulation.driven_clients import DrivenClients, Key, RefusedByClient, driven
from simulation.order_figures import Wallet, moved, order_of, wallets

pytestmark = [pytest.mark.conformance, pytest.mark.processes]

UNAUTHORIZED = r"^HTTPError .*401 Client Error: Unauthorized Unauthorized$"
SCOPES = r"^HTTPError .*403 Client Error: Missing Required Scopes"
MARKET_BUY = {"client_order_id": "", "product_id": "BTC-USD", "quote_size": "100"}


@pytest.fixture(scope="module")
def using(venue: CyclicVenue) -> Iterator[Callable[[Key], DrivenClients]]:
    """The SDK with another key."""
    with ExitStack() as open_clients:
        yield lambda key: open_clients.enter_context(driven("sdk", venue.address, key))


def test_an_ed25519_key_trades_and_hears_of_it(venue: CyclicVenue, using: Callable[[Key], DrivenClients]) -> None:
    clients = using(venue.keys["ed25519"])
    clients.user.open()
    clients.user.subscribe(["BTC-USD"], ["user"])
    clients.of_channel("user")
    order = order_of(clients, clients.rest.market_order_buy(**MARKET_BUY))
    assert order["status"] == "FILLED"
    (event,) = clients.of_channel("user")["events"]
    assert {item["order_id"] for item in event["orders"]} == {order["order_id"]}


def test_ccxt_trades_with_an_ed25519_key(venue: CyclicVenue) -> None:
    with driven("ccxt", venue.address, venue.keys["ed25519"]) as clients:
        bought = clients.exchange.create_market_buy_order_with_cost("BTC/USD", 100)
        assert clients.exchange.fetch_order(bought["id"])["status"] == "closed"


@pytest.mark.parametrize("wrong", ["the secret", "the name", "the kind"])
def test_a_key_that_is_not_known_is_refused(
    venue: CyclicVenue, using: Callable[[Key], DrivenClients], wrong: str
) -> None:
    key = {
        "the secret": Key(venue.key.name, ecdsa_key()[1]),
        "the name": Key("organizations/o/apiKeys/nobody", venue.key.secret),
        "the kind": Key(venue.key.name, venue.keys["ed25519"].secret),
    }[wrong]
    clients = using(key)
    with pytest.raises(RefusedByClient, match=UNAUTHORIZED):
        clients.rest.get_accounts()
    with pytest.raises(RefusedByClient, match=UNAUTHORIZED):
        clients.rest.market_order_buy(**MARKET_BUY)


def test_a_key_for_looking_places_and_cancels_nothing(
    venue: CyclicVenue, using: Callable[[Key], DrivenClients]
) -> None:
    clients = using(venue.keys["looking"])
    permissions = clients.rest.get_api_key_permissions()
    assert (permissions["can_view"], permissions["can_trade"], permissions["can_transfer"]) == (True, False, False)
    before = wallets(clients)
    with pytest.raises(RefusedByClient, match=SCOPES):
        clients.rest.market_order_buy(**MARKET_BUY)
    with pytest.raises(RefusedByClient, match=SCOPES):
        clients.rest.cancel_orders(["00000000-0000-4000-8000-000000000000"])
    assert wallets(clients) == before


def test_ccxt_tells_a_missing_permission(venue: CyclicVenue) -> None:
    with driven("ccxt", venue.address, venue.keys["looking"]) as clients:
        assert clients.exchange.fetch_balance({"v3": True})["BTC"]["free"] > 0
        with pytest.raises(RefusedByClient, match=r"^PermissionDenied "):
            clients.exchange.create_market_buy_order_with_cost("BTC/USD", 100)


def test_funds_move_to_a_portfolio_and_its_key_sees_no_other(
    venue: CyclicVenue, using: Callable[[Key], DrivenClients]
) -> None:
    moving, bound = using(venue.keys["moving"]), using(venue.keys["bound"])
    portfolios = {item["name"]: item["uuid"] for item in moving.rest.get_portfolios()["portfolios"]}
    own, default = portfolios.pop(BOUND_PORTFOLIO), portfolios.pop("Default")
    assert bound.rest.get_api_key_permissions()["portfolio_uuid"] == own
    assert [item["uuid"] for item in bound.rest.get_portfolios()["portfolios"]] == [own]
    assert {wallet.total for wallet in wallets(bound).values()} == {Decimal(0)}

    before = wallets(moving)
    with pytest.raises(RefusedByClient, match=SCOPES):
        using(venue.key).rest.move_portfolio_funds("1000", "USD", default, own)
    assert moving.rest.move_portfolio_funds("1000", "USD", default, own)["target_portfolio_uuid"] == own
    assert moved(before, wallets(moving)) == {"USD": Wallet(Decimal(-1000), Decimal(0))}
    assert wallets(bound)["USD"].available == 1000

    order = order_of(bound, bound.rest.market_order_buy(**MARKET_BUY))
    assert order["retail_portfolio_id"] == own
    assert wallets(bound)["BTC"].available == Decimal(order["filled_size"])
    assert order["order_id"] not in {item["order_id"] for item in moving.rest.list_orders()["orders"]}
    with pytest.raises(RefusedByClient, match=r"^HTTPError .*404 "):
        moving.rest.get_order(order["order_id"])
    with pytest.raises(RefusedByClient, match=r"^HTTPError .*40[03] "):
        moving.rest.delete_portfolio(own)


def test_a_key_hears_of_its_own_portfolios_orders_alone(
    venue: CyclicVenue, using: Callable[[Key], DrivenClients]
) -> None:
    bound, usual = using(venue.keys["bound"]), using(venue.key)
    bound.user.open()
    bound.user.subscribe([], ["user"])
    bound.of_channel("user")
    order_of(usual, usual.rest.market_order_buy(**MARKET_BUY))
    bound.user.subscribe([], ["heartbeats"])
    told = bound.frame(lambda frame: frame.get("channel") in ("user", "heartbeats"))
    assert told["channel"] == "heartbeats", told


def test_a_portfolio_is_made_renamed_and_deleted(venue: CyclicVenue, using: Callable[[Key], DrivenClients]) -> None:
    clients = using(venue.keys["moving"])
    made = clients.rest.create_portfolio("for a moment")["portfolio"]
    renamed = clients.rest.edit_portfolio(made["uuid"], "for a while")["portfolio"]
    assert (renamed["uuid"], renamed["name"]) == (made["uuid"], "for a while")
    breakdown = clients.rest.get_portfolio_breakdown(made["uuid"])["breakdown"]
    assert breakdown["portfolio_balances"]["total_balance"]["value"] == "0"
    clients.rest.delete_portfolio(made["uuid"])
    assert made["uuid"] not in {item["uuid"] for item in clients.rest.get_portfolios()["portfolios"]}
