"""Limit, stop-limit and bracket orders: as Coinbase wants them, with the outcomes of market orders."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from coinbase_answers import filled_order, page, placed, refused

pytestmark = pytest.mark.anyio

LISTING = "/orders/historical/batch"
NAMES = {"client_order_id": "c-1", "product_id": "BTC-USD"}
LIMIT = {**NAMES, "side": "BUY", "base_size": "0.123456789", "limit_price": "70000.009"}
STOP = {**NAMES, "side": "SELL", "base_size": "0.1", "limit_price": "64900.001", "stop_price": "65000.001"}
BRACKET = {**NAMES, "side": "SELL", "base_size": "0.1", "limit_price": "75000.001", "stop_trigger_price": "65000"}
END = "2026-12-24T18:00:00Z"
PATHS = {"/order/limit": LIMIT, "/order/stop_limit": STOP, "/order/bracket": BRACKET}
kinds = pytest.mark.parametrize(("path", "body"), PATHS.items(), ids=["limit", "stop_limit", "bracket"])


@pytest.mark.parametrize(
    ("path", "body", "configuration"),
    [
        (
            "/order/limit",
            LIMIT,
            {"limit_limit_gtc": {"base_size": "0.12345678", "limit_price": "70000.00", "post_only": False}},
        ),
        (
            "/order/limit",
            {**LIMIT, "side": "SELL", "post_only": True},
            {"limit_limit_gtc": {"base_size": "0.12345678", "limit_price": "70000.01", "post_only": True}},
        ),
        (
            "/order/limit",
            {**LIMIT, "time_in_force": "GTD", "end_time": END, "base_size": "1"},
            {
                "limit_limit_gtd": {
                    "base_size": "1.00000000",
                    "limit_price": "70000.00",
                    "post_only": False,
                    "end_time": END,
                }
            },
        ),
        (
            "/order/limit",
            {**LIMIT, "time_in_force": "IOC"},
            {"sor_limit_ioc": {"base_size": "0.12345678", "limit_price": "70000.00"}},
        ),
        (
            "/order/limit",
            {**LIMIT, "time_in_force": "FOK"},
            {"limit_limit_fok": {"base_size": "0.12345678", "limit_price": "70000.00"}},
        ),
        (
            "/order/stop_limit",
            STOP,
            {
                "stop_limit_stop_limit_gtc": {
                    "base_size": "0.10000000",
                    "limit_price": "64900.01",
                    "stop_price": "65000.01",
                    "stop_direction": "STOP_DIRECTION_STOP_DOWN",
                }
            },
        ),
        (
            "/order/stop_limit",
            {**STOP, "side": "BUY", "time_in_force": "GTD", "end_time": END},
            {
                "stop_limit_stop_limit_gtd": {
                    "base_size": "0.10000000",
                    "limit_price": "64900.00",
                    "stop_price": "65000.00",
                    "stop_direction": "STOP_DIRECTION_STOP_UP",
                    "end_time": END,
                }
            },
        ),
        (
            "/order/stop_limit",
            {**STOP, "stop_direction": "UP"},
            {
                "stop_limit_stop_limit_gtc": {
                    "base_size": "0.10000000",
                    "limit_price": "64900.01",
                    "stop_price": "65000.01",
                    "stop_direction": "STOP_DIRECTION_STOP_UP",
                }
            },
        ),
        (
            "/order/bracket",
            BRACKET,
            {
                "trigger_bracket_gtc": {
                    "base_size": "0.10000000",
                    "limit_price": "75000.01",
                    "stop_trigger_price": "65000.00",
                }
            },
        ),
        (
            "/order/bracket",
            {**BRACKET, "time_in_force": "GTD", "end_time": END},
            {
                "trigger_bracket_gtd": {
                    "base_size": "0.10000000",
                    "limit_price": "75000.01",
                    "stop_trigger_price": "65000.00",
                    "end_time": END,
                }
            },
        ),
    ],
)
async def test_sizes_are_floored_and_prices_never_worse_than_asked_for(
    open_bridge: Any, coinbase: Any, path: str, body: dict[str, Any], configuration: dict[str, Any]
) -> None:
    coinbase.on("POST", "/orders", placed())
    async with open_bridge() as client:
        got = await client.post(path, json=body)
    assert (got.status_code, got.json()["order_id"], got.json()["client_order_id"]) == (200, "o-1", "c-1")
    (sent,) = coinbase.bodies()
    assert sent == {**NAMES, "side": body["side"], "order_configuration": configuration}


@pytest.mark.parametrize(
    ("path", "body"),
    [("/order/limit", LIMIT), ("/order/market", {**NAMES, "side": "BUY", "quote_size": "25"})],
)
async def test_an_attached_bracket_goes_along_rounded_as_the_sell_it_will_be(
    open_bridge: Any, coinbase: Any, path: str, body: dict[str, Any]
) -> None:
    coinbase.on("POST", "/orders", placed())
    attached = {"limit_price": "75000.001", "stop_trigger_price": "65000.001"}
    async with open_bridge() as client:
        assert (await client.post(path, json={**body, "attached": attached})).status_code == 200
        one_leg = await client.post(path, json={**body, "attached": {"limit_price": "75000"}})
    assert coinbase.bodies()[0]["attached_order_configuration"] == {
        "trigger_bracket_gtc": {"limit_price": "75000.01", "stop_trigger_price": "65000.01"}
    }
    assert one_leg.status_code == 422
    assert "attached.stop_trigger_price" in one_leg.json()["error"]["message"]


OPENED = [
    ({"limit_only": True}, []),
    ({"post_only": True}, ["/order/limit", "/order/stop_limit", "/order/bracket"]),
    ({"auction_mode": True}, []),
    ({"cancel_only": True}, list(PATHS)),
    ({"view_only": True}, list(PATHS)),
    ({"trading_disabled": True}, list(PATHS)),
    ({"status": "delisted"}, list(PATHS)),
]


@kinds
@pytest.mark.parametrize(("gate", "closed"), OPENED, ids=[str(gate) for gate, _ in OPENED])
async def test_a_gate_is_for_the_kinds_it_means(
    open_bridge: Any, coinbase: Any, path: str, body: dict[str, Any], gate: dict[str, Any], closed: list[str]
) -> None:
    coinbase.on("POST", "/orders", placed())
    async with open_bridge() as client:
        product = (await client.get("/product/BTC-USD")).json()
        coinbase.on("GET", "/market/products/BTC-USD", product | gate)
        await client.get("/product/BTC-USD")
        got = await client.post(path, json=body)
    assert got.status_code == (400 if path in closed else 200)
    assert len(coinbase.bodies()) == (0 if path in closed else 1)


@pytest.mark.parametrize(
    ("gate", "change", "status"),
    [
        ("post_only", {"post_only": True}, 200),
        ("auction_mode", {"time_in_force": "IOC"}, 400),
        ("auction_mode", {"time_in_force": "FOK"}, 400),
        ("auction_mode", {"time_in_force": "GTD", "end_time": END}, 200),
        ("limit_only", {"time_in_force": "IOC"}, 200),
    ],
)
async def test_what_a_limit_order_may_be_while_the_product_is_restricted(
    open_bridge: Any, coinbase: Any, gate: str, change: dict[str, Any], status: int
) -> None:
    coinbase.on("POST", "/orders", placed())
    async with open_bridge() as client:
        product = (await client.get("/product/BTC-USD")).json()
        coinbase.on("GET", "/market/products/BTC-USD", {**product, gate: True})
        await client.get("/product/BTC-USD")
        assert (await client.post("/order/limit", json={**LIMIT, **change})).status_code == status


@kinds
async def test_the_outcomes_are_those_of_market_orders(
    open_bridge: Any, coinbase: Any, path: str, body: dict[str, Any]
) -> None:
    async with open_bridge() as client:
        coinbase.on("POST", "/orders", refused(preview_failure_reason="PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY"))
        no = await client.post(path, json=body)
        coinbase.on("POST", "/orders", httpx.ConnectError("refused"))
        not_placed = await client.post(path, json=body)
        coinbase.on("POST", "/orders", httpx.ReadTimeout("slow"))
        unknown = await client.post(path, json=body)
        coinbase.on("POST", "/orders", placed())
        yes = await client.post(path, json=body)
        again = await client.post(path, json=body)
        other = await client.post(path, json={**body, "limit_price": "70001"})
    assert (no.status_code, no.json()["error"]["code"]) == (400, "INVALID_LIMIT_PRICE_POST_ONLY")
    assert (not_placed.status_code, not_placed.json()["outcome"]) == (503, "not_placed")
    assert (unknown.status_code, unknown.json()["outcome"]) == (504, "unknown")
    assert [yes.json()["order_id"], again.json()["order_id"]] == ["o-1", "o-1"]
    assert (other.status_code, other.json()["error"]["code"]) == (409, "id_in_use")
    assert len({str(sent) for sent in coinbase.bodies()}) == 1


@kinds
async def test_after_a_restart_a_resting_order_is_found_before_it_is_refused(
    open_bridge: Any, coinbase: Any, path: str, body: dict[str, Any]
) -> None:
    coinbase.on("POST", "/orders", refused(error="INSUFFICIENT_FUND"))
    coinbase.on("GET", LISTING, page([filled_order(side=body["side"], status="OPEN", settled=False)]))
    async with open_bridge() as client:
        got = await client.post(path, json=body)
    assert (got.status_code, got.json()["order_id"]) == (200, "o-1")


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"base_size": "0.000000009"}, "size_too_small", "base_size"),
        ({"limit_price": "0.009"}, "price_too_small", "limit_price"),
    ],
)
async def test_less_than_an_increment_is_refused_here(
    open_bridge: Any, coinbase: Any, change: dict[str, str], code: str, field: str
) -> None:
    async with open_bridge() as client:
        got = await client.post("/order/limit", json={**LIMIT, **change})
    assert (got.status_code, got.json()["error"]["code"]) == (400, code)
    assert field in got.json()["error"]["message"]
    assert coinbase.bodies() == []


async def test_a_long_size_is_floored_to_its_last_digit(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("POST", "/orders", placed())
    async with open_bridge() as client:
        await client.post("/order/limit", json={**LIMIT, "base_size": "123456789012345678901234567.123456789"})
    (sent,) = coinbase.bodies()
    assert sent["order_configuration"]["limit_limit_gtc"]["base_size"] == "123456789012345678901234567.12345678"


BAD: list[tuple[str, dict[str, Any], str]] = [
    *[
        (path, {key: value}, key)
        for path, body in PATHS.items()
        for key in body
        if key.endswith(("_size", "_price"))
        for value in ("", "0", "-1", "1e2", " 10 ", "+10", "NaN", "1_0", "٣", 10, None, True, "1" * 41, ".5", "5.")
    ],
    *[(path, {"client_order_id": value}, "client_order_id") for path in PATHS for value in ("", "x" * 129, "a/b", 5)],
    *[(path, {"product_id": value}, "product_id") for path in PATHS for value in ("", "btc-usd", "BTC", "BTC-USD-X")],
    *[(path, {"side": value}, "side") for path in PATHS for value in ("", "buy", "HOLD", None)],
    *[(path, {"leverage": "3"}, "leverage") for path in PATHS],
    *[(path, {"time_in_force": value}, "time_in_force") for path in PATHS for value in ("", "gtc", "GOOD", None)],
    *[(path, {"time_in_force": value}, "time_in_force") for path in list(PATHS)[1:] for value in ("IOC", "FOK")],
    *[(path, {"time_in_force": "GTD"}, "end_time") for path in PATHS],
    *[(path, {"end_time": END}, "end_time") for path in PATHS],
    *[
        ("/order/limit", {"time_in_force": "GTD", "end_time": value}, "end_time")
        for value in ("", "tomorrow", 1795368120, "2026-02-30T00:00:00Z", "2026-12-24T18:00:00", "2026-12-24", "1" * 99)
    ],
    *[("/order/limit", {"post_only": value}, "post_only") for value in ("true", 1, None, "")],
    *[("/order/limit", {"post_only": True, "time_in_force": value}, "post_only") for value in ("IOC", "FOK")],
    *[("/order/stop_limit", {"stop_direction": value}, "stop_direction") for value in ("", "STOP_UP", "up")],
]


@pytest.mark.parametrize(("path", "change", "field"), BAD, ids=[f"{path[7:]} {change}" for path, change, _ in BAD])
async def test_bad_input_names_its_field_and_nothing_is_sent(
    open_bridge: Any, coinbase: Any, path: str, change: dict[str, Any], field: str
) -> None:
    async with open_bridge() as client:
        got = await client.post(path, json={**PATHS[path], **change})
    assert (got.status_code, got.json()["error"]["code"]) == (422, "invalid_input")
    assert field in got.json()["error"]["message"]
    assert coinbase.requests == []


@kinds
async def test_a_field_that_is_missing_is_named(
    open_bridge: Any, coinbase: Any, path: str, body: dict[str, Any]
) -> None:
    async with open_bridge() as client:
        for field in body:
            got = await client.post(path, json={key: value for key, value in body.items() if key != field})
            assert got.status_code == 422
            assert field in got.json()["error"]["message"]
    assert coinbase.requests == []
