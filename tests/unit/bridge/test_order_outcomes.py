"""Three outcomes of an order, never confused: placed, refused, unknown."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from cbbot.contract.bridge_errors import BridgeErrorCode
from cbbot.contract.bridge_orders import MarketOrder
from cbbot_bridge.http_errors import OrderUnknown, RequestRefused
from coinbase_answers import placed, refused

pytestmark = pytest.mark.anyio

BUY = {"client_order_id": "c-1", "product_id": "BTC-USD", "side": "BUY", "quote_size": "25.009"}
SELL = {"client_order_id": "c-2", "product_id": "BTC-USD", "side": "SELL", "base_size": "0.123456789"}


async def order(client: httpx.AsyncClient, body: dict[str, Any]) -> httpx.Response:
    return await client.post("/order/market", json=body)


async def test_a_buy_is_floored_to_the_quote_increment_and_answered_with_its_id(
    open_bridge: Any, coinbase: Any
) -> None:
    coinbase.on("POST", "/orders", placed())
    async with open_bridge() as client:
        answer = await order(client, BUY)
    assert answer.status_code == 200
    assert (answer.json()["order_id"], answer.json()["client_order_id"]) == ("o-1", "c-1")
    assert answer.json()["success_response"]["order_id"] == "o-1"
    assert coinbase.bodies() == [
        {
            "client_order_id": "c-1",
            "product_id": "BTC-USD",
            "side": "BUY",
            "order_configuration": {"market_market_ioc": {"quote_size": "25.00"}},
        }
    ]


async def test_the_old_market_buy_is_the_same_order(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("POST", "/orders", placed())
    body = {key: BUY[key] for key in ("client_order_id", "product_id", "quote_size")}
    async with open_bridge() as client:
        assert (await client.post("/orders/market_buy", json=body)).json()["order_id"] == "o-1"
    assert coinbase.bodies()[0]["side"] == "BUY"


async def test_a_sell_by_base_is_floored_to_the_base_increment(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("POST", "/orders", placed())
    async with open_bridge() as client:
        await order(client, SELL)
    assert coinbase.bodies()[0]["order_configuration"] == {"market_market_ioc": {"base_size": "0.12345678"}}


async def test_a_sell_by_quote_becomes_base_at_the_bid(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("POST", "/orders", placed())
    async with open_bridge() as client:
        await order(client, {**BUY, "side": "SELL", "quote_size": "100"})
    # 100 / 68923.66 = 0.001450880379...
    assert coinbase.bodies()[0]["order_configuration"] == {"market_market_ioc": {"base_size": "0.00145088"}}


async def test_an_order_id_at_the_top_of_an_older_answer_is_found(open_bridge: Any, coinbase: Any) -> None:
    older = {"success": True, "failure_reason": "UNKNOWN_FAILURE_REASON", "order_id": "o-9"}
    coinbase.on("POST", "/orders", older)
    async with open_bridge() as client:
        assert (await order(client, BUY)).json()["order_id"] == "o-9"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (
            refused(
                error="INSUFFICIENT_FUND",
                preview_failure_reason="PREVIEW_INSUFFICIENT_FUND",
                new_order_failure_reason="UNKNOWN_FAILURE_REASON",
            ),
            "INSUFFICIENT_FUND",
        ),
        (refused(preview_failure_reason="PREVIEW_INVALID_QUOTE_SIZE_PRECISION"), "INVALID_QUOTE_SIZE_PRECISION"),
        (
            refused(
                error="INVALID_LEDGER_BALANCE",
                preview_failure_reason="UNKNOWN_PREVIEW_FAILURE_REASON",
                new_order_failure_reason="UNKNOWN_FAILURE_REASON",
            ),
            "INVALID_LEDGER_BALANCE",
        ),
        (refused(new_order_failure_reason="INELIGIBLE_PAIR", error="X"), "INELIGIBLE_PAIR"),
        ({"success": False, "failure_reason": "SOMETHING_NEW"}, "SOMETHING_NEW"),
        ({"success": False}, "REFUSED"),
        (httpx.Response(400, json={"error": "INVALID_ARGUMENT", "message": "no"}), "INVALID_ARGUMENT"),
    ],
)
async def test_coinbases_refusal_is_a_400_with_its_reason(
    open_bridge: Any, coinbase: Any, answer: Any, code: str
) -> None:
    coinbase.on("POST", "/orders", answer)
    async with open_bridge() as client:
        got = await order(client, BUY)
    assert got.status_code == 400
    assert got.json()["error"]["code"] == code
    assert "outcome" not in got.json()
    assert len(coinbase.bodies()) == 1


@pytest.mark.parametrize(
    ("trouble", "status", "code"),
    [
        (httpx.ReadTimeout("slow"), 504, "upstream_timeout"),
        (httpx.ReadError("cut"), 502, "upstream_error"),
        (httpx.Response(500, json={"error": "INTERNAL"}), 502, "upstream_error"),
        (httpx.Response(502, content=b"<html>"), 502, "upstream_error"),
        (httpx.Response(408), 502, "upstream_error"),
        (httpx.Response(200, content=b"<html>"), 502, "upstream_error"),
        ({"success": True}, 502, "upstream_malformed"),
        ({"order_id": "o-1"}, 502, "upstream_malformed"),
    ],
)
async def test_an_order_that_may_have_been_taken_is_unknown(
    open_bridge: Any, coinbase: Any, trouble: Any, status: int, code: str
) -> None:
    coinbase.on("POST", "/orders", trouble)
    async with open_bridge() as client:
        got = await order(client, BUY)
    assert (got.status_code, got.json()["error"]["code"], got.json()["outcome"]) == (status, code, "unknown")
    assert len({str(body) for body in coinbase.bodies()}) == 1


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (httpx.ConnectError("refused"), "upstream_unreachable"),
        (httpx.Response(429), "rate_limited"),
        (httpx.Response(401, text="Unauthorized"), "upstream_unauthorized"),
    ],
)
async def test_an_order_that_certainly_did_not_get_in_says_so(
    open_bridge: Any, coinbase: Any, trouble: Any, code: str
) -> None:
    coinbase.on("POST", "/orders", trouble)
    async with open_bridge() as client:
        got = await order(client, BUY)
    assert (got.status_code, got.json()["error"]["code"], got.json()["outcome"]) == (503, code, "not_placed")


@pytest.mark.parametrize("trouble", [httpx.ReadTimeout("slow"), httpx.Response(500), httpx.Response(429)])
async def test_a_passing_trouble_is_overcome_with_the_same_body(open_bridge: Any, coinbase: Any, trouble: Any) -> None:
    coinbase.on("POST", "/orders", trouble, placed())
    async with open_bridge() as client:
        assert (await order(client, BUY)).json()["order_id"] == "o-1"
    first, second = coinbase.bodies()
    assert first == second


async def test_a_refusal_after_a_timeout_proves_nothing(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("POST", "/orders", httpx.ReadTimeout("slow"), refused(error="INSUFFICIENT_FUND"))
    async with open_bridge() as client:
        got = await order(client, BUY)
    assert (got.status_code, got.json()["outcome"]) == (502, "unknown")
    assert got.json()["error"]["code"] == "INSUFFICIENT_FUND"


async def test_a_refusal_after_429_is_a_refusal(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("POST", "/orders", httpx.Response(429), refused(error="INSUFFICIENT_FUND"))
    async with open_bridge() as client:
        assert (await order(client, BUY)).status_code == 400


async def test_a_repeat_of_an_unknown_order_sends_the_first_body_and_passes_no_gate(
    open_bridge: Any, coinbase: Any
) -> None:
    coinbase.on("POST", "/orders", httpx.ReadTimeout("slow"))
    sell = {**BUY, "side": "SELL", "quote_size": "100"}
    async with open_bridge() as client:
        await order(client, sell)
        coinbase.on("GET", "/market/products/BTC-USD", {"trading_disabled": True})
        coinbase.on("GET", "/market/product_book", httpx.Response(500))
        coinbase.on("POST", "/orders", placed())
        got = await order(client, sell)
    assert got.status_code == 200
    assert len({str(body) for body in coinbase.bodies()}) == 1


async def test_a_refused_repeat_of_an_unknown_order_stays_unknown_until_it_is_found(
    open_bridge: Any, coinbase: Any
) -> None:
    coinbase.on("POST", "/orders", httpx.ReadTimeout("slow"))
    async with open_bridge() as client:
        await order(client, BUY)
        coinbase.on("POST", "/orders", refused(error="INSUFFICIENT_FUND"))
        assert (await order(client, BUY)).json()["outcome"] == "unknown"
        found = {"order_id": "o-1", "client_order_id": "c-1", "product_id": "BTC-USD", "side": "BUY"}
        coinbase.on("GET", "/orders/historical/batch", {"orders": [found], "has_next": False, "cursor": ""})
        coinbase.on("GET", "/orders/historical/fills", {"fills": [], "cursor": ""})
        look = await client.get("/order?client_order_id=c-1&product_id=BTC-USD&since=1795368000")
        assert look.status_code == 200
        again = await order(client, BUY)
    assert (again.status_code, again.json()["order_id"]) == (200, "o-1")


async def test_an_unknown_order_stays_remembered_when_its_repeat_is_refused_here(
    make_bridge: Any, coinbase: Any
) -> None:
    def too_old() -> None:
        raise RequestRefused(409, BridgeErrorCode.STALE_EPOCH, "too old")

    orders = make_bridge().orders.placer
    coinbase.on("POST", "/orders", httpx.ReadTimeout("slow"))
    with pytest.raises(OrderUnknown):
        await orders.place(MarketOrder.model_validate(BUY))
    with pytest.raises(RequestRefused):
        await orders.place(MarketOrder.model_validate(BUY), too_old)
    coinbase.on("POST", "/orders", refused(error="INSUFFICIENT_FUND"))
    with pytest.raises(OrderUnknown):
        await orders.place(MarketOrder.model_validate(BUY))


async def test_after_a_plain_refusal_the_same_id_may_be_tried_again(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("POST", "/orders", refused(error="INSUFFICIENT_FUND"), placed())
    async with open_bridge() as client:
        assert (await order(client, BUY)).status_code == 400
        assert (await order(client, BUY)).status_code == 200


@pytest.mark.parametrize(
    ("gate", "code"),
    [
        ({"is_disabled": True}, "trading_disabled"),
        ({"trading_disabled": True}, "trading_disabled"),
        ({"status": "delisted"}, "trading_disabled"),
        ({"view_only": True}, "view_only"),
        ({"cancel_only": True}, "cancel_only"),
        ({"limit_only": True}, "limit_only"),
        ({"post_only": True}, "post_only"),
        ({"auction_mode": True}, "auction_mode"),
    ],
)
async def test_a_closed_product_is_refused_before_anything_leaves(
    open_bridge: Any, coinbase: Any, gate: dict[str, Any], code: str
) -> None:
    product = (await _product(open_bridge)) | gate
    coinbase.on("GET", "/market/products/BTC-USD", product)
    async with open_bridge() as client:
        got = await order(client, BUY)
    assert (got.status_code, got.json()["error"]["code"]) == (400, code)
    assert coinbase.bodies() == []


async def _product(open_bridge: Any) -> dict[str, Any]:
    async with open_bridge() as client:
        body: dict[str, Any] = (await client.get("/product/BTC-USD")).json()
    return body


@pytest.mark.parametrize("size", [{"quote_size": "0.009"}, {"base_size": "0.000000009", "quote_size": None}])
async def test_less_than_one_increment_is_refused_here(open_bridge: Any, coinbase: Any, size: dict[str, Any]) -> None:
    async with open_bridge() as client:
        got = await order(client, {**BUY, **size})
    assert (got.status_code, got.json()["error"]["code"]) == (400, "size_too_small")
    assert coinbase.bodies() == []


async def test_an_exit_does_not_wait_for_an_outage_of_the_product_endpoint(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("POST", "/orders", placed())
    async with open_bridge() as client:
        await client.get("/product/BTC-USD")
        coinbase.on("GET", "/market/products/BTC-USD", httpx.Response(500))
        assert (await order(client, SELL)).status_code == 200


async def test_an_unknown_product_while_coinbase_is_away_is_not_placed(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("GET", "/market/products/BTC-USD", httpx.Response(500))
    async with open_bridge() as client:
        got = await order(client, BUY)
    assert (got.status_code, got.json()["outcome"]) == (502, "not_placed")
    assert coinbase.bodies() == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"quote_size": "1e3"}, "quote_size"),
        ({"quote_size": "-1"}, "quote_size"),
        ({"quote_size": "0.00"}, "quote_size"),
        ({"quote_size": 25}, "quote_size"),
        ({"quote_size": "NaN"}, "quote_size"),
        ({"base_size": "1"}, "exactly one"),
        ({"quote_size": None}, "exactly one"),
        ({"side": "HOLD"}, "side"),
        ({"product_id": "BTC/USD"}, "product_id"),
        ({"client_order_id": ""}, "client_order_id"),
        ({"client_order_id": "a b"}, "client_order_id"),
        ({"leverage": "10"}, "leverage"),
    ],
)
async def test_bad_input_is_a_422_that_names_the_field(
    open_bridge: Any, coinbase: Any, change: dict[str, Any], field: str
) -> None:
    async with open_bridge() as client:
        got = await order(client, {**BUY, **change})
    assert got.status_code == 422
    assert got.json()["error"]["code"] == "invalid_input"
    assert field in got.json()["error"]["message"]
    assert coinbase.requests == []


async def test_a_defect_of_the_bridge_after_sending_is_unknown(
    open_bridge: Any, coinbase: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    coinbase.on("POST", "/orders", placed())

    def broken(*_arguments: Any) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr("cbbot_bridge.create_answer.OrderPlaced", broken)
    async with open_bridge() as client:
        got = await order(client, BUY)
        assert (got.status_code, got.json()["outcome"]) == (500, "unknown")
        monkeypatch.undo()
        coinbase.on("POST", "/orders", refused(error="INSUFFICIENT_FUND"))
        assert (await order(client, BUY)).json()["outcome"] == "unknown"
