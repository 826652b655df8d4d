"""Conformance: what Coinbase's own SDK is refused, each by its reason, and that nothing moves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from simulation.cyclic_venue import CyclicVenue
from simulation.driven_clients import DrivenClients, RefusedByClient
from simulation.order_figures import order_of, wallets

pytestmark = [pytest.mark.conformance, pytest.mark.processes]

LIMIT = {"base_size": "0.1", "limit_price": "49000"}
DOWN, UP = "STOP_DIRECTION_STOP_DOWN", "STOP_DIRECTION_STOP_UP"


def reason_of(refused: Any) -> str:
    """Why: the first of the three reasons that says something."""
    assert refused["success"] is False, refused
    response = refused["error_response"]
    reasons = (response["new_order_failure_reason"], response["preview_failure_reason"], response["error"])
    return next(str(reason) for reason in reasons if not reason.startswith("UNKNOWN"))


REFUSED: list[tuple[str, dict[str, Any], set[str]]] = [
    ("market_order_buy", {"quote_size": "30000000"}, {"INSUFFICIENT_FUND"}),
    ("market_order_sell", {"base_size": "501"}, {"INSUFFICIENT_FUND"}),
    ("limit_order_gtc_buy", LIMIT | {"base_size": "2000"}, {"INSUFFICIENT_FUND"}),
    ("limit_order_gtc_sell", LIMIT | {"base_size": "501", "limit_price": "51000"}, {"INSUFFICIENT_FUND"}),
    ("market_order_buy", {"quote_size": "10.001"}, {"INVALID_QUOTE_SIZE_PRECISION"}),
    ("market_order_sell", {"base_size": "0.000000001"}, {"INVALID_SIZE_PRECISION"}),
    ("limit_order_gtc_buy", LIMIT | {"base_size": "0.100000001"}, {"INVALID_SIZE_PRECISION"}),
    (
        "limit_order_gtc_buy",
        LIMIT | {"limit_price": "49000.001"},
        {"INVALID_PRICE_PRECISION", "INVALID_LIMIT_PRICE_PRECISION"},
    ),
    (
        "stop_limit_order_gtc_sell",
        LIMIT | {"stop_price": "49500.001", "stop_direction": DOWN},
        {"INVALID_PRICE_PRECISION", "INVALID_STOP_PRICE_PRECISION"},
    ),
    ("market_order_buy", {"quote_size": "0.5"}, {"INVALID_QUOTE_SIZE_TOO_SMALL"}),
    ("market_order_buy", {"quote_size": "0"}, {"INVALID_QUOTE_SIZE_TOO_SMALL"}),
    ("market_order_sell", {"base_size": "0.00000001"}, {"INVALID_BASE_SIZE_TOO_SMALL"}),
    ("limit_order_gtc_buy", LIMIT | {"base_size": "0.00001"}, {"INVALID_BASE_SIZE_TOO_SMALL"}),
    ("market_order_buy", {"quote_size": "150000001"}, {"INVALID_QUOTE_SIZE_TOO_LARGE"}),
    ("market_order_sell", {"base_size": "3401"}, {"INVALID_BASE_SIZE_TOO_LARGE"}),
    ("limit_order_gtc_sell", LIMIT | {"base_size": "3401"}, {"INVALID_BASE_SIZE_TOO_LARGE"}),
    ("market_order_buy", {"quote_size": "10", "product_id": "NOPE-USD"}, {"INVALID_PRODUCT_ID"}),
    ("market_order_buy", {"quote_size": "10", "base_size": "0.1"}, {"INVALID_ORDER_CONFIG"}),
    (
        "limit_order_gtc_buy",
        LIMIT | {"limit_price": "50500", "post_only": True},
        {"INVALID_LIMIT_PRICE_POST_ONLY"},
    ),
    (
        "limit_order_gtc_sell",
        LIMIT | {"limit_price": "49999.99", "post_only": True},
        {"INVALID_LIMIT_PRICE_POST_ONLY"},
    ),
    ("limit_order_gtc_buy", LIMIT | {"limit_price": "0"}, {"INVALID_LIMIT_PRICE"}),
    ("limit_order_gtc_buy", LIMIT | {"limit_price": "-1"}, {"INVALID_LIMIT_PRICE"}),
    (
        "stop_limit_order_gtc_sell",
        {"base_size": "0.1", "limit_price": "50000", "stop_price": "50500", "stop_direction": DOWN},
        {"STOP_PRICE_ABOVE_LAST_TRADE_PRICE"},
    ),
    (
        "stop_limit_order_gtc_buy",
        {"base_size": "0.1", "limit_price": "50000", "stop_price": "49500", "stop_direction": UP},
        {"STOP_PRICE_BELOW_LAST_TRADE_PRICE"},
    ),
    (
        "trigger_bracket_order_gtc_sell",
        {"base_size": "0.1", "limit_price": "49000", "stop_trigger_price": "48000"},
        {"INVALID_BRACKET_LIMIT_PRICE", "INVALID_BRACKET_PRICES"},
    ),
    (
        "trigger_bracket_order_gtc_sell",
        {"base_size": "0.1", "limit_price": "52000", "stop_trigger_price": "51000"},
        {"INVALID_BRACKET_STOP_TRIGGER_PRICE", "INVALID_BRACKET_PRICES", "STOP_PRICE_ABOVE_LAST_TRADE_PRICE"},
    ),
    (
        "limit_order_gtd_buy",
        LIMIT | {"end_time": "2020-01-01T00:00:00Z"},
        {"INVALID_END_TIME", "END_TIME_IS_IN_THE_PAST"},
    ),
    (
        "stop_limit_order_gtc_sell",
        {"base_size": "0.1", "limit_price": "49600", "stop_price": "49500", "stop_direction": DOWN},
        {"STOP_PRICE_BELOW_LIMIT_PRICE"},
    ),
    (
        "stop_limit_order_gtc_buy",
        {"base_size": "0.1", "limit_price": "50400", "stop_price": "50500", "stop_direction": UP},
        {"STOP_PRICE_ABOVE_LIMIT_PRICE"},
    ),
    (
        "trigger_bracket_order_gtc_buy",
        {"base_size": "0.1", "limit_price": "51000", "stop_trigger_price": "49000"},
        {"INVALID_BRACKET_ORDER_SIDE"},
    ),
    (
        "limit_order_gtc_buy",
        LIMIT | {"attached_order_configuration": {"trigger_bracket_gtc": {"limit_price": "55000"}}},
        {"SINGLE_LEGGED_TPSL_NOT_ALLOWED"},
    ),
    ("limit_order_fok_buy", LIMIT | {"limit_price": "50000", "product_id": "NOPE-USD"}, {"INVALID_PRODUCT_ID"}),
]


@pytest.mark.parametrize(("method", "arguments", "reasons"), REFUSED)
def test_an_order_is_refused_by_its_reason_and_nothing_moves(
    sdk: DrivenClients, method: str, arguments: dict[str, Any], reasons: set[str]
) -> None:
    before, newest = wallets(sdk), sdk.rest.list_orders(limit=1)["orders"]
    refused = getattr(sdk.rest, method)(**{"client_order_id": "", "product_id": "BTC-USD"} | arguments)
    assert reason_of(refused).removeprefix("PREVIEW_") in reasons
    assert refused["error_response"]["message"]
    assert (wallets(sdk), sdk.rest.list_orders(limit=1)["orders"]) == (before, newest)


def test_the_id_of_a_refused_order_stays_free(sdk: DrivenClients) -> None:
    name = "refused-and-then-taken"
    assert not sdk.rest.market_order_buy(client_order_id=name, product_id="BTC-USD", quote_size="0.1")["success"]
    taken = sdk.rest.market_order_buy(client_order_id=name, product_id="BTC-USD", quote_size="10")
    assert order_of(sdk, taken)["client_order_id"] == name


def test_all_or_nothing_without_enough_in_the_book_is_nothing(sdk: DrivenClients) -> None:
    """Refused, or taken and canceled without a fill: either way the account is as before."""
    before = wallets(sdk)
    for size, price in (("15", "50000"), ("0.1", "49900")):
        answer = sdk.rest.limit_order_fok_buy(
            client_order_id="", product_id="BTC-USD", base_size=size, limit_price=price
        )
        if answer["success"]:
            order = order_of(sdk, answer)
            assert (order["status"], order["filled_size"]) == ("CANCELLED", "0")
        else:
            assert reason_of(answer) in ("INVALID_NO_LIQUIDITY", "PREVIEW_INVALID_NO_LIQUIDITY")
        assert wallets(sdk) == before


def test_what_is_on_hold_cannot_be_spent_twice(sdk: DrivenClients) -> None:
    resting = order_of(
        sdk,
        sdk.rest.limit_order_gtc_sell(client_order_id="", product_id="BTC-USD", base_size="499", limit_price="60000"),
    )
    refused = sdk.rest.market_order_sell(client_order_id="", product_id="BTC-USD", base_size="2")
    assert reason_of(refused).removeprefix("PREVIEW_") == "INSUFFICIENT_FUND"
    assert sdk.rest.cancel_orders([resting["order_id"]])["results"][0]["success"]


@pytest.mark.parametrize(
    "order_configuration",
    [
        {"market_market_fok": {"quote_size": "10"}},
        {"twap_limit_gtd": {"base_size": "1", "limit_price": "50000"}},
        {"no_such_order": {"base_size": "1"}},
    ],
)
def test_a_kind_of_order_that_is_not_known_is_refused(
    sdk: DrivenClients, order_configuration: dict[str, dict[str, str]]
) -> None:
    refused = sdk.rest.create_order("", "BTC-USD", "BUY", order_configuration)
    assert reason_of(refused) == "UNSUPPORTED_ORDER_CONFIGURATION"
    preview = sdk.rest.preview_order("BTC-USD", "BUY", order_configuration)
    assert preview["errs"] == ["PREVIEW_INVALID_ORDER_CONFIG"]


@pytest.mark.parametrize(
    ("side", "order_configuration"),
    [
        ("BUY", {}),
        ("BUY", {"market_market_ioc": {"quote_size": "10"}, "limit_limit_fok": {"base_size": "1", "limit_price": "1"}}),
        ("", {"market_market_ioc": {"quote_size": "10"}}),
        ("BUY", {"market_market_ioc": {"quote_size": "1e2"}}),
        ("BUY", {"market_market_ioc": {"quote_size": "ten"}}),
        ("BUY", {"market_market_ioc": {"quote_size": 10}}),
        ("BUY", {"limit_limit_gtc": {"base_size": "1", "limit_price": "NaN"}}),
        ("BUY", {"limit_limit_gtd": {"base_size": "1", "limit_price": "1", "end_time": "tomorrow"}}),
    ],
)
def test_a_request_that_is_no_order_is_an_error_of_http(
    sdk: DrivenClients, side: str, order_configuration: dict[str, dict[str, str]]
) -> None:
    with pytest.raises(RefusedByClient, match=r"^HTTPError .*400 Client Error: Bad Request .*INVALID_ARGUMENT"):
        sdk.rest.create_order("", "BTC-USD", side, order_configuration)


@pytest.fixture
def gates(venue: CyclicVenue) -> Iterator[Any]:
    """Shuts gates of BTC-USD; all are open again afterwards."""

    def shut(*names: str) -> None:
        venue.control("exchange", {"gates": {"BTC-USD": list(names)}})

    yield shut
    shut()


MARKET = ("market_order_buy", {"quote_size": "100"})
RESTING = ("limit_order_gtc_buy", {"base_size": "0.1", "limit_price": "45000"})
POST_ONLY = ("limit_order_gtc_buy", {"base_size": "0.1", "limit_price": "45000", "post_only": True})


@pytest.mark.parametrize(
    ("gate", "refused", "taken"),
    [
        ("trading_disabled", [MARKET, RESTING, POST_ONLY], []),
        ("is_disabled", [MARKET, RESTING, POST_ONLY], []),
        ("view_only", [MARKET, RESTING, POST_ONLY], []),
        ("cancel_only", [MARKET, RESTING, POST_ONLY], []),
        ("limit_only", [MARKET], [RESTING, POST_ONLY]),
        ("post_only", [MARKET, RESTING], [POST_ONLY]),
    ],
)
def test_a_gate_of_the_product_lets_pass_what_it_says(
    sdk: DrivenClients,
    gates: Any,
    gate: str,
    refused: list[tuple[str, dict[str, Any]]],
    taken: list[tuple[str, dict[str, Any]]],
) -> None:
    clean = wallets(sdk)
    resting = order_of(
        sdk,
        sdk.rest.limit_order_gtc_buy(client_order_id="", product_id="BTC-USD", base_size="0.1", limit_price="44000"),
    )
    gates(gate)
    # Without it Coinbase does not say of a product whether it may only be looked at.
    assert sdk.rest.get_product("BTC-USD", get_tradability_status=True)[gate] is True
    before = wallets(sdk)
    for method, arguments in refused:
        answer = getattr(sdk.rest, method)(client_order_id="", product_id="BTC-USD", **arguments)
        assert answer["success"] is False, (gate, method)
        assert reason_of(answer)
    assert wallets(sdk) == before
    orders = [
        order_of(sdk, getattr(sdk.rest, method)(client_order_id="", product_id="BTC-USD", **arguments))
        for method, arguments in taken
    ]
    assert {order["status"] for order in orders} <= {"OPEN"}
    names = [resting["order_id"], *(order["order_id"] for order in orders)]
    results = sdk.rest.cancel_orders(names)["results"]
    assert {item["success"] for item in results} == {gate != "is_disabled"}
    gates()
    sdk.rest.cancel_orders(names)
    assert wallets(sdk) == clean
